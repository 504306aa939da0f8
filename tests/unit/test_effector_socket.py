"""The socket from both ends: the runtime's client against the effector's server, in one process."""

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from interferon.act import wire
from interferon.act.protocol import Executor
from interferon.effector import privileges, server
from interferon.effector.server import Conversation, serve
from interferon.model.effects import Observed, Outcome
from interferon.model.errors import InputError, UnreachableError
from interferon.runtime.acting import Acting
from interferon.runtime.effector_client import PROBE_S, EffectorClient
from interferon.store.journal import Journal, journal_place

from .effector_world import Effector, World
from .test_decide_book import NETWORK, NOW


@pytest.fixture
def effector(tmp_path: Path) -> Iterator[Effector]:
    made = Effector(tmp_path, World(), names=[*"abc", *(f"t{number}" for number in range(32))])
    yield made
    made.end()


@contextmanager
def served(effector: Effector, uids: frozenset[int] = frozenset({os.geteuid()})) -> Iterator[Path]:
    path = effector.folder / "s"
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(64)
    thread = threading.Thread(target=serve, args=(listening, effector.core, uids, effector.said.append))
    thread.start()
    try:
        yield path
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


def raw(path: Path, *data: bytes) -> wire.Reply | None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(str(path))
        for part in data:
            peer.sendall(part)
        head = peer.recv(4)
        return wire.reply(peer.recv(wire.HEAD.unpack(head)[0])) if head else None


def test_the_client_is_an_executor(effector: Effector) -> None:
    with served(effector) as path, EffectorClient(path) as client:
        executor: Executor = client
        executor.fence(2)
        assert executor.precheck("shut", "asset:a") == Outcome("ok")
        assert executor.apply("e", "shut", "asset:a", {"reason": "worm"}, 2) == Outcome("ok")
        assert executor.verify("e", "shut", "asset:a") == Outcome("ok")
        assert executor.observed() == {Observed("e", "shut", "asset:a")}
        assert executor.undo("e", "shut", "asset:a", 2) == Outcome("ok")
        assert executor.apply("f", "shut", "asset:a", {}, 1).result == "refused"
        assert client.stop() == Outcome("ok")
        assert client.status().stopped
        assert client.resume().result == ("ok" if os.geteuid() == 0 else "refused")
        with pytest.raises(UnreachableError, match="does not confirm epoch 1: epoch 1 is over, 2 rules"):
            executor.fence(1)


def test_what_is_outside_the_grammar_never_leaves_or_is_refused(effector: Effector) -> None:
    with served(effector) as path, EffectorClient(path) as client:
        assert client.apply("a b", "shut", "asset:a", {}, 1).detail.startswith("not in the grammar: ")
        assert "at most 65536 are sent" in client.apply("e", "shut", "asset:a", {f"p{n}": "x" * 9999 for n in range(30)}, 1).detail
    assert effector.valve.calls == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([wire.HEAD.pack(2), b"{}"], "not in the grammar: "),
        ([wire.HEAD.pack(2), b"\xff\xff"], "not in the grammar: "),
        ([wire.HEAD.pack(2**31)], "a request of 2147483648 bytes; at most 65536 are read"),
    ],
)
def test_bytes_that_are_no_request_are_refused_and_logged(effector: Effector, data: list[bytes], why: str) -> None:
    with served(effector) as path:
        reply = raw(path, *data)
    assert isinstance(reply, wire.Denied)
    assert reply.why.startswith(why)
    assert effector.said[-1].startswith(f"pid {os.getpid()}: refused: {why}")


def test_who_leaves_in_the_middle_harms_nobody(effector: Effector) -> None:
    with served(effector) as path:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(wire.HEAD.pack(50) + b"{")
        with EffectorClient(path) as client:
            assert client.precheck("shut", "asset:a") == Outcome("ok")


def test_a_user_who_is_not_in_the_file_is_refused(effector: Effector) -> None:
    with served(effector, frozenset({54321})) as path:
        reply = raw(path)
        assert reply == wire.Denied(f"user {os.geteuid()} may not speak to the effector")
        with EffectorClient(path, answer_s=1) as client, pytest.raises(UnreachableError):
            client.observed()
    assert effector.said[-1].startswith("refused pid ")


def test_a_fault_in_an_actuator_is_unknown_and_logged(effector: Effector) -> None:
    effector.valve.dies = "between"
    with served(effector) as path, EffectorClient(path) as client:
        assert client.apply("e", "shut", "asset:a", {}, 1) == Outcome("unknown", "a fault in the effector: Killed: between")
        assert effector.valve.calls == ["apply e"]
        assert "Traceback" in effector.said[-1]
        effector.valve.look = None  # type: ignore[method-assign, assignment]
        with pytest.raises(UnreachableError, match="a fault in the effector: TypeError"):
            client.observed()


