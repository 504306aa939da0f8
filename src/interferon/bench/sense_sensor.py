"""How much memory a site sensor takes: the command in a process of its own, 200 signals a second, forwarded over HTTP on loopback.

Run by `interferon bench sense --part sensor`. Seconds of the signals pass faster than real ones; their number is what
counts. Memory is the kernel's count (VmHWM and VmRSS of /proc), so the bench runs on Linux alone.
"""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from interferon.bench import measures
from interferon.model.errors import InputError
from interferon.store import examples, sensor_keys
from interferon.store.examples import START
from interferon.store.log import segments

SIGNALS: Final = 200  # at 1 Hz
SECONDS: Final = 3600  # of event time
PER_S: Final = 30  # seconds of event time in a second of the clock
WAIT_S: Final = 120.0
COMMAND: Final = "import sys; from interferon.cli import main; sys.argv[0] = 'interferon'; main()"
TOLD: Final = ("numpy", "pyarrow", "pyarrow.compute", "scipy.sparse", "highspy", "interferon.pipeline", "interferon.runtime.service")


def cases() -> Iterator[dict[str, Any]]:
    """The most memory over an hour of event time."""
    if not Path("/proc/self/status").is_file():
        raise InputError("bench sense --part sensor reads /proc/PID/status; run it on Linux")
    found = run(COMMAND)
    imports = {f"MB that importing {name} adds": size for name, size in imported(TOLD).items()}
    metric = f"most MB resident, {SIGNALS} signals at 1 Hz, {SECONDS} s of event time"
    yield measures.row("interferon sensor", metric, found.pop("most"), {**found, **imports}, ("<=", 200.0))


def run(program: str) -> dict[str, float]:
    """MB of one sensor: `most` over the run, at its start and at its end, and rows forwarded."""
    with tempfile.TemporaryDirectory() as folder, _Sink() as sink:
        site = _site(Path(folder), sink.server_port)
        with _sensor(program, site) as process:
            _until(lambda: bool(segments(site / "state/log")) and (site / "state/records/findings.ndjson").exists())
            time.sleep(1.0)
            start = memory(process.pid, "VmRSS")
            _live(site / "feeds" / "line.ndjson")
            _until(lambda: sink.quiet_s() > 3.0 and sink.requests > 0)
            most, end = memory(process.pid, "VmHWM"), memory(process.pid, "VmRSS")
    return {"most": most, "MB at the start": start, "MB at the end": end, "requests": float(sink.requests), "MB sent": sink.size / 1e6}


def imported(names: tuple[str, ...]) -> dict[str, float]:
    """MB that each import adds to a Python that has imported those before it."""
    program = (
        "import importlib, sys\n"
        "def now(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmRSS')) / 1024\n"
        "for name in sys.argv[1:]:\n    a = now(); importlib.import_module(name); print(now() - a)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    return dict(zip(names, map(float, answer.stdout.split()), strict=True))


def memory(process: int, name: str) -> float:
    """MB that the kernel counts for a process. InputError where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise InputError(f"the sensor (process {process}) has ended; run `interferon sensor` by hand to see why")


def _site(folder: Path, port: int) -> Path:
    site = folder / "site"
    examples.write("minimal", site)
    (site / "feeds").mkdir()
    (site / "sensor.toml").write_text(f'name = "line-4"\nupstream = "http://127.0.0.1:{port}"\n')
    (site / "upstream.token").write_text("ifn_bench")
    sensor_keys.make(site)
    return site


@contextmanager
def _sensor(program: str, site: Path) -> Iterator["subprocess.Popen[bytes]"]:
    words = [sys.executable, "-c", program, "sensor", str(site)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(site.parent / "cache")}
    with (site.parent / "told.log").open("wb") as out:
        process = subprocess.Popen(words, env=environment, stdout=out, stderr=out)  # noqa: S603 - ourselves
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _live(path: Path) -> None:
    """Second after second of all signals lands in the feed, at the pace of the bench."""
    begin = time.monotonic()
    for second in range(SECONDS):
        head = {"family": "telemetry", "time": START + second * 1_000_000, "entity": "asset:plc-1"}
        rows = [json.dumps({**head, "signal": f"s{number}", "value": (number + second) % 60 / 60}) + "\n" for number in range(SIGNALS)]
        with path.open("a", encoding="ascii") as out:
            out.write("".join(rows))
        time.sleep(max(0.0, begin + second / PER_S - time.monotonic()))


def _until(ready: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not ready():
        if time.monotonic() > end:
            raise InputError(f"the sensor was not ready in {WAIT_S:.0f} s; run `interferon sensor` by hand to see why")
        time.sleep(0.1)


class _Sink(http.server.ThreadingHTTPServer):
    """An upstream that takes everything and keeps nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.requests = self.size = 0
        self.last = time.monotonic()
        self._thread = threading.Thread(target=self.serve_forever)

    def quiet_s(self) -> float:
        """Seconds since the last request."""
        return time.monotonic() - self.last

    def __enter__(self) -> "_Sink":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Sink

    def do_POST(self) -> None:
        size = len(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests, self.server.size, self.server.last = self.server.requests + 1, self.server.size + size, time.monotonic()
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""
