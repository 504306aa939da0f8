"""Findings to incidents: what joins, what stays apart, how evidence adds up, whom it points at, and what happens after containment."""

import math
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interferon.correlate import declared, evidence, fdr, incidents
from interferon.correlate.case import HOUR, IncidentState
from interferon.correlate.graph import graph_of, nearness, way
from interferon.model.network import Asset, Conduit, Network, Person, Settings, Site, Zone
from interferon.model.records import Finding, Incident
from interferon.store import checkpoint

START = 1_700_000_000_000_000


def network() -> Network:
    """Two sites: office – dmz – cell-1 and cell-2 in the first, far-cell in the second."""
    zones = [("office", "s-1", 4, 2), ("dmz", "s-1", 3.5, 3), ("cell-1", "s-1", 1, 5), ("cell-2", "s-1", 1, 4), ("far-cell", "s-2", 1, 4)]
    conduits = [("c-1", "office", "dmz"), ("c-2", "dmz", "cell-1"), ("c-3", "dmz", "cell-2")]
    assets = [
        ("ws-1", "office"),
        ("jump-1", "dmz"),
        ("hmi-1", "cell-1"),
        ("plc-1", "cell-1"),
        ("plc-2", "cell-2"),
        ("far-1", "far-cell"),
        ("far-2", "far-cell"),
    ]
    assets += [(f"m-{number}", "cell-2") for number in range(6)]
    return Network(
        settings=Settings(name="t"),
        revision=1,
        sites={name: Site(id=name, name=name, country="DE", lat=0, lon=0) for name in ("s-1", "s-2")},
        zones={name: Zone(id=name, site=site, purdue=purdue, criticality=criticality) for name, site, purdue, criticality in zones},
        conduits={name: Conduit(id=name, from_zone=one, to_zone=other, protocol="any", port=0) for name, one, other in conduits},
        assets={name: Asset(id=name, zone=zone, type="plc", partner="vendor-1" if name == "plc-2" else "") for name, zone in assets},
        partners={},
        nodes={},
        lanes={},
        products={},
        orders={},
        people={"eva": Person(id="eva", name="Eva", role="maintenance")},
    )


NETWORK = network()
SERIAL = iter(range(10**9))


def finding(hour: float, entity: str, kind: str, p: float = 1e-6, **more: Any) -> Finding:
    base: dict[str, Any] = {"detector": kind.partition(".")[0], "family": "telemetry" if kind.startswith("telemetry") else "activity"}
    base |= {"score": 1.0, "why": (("x", 1.0),), "summary": f"{kind} on {entity}", "techniques": ("T0855",)} | more
    ref = entity if ":" in entity else f"asset:{entity}"
    return Finding(id=f"f-{next(SERIAL)}", time=START + int(hour * HOUR), entity=ref, kind=kind, p=p, **base)


def run(findings: list[Finding], state: IncidentState | None = None) -> list[Incident]:
    """The newest revision of each incident, by opening."""
    state = state or incidents.new_state()
    latest: dict[str, Incident] = {}
    for one in findings:
        for incident in incidents.update(state, NETWORK, [one], one.time + 1):
            latest[incident.id] = incident
    return sorted(latest.values(), key=lambda incident: (incident.opened, incident.id))


def chain() -> list[Finding]:
    """A stolen login at a workstation, a hop to the jump host, a stop of a controller."""
    return [
        finding(1, "identity:anna", "login.unusual", 1e-4, related=("asset:ws-1",)),
        finding(2, "ws-1", "conversation.first_seen", 1e-4, related=("asset:jump-1",)),
        finding(3, "plc-1", "command.new_source", 1e-5, related=("asset:jump-1", "identity:anna"), techniques=("T0816",)),
        finding(3.2, "plc-1", "telemetry.pattern", 1e-6),
    ]


