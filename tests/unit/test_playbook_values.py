"""Variables' values: what fits which type, references in text and in base64, and that putting values in is done once."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.playbooks import values


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bool", "False", "yes"), ("dictionary", '{"a": 1}', "[1]"), ("dictionary", "{}", "{"), ("float", "-1.5e3", "1,5"),
        ("hexstring", "00ff", "0"), ("integer", "-7", "7.0"), ("long", str(2**63 - 1), str(2**63)), ("ipv4-addr", "10.0.0.0/8", "10.0.0"),
        ("ipv6-addr", "::1", "10.0.0.1"), ("mac-addr", "00-00-5e-00-53-01", "00:00"), ("hash", "ab", "xy"), ("md5-hash", "0" * 32, "0"),
        ("sha256-hash", "f" * 64, "f"), ("uri", "mailto:a@b.c", "a b"), ("uuid", values.sample("uuid"), "1"),
    ],
)  # fmt: skip
def test_what_fits_which_type(kind: str, good: str, bad: str) -> None:
    assert values.misfit(kind, good) == ""
    assert f"as the type {kind} must be" in values.misfit(kind, bad)
    assert values.misfit(kind, "") == values.misfit(kind, "__x__:value") == ""
    assert values.misfit(kind, values.sample(kind)) == ""


def test_text_and_unknown_types_take_anything() -> None:
    assert values.misfit("string", "x") == values.misfit("colour", "x") == ""
    assert values.sample("colour") == "simulated"


def test_references_are_found_wherever_they_stand() -> None:
    found: dict[str, Any] = {"__k__:value": ["__a__:value/__b__.value", 1, None], "x": {"y": "$$c$$:value"}}
    assert set(values.references(found)) == {"__k__", "__a__", "__b__", "__c__"}
    assert values.substitute(found, str.upper) == {"__K__": ["__A__/__B__", 1, None], "x": {"y": "__C__"}}


def test_only_base64_that_refers_to_variables_is_opened() -> None:
    clear, other = base64.b64encode(b"run __x__:value").decode(), base64.b64encode(b"\xff\xfe").decode()
    command = {"type": "bash", "command_b64": clear, "content_b64": other}
    opened = values.opened(command)
    assert opened == command | {"command_b64": "run __x__:value"}
    assert values.closed(opened, command) == command
    assert values.decoded("*") == ""


@given(st.text(alphabet="__ab$:value. ", max_size=30), st.text(alphabet="__ab$:value", max_size=12))
def test_what_was_put_in_is_not_searched_again(text: str, value: str) -> None:
    names = list(values.names(text))
    put = values.substitute(text, lambda name: "\x00")
    assert put.count("\x00") == len(names)
    assert values.substitute(text, lambda name: value) == put.replace("\x00", value)