def test_only_root_resumes(effector: Effector) -> None:
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=Conversation(theirs, effector.core, 1000, effector.said.append).run)
    serving.start()
    effector.switch.engage()
    ours.sendall(wire.framed(wire.Resume()))
    (size,) = wire.HEAD.unpack(ours.recv(4))
    assert wire.reply(ours.recv(size)) == wire.Denied("user 1000 may not resume; root may")
    ours.close()
    serving.join()
    assert effector.switch.engaged()


def test_nobody_waits_behind_a_slow_effect(effector: Effector) -> None:
    effector.valve.takes_s = 0.2
    with served(effector) as path, EffectorClient(path) as client, ThreadPoolExecutor(33) as pool:
        begin = time.monotonic()
        slow = [pool.submit(client.apply, f"e{n}", "shut", f"asset:t{n}", {}, 1) for n in range(32)]
        assert client.precheck("shut", "asset:a") == Outcome("ok")
        assert time.monotonic() - begin < 0.2
        assert {each.result() for each in slow} == {Outcome("ok")}
        assert time.monotonic() - begin < 2


def test_too_many_connections_are_refused(effector: Effector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 1)
    with served(effector, frozenset({0, 1000, os.geteuid()})) as path, socket.socket(socket.AF_UNIX) as first:
        first.connect(str(path))
        first.sendall(wire.framed(wire.Status(brief=True)))
        assert first.recv(1)  # it has its place
        monkeypatch.setattr(server, "_peer", lambda connection: (7, 1000))
        assert raw(path) == wire.Denied("1 connections are open, the most there may be")
        monkeypatch.setattr(server, "_peer", lambda connection: (8, 0))  # root stops it all the same
        assert raw(path, wire.framed(wire.Stop())) == wire.Answer(Outcome("ok"))


