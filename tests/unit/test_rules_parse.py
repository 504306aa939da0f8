"""Every modifier, condition form and refusal, from a rule's text to whether it fires. The rules are written here."""

from typing import Any as Anything

import pytest

from interferon.rules import plain
from interferon.rules.parse import parse
from interferon.rules.records import Rule

HEAD = """title: {title}
id: 5f0f8b1a-0000-4000-8000-000000000001
level: high
tags: [attack.t1059.001, attack.execution]
logsource: {{product: linux}}
"""


def one(detection: str, values: dict[str, tuple[str, ...]] | None = None) -> Rule:
    rules, problems = parse(HEAD.format(title="A rule") + "detection:\n" + detection, "a.yml", values or {})
    assert problems == []
    (rule,) = rules
    return rule


def fires(rule: Rule, **event: Anything) -> bool:
    return plain.closure(rule.condition)(plain.Seen(event))


def field(test: str, value: str) -> Rule:
    return one(f"  sel:\n    {test}: {value}\n  condition: sel\n")


@pytest.mark.parametrize(
    ("test", "value", "yes", "no"),
    [
        ("F", "AbC", ["abc", "ABC"], ["abcd", "", None]),
        ("F", "'a*c'", ["ac", "aXc", "a\nc"], ["acd"]),
        ("F", "'a?c'", ["abc"], ["ac", "abbc"]),
        ("F", r"'a\*c'", ["a*c"], ["abc"]),
        ("F", r"'C:\\*\\x'", ["c:\\y\\X"], ["c:\\x"]),
        ("F", "'*'", ["", "x", 0], [None]),
        ("F", "''", [""], ["x", None]),
        ("F", "5", [5, "5", 5.0], ["05", 6]),
        ("F", "true", [True, "True"], [False, 1]),
        ("F", "null", [None], ["", "x", 0]),
        ("F", "[a, b]", ["a", "B", ["x", "b"]], ["c", ["x"]]),
        ("F|contains", "b", ["abc", "B"], ["ac"]),
        ("F|contains|all", "[a, b]", ["b-a"], ["a", "b"]),
        ("F|startswith", "ab", ["ABc"], ["cab"]),
        ("F|endswith", "ab", ["cAB"], ["abc"]),
        ("F|cased", "Ab", ["Ab"], ["ab"]),
        ("F|contains|cased", "Ab", ["xAbx"], ["xabx"]),
        ("F|startswith|cased", "Ab", ["Abx"], ["abx", "xAb"]),
        ("F|endswith|cased", "Ab", ["xAb"], ["xab"]),
        ("F|cased", "'A*b'", ["Axb"], ["axb"]),
        ("F|re", "'^a.+c$'", ["abc"], ["ABC", "xabc"]),
        ("F|re", "'(?<!x)abc'", ["abc"], ["xabc"]),
        ("F|re|i", "a.c", ["xABCx"], ["a\nc"]),
        ("F|re|s", "a.c", ["a\nc"], ["A\nc"]),
        ("F|re|m", "'^c'", ["a\nc"], ["ac"]),
        ("F|cidr", "10.0.0.0/8", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.1.2.3", "ten", None]),
        ("F|cidr", "'fe80::/10'", ["fe80::1"], ["10.1.2.3", "fd00::1"]),
        ("F|base64", "foobar", ["Zm9vYmFy"], ["foobar"]),
        ("F|base64offset|contains", "foobar", ["xxZm9vYmFyxx", "xxZvb2Jhcg"], ["foobar"]),
        ("F|wide|base64offset|contains", "ping", ["cABpAG4AZwA="], ["cGluZw=="]),
        ("F|contains|windash", "' -x'", ["a -x", "a /x", "a \u2013x"], ["a x"]),
        ("F|exists", "true", ["", "x"], [None]),
        ("F|exists", "false", [None], ["x"]),
        ("F|gt", "5", [6, "6", "0x10"], [5, "x", None]),
        ("F|gte", "5", [5], [4]),
        ("F|lt", "5", ["4.5"], [5]),
        ("F|lte", "5", [5], [6]),
        ("F|neq", "5", [6, "x"], [5]),
    ],
)
def test_what_a_field_test_means(test: str, value: str, yes: list[Anything], no: list[Anything]) -> None:
    rule = field(test, value)
    assert [each for each in yes if not fires(rule, F=each)] == []
    assert [each for each in no if fires(rule, F=each)] == []


def test_a_reference_to_another_field() -> None:
    same, starts, has = (field(f"F|fieldref{part}", "G") for part in ("", "|startswith", "|contains"))
    assert fires(same, F="Ab", G="aB")
    assert not fires(same, F="a", G="b")
    assert not fires(same), "an absent field equals nothing, not even another absent field"
    assert fires(starts, F="abc", G="AB")
    assert not fires(starts, F="abc", G="bc")
    assert fires(has, F="abc", G="b")
    assert fires(field("F|fieldref|endswith", "G"), F="abc", G="C")


def test_placeholders() -> None:
    rule = one("  sel:\n    F|expand: '%admins%-x'\n  condition: sel\n", {"admins": ("Ann", "Bob*")})
    assert fires(rule, F="ann-X")
    assert fires(rule, F="bob*-x")
    assert not fires(rule, F="bobby-x"), "a value given for a placeholder is no pattern"


def test_keywords() -> None:
    rule = one("  words:\n    - evil\n    - 'b*d'\n    - 7\n  condition: words\n")
    assert fires(rule, a="so EVIL")
    assert fires(rule, a={"deep": ["xbadx"]})
    assert fires(rule, a=17)
    assert not fires(rule, a="good")
    every = one("  words:\n    '|all':\n      - one\n      - two\n  condition: words\n")
    assert fires(every, a="one", b="two")
    assert not fires(every, a="one")


@pytest.mark.parametrize(
    ("condition", "fired"),
    [
        ("a and b", "ab abc"),
        ("a or b", "a b ab ac bc abc"),
        ("a and not b", "a ac"),
        ("not a", "b c bc"),
        ("a or b and c", "a ab ac bc abc"),
        ("(a or b) and c", "ac bc abc"),
        ("1 of them", "a b c ab ac bc abc"),
        ("all of them", "abc"),
        ("not 1 of them", ""),
    ],
)
def test_conditions(condition: str, fired: str) -> None:
    rule = one("".join(f"  {name}:\n    {name.upper()}: 1\n" for name in "abc") + f"  condition: {condition}\n")
    for event in ("a", "b", "c", "ab", "ac", "bc", "abc"):
        assert fires(rule, **dict.fromkeys(event.upper(), 1)) == (event in fired.split()), event


def test_quantified_names_lists_of_maps_and_several_conditions() -> None:
    names = "  sel_a:\n    A: 1\n  sel_b:\n    - B: 1\n      C: 1\n    - D: 1\n  _hidden:\n    E: 1\n"
    rule = one(names + "  condition:\n    - all of sel_*\n    - 1 of _hid*\n")
    assert fires(rule, A=1, B=1, C=1)
    assert fires(rule, A=1, D=1)
    assert fires(rule, E=1)
    assert not fires(rule, A=1, B=1)


def test_what_a_rule_tells_about_itself() -> None:
    rule = field("F", "x")
    assert (rule.title, rule.level, rule.techniques, rule.file) == ("A rule", "high", ("T1059.001",), "a.yml")
    assert str(rule.source) == "product linux"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not YAML"),
        ("a: 1\na: 2", "is not YAML: Duplicate key 'a'"),
        ("just text", "is not a rule"),
        ("title: T\ncorrelation: {type: event_count}", "T: is a correlation rule, which is not supported"),
        ("title: T\nfilter: {rules: any}", "T: is a filter, which is not supported"),
        (HEAD.format(title="T") + "detection: {condition: sel}", "T: "),
        (HEAD.format(title="T") + "detection: {sel: {F|odd: 1}, condition: sel}", "T: Unknown modifier 'odd'"),
        (HEAD.format(title="T") + "detection: {sel: {F: 1}, condition: sel | count() > 5}", "T: The pipe syntax"),
        (HEAD.format(title="T") + "detection: {sel: {F: 1}, condition: sel, timeframe: 5m}", "T: detection.timeframe is not supported"),
        (HEAD.format(title="T") + "detection: {sel: {F|re: '('}, condition: sel}", "T: Regular expression '('"),
        (
            HEAD.format(title="T") + "detection: {sel: {F|expand: '%x%'}, condition: sel}",
            "T: the placeholder %x% has no values; --values FILE",
        ),
        (HEAD.format(title="T") + "detection: {sel: {F|hour: 5}, condition: sel}", "T: F: the modifier hour is not supported"),
        (HEAD.format(title="T") + "detection: {sel: [null], condition: sel}", "T: a keyword of type SigmaNull is not supported"),
        ("title: T\ndetection: {sel: {F: 1}, condition: sel}", "T: Sigma rule must have a log source"),
    ],
)
def test_what_cannot_be_judged_is_one_line(text: str, told: str) -> None:
    rules, (problem,) = parse(text, "a.yml", {})
    assert rules == []
    assert str(problem).startswith(f"a.yml: {told}")
    assert "\n" not in str(problem)


def test_a_broken_rule_costs_no_other_of_its_file() -> None:
    good = HEAD.format(title="Good") + "detection: {sel: {F: 1}, condition: sel}\n"
    rules, problems = parse(good + "---\ntitle: T\ncorrelation: {}\n---\n" + good, "a.yml", {})
    assert [rule.title for rule in rules] == ["Good", "Good"]
    assert len(problems) == 1
