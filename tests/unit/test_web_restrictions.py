"""What the tables hold back is said where people look: on Approvals, on the plan and on the incident, each in the row's own words."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from fastapi.testclient import TestClient

from interferon.decide.approval import digest
from interferon.model.network import Maintenance, Protected
from interferon.store.examples import START

from .attacked import HOUR, MINUTE, always
from .showing import Shown, shown
from .test_web_respond import browser


@pytest.fixture
def waiting() -> Shown:
    return shown(always("execute_approved"))


@pytest.fixture
def page(waiting: Shown) -> Iterator[TestClient]:
    with browser(waiting) as client:
        yield client


def tables(one: Shown, **rows: object) -> None:
    """The rules with these rows in the tables, as after a restart on them."""
    under = replace(one.run.rules, network=replace(one.run.rules.network, **rows))  # type: ignore[arg-type]  # rows of the tables
    one.run.rules = one.loop.rules = under


def test_a_window_that_opens_while_a_plan_waits_is_said_and_no_button_offered(waiting: Shown, page: TestClient) -> None:
    plan = waiting.attacked()
    assert "Cannot be approved now" not in page.get("/approvals").text
    assert f'action="/plan/{plan.id}/approve"' in page.get("/approvals").text
    begins = START + 30 * MINUTE
    row = Maintenance(id="mw-7", where="zone:*", starts=begins, ends=START + 5 * HOUR, work="service", planner="a", approver="b")
    row = msgspec.structs.replace(row, action="*", rule="forbid")
    tables(waiting, maintenance={row.id: row})
    text = page.get("/approvals").text
    assert "Cannot be approved now: maintenance mw-7: no " in text
    assert f'action="/plan/{plan.id}/approve"' not in text
    text = page.get(f"/plan/{plan.id}").text
    assert "What is proposed cannot be approved now: maintenance mw-7: no " in text
    assert "Approve what is proposed" not in text
    assert f'name="alternative" value="{plan.chosen}"' not in text
    assert waiting.source.approve(plan.id, plan.chosen, "ann", digest(plan, plan.chosen)).startswith("it is not done now: maintenance mw-7")


def test_an_answer_that_a_row_forbids_is_told_on_the_incident_and_the_plan(waiting: Shown, page: TestClient) -> None:
    tables(waiting, protected=(Protected(where="asset:srv-1", action="isolate_asset", reason="it holds the recipes"),))
    plan = waiting.attacked()
    line = "protected asset:srv-1: no isolate_asset of asset:srv-1, it holds the recipes"
    incident = page.get(f"/incident/{plan.incident}").text
    assert f"Held back: Isolate the asset, isolate asset srv-1: {line}" in incident
    assert line in page.get(f"/plan/{plan.id}").text
