"""The screen Plan over HTTP: who may look, what a question answers, what is refused and how, files."""

import csv
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from interferon.flow import plan
from interferon.flow.plan import Plan
from interferon.web import planner, whatif_pages
from interferon.web.app import create_app
from tests.browser.planned import Planned
from tests.browser.staged import Staged, StagedAccounts

ASKED = "/whatif?close=zone:plant-1-ops&close=node:plant-1&until=48h"
QUERY = "close=zone:plant-1-ops&until=48h"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    return Planned(tmp_path_factory.mktemp("planned"))


@pytest.fixture
def client(source: Planned) -> Iterator[TestClient]:
    with over(source) as found:
        yield found


def over(source: Staged, accounts: StagedAccounts | None = None) -> TestClient:
    app = create_app(source, accounts, b"s" * 32)
    return TestClient(app, base_url="http://127.0.0.1:8600", client=("127.0.0.1", 50000), follow_redirects=False)


def test_nothing_closed_offers_the_choice_and_computes_nothing(client: TestClient) -> None:
    page = client.get("/whatif")
    assert page.status_code == 200
    assert '<a href="/whatif" aria-current="page">Plan</a>' in page.text
    assert 'value="zone:plant-1-ops"' in page.text
    assert "At once" not in page.text


def test_a_question_is_answered_at_once_and_planned(client: TestClient) -> None:
    page = client.get(ASKED)
    assert page.status_code == 200
    assert 'value="zone:plant-1-ops" checked' in page.text
    assert "from the closure table" in page.text
    assert re.findall(r'<th scope="row">((?:Before|Closed)[^<]*)</th>', page.text) == [
        "Before: nothing closed",
        "Closed, goods not re-routed",
        "Closed, re-routed",
    ]
    assert "Answered by" in page.text
    assert 'id="what-plan-otif"' in page.text
    assert "plant-1 sends 0 of" in page.text
    assert 'src="/whatif/lanes.json?side=after&amp;close=node%3Aplant-1&amp;close=zone%3Aplant-1-ops&amp;until=48h"' in page.text


def test_the_curve_comes_with_its_table(client: TestClient) -> None:
    page = client.get(ASKED)
    for _ in range(200):
        if 'class="curve"' in page.text:
            break
        assert 'hx-trigger="load delay:2s"' in page.text
        threading.Event().wait(0.05)
        page = client.get(ASKED)
    assert "plant-1-ops (50 %)" in page.text
    assert "hx-trigger=" not in page.text[page.text.index('id="tradeoff"') :]
    marks = len(re.findall(r'<a href="#way-\d+"><title>', page.text))
    assert marks == len(re.findall(r'<tr id="way-\d+">', page.text)) >= 2


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("close=zone:plant-1-opps", "did you mean zone:plant-1-ops"),
        ("close=plant-1", "did you mean node:plant-1"),
        (QUERY.replace("48h", "soon"), "write hours as 48h"),
    ],
)
@pytest.mark.parametrize("path", ["/whatif?", "/whatif/lanes.json?side=after&", "/whatif/orders.csv?"])
def test_what_cannot_be_asked_is_refused_in_a_line(client: TestClient, path: str, query: str, said: str) -> None:
    answer = client.get(path + query)
    assert answer.status_code == 400
    assert said in answer.text
    assert answer.text.count('role="alert"') == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/whatif/orders.csv", 400), (f"/whatif/lanes.json?side=up&{QUERY}", 422), (f"/whatif/people.csv?{QUERY}", 404)],
)
def test_what_does_not_exist(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


@pytest.mark.parametrize("table", ["orders", "shipments", "transfers", "production"])
def test_rows_are_handed_out_as_files(client: TestClient, table: str) -> None:
    answer = client.get(f"/whatif/{table}.csv?{QUERY}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert rows
    assert "mark" in rows[0]


def test_lanes_before_and_after(client: TestClient) -> None:
    query = "close=node:plant-1"
    before, after = (client.get(f"/whatif/lanes.json?side={side}&{query}").json() for side in ("before", "after"))
    assert not any(lane["rerouted"] for lane in before["lanes"])
    assert any(lane["rerouted"] for lane in after["lanes"])
    assert [place["state"] for place in after["places"] if place["id"] == "plant-1"] == ["lost"]
    assert not any(place["state"] for place in before["places"])


def test_every_order_can_be_shown(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif_pages, "ORDERS", 1)
    few, every = client.get(ASKED).text, client.get(f"{ASKED}&every=1").text
    assert "&amp;every=1#h-orders" in few
    assert every.count('<tr class="wrong"><th scope="row">o-') > few.count('<tr class="wrong"><th scope="row">o-') == 1


def test_while_another_is_computed_the_page_answers_from_the_table_and_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    free, real = threading.Event(), plan.plan

    def slow(*given: Any) -> Plan:
        free.wait(30)
        return real(*given)

    monkeypatch.setattr(planner, "plan", slow)
    waiting = client.get("/whatif?close=node:plant-1&until=1h")
    try:
        assert waiting.status_code == 200
        assert "The plan is being computed" in waiting.text
        assert 'data-again="2"' in waiting.text
        busy = client.get("/whatif?close=node:plant-1&until=2h")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "2")
        assert "one is computed at a time" in busy.text
        assert "from the closure table" in busy.text
        assert client.get("/whatif/orders.csv?close=node:plant-1&until=2h").status_code == 503
        assert client.get("/whatif/orders.csv?close=node:plant-1&until=1h").status_code == 503
    finally:
        free.set()


def test_what_cannot_be_planned_says_why(tmp_path: Path) -> None:
    source = Planned(tmp_path)
    source.start += 400 * 86_400_000_000
    with over(source) as client:
        page = client.get(f"/whatif?{QUERY}")
        assert page.status_code == 200
        assert "No plan: orders.csv: no open order is promised within" in page.text
        assert client.get(f"/whatif/orders.csv?{QUERY}").status_code == 409


def test_a_viewer_may_ask_and_a_stranger_may_not(source: Planned) -> None:
    with over(source, StagedAccounts()) as client:
        for path in (ASKED, f"/whatif/lanes.json?side=after&{QUERY}", f"/whatif/orders.csv?{QUERY}"):
            assert client.get(path).status_code in (303, 401)
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/login").text)
        assert token
        client.post("/login", data={"name": "vera", "password": "look-only-1", "csrf": token[1]})
        assert client.get(ASKED).status_code == 200
        assert client.get(f"/whatif/orders.csv?{QUERY}").status_code == 200


def test_a_plan_of_an_incident_leads_to_what_if() -> None:
    with over(Staged()) as client:
        page = client.get("/plan/p-1").text
    assert '<a href="/whatif?close=asset%3Aplc-4&amp;until=4h">What if' in page


def test_asking_changes_nothing(source: Planned, client: TestClient) -> None:
    version = source.version
    client.get(ASKED)
    assert source.version == version
    assert client.post(ASKED).status_code == 405
