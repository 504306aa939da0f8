"""A service fails over at a real HAProxy with two real HTTP servers behind it, and comes back."""

import http.server
import os
import shutil
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from interferon.effector import kit
from interferon.effector.actuators import haproxy
from interferon.effector.protocol import Job, Target

from .live_feeds import absent, soon

Served = Callable[..., AbstractContextManager[Any]]

CONFIG = """
global
    stats socket {folder}/admin mode 600 level admin
    stats socket {folder}/reader mode 600 level operator
    server-state-file {folder}/state
    node line-1
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    load-server-state-from-file global
frontend plant
    bind 127.0.0.1:{front}
    default_backend mes
backend mes
    option redispatch
    server a 127.0.0.1:{a} weight 10
    server b 127.0.0.1:{b} weight 20 disabled
    server c 127.0.0.1:{nobody} weight 1 disabled check inter 100ms fall 1 rise 1
"""


class Named(http.server.BaseHTTPRequestHandler):
    """Answers with its server's port; `/slow` sends it and then waits with the rest."""

    server: http.server.HTTPServer

    def do_GET(self) -> None:
        name = str(self.server.server_port).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(name) if self.path != "/slow" else 1000))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(name)
            if self.path == "/slow":
                self.wfile.flush()
                self.connection.recv(1)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Line:
    def __init__(self, folder: Path, served: Served) -> None:
        self.folder, self._served = folder, served
        self.backends = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named) for _ in "ab"]
        for each in self.backends:
            each.daemon_threads = True
            threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
        self.a, self.b = (each.server_address[1] for each in self.backends)
        ports = {"a": self.a, "b": self.b, "front": unused(), "nobody": unused()}
        self.front, self.nobody = ports["front"], ports["nobody"]
        (folder / "haproxy.cfg").write_text(CONFIG.format(folder=folder, **ports))
        self._open: list[AbstractContextManager[Any]] = []

    def start(self) -> None:
        self._open.append(self._served([program(), "-f", str(self.folder / "haproxy.cfg"), "-db"], self.front, self.folder / "log"))
        self._open[-1].__enter__()
        assert soon(lambda: not haproxy.make(self.settings()).ready())  # its sockets appear one after the other

    def stop(self) -> None:
        self._open.pop().__exit__(None, None, None)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """The admin socket is not there; the service goes on."""
        (self.folder / "admin").rename(self.folder / "away")
        try:
            yield
        finally:
            (self.folder / "away").rename(self.folder / "admin")

    def close(self) -> None:
        while self._open:
            self.stop()
        for each in self.backends:
            each.shutdown()
            each.server_close()

    def settings(self, name: str = "admin", **more: str) -> haproxy.Settings:
        return haproxy.Settings(socket=str(self.folder / name), **more)  # type: ignore[arg-type]

    def answers(self) -> int:
        """Port of the server that answers a request."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.front}/", timeout=5) as answer:
            return int(answer.read())

    def state(self) -> Any:
        servers = haproxy.HaProxy(self.settings("reader"))._servers("mes")
        return {name: (each.state, each.weight, each.address) for name, each in servers.items()}


def unused() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def program() -> str:
    return shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin") or absent("haproxy")


@pytest.fixture
def line(tmp_path: Path, served: Served) -> Iterator[Line]:
    program()
    line = Line(tmp_path, served)
    line.start()
    yield line
    line.close()


def job(line: Line, node: str = "line-1", reach: dict[str, str] | None = None, **params: Any) -> Job:
    where = {"backend": "mes", "server": "a", **(reach or {"standby": "b"})}
    identity = {"node": node, "address": f"127.0.0.1:{line.a}"}
    return Job(effect="e-1", action="fail_over", target=Target(ref="asset:mes-1", reach=where, identity=identity), params=params)


def test_the_kit(line: Line) -> None:
    actuator = haproxy.make(line.settings())
    back = lambda: haproxy.HaProxy(line.settings())._command("set server mes/a state ready")  # noqa: E731
    assert kit.problems(kit.World(actuator, job(line), job(line, "line-2"), line.state, back, line.cut)) == []


def test_the_kit_for_an_address(line: Line) -> None:
    actuator = haproxy.make(line.settings())
    moved = {"standby_address": f"127.0.0.1:{line.b}"}
    back = lambda: haproxy.HaProxy(line.settings())._ask(f"set server mes/a addr 127.0.0.1 port {line.a}")  # noqa: E731
    assert kit.problems(kit.World(actuator, job(line, reach=moved), job(line, "line-2", moved), line.state, back, line.cut)) == []


def test_the_standby_serves_and_sessions_of_the_other_end(line: Line) -> None:
    actuator = haproxy.make(line.settings())
    assert line.answers() == line.a
    slow = socket.create_connection(("127.0.0.1", line.front), timeout=5)
    slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    heard = slow.recv(4096)
    while not heard.endswith(str(line.a).encode()):
        heard += slow.recv(4096)
    task = kit.recorded(actuator, job(line))
    assert actuator.apply(task).result == "ok"
    with suppress(ConnectionResetError):
        assert slow.recv(4096) == b""  # cut, not waited for
    slow.close()
    assert soon(lambda: actuator.look(task).standing == "in_force")
    assert line.answers() == line.b
    assert actuator.undo(task).result == "ok"
    assert line.answers() == line.a


def test_with_drain_sessions_go_on_and_new_ones_go_to_the_standby(line: Line) -> None:
    actuator = haproxy.make(line.settings())
    slow = socket.create_connection(("127.0.0.1", line.front), timeout=5)
    slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" in slow.recv(4096)
    task = kit.recorded(actuator, job(line, drain=True))
    assert actuator.apply(task).result == "ok"
    seen = actuator.look(task)
    assert (seen.standing, seen.detail) == ("in_force", "mes/a is in drain with 1 sessions, b serves")
    assert line.answers() == line.b
    slow.close()


def test_nothing_is_handed_over_to_a_server_that_is_down(line: Line) -> None:
    start = line.state()
    actuator = haproxy.make(line.settings())
    haproxy.HaProxy(line.settings())._command("set server mes/c state ready")
    assert soon(lambda: not haproxy.HaProxy(line.settings())._servers("mes")["c"].running)
    haproxy.HaProxy(line.settings())._command("set server mes/c weight 0")
    outcome = actuator.apply(job(line, reach={"standby": "c"}))
    assert outcome.result == "failed"
    assert "standby mes/c is down: nothing would serve" in outcome.detail
    assert line.answers() == line.a
    assert {**line.state(), "c": start["c"]} == start


def test_a_standby_that_goes_down_later_is_seen(line: Line) -> None:
    actuator = haproxy.make(line.settings())
    task = kit.recorded(actuator, job(line))
    assert actuator.apply(task).result == "ok"
    haproxy.HaProxy(line.settings())._command("set server mes/b state maint")
    assert actuator.look(task).detail == "mes/a is out, and b does not serve"


@pytest.mark.parametrize("kept", [True, False])
def test_what_a_reload_does_to_it_is_told(line: Line, kept: bool) -> None:
    actuator = haproxy.make(line.settings(state_file=str(line.folder / "state")) if kept else line.settings())
    task = kit.recorded(actuator, job(line))
    outcome = actuator.apply(task)
    assert ("a reload keeps it" if kept else "a reload of haproxy loses it (no state_file is set)") in outcome.detail
    line.stop()
    line.start()
    assert actuator.look(task).standing == ("in_force" if kept else "absent")


@pytest.mark.parametrize(
    ("reach", "result", "why"),
    [
        ({"standby": "x"}, "failed", "backend mes has no server x; it has a, b, c"),
        ({"standby": "b; shutdown"}, "refused", "a name of haproxy has letters, digits and _.:- only"),
        ({"standby": "b", "backend": "erp"}, "failed", "haproxy knows no backend erp"),
        ({"standby_address": "mes-2:80"}, "refused", "standby_address of asset:mes-1 is mes-2:80; write it as 10.0.0.7:8080"),
        ({"server": "a"}, "refused", "reach of asset:mes-1 has no standby"),
    ],
)
def test_what_cannot_be_done_is_told(line: Line, reach: dict[str, str], result: str, why: str) -> None:
    start = line.state()
    outcome = haproxy.make(line.settings()).apply(job(line, reach=reach))
    assert outcome.result == result
    assert why in outcome.detail
    assert line.state() == start


def test_a_socket_that_may_only_read_is_told(line: Line) -> None:
    outcome = haproxy.make(line.settings("reader")).apply(job(line))
    assert outcome.result == "failed"
    assert "needs level admin" in outcome.detail
