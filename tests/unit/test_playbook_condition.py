"""Conditions: what they mean, where they are not understood, and that no pattern can hang the run."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.playbooks.condition import parse, paths, patterns, variables
from interferon.playbooks.evaluate import evaluate, matches, misused

VALUES = {
    "__i__": ("integer", "5"), "__f__": ("float", "2.5"), "__s__": ("string", "it's on"), "__t__": ("bool", "True"), 
    "__e__": ("string", ""),
    "__a__": ("ipv4-addr", "10.1.2.3"), "__v6__": ("ipv6-addr", "2001:DB8::1"), "__u__": ("string", None), "__n__": ("string", "12"),
    "__big__": ("integer", "9007199254740993"),
}  # fmt: skip


def judged(text: str) -> bool:
    return evaluate(parse(text), VALUES.__getitem__)


TRUE = [
    "__i__:value = 5",
    "__i__:value == '5'",
    "__i__:value != 6",
    "__i__:value <> 6",
    "5 = __i__:value",
    "__i__:value >= 5",
    "__i__:value > 4.5",
    "__f__:value < __i__:value",
    "__f__:value <= 2.5",
    "__i__:value = 5.0",
    "__s__:value = 'it\\'s on'",
    '__s__:value = "it\'s on"',
    "__t__:value",
    "NOT __e__:value",
    "__t__:value = true",
    "__t__:value = 'TRUE'",
    "__t__:value != false",
    "not (__i__:value = 6)",
    "__a__:value = '10.1.2.3/32'",
    "__a__:value ISSUBSET '10.0.0.0/8'",
    "'10.0.0.0/8' ISSUPERSET __a__:value",
    "__a__:value NOT ISSUBSET '11.0.0.0/8'",
    "__v6__:value = '2001:db8:0:0::1'",
    "__v6__:value ISSUBSET '2001:db8::/32'",
    "__a__:value IN ('1.1.1.1', '10.1.2.3')",
    "__i__:value NOT IN (1, 2)",
    "__s__:value LIKE 'it%'",
    "__s__:value LIKE '__\\'_ on'",
    "__s__:value NOT LIKE 'x%'",
    "__s__:value MATCHES '^it.s'",
    "__a__:value MATCHES '3$'",
    "__u__:value != 'x'",
    "EXISTS __i__:value",
    "NOT EXISTS __u__:value",
    "__n__:value = 12",
    "__n__:value > 3",
    "[__i__:value = 5 AND __f__:value = 2.5]",
    "__i__:value = 1 AND __i__:value = 2 OR __i__:value = 5",
    "$$i$$:value = 5",
    "$$i$$.value = 5",
    "__i__:value = 1 OR (__i__:value = 5 AND NOT __i__:value = 2)",
    "__s__:value < 'z'",
    "__t__:value IN (true)",
    "__e__:value = ''",
    "__big__:value = 9007199254740993",
    "__big__:value != 9007199254740992",
    "__i__:value = h'05' or true",
    "__s__:value != 3",
]


@pytest.mark.parametrize("text", TRUE)
def test_what_holds(text: str) -> None:
    assert judged(text)


@pytest.mark.parametrize(
    "text",
    ["__i__:value = 6", "__u__:value = ''", "__u__:value < 3", "__u__:value", "__i__:value = 'abc'", "__t__:value = 1", "__s__:value = 5",
     "__a__:value ISSUBSET '2001:db8::/32'", "__v6__:value ISSUBSET '10.0.0.0/8'", "__a__:value = '10.1.2.4'", "__s__:value = '1.2.3.4.5'"],
)  # fmt: skip
def test_what_does_not_hold(text: str) -> None:
    assert not judged(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "character 1: expected a variable such as __name__:value, got the end"),
        ("__i__ = 5", "character 1: expected a variable such as __name__:value, got '__i__'"),
        ("__i__:value = ", "expected a value, got the end"),
        ("__i__:value = 5 5", "character 17: expected AND, OR or the end, got '5'"),
        ("__i__:value IN 5", "expected '(', got '5'"),
        ("__i__:value IN (5", "expected ')', got the end"),
        ("(__i__:value = 5", "expected ')', got the end"),
        ("[__i__:value = 5", "expected ']', got the end"),
        ("__i__:value NOT", "expected a comparison such as = or IN"),
        ("file:name", "expected a comparison such as = or IN"),
        ("__i__:value = 5 ; drop", "character 16: '; drop' is not understood"),
        ("[a:b = 1] FOLLOWEDBY [a:b = 2]", "FOLLOWEDBY joins observations; a condition compares variables"),
        ("(" * 40 + "__i__:value = 5" + ")" * 40, "nested more than 32 deep"),
        ("__i__:value = " + "5" * 9000, "characters; at most 8192 are read"),
    ],
)
def test_what_is_not_understood_is_told_with_the_character(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("__i__:value < 'abc'", "5 and 'abc' have no order between them"),
        ("file:name = 'x'", "is observed data"),
        ("__s__:value ISSUBSET '10.0.0.0/8'", "compare networks"),
        ("__s__:value MATCHES '('", "cannot be used"),
    ],
)
def test_what_cannot_be_judged_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        judged(text)
    assert told in str(caught.value)


def test_a_number_that_is_none_is_told() -> None:
    with pytest.raises(InputError, match="'x' is not a number"):
        evaluate(parse("__x__:value = 1"), lambda name: ("integer", "x"))
    assert evaluate(parse("__x__:value = 1"), lambda name: ("integer", "1.0"))
    assert evaluate(parse("__x__:value > 1"), lambda name: ("integer", "9" * 50))


def test_what_a_condition_reads() -> None:
    tree = parse("__a__:value = __b__:value AND (x:y = 1 OR __c__:value MATCHES 'z')")
    assert set(variables(tree)) == {"__a__", "__b__", "__c__"}
    assert list(paths(tree)) == ["x:y"]
    assert list(patterns(tree)) == ["z"]


def test_no_pattern_hangs() -> None:
    begin = time.process_time()
    assert not matches("a" * 20_000 + "!", "^(a+)+$")
    assert not matches("a" * 20_000, "^(a|aa)*b$")
    assert time.process_time() - begin < 1
    assert "invalid" in misused("(?<=a)b")
    assert misused("a.*b") == ""
    with pytest.raises(InputError, match="texts of at most"):
        matches("a" * 70_000, "a")


@given(st.text(alphabet="__ab:value='\"()[]<>!,.0159ANDORTINLKE \\$", max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    told = ""
    try:
        assert evaluate(parse(text), lambda name: ("string", "x")) in (True, False)
    except InputError as error:
        told = str(error)
    assert "\n" not in told


@given(st.text(alphabet="ab%_.*\n", max_size=8), st.text(alphabet="ab%_.*\n", max_size=8))
def test_like_is_as_in_sql(text: str, pattern: str) -> None:
    def like(one: str, other: str) -> bool:
        if not other:
            return not one
        if other[0] == "%":
            return any(like(one[place:], other[1:]) for place in range(len(one) + 1))
        return bool(one) and other[0] in ("_", one[0]) and like(one[1:], other[1:])

    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    assert evaluate(parse(f"__x__:value LIKE '{quoted}'"), lambda name: ("string", text or " ")) == like(text or " ", pattern)
