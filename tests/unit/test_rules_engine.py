"""The engine against the plain closures: the same hits on any rules and events. Everything here is drawn; no rule is anyone's."""

import json
from typing import Any as Anything

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.rules import engine as engines
from interferon.rules import gate, plain, prefilter
from interferon.rules.engine import Engine
from interferon.rules.keywords import Spotter, keywords, spoken
from interferon.rules.literals import literal, of_pattern
from interferon.rules.logsource import SYSMON
from interferon.rules.match import check
from interferon.rules.records import ANY, ONE, All, Any, Condition, Not, Rule, Source, Test

LINUX = Source("linux")
SIGNS = "aAbBkKsSiIßſKİıςΣ-. /\\1é😨\n"
TEXTS = st.text(SIGNS, max_size=6)
FIELDS = st.sampled_from(["A", "B", "Data", "Provider_Name"])
NAMES = st.sampled_from(["A", "B", "Data", "Message", "SourceName"])
PATTERNS = st.sampled_from(
    ["a+b", "ka{1,2}s", "[ab]k", "a|k", "(a|b)k", r"\.a", "^ab", "b$", "(?i)ak", "a?b", "x*k", r"k\x61", "-", "a{0}b", r"\sk"]
)


def texts_of(op: str) -> st.SearchStrategy[Test]:
    return st.builds(lambda field, value, flags: Test(field, op, value, flags=flags), FIELDS, TEXTS, st.sampled_from(["", "", "c"]))  # type: ignore[arg-type]


TESTS: st.SearchStrategy[Test] = st.one_of(
    *(texts_of(op) for op in ("is", "starts", "ends", "has")),
    st.builds(lambda value: Test("", "has", value), TEXTS),
    st.builds(lambda a, b: Test("", "like", parts=(ANY, a, ONE, b, ANY)), TEXTS, TEXTS),
    st.builds(
        lambda field, a, b, flags: Test(field, "like", parts=(a, ANY, b, ONE), flags=flags),
        FIELDS,
        TEXTS,
        TEXTS,
        st.sampled_from(["", "c"]),
    ),
    st.builds(lambda field, value, flags: Test(field, "re", value, flags=flags), FIELDS, PATTERNS, st.sampled_from(["", "i", "ms"])),
    st.builds(lambda field: Test(field, "cidr", "10.0.0.0/8"), FIELDS),
    st.builds(lambda field, op: Test(field, op, "1"), FIELDS, st.sampled_from(["lt", "lte", "gt", "gte", "ne"])),
    st.builds(lambda field: Test(field, "null"), FIELDS),
    st.builds(lambda field, value: Test(field, "exists", value), FIELDS, st.sampled_from(["true", "false"])),
    st.builds(lambda field, flags: Test(field, "same", "B", flags=flags), FIELDS, st.sampled_from(["", "<", ">", "<>"])),
    st.builds(lambda value: Test("EventID", "is", value), st.sampled_from(["1", "2"])),
    st.builds(lambda value: Test("Channel", "starts", value), st.sampled_from(["micro", "x"])),
)


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    items = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(items.map(All), items.map(Any), inner.map(Not))


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(TESTS, joined, max_leaves=6)
VALUES = st.one_of(
    TEXTS,
    st.sampled_from(["10.1.2.3", "::ffff:10.0.0.1", "1", "0x2"]),
    st.integers(0, 2),
    st.just(1.0),
    st.booleans(),
    st.none(),
    st.lists(TEXTS, max_size=2),
)
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=4)


def rule(condition: Condition, source: Source = LINUX) -> Rule:
    return Rule("id", "title", "high", (), source, condition, "file.yml")


def agreed(rules: list[Rule], engine: Engine, events: list[dict[str, Anything]]) -> None:
    closures = [plain.closure(each.condition) for each in rules]
    quiet = engine.quiet(json.dumps(events, ensure_ascii=len(events) % 2 == 0).encode())
    for event in [*events, *events]:  # the second time from memory
        expected = tuple(number for number, holds in enumerate(closures) if holds(plain.Seen(event)))
        assert engine.hits(event) == expected
        assert engine.hits(event, quiet) == expected


@settings(max_examples=400, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=6), EVENTS)
def test_the_engine_finds_what_the_plain_closures_find(conditions: list[Condition], events: list[dict[str, Anything]]) -> None:
    rules = [rule(condition) for condition in conditions]
    agreed(rules, Engine(rules, LINUX), events)