def test_chain_becomes_one_confident_incident_with_path_and_suspects() -> None:
    (incident,) = run(chain())
    assert (incident.revision, incident.status, incident.families) == (4, "open", ("activity", "telemetry"))
    assert incident.p_attack > 0.95
    assert incident.zones == ("office", "cell-1")
    assert incident.path == (
        ("identity:anna", "asset:ws-1", "relation"),
        ("asset:ws-1", "asset:jump-1", "conduit:c-1"),
        ("asset:jump-1", "asset:plc-1", "conduit:c-2"),
    )
    assert {"asset:jump-1", "identity:anna"} <= {ref for ref, _ in incident.suspects[:4]}
    assert incident.suspects[0][1] == incident.p_attack
    assert incident.title.startswith("command.new_source on plc-1; 2 more entities")


def test_what_several_entities_have_in_common_is_suspected_before_each_of_them() -> None:
    lanes = [
        finding(1 + number, f"lane:l-{number}", "custody.broken", 1e-3, related=("partner:c-1",), family="trade") for number in range(3)
    ]
    assert run(lanes[:1])[-1].suspects[0][0] == "lane:l-0"
    assert run(lanes)[-1].suspects[0][0] == "partner:c-1"


def test_one_telemetry_oddity_stays_modest() -> None:
    assert run([finding(1, "plc-1", "telemetry.pattern", 1e-12)])[0].p_attack < 0.1


def test_repetition_counts_less_than_corroboration() -> None:
    repeated = run([finding(1 + step / 10, "plc-1", "telemetry.pattern") for step in range(12)])[0]
    corroborated = run([finding(1, "plc-1", "telemetry.pattern"), finding(1.1, "plc-1", "command.value", 1e-4)])[0]
    assert repeated.p_attack < 0.15 < corroborated.p_attack


def test_sites_without_relation_stay_apart() -> None:
    assert len(run([finding(1, "plc-1", "command.value"), finding(1.1, "far-1", "command.value")])) == 2


def test_neighbours_join_soon_but_not_late() -> None:
    assert len(run([finding(1, "plc-1", "command.value"), finding(2, "jump-1", "process.first_seen")])) == 1
    assert len(run([finding(1, "plc-1", "command.value"), finding(9, "jump-1", "process.first_seen")])) == 2


def test_what_comes_by_its_place_alone_counts_one_in_as_many_as_there_are_such_places() -> None:
    first = finding(1, "m-0", "file.mass_change", 1.2e-3)
    alone = run([first])[0].p_attack
    beside = run([first, finding(1.2, "m-1", "telemetry.pattern", 1e-9)])[0]
    itself = run([first, finding(1.2, "m-0", "telemetry.pattern", 1e-9)])[0]
    tied = run([first, finding(1.2, "m-1", "telemetry.pattern", 1e-9, related=("asset:m-0",))])[0]
    assert len(beside.entities) == 2
    odds = [math.log(p / (1 - p)) for p in (alone, beside.p_attack, itself.p_attack, tied.p_attack)]
    assert odds[1] - odds[0] == pytest.approx(math.log(25 / 7), abs=0.01)  # seven machines stand in the cell
    assert odds[2] == pytest.approx(odds[3])
    assert odds[2] - odds[0] == pytest.approx(math.log(25), abs=0.01)
    assert dict(beside.suspects)["asset:m-1"] < dict(tied.suspects)["asset:m-1"]


def test_a_neighbour_that_shows_something_else_too_counts_in_full_for_it() -> None:
    first, near = finding(1, "m-0", "file.mass_change", 1.2e-3), finding(1.2, "m-1", "telemetry.pattern", 1e-9)
    once, twice = run([first, near])[0], run([first, near, finding(1.3, "m-1", "command.value", 1e-4)])[0]
    again = run([first, near, finding(1.3, "m-1", "telemetry.pattern", 1e-9)])[0]
    assert again.p_attack - once.p_attack < 0.05 < twice.p_attack - once.p_attack


def test_weak_oddities_of_neighbours_are_no_hairball() -> None:
    assert len(run([finding(1 + step / 10, f"m-{step}", "telemetry.pattern", 0.02) for step in range(4)])) == 4


def test_a_link_found_late_merges_two_cases() -> None:
    state = incidents.new_state()
    first, second = run([finding(1, "ws-1", "process.first_seen"), finding(1.5, "far-1", "process.first_seen")], state)
    merged = run([finding(2, "far-1", "conversation.first_seen", related=("asset:ws-1",))], state)
    assert [(one.id, one.status) for one in merged] == [(first.id, "open"), (second.id, "closed")]
    assert len(merged[0].findings) == 3
    assert merged[1].title == f"Joined with {first.id}"
    assert merged[1].p_attack < 0.01


