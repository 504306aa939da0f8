"""The grammar between runtime and effector: what is in it comes through unchanged, everything else is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.act import wire
from interferon.model.effects import Check, Observed, Outcome

REQUESTS: list[wire.Request] = [
    wire.Fence(7),
    wire.Precheck("isolate_asset", "asset:plc-3"),
    wire.Apply("plan-1/0", "isolate_asset", "asset:plc-3", 7, {"ttl_s": 60, "reason": "worm", "share": 0.5, "hard": True}),
    wire.Verify("plan-1/0", "isolate_asset", "asset:plc-3"),
    wire.Undo("plan-1/0", "isolate_asset", "asset:plc-3", 7),
    wire.Observe(),
    wire.Inspect("asset:plc-3"),
    wire.Stop(undo_all=True),
    wire.Resume(),
    wire.Status(),
]
REPLIES: list[wire.Reply] = [
    wire.Answer(Outcome("refused", "no")),
    wire.World((Observed("e", "isolate_asset", "asset:a"),)),
    wire.Inspection((Check("asset:plc-3", "configuration", "failed", "it differs"), Check("asset:plc-3", "backup", "pending"))),
    wire.Standing("", 3, (wire.Kept("e", "isolate_asset", "asset:a", 5, False),), 1, {"effects": 50}, {"nft": ""}),
    wire.Denied("user 7 may not speak to the effector"),
]


@pytest.mark.parametrize("message", [*REQUESTS, *REPLIES], ids=lambda each: type(each).__name__)
def test_every_message_comes_through_unchanged(message: Any) -> None:
    framed = wire.framed(message)
    (size,) = wire.HEAD.unpack(framed[:4])
    body = framed[4:]
    assert len(body) == size
    assert (wire.request(body) if message in REQUESTS else wire.reply(body)) == message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `do`"),
        (b'{"do": "format_disk"}', "Invalid value 'format_disk'"),
        (b'{"do": "fence", "epoch": -1}', "epoch"),
        (b'{"do": "fence", "epoch": 1, "also": 2}', "unknown field `also`"),
        (b'{"do": "apply", "effect": "a b", "action": "shut", "target": "asset:a", "epoch": 1}', r"\$.effect"),
        (b'{"do": "apply", "effect": "a\\"; flush ruleset", "action": "shut", "target": "asset:a", "epoch": 1}', r"\$.effect"),
        (b'{"do": "apply", "effect": "e\\n", "action": "shut", "target": "asset:a", "epoch": 1}', r"\$.effect"),
        (b'{"do": "apply", "effect": "e", "action": "shut\\n", "target": "asset:a", "epoch": 1}', r"\$.action"),
        (b'{"do": "apply", "effect": "e", "action": "shut", "target": "asset:a\\n", "epoch": 1}', r"\$.target"),
        (b'{"do": "apply", "effect": "e", "action": "Shut", "target": "asset:a", "epoch": 1}', r"\$.action"),
        (b'{"do": "apply", "effect": "e", "action": "shut", "target": "../../etc", "epoch": 1}', r"\$.target"),
        (b'{"do": "apply", "effect": "e", "action": "shut", "target": "asset:a", "epoch": 1, "params": {"x": []}}', r"\$.params"),
        (b'{"do": "inspect", "target": "../../etc"}', r"\$.target"),
        (b'{"do": "verify", "effect": "e", "action": "shut"}', "target"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(msgspec.MsgspecError, match=why):
        wire.request(body)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_an_error_of_one_line(body: bytes) -> None:
    why = ""
    try:
        wire.request(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = str(error)
    assert "\n" not in why


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match=f"at most {wire.REQUEST_BYTES} are sent"):
        wire.framed(wire.Apply("e", "shut", "asset:a", 1, {f"p{number}": "x" * 1000 for number in range(100)}))
    assert wire.framed(wire.Denied("x" * wire.REQUEST_BYTES))


def test_the_time_to_live_is_not_a_parameter_of_the_action() -> None:
    assert wire.values({"ttl_s": 60, "reason": "worm"}) == {"reason": "worm"}
