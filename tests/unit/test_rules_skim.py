"""Skimmed lines against whole events: the same hits, whatever a line holds. Everything here is drawn; no rule is anyone's."""

import json
from pathlib import Path
from typing import Any as Anything

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.rules import skim
from interferon.rules.engine import Engine
from interferon.rules.event import fields
from interferon.rules.logsource import SYSMON
from interferon.rules.records import All, Any, Condition, Not, Rule, Source, Test
from interferon.runtime.rules_run import Tally, judgements
from interferon.store import event_files
from interferon.store.event_files import Unread

WINDOWS = Source("windows", service="sysmon")
TEXTS = st.text('aAbß\\"\n,:é😨', max_size=4)
FIELDS = st.sampled_from(["A", "B", "Provider_Name"])
TESTS: st.SearchStrategy[Test] = st.one_of(
    st.builds(lambda field, op, value: Test(field, op, value), FIELDS, st.sampled_from(["is", "has", "ends"]), TEXTS),
    st.builds(lambda field, value: Test(field, "is", value), FIELDS, st.sampled_from(["1", "true", "1.5"])),
    st.builds(lambda field: Test(field, "null"), FIELDS),
    st.builds(lambda field, flags: Test(field, "same", "Provider_Name", flags=flags), FIELDS, st.sampled_from(["", "<", "<>"])),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: All(tuple(items))),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: Any(tuple(items))),
        inner.map(Not),
    ),
    max_leaves=5,
)
VALUES = st.one_of(
    TEXTS,
    st.sampled_from(["1", "true", '"Channel":"x",', '{"EventID":2,']),
    st.sampled_from([1, 1.0, 1.5, 2**63, 2**70, -(2**64), True, None]),
    st.lists(TEXTS, max_size=2),
    st.just({"EventID": 2, "Channel": "x"}),
)
EVENTS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["A", "B", "SourceName", "Other", "Event", "winlog"]), VALUES, max_size=4),
        st.sampled_from([1, "1", 2, True, None, [1]]),
        st.sampled_from([SYSMON, SYSMON.casefold(), "x", None, {"x": 1}]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def rules(conditions: list[Condition]) -> list[Rule]:
    return [Rule("id", "title", "high", (), WINDOWS, condition, "file.yml") for condition in conditions]


def placed(values: dict[str, Anything], number: object, channel: object, first: bool) -> dict[str, Anything]:
    place = {"Channel": channel, "EventID": number}
    return place | values if first else values | place


@settings(max_examples=400, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=5), EVENTS, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_a_skimmed_line_has_the_hits_of_its_event(
    conditions: list[Condition],
    drawn: list[tuple[dict[str, Anything], object, object, bool]],
    separators: tuple[str, str],
    escaped: bool,
) -> None:
    whole, engine = Engine(rules(conditions)), Engine(rules(conditions))
    lines = [json.dumps(placed(*one), separators=separators, ensure_ascii=escaped).encode() for one in drawn]
    for line in [*lines, *lines, *lines]:
        event = fields(json.loads(line))
        found = engine.lines.hits(line)
        assert found is None or found == whole.hits(event)
        engine.lines.learn(line, event)


def event(number: int, **values: object) -> bytes:
    return json.dumps({"Channel": SYSMON, "EventID": number, "A": "a", **values}, separators=(",", ":")).encode()


def test_flat_events_are_skimmed_from_the_second_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(rules([Test("A", "is", "a"), Test("B", "has", "b")]))
    first, second = event(1, B="xbx", Other="o"), event(1, Other=[1, {"deep": 2}])
    assert engine.lines.hits(first) is None
    engine.lines.learn(first, json.loads(first))
    assert (engine.lines.hits(first), engine.lines.hits(second), engine.lines.hits(first)) == ((0, 1), (0,), (0, 1))
    assert engine.lines.hits(event(2)) is None
    assert engine.lines.hits(event(1, A=["a"])) is None
    assert engine.lines.hits(event(1, Event={"System": {}})) is None
    assert engine.lines.hits(first[:-1]) is None
    monkeypatch.setattr(skim, "HELD", 1)
    monkeypatch.setattr(skim, "PLACES", 1)
    engine.lines.learn(event(2), json.loads(event(2)))
    assert engine.lines.hits(first) is None, "its place was forgotten for another"
    assert [engine.lines.hits(event(2, B=value)) for value in ("b", "c", "b")] == [(0, 1), (0,), (0, 1)]


def test_rules_that_compare_fields_are_skimmed_too() -> None:
    engine = Engine(rules([Test("A", "same", "B"), Not(Test("Provider_Name", "same", "A"))]))
    lines = [event(1, B="a", SourceName="A"), event(1, B="b", SourceName="c"), event(1, B=["a"]), event(1, B="A")]
    engine.lines.learn(lines[0], json.loads(lines[0]))
    assert [engine.lines.hits(line) for line in lines] == [(0,), (1,), None, (0, 1)]
    assert [engine.hits(json.loads(line)) for line in lines] == [(0,), (1,), (0, 1), (0, 1)]


def test_rules_that_look_in_every_value_are_not_skimmed() -> None:
    engine = Engine(rules([Not(Test("", "has", "x"))]))
    line = event(1, B="a")
    engine.lines.learn(line, json.loads(line))
    assert engine.lines.hits(line) is None
    assert engine.hits(json.loads(line)) == (0,)


@pytest.mark.parametrize(("name", "values"), [("Channel", {}), ('say "it"', {'say "it"': "x"}), ("a\\b", {"a\\b": "x"})])
def test_rules_that_read_fields_of_odd_names_are_not_skimmed(name: str, values: dict[str, str]) -> None:
    engine = Engine(rules([Test(name, "re", "x")]))
    line = event(1, **values)
    engine.lines.learn(line, json.loads(line))
    assert engine.lines.hits(line) is None


def test_a_file_has_the_hits_of_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_files, "CHUNK", 400)
    lines = [event(number % 3, B="b" * (number % 2), Number=number) for number in range(40)]
    lines[7:7] = [b"", b"{broken", b"[1]", event(1, B="\ud800b", A="\U0001f628"), event(1, B="é").replace(b"\\u00e9", b"\xc3\xa9")]
    lines.append(event(1, Other="?").replace(b"?", b"\xff"))
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(lines))
    engine, whole = (Engine(rules([Test("B", "is", "b"), Test("B", "null")])) for _ in range(2))
    unread, tally = Unread(), Tally(path)
    found = [(judged.number, judged.line, judged.hits, judged.event) for judged in judgements(engine, path, tally)]
    events = [(chunk.line + offset, flat) for chunk in event_files.chunks(path, unread) for offset, flat in enumerate(chunk.events) if flat]
    expected = [(number, line, whole.hits(flat), flat) for number, (line, flat) in enumerate(events, 1)]
    assert found == [one for one in expected if one[2]]
    assert 10 < len(found) < len(events) == tally.events
    assert (tally.unread.lines, tally.unread.first) == (unread.lines, unread.first)
    assert unread.lines == 4
