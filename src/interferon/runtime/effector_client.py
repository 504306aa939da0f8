"""`act.protocol.Executor` over the effector's Unix socket. Used by the runtime from any thread.

Each call takes a connection of its own from a pool, so that nobody waits behind a slow effect. Whatever goes wrong on the way is tried
again until the time is over, for every request may be repeated; after that the answer is `unknown`.
"""

import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from interferon.act import wire
from interferon.model.effects import Check, Observed, Outcome, Value
from interferon.model.errors import UnreachableError

R = TypeVar("R", wire.World, wire.Standing)
ANSWER_S: Final = 20.0  # for one call, with every new try
PROBE_S: Final = 0.1  # for one that is silent, before it is asked anything again
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25


class EffectorClient:
    """The effector at `path`. Starts without it being there."""

    def __init__(self, path: Path, *, answer_s: float = ANSWER_S) -> None:
        self._path, self._answer_s = path, answer_s
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._silent = False  # the last call got no answer: whoever waited once does not wait so long for each of many

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    # ---- act.protocol.Executor

    def fence(self, epoch: int) -> None:
        """Raises `UnreachableError` where the effector does not confirm it: a call of an older runtime might still land."""
        outcome = self._asked(wire.Fence(epoch))
        if outcome.result != "ok":
            raise UnreachableError(f"the effector does not confirm epoch {epoch}: {outcome.detail or outcome.result}")

    def precheck(self, action: str, target: str) -> Outcome:
        return self._asked(wire.Precheck(action, target))

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        return self._asked(wire.Apply(effect_id, action, target, epoch, dict(params)))

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        return self._asked(wire.Verify(effect_id, action, target))

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        return self._asked(wire.Undo(effect_id, action, target, epoch))

    def observed(self) -> frozenset[Observed]:
        """Raises `UnreachableError` where the effector does not answer: no answer does not mean that nothing is there."""
        return frozenset(self._expected(wire.Observe(), wire.World).effects)

    def inspect(self, target: str) -> tuple[Check, ...]:
        """What the effector sees of the target's configuration and backup; nothing where its file names neither. Raises `UnreachableError`.

        One that cannot be asked this (an older effector) has said that it does not know.
        """
        reply = self._exchange(wire.Inspect(target))
        if isinstance(reply, wire.Inspection):
            return reply.checks
        why = reply.why if isinstance(reply, wire.Denied) else f"the effector answered {type(reply).__name__}"
        return (Check(target, "configuration", "unknown", why),)

    # ---- for people

    def stop(self, *, undo_all: bool = False) -> Outcome:
        return self._asked(wire.Stop(undo_all))

    def resume(self) -> Outcome:
        return self._asked(wire.Resume())

    def status(self, *, brief: bool = False) -> wire.Standing:
        """`brief`: without what its actuators lack. Raises `UnreachableError`."""
        return self._expected(wire.Status(brief), wire.Standing)

    # ---- one exchange

    def _asked(self, request: wire.Request) -> Outcome:
        try:
            reply = self._exchange(request)
        except UnreachableError as error:
            return Outcome("unknown", str(error))
        if isinstance(reply, wire.Answer):
            return reply.outcome
        why = reply.why if isinstance(reply, wire.Denied) else f"the effector answered {type(reply).__name__}"
        return Outcome("refused", why)

    def _expected(self, request: wire.Request, kind: type[R]) -> R:
        reply = self._exchange(request)
        if not isinstance(reply, kind):
            raise UnreachableError(reply.why if isinstance(reply, wire.Denied) else f"the effector answered {type(reply).__name__}")
        return reply

    def _exchange(self, request: wire.Request) -> wire.Reply:
        try:
            message = wire.framed(request)
        except ValueError as error:
            return wire.Denied(str(error))
        try:
            if self._silent:
                self._tried(wire.framed(wire.Status(brief=True)), min(PROBE_S, self._answer_s))
            reply = self._tried(message, self._answer_s)
        except UnreachableError:
            self._silent = True
            raise
        self._silent = False
        return reply

    def _tried(self, message: bytes, answer_s: float) -> wire.Reply:
        end, pause = time.monotonic() + answer_s, _FIRST_PAUSE_S
        while True:
            try:
                return self._once(message, end)
            except TimeoutError:
                raise UnreachableError(f"the effector at {self._path} gave no answer within {answer_s:g} s") from None
            except (OSError, msgspec.MsgspecError) as error:
                why = getattr(error, "strerror", None) or str(error)
            if time.monotonic() + pause >= end:
                raise UnreachableError(f"the effector at {self._path} cannot be reached: {why}")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _once(self, message: bytes, end: float) -> wire.Reply:
        connection = self._taken()
        try:
            connection.settimeout(max(0.001, end - time.monotonic()))
            connection.sendall(message)
            (size,) = wire.HEAD.unpack(_exactly(connection, wire.HEAD.size))
            if size > wire.ANSWER_BYTES:
                raise ConnectionError(f"an answer of {size} bytes")
            reply = wire.reply(_exactly(connection, size))
        except BaseException:
            connection.close()
            self.close()  # those that wait are of the same process: where it died, they are dead too
            raise
        with self._lock:
            self._idle.append(connection)
        return reply

    def _taken(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._answer_s)
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        return connection


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError("the effector closed the connection")
        found += part
    return bytes(found)
