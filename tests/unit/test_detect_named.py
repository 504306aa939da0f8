"""Findings name the processes and broker's clients of the tables that their events show, and correlation suspects them."""

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from interferon.correlate.evidence import suspicion
from interferon.detect.named import by_events
from interferon.model.events import ACTIVITY
from interferon.model.network import Client, Network, Process
from interferon.model.records import Finding, Incident, Plan
from interferon.pipeline import Output, finish, step
from interferon.store.examples import START

from .attacked import SECOND, always, attack, fresh, rules

SHA = "ab" * 32


def network() -> Network:
    processes = [("web", "srv-1", "/usr/sbin/webd"), ("shell", "srv-1", "/bin/vssadmin.exe"), ("other", "srv-2", "/usr/sbin/webd")]
    return replace(
        rules().network,
        processes={name: Process(id=name, asset=asset, executable=path, sha256=SHA) for name, asset, path in processes},
        clients={"agv": Client(id="agv", client_id="agv-7", broker="srv-1", asset="srv-2")},
    )


def event(kind: str = "process.start", attributes: dict[str, str] | None = None, **more: Any) -> pa.RecordBatch:
    """A frame of one event."""
    head = {"time": START, "seen": START, "feed": "edr", "offset": 7, "entity": "asset:srv-1", "trust": 1.0, "kind": kind}
    return pa.RecordBatch.from_pylist([{**head, "attributes": json.dumps(attributes or {}), **more}], schema=ACTIVITY)


def finding(kind: str = "process.first_seen", entity: str = "asset:srv-1", related: tuple[str, ...] = (), **more: Any) -> Finding:
    about: dict[str, Any] = {"p": 1e-5, "score": 1.0, "why": (("object", 1.0),), "summary": "s", "evidence": ("edr@7",)} | more
    return Finding(id="f", time=START, entity=entity, detector="d", family="activity", kind=kind, related=related, **about)


@pytest.mark.parametrize(
    ("row", "refs"),
    [
        (event(object="/usr/sbin/webd"), ("process:web",)),
        (event(object="webd"), ("process:web",)),
        (event(object="/tmp/webd"), ()),
        (event(object="/tmp/x", attributes={"parent": "webd"}), ("process:web",)),
        (event(object="vssadmin.exe", attributes={"parent": "/usr/sbin/webd"}), ("process:web", "process:shell")),
        (event(object="", attributes={"parent": ""}), ()),
        (event("file.access", object="/usr/sbin/webd"), ()),
        (event("network.message", code="connect", object="agv-7", attributes={"protocol": "mqtt"}), ("identity:agv",)),
        (event("network.message", code="connect", object="agv-7", attributes={"protocol": "mqtt"}, outcome="failure"), ()),
        (event("network.message", code="connect", object="agv-7", attributes={"protocol": "mqtt"}, entity="asset:x", target="asset:y"), ()),
        (event("network.message", code="publish", object="agv-7", attributes={"protocol": "mqtt"}), ()),
        (event("network.message", code="publish", object="t", attributes={"protocol": "mqtt", "client_id": "agv-7"}), ("identity:agv",)),
        (event("network.message", code="connect", object="agv-7", attributes={"protocol": "http"}), ()),
        (event("network.message", code="connect", attributes={"protocol": "mqtt"}), ()),
    ],
)
def test_what_the_event_shows_of_the_tables_is_named(row: pa.RecordBatch, refs: tuple[str, ...]) -> None:
    (told,) = by_events(network(), [finding(related=("identity:ann",))], [row])
    assert told.related == ("identity:ann", *refs)


def test_what_is_named_already_is_not_named_twice() -> None:
    row = event("network.message", code="connect", object="agv-7", attributes={"protocol": "mqtt"})
    for known in (finding(entity="identity:agv"), finding(related=("identity:agv",))):
        assert by_events(network(), [known], [row]) == [known]


@pytest.mark.parametrize("known", [finding(evidence=()), finding(evidence=("edr@8",))])
def test_a_finding_without_an_event_of_this_frame_stays_as_it_is(known: Finding) -> None:
    assert by_events(network(), [known], [event(object="/usr/sbin/webd")]) == [known]


def test_without_rows_in_the_tables_findings_stay_as_they_are() -> None:
    known = finding()
    assert by_events(rules().network, [known], [event(object="/usr/sbin/webd")]) == [known]


def test_a_process_is_suspected_as_far_as_the_findings_on_its_machine_name_it() -> None:
    first, second = finding(related=("asset:wks-1", "process:web")), finding("log.cleared", evidence=())
    alone, both = dict(suspicion([first], {}, {}, 0.9)), dict(suspicion([first, second], {}, {}, 0.9))
    assert alone["process:web"] == alone["asset:srv-1"] == 0.9
    assert 0.2 < both["process:web"] < 0.7 < both["asset:srv-1"]
    login = [finding("login.guessed", related=refs) for refs in (("process:web", "asset:wks-1"), ("asset:wks-1",))]
    assert len({dict(suspicion([each], {}, {}, 0.9))["asset:wks-1"] for each in login}) == 1


def outcome(of: Network) -> list[Output]:
    under = replace(rules(always("execute_auto")), network=of)
    state = fresh(under)
    events = attack(at=START + SECOND).take(pa.array([0, 2]))  # backups are deleted, then the log
    return [*step(state, under, events), *finish(state, under)]


def test_the_pipeline_names_suspects_and_proposes() -> None:
    bare, told = outcome(rules().network), outcome(network())
    assert not [ref for one in bare if isinstance(one, Finding) for ref in one.related if ref.startswith("process:")]
    (case,) = {one.id: one for one in told if isinstance(one, Incident)}.values()
    suspects = dict(case.suspects)
    assert 0.35 * suspects["asset:srv-1"] < suspects["process:shell"] < suspects["asset:srv-1"]
    plan = [one for one in told if isinstance(one, Plan)][-1]
    assert "freeze_process" in {label for each in plan.alternatives for label in each.label.split("+")}