def test_common_cause_speaks_softly() -> None:
    crowd = [finding(1 + step / 100, f"m-{step}", "log.silent", 1e-6) for step in range(6)]
    alone = [finding(1 + step * 0.5, f"m-{step}", "log.silent", 1e-6) for step in range(6)]
    assert evidence.crowds(crowd) == {one.id for one in crowd}
    assert evidence.crowds(alone) == set()


def test_declared_change_is_no_attack() -> None:
    loud = [finding(1, "plc-1", "firmware.undeclared", 1e-5), finding(1.1, "plc-1", "telemetry.pattern")]
    assert run(loud)[0].p_attack > 0.3
    explained = run([msgspec.structs.replace(one, declared="W-9") for one in loud])[0]
    assert explained.p_attack < 0.05
    assert explained.declared == "W-9"


def opened(state: IncidentState, target: str, **changes: Any) -> None:
    order: dict[str, Any] = {
        "code": "opened",
        "ticket": "W-1",
        "target": target,
        "work": "maintenance",
        "planner": "otto",
        "approver": "eva",
    }
    order |= {"starts": START, "ends": START + 8 * HOUR}
    declared.take(state.declared, START, **(order | changes))


@pytest.mark.parametrize("target", ["zone:cell-2", "site:s-1", "partner:vendor-1", "asset:plc-2"])
def test_work_order_for_a_place_explains_what_is_in_it(target: str) -> None:
    state = incidents.new_state()
    opened(state, target)
    assert run([finding(1, "plc-2", "telemetry.pattern")], state)[0].declared == "W-1"
    assert run([finding(9, "plc-2", "telemetry.pattern")], state)[0].declared == ""


@pytest.mark.parametrize("changes", [{"approver": ""}, {"approver": "otto"}, {"approver": "nobody"}, {"ends": START + 1}])
def test_order_that_is_not_believed(changes: dict[str, Any]) -> None:
    state = incidents.new_state()
    opened(state, **{"target": "zone:cell-2"} | changes)
    assert run([finding(1, "plc-2", "telemetry.pattern", declared="W-1")], state)[0].declared == ""


def test_order_for_elsewhere_explains_nothing_here() -> None:
    state = incidents.new_state()
    opened(state, "site:s-2")
    assert run([finding(1, "plc-2", "telemetry.pattern")], state)[0].declared == ""


def test_closed_work_ends_and_old_work_is_forgotten() -> None:
    state = incidents.new_state()
    opened(state, "zone:cell-2")
    declared.take(
        state.declared, START + HOUR, code="closed", ticket="W-1", target="", work="", planner="", approver="", starts=None, ends=None
    )
    assert run([finding(2, "plc-2", "telemetry.pattern")], state)[0].declared == ""
    declared.take(
        state.declared, START + 99 * HOUR, code="opened", ticket="W-2", target="x", work="", planner="", approver="", starts=None, ends=None
    )
    assert list(state.declared.works) == ["W-2"]


def test_planner_earns_belief_by_planning() -> None:
    state = incidents.new_state()
    opened(state, "asset:m-1", approver="nobody", ticket="W-0")
    opened(state, "zone:cell-2", approver="nobody")
    assert run([finding(1, "plc-2", "telemetry.pattern")], state)[0].declared == "W-1"


def test_containment_holds_against_its_own_echo_and_reopens_for_more() -> None:
    state = incidents.new_state()
    (incident,) = run(chain(), state)
    contained = incidents.note_contained(state, incident.id, ["asset:plc-1"], START + 4 * HOUR)
    assert contained is not None
    assert contained.status == "contained"
    (echo,) = run([finding(4.5, "hmi-1", "telemetry.pattern")], state)
    assert (echo.id, echo.status) == (incident.id, "contained")
    assert echo.p_attack == contained.p_attack
    (more,) = run([finding(5, "ws-1", "conversation.fan_out", 1e-6)], state)
    assert (more.id, more.status) == (incident.id, "open")
    incidents.note_released(state, incident.id, ["asset:plc-1"])
    assert state.cases[incident.id].contained == {}


