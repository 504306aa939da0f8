"""What a dissector of one application protocol is, and what it tells: one row a message of the protocol.

Written by the dissectors, read by `dissect.conversations` (which drives them) and the capture connector. A dissector is one module, listed
in `dissect.dissectors`; it walks one bytes object by index, never raises on any bytes and never looks at packets or addresses.
"""

from typing import Any, Final, NamedTuple, Protocol, TypeAlias


class Message(NamedTuple):
    """One message of a protocol. Appended as a plain tuple in this order where speed counts."""

    packet: int  # number of the captured packet in which it was complete, 0-based
    flow: int  # number of the conversation in the capture
    to_server: bool  # from the side that opened the conversation (or uses the ephemeral port) to the other
    protocol: str
    role: str  # one of ROLES
    code: str  # function, service or type in the protocol's own words, snake_case: `read_holding_registers`, `operate`, `publish`
    object: str  # what it is about: `holding:100-110`, `DB5.DBW10`, a topic, a name; '' where it is about nothing
    outcome: str  # `success`, `failure` where it tells one, else ''
    size: int  # bytes of the message on the wire
    fields: dict[str, Any]  # all that the message tells, plain JSON values, nested where the protocol nests; keys in docs/captures.md


Plain: TypeAlias = "tuple[int, int, bool, str, str, str, str, str, int, dict[str, Any]]"  # a `Message` without its name, which is faster

ROLES: Final = (
    "command",  # to a controller: a request to read, write, start, stop … (an `ot.command` event of the controller)
    "response",  # what a controller answers or reports of its own accord (`ot.response`)
    "message",  # any other message of an application protocol (`network.message`)
    "problem",  # bytes on this protocol's conversation that are no message of it; fields: problem (why), sample (hex, at most 64 bytes)
)


class Conversation(Protocol):
    """The state of one conversation between two ends (a TCP connection or all datagrams between two UDP ports)."""

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: "list[Plain]") -> int:
        """Dissects all whole messages that begin in data[start:end]; never reads at or behind `end`.

        Returns the index of the first byte that it did not use: `end`, or the beginning of a message whose rest has not come; those bytes
        come again with more behind them. What is no message of the protocol becomes one `problem` row, and reading goes on at the next
        place where a message may begin (or at `end`). Of a UDP datagram what is left over is not given again.
        """

    def gap(self, to_server: bool) -> None:
        """Bytes of this direction were not captured: what was begun cannot be completed."""


class Dissector(Protocol):
    """What a module of a protocol offers. `NAME` is the protocol's, as in `fields` and events."""

    NAME: str
    TCP: tuple[int, ...]  # server ports on which it is tried first
    UDP: tuple[int, ...]

    def likely(self, data: bytes, start: int, end: int) -> bool:
        """Whether the first bytes of a conversation on any other port are certainly this protocol; rather no than wrong."""

    def conversation(self, flow: int) -> Conversation: ...
