"""The first screen as text: how many entities are learnt, and who answers for the rest."""

import re

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from interferon.web.app import create_app
from interferon.web.view import Now
from tests.browser.staged import Staged


@pytest.mark.parametrize(("lent", "ends"), [(0, "ready in 14 h"), (12, "ready in 14 h; 12 judged by their peers until then")])
def test_learnt_tells_how_many_are_judged_by_their_peers(lent: int, ends: str) -> None:
    class Lent(Staged):
        def now(self) -> Now:
            now = super().now()
            return replace(now, learning=replace(now.learning, lent=lent))

    with TestClient(create_app(Lent(), None, b"s" * 32, tls=False), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        page = client.get("/").text
    shown = re.search(r"<dt>Learnt</dt><dd><b>(.*?)</b> <span>(.*?)</span>", page)
    assert shown
    assert shown[1] == "78 %"
    assert shown[2] == f"of 300 entities; {ends}"
