"""The effector's Unix socket: who is there, what do they ask, what is answered. Called by `interferon effector run`.

One thread for each connection, one request at a time on each. Touches the socket, the signal handlers and the state folder.
"""

import errno
import fcntl
import os
import signal
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from interferon.act import wire
from interferon.effector import privileges
from interferon.effector.core import Core
from interferon.effector.record import Record
from interferon.effector.settings import Settings
from interferon.effector.switch import Switch
from interferon.effector.trusted import mistrust
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

CONNECTIONS: Final = 128  # at once
SPARE: Final = 8  # beyond these for root, who must be able to stop whatever fills them
BODY_S: Final = 10.0  # within which a request that has begun must be complete
PASSING: Final = frozenset({errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # of accept(2)
AGAIN_S: Final = 0.1
ASKING: Final = (wire.Observe, wire.Inspect, wire.Status)  # what is not answered by an outcome
_PEER: Final = struct.Struct("3i")  # struct ucred of SO_PEERCRED: pid, uid, gid


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until the process is asked to end. InputError where it cannot be started safely."""
    head = settings.head
    for path in (settings.path, Path(head.state), Path(head.socket).parent, Path(head.kill_switch), *map(Path, head.inputs)):
        if why := mistrust(path):
            raise InputError(why)
    switch = Switch(Path(head.kill_switch), [Path(each) for each in head.inputs])
    with _alone(Path(head.state)), _listening(settings) as listening:
        privileges.keep(settings.capabilities() & privileges.held() if os.geteuid() else settings.capabilities())
        record = Record(Path(head.state) / "effects.sqlite")
        core = Core(settings, settings.actuators(), record, switch, _now, say)

        def engage(number: int, frame: FrameType | None) -> None:
            """In the middle of anything, a line of the log too: what writes through a buffer may not be called."""
            unwritten = switch.engage()
            os.write(2, f"kill switch engaged by a signal{f', until this process ends: {unwritten}' if unwritten else ''}\n".encode())

        signal.signal(signal.SIGUSR1, engage)
        say(f"listens at {head.socket}; {switch.engaged() or 'effects are let through'}")
        try:
            serve(listening, core, settings.uids, say)
        finally:
            core.close()
            record.close()


def serve(listening: socket.socket, core: Core, uids: frozenset[int], say: Callable[[str], None]) -> None:
    """Answer whoever connects and is one of `uids`, until `listening` is shut down."""
    places, spare = threading.BoundedSemaphore(CONNECTIONS), threading.BoundedSemaphore(SPARE)
    while (connection := _accepted(listening, say)) is not None:
        pid, uid = _peer(connection)
        place = next((each for each in ((places, spare) if uid == 0 else (places,)) if uid in uids and each.acquire(blocking=False)), None)
        if place is None:
            full = f"{CONNECTIONS} connections are open, the most there may be"
            _turned_away(connection, pid, full if uid in uids else f"user {uid} may not speak to the effector", say)
            continue
        serving = Conversation(connection, core, uid, lambda line, pid=pid: say(f"pid {pid}: {line}"))  # type: ignore[misc]
        try:
            threading.Thread(target=_converse, args=(serving, place), name=f"pid-{pid}", daemon=True).start()
        except RuntimeError as error:  # the machine has no more threads to give
            place.release()
            _turned_away(connection, pid, str(error), say)


def _turned_away(connection: socket.socket, pid: int, why: str, say: Callable[[str], None]) -> None:
    say(f"refused pid {pid}: {why}")
    _send(connection, wire.Denied(why))
    connection.close()


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the kernel knows them."""
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, uid


def _accepted(listening: socket.socket, say: Callable[[str], None]) -> socket.socket | None:
    """The next connection; None once `listening` is shut down. What passes by itself, such as too many open files, ends no effector."""
    while True:
        try:
            return listening.accept()[0]
        except OSError as error:
            if error.errno == errno.EINVAL:  # shut down
                return None
            if error.errno not in PASSING:
                raise
            say(f"no connection can be taken: {error.strerror}; tried again")
        time.sleep(AGAIN_S)


def _converse(serving: "Conversation", place: threading.BoundedSemaphore) -> None:
    try:
        serving.run()
    finally:
        place.release()


class Conversation:
    """One connection, whose peer is `uid`."""

    def __init__(self, connection: socket.socket, core: Core, uid: int, say: Callable[[str], None]) -> None:
        self._connection, self._core, self._uid, self._say = connection, core, uid, say

    def run(self) -> None:
        """Answer until the peer leaves, or says what cannot be framed."""
        with self._connection:
            while (body := self._heard()) is not None:
                if not _send(self._connection, self._answer(body)):
                    return

    def _answer(self, body: bytes) -> wire.Reply:
        try:
            request = wire.request(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return self._denied(f"not in the grammar: {error}")
        if isinstance(request, wire.Resume) and self._uid != 0:
            return self._denied(f"user {self._uid} may not resume; root may")
        try:
            return self._core.answer(request)
        except Exception as error:  # noqa: BLE001 - a fault in an actuator must not be taken for an answer, nor asked for again and again
            self._say(f"fault in {type(request).__name__}: {traceback.format_exc()}")
            why = f"a fault in the effector: {type(error).__name__}: {error}"
            return wire.Denied(why) if isinstance(request, ASKING) else wire.Answer(Outcome("unknown", why))

    def _heard(self) -> bytes | None:
        """One request. Its first byte may be long in coming, all others are here within `BODY_S`."""
        self._connection.settimeout(None)
        first = _exactly(self._connection, 1)
        end = time.monotonic() + BODY_S
        rest = first and _exactly(self._connection, wire.HEAD.size - 1, end)
        if not first or not rest:
            return None
        (size,) = wire.HEAD.unpack(first + rest)
        if size > wire.REQUEST_BYTES:
            _send(self._connection, self._denied(f"a request of {size} bytes; at most {wire.REQUEST_BYTES} are read"))
            return None
        return _exactly(self._connection, size, end)

    def _denied(self, why: str) -> wire.Denied:
        why = " ".join(why.split())  # it may quote what was sent: one line all the same
        self._say(f"refused: {why}")
        return wire.Denied(why)


def _send(connection: socket.socket, reply: wire.Reply) -> bool:
    try:
        connection.settimeout(BODY_S)
        connection.sendall(wire.framed(reply))
    except OSError:  # the peer is gone; what was done stays on record
        return False
    return True


def _exactly(connection: socket.socket, size: int, end: float | None = None) -> bytes | None:
    """`size` bytes; None where the peer left before, or they are not here at `end` of the monotonic clock."""
    found = bytearray()
    while len(found) < size:
        try:
            if end is not None:
                connection.settimeout(max(end - time.monotonic(), 0.001))
            part = connection.recv(size - len(found))
        except OSError:
            return None
        if not part:
            return None
        found += part
    return bytes(found)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """The state folder is this process's alone."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(state / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{state}: cannot be used as the state folder: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{state}: another effector runs on this state folder") from None
        yield
    finally:
        os.close(lock)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    path = Path(settings.head.socket)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if path.is_socket():
            path.unlink()  # of one that was killed: the lock says that none runs
        mask = os.umask(0o117)  # 0660 from its first moment
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        if settings.gid != path.stat().st_gid:
            os.chown(path, -1, settings.gid)
        listening.listen(CONNECTIONS)
    except OSError as error:
        listening.close()
        raise InputError(f"{path}: cannot be made as the socket for group {settings.gid}: {error.strerror}") from None
    try:
        yield listening
    finally:
        listening.close()
        path.unlink(missing_ok=True)


def _now() -> int:
    return time.time_ns() // 1000