def test_a_machine_without_threads_or_files_to_spare_ends_no_effector(effector: Effector, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(effector) as path:
        with monkeypatch.context() as without:
            without.setattr(threading.Thread, "start", lambda thread: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
            assert raw(path) == wire.Denied("can't start new thread")
        with EffectorClient(path) as client:
            assert client.precheck("shut", "asset:a") == Outcome("ok")
    listening, said = Failing([errno.EMFILE, errno.ECONNABORTED, errno.EINVAL]), list[str]()
    assert server._accepted(listening, said.append) is None  # type: ignore[arg-type]
    assert [line.split(":")[0] for line in said] == ["no connection can be taken"] * 2
    with pytest.raises(OSError, match="Bad file descriptor"):
        server._accepted(Failing([errno.EBADF]), said.append)  # type: ignore[arg-type]


class Failing:
    """A listening socket whose `accept` fails so."""

    def __init__(self, errors: list[int]) -> None:
        self._errors = errors

    def accept(self) -> tuple[socket.socket, str]:
        number = self._errors.pop(0)
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("begun", [b"\0", wire.HEAD.pack(50)[:3], wire.HEAD.pack(50) + b"{"], ids=["a byte", "half a head", "half a body"])
def test_a_request_that_comes_in_drops_ends_in_time(effector: Effector, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(server, "BODY_S", 0.2)
    with served(effector) as path, socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(str(path))
        peer.sendall(begun)
        begin = time.monotonic()
        with suppress(OSError):  # until the effector hangs up
            while time.monotonic() - begin < 5:
                time.sleep(0.05)
                peer.sendall(b"\0" * (len(begun) > 4))
                if select.select([peer], [], [], 0)[0] and not peer.recv(100):
                    break
        assert time.monotonic() - begin < 2


def test_without_an_effector_nothing_is_known(tmp_path: Path) -> None:
    with EffectorClient(tmp_path / "s", answer_s=0.05) as client:
        told = client.apply("e", "shut", "asset:a", {}, 1)
        assert told == Outcome("unknown", f"the effector at {tmp_path / 's'} cannot be reached: No such file or directory")
        for ask in (client.observed, client.status, lambda: client.fence(1)):
            with pytest.raises(UnreachableError, match="cannot be reached"):
                ask()


def test_an_effector_that_is_silent_is_unknown_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s"))
        mute.listen()
        with EffectorClient(tmp_path / "s", answer_s=0.1) as client:
            begin = time.monotonic()
            assert client.verify("e", "shut", "asset:a") == Outcome(
                "unknown", f"the effector at {tmp_path / 's'} gave no answer within 0.1 s"
            )
            assert time.monotonic() - begin < 1


def test_who_waited_once_for_a_silent_effector_does_not_wait_as_long_for_each_call(effector: Effector) -> None:
    path = effector.folder / "s"
    with EffectorClient(path, answer_s=1) as client:
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(str(path))
            mute.listen()
            assert client.verify("e", "shut", "asset:a").result == "unknown"
            begin = time.monotonic()
            assert {client.precheck("shut", "asset:a").result for _ in range(3)} == {"unknown"}
            assert time.monotonic() - begin < 0.9
        with served(effector):
            assert client.precheck("shut", "asset:a") == Outcome("ok")


def test_a_product_that_hangs_delays_no_status_beyond_a_second_and_no_brief_one_at_all(effector: Effector) -> None:
    hanging = threading.Event()
    effector.valve.ready = lambda: str(hanging.wait(10))  # type: ignore[method-assign]
    with served(effector) as path, EffectorClient(path, answer_s=PROBE_S) as probe, EffectorClient(path, answer_s=2) as client:
        assert probe.status(brief=True).actuators == {}
        assert client.status().actuators == {"valve": "does not say within 1 s"}
    hanging.set()


def test_a_restart_in_the_middle_is_not_noticed(effector: Effector) -> None:
    with EffectorClient(effector.folder / "s", answer_s=5) as client:
        with served(effector), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: client.apply(f"e{n}", "shut", f"asset:t{n}", {}, 1), range(8)))  # leaves idle connections
        effector.restart()
        with served(effector):
            assert client.apply("e0", "shut", "asset:t0", {}, 1) == Outcome("ok", "in force already")


@pytest.mark.parametrize(
    "answer",
    [wire.HEAD.pack(wire.ANSWER_BYTES + 1), wire.HEAD.pack(2) + b"{}", wire.HEAD.pack(9) + b"{"],
    ids=["too long", "not an answer", "cut off"],
)
def test_an_answer_that_cannot_be_read_is_unknown(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def answer_all() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(1000)
                    peer.sendall(answer)

        thread = threading.Thread(target=answer_all)
        thread.start()
        with EffectorClient(tmp_path / "s", answer_s=0.05) as client:
            assert client.precheck("shut", "asset:a").result == "unknown"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_answer_of_another_kind_is_not_taken_for_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def answer_one(reply: wire.Reply) -> threading.Thread:
            def run() -> None:
                peer, _ = listening.accept()
                with peer:
                    peer.recv(1000)
                    peer.sendall(wire.framed(reply))

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        for reply in (wire.World(()), wire.Answer(Outcome("ok"))):
            thread = answer_one(reply)
            with EffectorClient(tmp_path / "s", answer_s=5) as client:
                if isinstance(reply, wire.World):
                    assert client.precheck("shut", "asset:a") == Outcome("refused", "the effector answered World")
                else:
                    with pytest.raises(UnreachableError, match="the effector answered Answer"):
                        client.observed()
            thread.join()


def test_one_state_folder_has_one_effector(tmp_path: Path) -> None:
    first, second = server._alone(tmp_path / "state"), server._alone(tmp_path / "state")
    with first, pytest.raises(InputError, match="another effector runs on this state folder"), second:
        pass
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used as the state folder"), server._alone(tmp_path / "file" / "state"):
        pass


def test_capabilities_that_are_not_held_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "held", lambda: frozenset({"net_raw"}))
    with pytest.raises(InputError, match="lacks CAP_NET_ADMIN, which an actuator needs; run it as root or by the unit"):
        privileges.keep({"net_admin", "net_raw"})


def test_the_capabilities_in_force_are_those_of_the_kernel() -> None:
    (line,) = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("CapEff:")]
    mask = int(line.split()[1], 16)
    assert privileges.held() == {name for number, name in enumerate(privileges.NAMES) if mask >> number & 1}


def test_what_keeps_effects_from_beginning_beyond_the_switch_of_the_installation(effector: Effector, tmp_path: Path) -> None:
    journal = Journal(journal_place(tmp_path, ""))
    acting = Acting(effector.folder / "s", tmp_path, journal, NETWORK, lambda: NOW, effector.said.append)
    assert "cannot be reached: No such file or directory" in acting.beyond()
    with served(effector):
        assert acting.beyond() == ""
        effector.switch.engage()
        assert acting.beyond().startswith("the kill switch is engaged (")
        acting.close()
    journal.close()