@settings(max_examples=200, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=4), EVENTS, st.sampled_from([1, "1", 2]))
def test_it_does_so_by_channel_too(conditions: list[Condition], events: list[dict[str, Anything]], number: int | str) -> None:
    rules = [rule(condition, Source("windows", service="sysmon" if index % 2 else "")) for index, condition in enumerate(conditions)]
    placed = [event | {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": number} for event in events]
    agreed(rules, Engine(rules), placed)


def test_a_keyword_counts_where_the_other_half_of_its_rule_was_answered_by_the_place() -> None:
    rules = [rule(Any((Test("", "has", "mimikatz"), Test("EventID", "is", "2"))), Source("windows"))]
    agreed(rules, Engine(rules), [{"Channel": "Security", "EventID": number, "A": "x mimikatz y"} for number in (1, 2)])


@pytest.mark.parametrize("number", [1.0, True, "1"])
def test_an_event_id_spelt_otherwise_blinds_nobody(number: Anything) -> None:
    rules = [rule(Test("A", "has", "evil"), Source("windows", service="sysmon")), rule(Test("EventID", "is", "1"), Source("windows"))]
    place = {"Channel": "Microsoft-Windows-Sysmon/Operational", "A": "evil"}
    engine, events = Engine(rules), [place | {"EventID": each} for each in (number, 1)]
    agreed(rules, engine, events)
    agreed(rules, engine, events[::-1])


def test_small_memories_change_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefilter, "HELD", 150)
    monkeypatch.setattr(prefilter, "LONGEST", 8)
    monkeypatch.setattr(gate, "VERDICTS", 2)
    monkeypatch.setattr(engines, "GATES", 1)
    rules = [rule(Any((Test("A", "has", "bc"), Test("A", "is", "longer than eight")))), rule(Not(Test("B", "ends", "x")))]
    events: list[dict[str, Anything]] = [{"A": value, "B": value + "x"} for value in ("abc", "b", "c", "longer than eight", "abcd")]
    events += [{"A": "bc", "Channel": f"c{number}", "EventID": [number]} for number in range(3)]
    agreed(rules, Engine(rules, LINUX), events)


@given(PATTERNS, TEXTS, st.sampled_from(["", "i", "ms"]))
def test_what_a_pattern_matches_holds_its_literal(pattern: str, value: str, flags: str) -> None:
    test = Test("A", "re", pattern, flags=flags)
    if check(test)(value, value.casefold()):
        assert literal(test) in value.casefold()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"net\s+user", "user"),
        (r"a{2,3}bc", "bc"),
        (r"abc?d", "ab"),
        (r"ab+c", "ab"),
        ("abc|d", ""),
        ("(abc|d)e", "e"),
        (r"[abc]d\]ef", "d]ef"),
        ("[]x]yz", "yz"),
        (r"\x41bcd", "bcd"),
        (r"\u0041b\U00000041cd\101e", "cd"),
        (r"\N{BULLET}ab", "ab"),
        ("(?i)skill", "ll"),
        ("(?x)a b", ""),
        ("(?<!no)pass", "pass"),
        ("{a}b", "a"),
    ],
)
def test_literals_of_patterns(pattern: str, expected: str) -> None:
    assert of_pattern(pattern, ignore_case=False) == expected


def test_every_letter_that_folds_to_ascii_is_known_to_the_look_at_bytes() -> None:
    spotter = Spotter(["ss", "i", "ff", "k", "nn"])
    folding = [
        chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000 and any(each.isascii() for each in chr(code).casefold())
    ]
    assert len(folding) > 10
    for sign in folding:
        assert not spotter.quiet(f'"{sign}"'.encode())
        assert not spotter.quiet(json.dumps(sign).encode())


@pytest.mark.parametrize("sign", "abzAZ019 .:-")
def test_a_keyword_written_in_escapes_is_no_secret(sign: str) -> None:
    spotter = Spotter(["some keyword"])
    assert spotter.quiet(b'{"a": "C:\\\\users\\u003c"}')
    assert not spotter.quiet(f'{{"a": "\\u{ord(sign):04x}"}}'.encode())


def test_spotting_without_keywords_and_in_lists() -> None:
    assert Spotter([]).quiet(b"anything")
    assert not Spotter([]).in_event({"A": "anything"})
    assert Spotter(["a b"]).in_event({"A": ["xx", "XA Bx"]})
    assert spoken("\\mimi-x.dll\\") == "mimi-x.dll"
    assert spoken("1234") == spoken("é") == ""
    assert keywords(Not(Test("", "has", "abc"))) is None
    assert keywords(All((Test("A", "has", "x"), Test("", "has", "abc")))) == {"abc"}


def test_rules_by_channel_and_event_id() -> None:
    rules = [
        rule(Test("EventID", "is", "1102"), Source("windows", service="security")),
        rule(Test("Image", "ends", "\\a.exe"), Source("windows", "process_creation")),
        rule(Test("TargetObject", "has", "run"), Source("windows", "registry_delete")),
        rule(Test("A", "is", "b"), Source("linux")),
        rule(Test("A", "is", "b"), Source("windows", service="unheard-of")),
        rule(Test("", "has", "evilkey"), Source("windows")),
    ]
    engine = Engine(rules)
    assert engine.unplaced == [rules[3], rules[4]]
    assert engine.hits({"Channel": "security", "EventID": 1102}) == (0,)
    assert engine.hits({"Channel": "Security", "EventID": "4688", "NewProcessName": "C:\\A.EXE"}) == (1,)
    assert engine.hits({"Channel": SYSMON, "EventID": 1, "Image": "C:\\A.EXE", "x": "an EvilKey here"}) == (1, 5)
    assert engine.hits({"Channel": SYSMON, "EventID": 12, "EventType": "CreateKey", "TargetObject": "\\Run"}) == ()
    assert engine.hits({"Channel": SYSMON, "EventID": 12, "EventType": "DeleteValue", "TargetObject": "\\Run"}) == (2,)
    assert engine.hits({"Image": "C:\\A.EXE", "x": "evilkey"}) == ()
    assert engine.hits({"Channel": {"odd": 1}, "EventID": None}) == ()


def test_audited_processes_go_by_sysmons_names() -> None:
    parents = Any((Test("ParentImage", "is", "p"), Test("Image", "same", "ParentImage")))
    engine = Engine([rule(All((Test("Image", "has", "a"), Not(parents))), Source("windows", "process_creation"))])
    audited = {"Channel": "Security", "EventID": 4688, "NewProcessName": "a"}
    assert engine.hits(audited) == (0,)
    assert engine.hits(audited | {"ParentProcessName": "P"}) == ()
    assert engine.hits(audited | {"ParentProcessName": "A"}) == ()
