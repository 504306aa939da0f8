"""Suppressions: what they cover, what they never cover, and that the log alone decides what holds."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.correlate.suppress import covers, marked
from interferon.model.effects import State as Effect
from interferon.model.events import Receipted, Suppression, Suppressions
from interferon.model.records import Execute, Finding, Incident
from interferon.pipeline import Output, finish, step
from interferon.runtime.replay import suppressing
from interferon.store import checkpoint, log
from interferon.store.examples import START, build

from .attacked import HOUR, MINUTE, always, attack, fresh, rules

NETWORK = build("minimal")
DETECTORS = (("activity_execution", "process.*"), ("activity_execution", "file.*"), ("activity_logs", "log.cleared"))


def suppression(**more: object) -> Suppression:
    base = Suppression(id="s-1", scope="asset:plc-1", detector="telemetry", kind="telemetry.level", reason="new pump", until=START)
    return msgspec.structs.replace(base, **more)


def finding(**more: object) -> Finding:
    base = Finding(
        id="f-1",
        time=START - 1,
        entity="asset:plc-1",
        detector="telemetry",
        family="telemetry",
        kind="telemetry.level",
        p=1e-6,
        score=9.0,
        why=(("flow", 0.7), ("level", 0.3)),
        summary="plc-1: flow is out of level",
    )
    return msgspec.structs.replace(base, **more)


ZONE, TYPE = NETWORK.assets["plc-1"].zone, NETWORK.assets["plc-1"].type


@pytest.mark.parametrize(
    ("one", "seen", "answer"),
    [
        ({}, {}, True),
        ({"scope": f"zone:{ZONE}"}, {}, True),
        ({"scope": f"zone:{ZONE}"}, {"entity": f"zone:{ZONE}"}, True),
        ({"scope": f"class:{TYPE}"}, {}, True),
        ({"kind": "telemetry.*"}, {}, True),
        ({"signal": "flow"}, {}, True),
        ({"signal": "level"}, {}, False),
        ({"signal": "flow"}, {"why": ()}, False),
        ({}, {"time": START}, False),
        ({}, {"entity": "asset:plc-2"}, False),
        ({}, {"kind": "telemetry.levels"}, False),
        ({"kind": "telemetry.*"}, {"kind": "telemetries.level"}, False),
        ({}, {"detector": "rules"}, False),
        ({"scope": "zone:other"}, {}, False),
        ({"scope": "class:robot"}, {}, False),
        ({"detector": "rules", "kind": "rule.*"}, {"detector": "rules", "kind": "rule.high.x"}, True),
        ({"detector": "rules", "kind": "rule.*"}, {"detector": "rules", "kind": "rule.critical.x"}, False),
        ({"detector": "rules", "kind": "rule.critical.x"}, {"detector": "rules", "kind": "rule.critical.x"}, False),
    ],
)
def test_a_suppression_covers_what_it_names_until_it_ends(one: dict[str, object], seen: dict[str, object], answer: bool) -> None:
    assert covers(suppression(**one), finding(**seen), NETWORK) is answer


def test_the_first_that_covers_is_named_and_what_is_acted_on_is_left_alone() -> None:
    held = (suppression(id="a", signal="level"), suppression(id="b"), suppression(id="c", kind="telemetry.*"))
    assert [one.suppressed for one in marked([finding(), finding(entity="asset:plc-2")], held, NETWORK, ())] == ["b", ""]
    assert marked([finding()], held, NETWORK, ["asset:plc-1"]) == [finding()]
    assert marked([finding()], (), NETWORK, ()) == [finding()]


@given(
    st.lists(st.sampled_from(["asset:plc-1", "asset:plc-2", "identity:ann"]), max_size=5),
    st.lists(st.integers(-3, 3), max_size=4),
    st.integers(-3, 3),
)
def test_marking_keeps_every_finding_and_its_order_and_nothing_after_the_end(entities: list[str], ends: list[int], at: int) -> None:
    found = [finding(id=f"f-{number}", entity=entity, time=START + at) for number, entity in enumerate(entities)]
    held = [suppression(id=f"s-{number}", until=START + end) for number, end in enumerate(ends)]
    told = marked(found, held, NETWORK, ())
    assert [msgspec.structs.replace(one, suppressed="") for one in told] == found
    assert all(START + at < START + ends[int(one.suppressed[2:])] for one in told if one.suppressed)


def everything(until: int = START + HOUR) -> Suppressions:
    entries = (suppression(id=f"s-{n}", scope="class:server", detector=d, kind=k, until=until) for n, (d, k) in enumerate(DETECTORS))
    return Suppressions(START, tuple(entries))


def played(*items: object) -> list[Output]:
    under = rules(always("execute_auto"))
    state = fresh(under)
    told = [output for item in items for output in step(state, under, item)]
    return [*told, *finish(state, under)]


def kinds(outputs: list[Output], kind: type) -> int:
    return sum(isinstance(output, kind) for output in outputs)


def test_a_suppressed_attack_is_told_and_opens_no_case() -> None:
    assert NETWORK.assets["srv-1"].type == "server"
    plain, kept = played(attack()), played(everything(), attack())
    assert kinds(plain, Incident) > 0
    assert (kinds(kept, Incident), kinds(kept, Finding)) == (0, kinds(plain, Finding))
    assert all(output.suppressed for output in kept if isinstance(output, Finding))
    assert kinds(played(everything(until=START), attack()), Incident) > 0
    assert kinds(played(everything(), Suppressions(START, ()), attack()), Incident) > 0


def test_what_is_found_where_a_containment_is_in_force_is_never_suppressed() -> None:
    under = rules(always("execute_auto"))
    state = fresh(under)
    outputs = [*step(state, under, attack()), *finish(state, under)]
    commands = [output for output in outputs if isinstance(output, Execute)]
    for command in commands:
        for name, action, target, _ in command.effects:
            step(state, under, Receipted(START + MINUTE, name, command.plan, command.incident, action, target, str(Effect.VERIFIED)))
    assert commands
    step(state, under, everything(until=START + 48 * HOUR))
    step(state, under, attack(at=START + 8 * HOUR, first=10))
    again = [output for output in finish(state, under) if isinstance(output, Finding)]
    assert again
    assert not any(one.suppressed for one in again)


def test_a_revision_survives_log_and_checkpoint(tmp_path: Path) -> None:
    record = everything()
    written = log.EventLog(tmp_path / "log", durable=False)
    written.append(record)
    written.close()
    assert list(log.read(tmp_path / "log")) == [record]
    under = rules(always("suggest"))
    state = fresh(under)
    step(state, under, record)
    again = checkpoint.load(checkpoint.dump(state))
    assert again.suppressions == record.entries
    assert next(iter(suppressing([attack()], record.entries))) == Suppressions(0, record.entries)
