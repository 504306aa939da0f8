"""Maintenance windows of the tables explain findings as work orders do: on what is worked on, in their hours, of their kind of work."""

from dataclasses import replace

import pytest

from interferon.detect.settings import LIVE
from interferon.detect.stream_declared import GRACE
from interferon.model.events import Tick
from interferon.model.network import Maintenance, Network
from interferon.model.records import Finding, Incident, Plan
from interferon.pipeline import Output, Rules, State, new_state, step
from interferon.store.examples import START

from .attacked import HOUR, MINUTE, attack, ground, rules


def window(where: str, starts: int = START, ends: int = START + HOUR, work: str = "service") -> Maintenance:
    return Maintenance(id="mw", where=where, starts=starts, ends=ends, work=work, planner="it-owner", approver="operator-1")


def under(*rows: Maintenance) -> Rules:
    network: Network = replace(ground()[0], maintenance={row.id: row for row in rows})
    return replace(rules(), network=network)


def told(of: Rules, *, shards: int = 1, at: int = START) -> tuple[State, list[Output]]:
    """What an attack on srv-1 leads to."""
    state = new_state(of, LIVE, shards=shards, learn_us=24 * HOUR)
    return state, [out for item in (attack(at=at), Tick(time=at + 2 * MINUTE)) for out in step(state, of, item)]


def tickets(out: list[Output]) -> dict[str, str]:
    return {one.kind: one.declared for one in out if isinstance(one, Finding)}


@pytest.mark.parametrize("where", ["asset:srv-1", "asset:srv-*", "zone:plant-1-ops", "zone:*"])
def test_findings_in_a_window_name_it_but_what_no_work_does(where: str) -> None:
    _, out = told(under(window(where)))
    found = tickets(out)
    explained = {kind for kind, ticket in found.items() if ticket}
    assert explained
    assert all(kind.startswith("process.") for kind in explained)
    assert found["file.mass_change"] == ""


@pytest.mark.parametrize(
    "row",
    [
        window("asset:srv-2"),
        window("zone:corp-it"),
        window("asset:srv-1", starts=START + GRACE + 2 * MINUTE),
        window("asset:srv-1", starts=START - HOUR, ends=START - GRACE - MINUTE),
        window("asset:srv-1", work="sensor"),
    ],
)
def test_what_is_elsewhere_over_or_other_work_explains_nothing(row: Maintenance) -> None:
    assert not any(tickets(told(under(row))[1]).values())


def test_a_case_of_explained_findings_weighs_less() -> None:
    def p(of: Rules) -> float:
        return max(one.p_attack for one in told(of)[1] if isinstance(one, Incident))

    assert p(under(window("asset:srv-1"))) < p(under())


def test_shards_change_nothing_and_a_window_is_announced_once() -> None:
    of = under(window("zone:plant-1-ops"))
    state, out = told(of)
    assert told(of, shards=3)[1] == out
    before = dict(state.incidents.declared.planners)
    step(state, of, attack(at=START + 5 * MINUTE, first=10))
    step(state, of, Tick(time=START + 8 * MINUTE))
    assert (before, state.incidents.declared.planners) == ({"it-owner": 1}, {"it-owner": 1})


def test_without_tables_nothing_is_announced() -> None:
    state, out = told(rules())
    assert state.incidents.declared.works == {}
    assert any(isinstance(one, Plan) for one in out)
