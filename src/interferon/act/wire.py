"""What the runtime and the effector say to each other over the socket: a closed grammar, framed by length, bounded in size.

Both sides use these records; whatever is not exactly one of them is refused. Pure.
"""

import struct
from typing import Annotated, Final

import msgspec

from interferon.model.effects import Check, Observed, Outcome, Value

REQUEST_BYTES: Final = 64 * 1024
ANSWER_BYTES: Final = 16 * 1024 * 1024
HEAD: Final = struct.Struct(">I")  # length of what follows, in bytes
TTL: Final = "ttl_s"  # parameter of `apply`: seconds that the world keeps the effect by itself, where it can

EffectId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/@#+=~-]{1,128}\Z")]  # \Z: `$` would let a line break pass
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
Ref = Annotated[str, msgspec.Meta(pattern=r"^[a-z]+:\w[\w.-]{0,63}\Z")]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Text = Annotated[str, msgspec.Meta(max_length=1024)]
Params = Annotated[dict[Name, Text | int | float | bool], msgspec.Meta(max_length=32)]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    pass


class Fence(_Request, frozen=True, tag="fence"):
    """From now on every call with an older epoch is refused."""

    epoch: Epoch


class Precheck(_Request, frozen=True, tag="precheck"):
    action: Name
    target: Ref


class Apply(_Request, frozen=True, tag="apply"):
    effect: EffectId
    action: Name
    target: Ref
    epoch: Epoch
    params: Params = {}


class Verify(_Request, frozen=True, tag="verify"):
    effect: EffectId
    action: Name
    target: Ref


class Undo(_Request, frozen=True, tag="undo"):
    effect: EffectId
    action: Name
    target: Ref
    epoch: Epoch


class Observe(_Request, frozen=True, tag="observed"):
    """Which effects of ours are in the world now?"""


class Inspect(_Request, frozen=True, tag="inspect"):
    """Are the target's configuration and backup as they were approved? Changes nothing; stopped by nothing."""

    target: Ref


class Stop(_Request, frozen=True, tag="stop"):
    """Engage the kill switch."""

    undo_all: bool = False


class Resume(_Request, frozen=True, tag="resume"):
    """Release the kill switch; root only."""


class Status(_Request, frozen=True, tag="status"):
    """How the effector stands. `brief`: without asking its actuators, whose products may be slow to answer."""

    brief: bool = False


Request = Fence | Precheck | Apply | Verify | Undo | Observe | Inspect | Stop | Resume | Status


class Answer(msgspec.Struct, frozen=True, tag="outcome"):
    """What came of a fence, precheck, apply, verify, undo, stop or resume."""

    outcome: Outcome


class World(msgspec.Struct, frozen=True, tag="world"):
    effects: tuple[Observed, ...]


class Inspection(msgspec.Struct, frozen=True, tag="inspection"):
    """One check for each thing of the target that this effector's file names; none where it names none."""

    checks: tuple[Check, ...]


class Kept(msgspec.Struct, frozen=True):
    """One effect on the effector's record that has not ended."""

    effect: str
    action: str
    target: str
    since: int  # microseconds UTC
    overdue: bool  # it stands longer than the effector's file allows: decide again; the effector never takes it back by itself


class Standing(msgspec.Struct, frozen=True, tag="status"):
    stopped: str  # why no new effect begins; '' where effects are let through
    epoch: int
    effects: tuple[Kept, ...]
    isolated: int  # assets
    limits: dict[str, int]
    actuators: dict[str, str]  # name → '' or what it lacks on this machine


class Denied(msgspec.Struct, frozen=True, tag="denied"):
    """The request was not understood, or its sender may not make it. Nothing was done."""

    why: str


Reply = Answer | World | Inspection | Standing | Denied

_requests: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_replies: Final[msgspec.json.Decoder[Reply]] = msgspec.json.Decoder(Reply)


def framed(message: Request | Reply) -> bytes:
    """The bytes of one message on the socket. ValueError where it is longer than its side may send."""
    body = msgspec.json.encode(message)
    most = REQUEST_BYTES if isinstance(message, _Request) else ANSWER_BYTES
    if len(body) > most:
        raise ValueError(f"a message of {len(body)} bytes; at most {most} are sent")
    return HEAD.pack(len(body)) + body


def request(body: bytes) -> Request:
    """msgspec.ValidationError or DecodeError with one line where it is not in the grammar."""
    return _requests.decode(body)


def reply(body: bytes) -> Reply:
    return _replies.decode(body)


def values(params: Params) -> dict[str, Value]:
    """The parameters without the time to live."""
    return {name: value for name, value in params.items() if name != TTL}
