"""Key figures on the screens: each says what it is on hover and on a tap, and how this one came about."""

import html
import re

import pytest
from starlette.testclient import TestClient

from interferon.model.kpis import kpis
from interferon.web.app import create_app
from tests.browser.staged import Staged

TERM = re.compile(
    r'<button type="button" class="term" popovertarget="([^"]+)" title="([^"]+)">([^<]+)</button>'
    r'<span class="what" id="([^"]+)" popover>([^<]+)</span>'
)


def page(path: str) -> str:
    """The page after a plan with a re-route was approved."""
    source = Staged()
    assert source.approve("p-1", 1, "anna", "d-1") == ""
    with TestClient(create_app(source, None, b"s" * 32), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", [("otif", "On time, in full", "Measured ")]),
        (
            "/plan/p-1",
            [
                ("otif", "On time, in full", "Modelled "),
                ("emissions", "CO₂, kg", "Modelled "),
                ("otif", "On time, in full", "Modelled "),
                ("emissions", "CO₂ against not re-routing", "Modelled "),
            ],
        ),
    ],
)
def test_a_key_figure_tells_its_definition_by_hover_and_by_tap(path: str, shown: list[tuple[str, str, str]]) -> None:
    text = page(path)
    found = TERM.findall(text)
    assert len(found) == text.count('class="term"') == len(shown)
    assert len({target for target, *_ in found}) == len(found)
    for (target, title, name, id_, told), (key, said, basis) in zip(found, shown, strict=True):
        assert (target, title, html.unescape(name)) == (id_, told, said)
        assert html.unescape(told).startswith(kpis()[key].formula)
        assert basis in html.unescape(told)
        assert kpis()[key].source in html.unescape(told)