def test_a_contained_case_is_not_reopened_by_a_neighbour_nor_by_announced_work() -> None:
    state = incidents.new_state()
    (incident,) = run(chain(), state)
    incidents.note_contained(state, incident.id, ["asset:plc-1"], START + 4 * HOUR)
    neighbour = run([finding(5, "hmi-1", "conversation.first_seen", 1e-5, related=("asset:m-1",))], state)[0]
    assert neighbour.id != incident.id
    assert neighbour.p_attack < 0.3
    opened(state, "asset:ws-1")
    (announced,) = run([finding(6, "ws-1", "process.first_seen", 1e-4)], state)
    assert (announced.id, announced.status) == (incident.id, "contained")


def test_verdicts() -> None:
    state = incidents.new_state()
    (incident,) = run([finding(1, "plc-1", "command.value", 1e-6)], state)
    raised = incidents.verdict(state, incident.id, "attack")
    benign = incidents.verdict(state, incident.id, "benign")
    assert raised is not None
    assert benign is not None
    assert (raised.p_attack >= 0.98, benign.status, benign.p_attack) == (True, "closed", 0.001)
    (again,) = run([finding(3, "plc-1", "command.value", 1e-6)], state)
    assert again.id != incident.id
    assert again.p_attack < incident.p_attack
    assert incidents.verdict(state, "i-none", "attack") is None
    assert incidents.note_contained(state, "i-none", [], 0) is None


def test_one_finding_can_be_judged_alone() -> None:
    state = incidents.new_state()
    (incident,) = run([finding(1, "plc-1", "firmware.undeclared", 1e-5), finding(1.1, "plc-1", "telemetry.pattern")], state)
    wrong = incidents.verdict(state, incident.id, "benign", incident.findings[0])
    back = incidents.verdict(state, incident.id, "unsure", incident.findings[0])
    assert wrong is not None
    assert back is not None
    assert wrong.status == "open"
    assert wrong.p_attack < 0.1 < incident.p_attack == back.p_attack
    assert state.benign[("firmware.undeclared", "asset:plc-1")] == 0
    assert incidents.verdict(state, incident.id, "benign", "f-none") is None


def test_a_finding_called_right_is_heard_again_after_benign_verdicts() -> None:
    state = incidents.new_state()
    for hour in (1, 40):
        (old,) = run([finding(hour, "plc-1", "command.value", 1e-6)], state)
        incidents.verdict(state, old.id, "benign")
    (soft,) = run([finding(80, "plc-1", "command.value", 1e-6)], state)
    right = incidents.verdict(state, soft.id, "attack", soft.findings[0])
    assert right is not None
    assert soft.p_attack < old.p_attack < right.p_attack
    assert state.benign[("command.value", "asset:plc-1")] == 0


def test_quiet_closes_and_the_same_entity_reopens() -> None:
    state = incidents.new_state()
    (incident,) = run([finding(1, "plc-1", "command.value")], state)
    (closed,) = incidents.update(state, NETWORK, [], START + 26 * HOUR)
    assert (closed.id, closed.status) == (incident.id, "closed")
    (again,) = run([finding(27, "plc-1", "command.value")], state)
    assert (again.id, again.status) == (incident.id, "open")
    incidents.update(state, NETWORK, [], START + 60 * HOUR)
    incidents.update(state, NETWORK, [], START + 150 * HOUR)
    assert state.cases == {}


def test_state_goes_through_a_checkpoint_in_the_middle() -> None:
    whole = incidents.new_state()
    events = chain()
    expected = run(events, whole)
    half = incidents.new_state()
    run(events[:2], half)
    resumed = checkpoint.load(checkpoint.dump(half))
    assert run(events[2:], resumed) == expected
    assert resumed == whole


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plc-1", "ws-1", "far-1"]), st.sampled_from(["telemetry.pattern", "login.unusual", "x.y"]), st.floats(1e-12, 1)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_probabilities_are_probabilities_and_each_finding_is_in_one_incident(rows: list[tuple[str, str, float]]) -> None:
    found = [finding(place / 10, entity, kind, p) for place, (entity, kind, p) in enumerate(rows)]
    result = run(found)
    held = [name for incident in result if not incident.title.startswith("Joined") for name in incident.findings]
    assert sorted(held) == sorted(one.id for one in found)
    for incident in result:
        assert 0 <= incident.severity <= 1
        assert 0 < incident.p_attack < 1
        assert all(0 < share <= incident.p_attack for _, share in incident.suspects)


def test_graph_ways() -> None:
    graph = graph_of(NETWORK)
    assert nearness(graph, "asset:plc-1", "asset:hmi-1") == 0
    assert nearness(graph, "asset:plc-1", "asset:jump-1") == 1
    assert nearness(graph, "asset:plc-1", "asset:far-1") == 2
    assert way(graph, "asset:plc-1", "asset:hmi-1") == (("asset:plc-1", "asset:hmi-1", "zone:cell-1"),)
    assert way(graph, "asset:plc-1", "asset:far-1") == (("asset:plc-1", "asset:far-1", "relation"),)
    assert way(graph, "asset:plc-1", "partner:x") == (("asset:plc-1", "partner:x", "relation"),)
    assert [over for _, _, over in way(graph, "asset:ws-1", "asset:plc-2")] == ["conduit:c-1", "conduit:c-3"]


def test_discoveries_keep_the_clear_ones() -> None:
    assert fdr.discoveries([1e-9, 0.5, 0.9, 0.3], 0.1) == [True, False, False, False]
    assert fdr.discoveries([0.04] + [0.5] * 99, 0.1) == [False] * 100
    assert fdr.discoveries([0.02] * 50 + [0.5] * 50, 0.1) == [True] * 50 + [False] * 50
    assert fdr.discoveries([], 0.1) == []


MINUTE = 60_000_000


def asked(pairs: Sequence[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs (entity, p) as the watch hands them on."""
    return np.array([entity for entity, _ in pairs], dtype=np.int64), np.array([p for _, p in pairs])


def alarms(p: float, minutes: int, fleet: int = 300) -> list[tuple[int, float]]:
    """(minute, p) of the findings when entity 0 begins to ring at minute 0 and shows `p` from then on, in a fleet that is quiet."""
    state = fdr.new_state()
    alarm = finding(0, "plc-1", "telemetry.pattern", 0.03)
    told = []
    for minute in range(minutes):
        judged = [(0, p), *((number, 0.1 + 0.9 * (number * 0.6180339887 % 1)) for number in range(1, fleet))]
        rising = {0: alarm} if minute == 0 else {}
        told += [(minute, one.p) for one in fdr.admit(state, rising, asked(judged), START + minute * MINUTE)]
    return told


def test_clear_alarm_stands_at_once_and_is_told_once() -> None:
    assert alarms(1e-6, 120) == [(0, 2e-6)]


def test_faint_alarm_stands_when_it_lasts() -> None:
    ((minute, p),) = alarms(0.002, 600)
    assert 45 < minute < 300
    assert p < 2e-4
    assert alarms(0.2, 2000) == []


def test_alarm_that_ends_is_forgotten() -> None:
    state = fdr.new_state()
    fdr.admit(state, {0: finding(0, "plc-1", "telemetry.pattern")}, asked([(0, 0.03), (1, 0.5)]), START)
    assert list(state.pending) == [0]
    assert fdr.admit(state, {}, asked([(0, 0.6), (1, 0.5)]), START + MINUTE) == []
    assert state.pending == {}


def test_fleet_on_which_nothing_happens_gives_few_findings() -> None:
    draw = random.Random(4)
    state = fdr.new_state()
    alarm = finding(0, "plc-1", "telemetry.pattern")
    days, told = 20, 0
    for window in range(days * 32):  # independent windows
        judged = [(entity, draw.random()) for entity in range(200)]
        rising = {entity: alarm for entity, p in judged if p < 0.036}
        told += len(fdr.admit(state, rising, asked(judged), START + window * fdr.SPAN))
    assert told <= 2 * days
