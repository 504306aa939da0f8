"""An hour of events into `interferon up` over HTTP, with a `kill -9` in the middle: lag, memory, and whether anything was lost or doubled.

Run by `interferon bench sense --part hour`; acceptance plays some minutes of it. The sender keeps a schedule whatever the server does: an
event's lag runs from the time it happened to the answer that says it is on disk and judged. Everything stays on loopback.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from interferon.bench import measures, progress
from interferon.bench.sense_hour_world import PER_S, PULSE_S, flows, network, orders, readings
from interferon.bench.sense_ingest import stream
from interferon.bench.sense_sensor import COMMAND, memory
from interferon.model.errors import InputError
from interferon.store import folder_write, log
from interferon.store.tokens import Tokens
from interferon.web.ingest import ARROW

MOST_PULSES: Final = 4  # of one request, where the sender is behind
WAIT_S: Final = 120.0
LAG_S: Final = 1.0  # target for 99 of 100 events
GROWTH: Final = 1.10  # target: memory at the end over that after the first quarter


@dataclass(frozen=True)
class Plan:
    """How long, in seconds, and when the server is killed."""

    seconds: int = 3600
    kill_at: float = 1800.0


@dataclass
class Seen:
    """What one run told."""

    lags: list[tuple[float, float, int]] = field(default_factory=list)  # seconds since the start, lag of the oldest event, events
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds since the start, MB resident
    sent: dict[str, int] = field(default_factory=dict)  # feed → events that were answered with 200
    outage_s: float = 0.0  # from the kill to the next answer
    cpu_s: float = 0.0  # of the server


def cases() -> Iterator[dict[str, Any]]:
    """Rows of `interferon bench`."""
    yield from judged(Plan())


def judged(plan: Plan) -> Iterator[dict[str, Any]]:
    """Rows of one run. Raises InputError where the server does not come up."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "net"
        seen = run(place, plan)
        lost, doubled = counted(place, seen.sent)
    total = sum(seen.sent.values())
    case = f"{sum(PER_S.values()):,} events/s for {plan.seconds} s into `up`, killed after {plan.kill_at:.0f} s"
    yield measures.row(
        case, "events lost or doubled", float(lost + doubled), {"sent": total, "lost": lost, "doubled": doubled}, ("<=", 0.0)
    )
    weights = np.array([count for _, _, count in seen.lags], dtype=float)
    lags = np.array([lag for _, lag, _ in seen.lags])
    back = plan.kill_at + seen.outage_s
    steady = np.array([at < plan.kill_at - PULSE_S or at > back + 10.0 for at, _, _ in seen.lags])
    beside = {
        "without the outage": quantile(lags[steady], weights[steady]),
        "median": quantile(lags, weights, 0.5),
        "longest": float(lags.max()),
        "seconds from the kill to the next answer": seen.outage_s,
        "seconds of the server's processor a second": seen.cpu_s / plan.seconds,
    }
    # a run of minutes cannot hide an outage of seconds in its last hundredth
    value = quantile(lags, weights) if plan.seconds >= 3600 else beside["without the outage"]
    named = "" if plan.seconds >= 3600 else " without the outage"
    yield measures.row(case, f"lag of 99 of 100 events{named}, s", value, beside, ("<=", LAG_S))
    early = max(size for at, size in seen.memory if at <= plan.seconds / 4)
    late = max(size for at, size in seen.memory if at >= plan.seconds * 3 / 4)
    most = max(size for _, size in seen.memory)
    told = {"most MB in the first quarter": early, "in the last quarter": late, "most MB": most}
    yield measures.row(
        case, "memory of the last quarter over the first", late / early, told, ("<=", GROWTH) if plan.seconds >= 3600 else None
    )


def quantile(lags: np.ndarray, weights: np.ndarray, share: float = 0.99) -> float:
    """The lag that so many of the events do not exceed."""
    order = np.argsort(lags)
    place = int(np.searchsorted(np.cumsum(weights[order]), share * weights.sum()))
    return float(lags[order][min(place, len(lags) - 1)])


def counted(place: Path, sent: dict[str, int]) -> tuple[int, int]:
    """Events that were answered and are not in the event log, and those that are there twice."""
    lost = doubled = 0
    for feed, count in sent.items():
        times = np.zeros(count, dtype=np.int64)
        for item in log.read(place / "state" / "log"):
            if isinstance(item, pa.RecordBatch) and feed in item.column("feed").dictionary.to_pylist():
                offsets = item.column("offset").to_numpy()
                np.add.at(times, offsets[offsets < count], 1)
        lost, doubled = lost + int((times == 0).sum()), doubled + int((times > 1).sum())
    return lost, doubled


def run(place: Path, plan: Plan) -> Seen:
    """One run on a new installation in `place`."""
    seen, port = Seen(), _free_port()
    folder_write.write(network(), place)
    _settings(place)
    secret = Tokens(place).add("bench", list(PER_S), ["telemetry", "activity", "trade"], 1.0, datetime.now(UTC).isoformat(), "")
    server = _Server(place, port)
    try:
        server.start()
        begin = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_Sender(port, secret, begin, begin + plan.seconds, seen).run)
            _watched(server, sending, seen, plan, begin)
            sending.result()
        seen.cpu_s += server.cpu_s()
    finally:
        server.stop()
    return seen


def _settings(place: Path) -> None:
    """Frames of two seconds and a pattern of life learnt in ten minutes: the hour is judged, not only learnt."""
    path = place / "network.toml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("frame_s", "learn_rows", "lateness_s"))]
    path.write_text("\n".join(["frame_s = 2.0", "lateness_s = 2.0", "learn_rows = 300", *kept]) + "\n")


def _watched(server: "_Server", sending: Future[None], seen: Seen, plan: Plan, begin: float) -> None:
    """Looks at memory each second, kills and restarts the server once, until everything was sent or cannot be."""
    killed = told = 0.0
    while not sending.done():
        time.sleep(1.0)
        now = time.monotonic() - begin
        if not killed and now >= plan.kill_at:
            seen.cpu_s += server.cpu_s()
            killed = time.monotonic() - begin
            server.kill()
            server.start(wait=False)
        if killed and not seen.outage_s and (back := [at + lag for at, lag, _ in list(seen.lags) if at + lag > killed + 0.1]):
            seen.outage_s = min(back) - killed
        with suppress(InputError):
            seen.memory.append((now, memory(server.pid, "VmRSS")))
        if now - told >= 60.0:
            told = now
            progress(f"sense: hour, {now:.0f} of {plan.seconds} s, {seen.memory[-1][1]:.0f} MB")


class _Server:
    """`interferon up` as a process."""

    def __init__(self, place: Path, port: int) -> None:
        self._place, self._port = place, port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self, *, wait: bool = True) -> None:
        words = [sys.executable, "-c", COMMAND, "up", str(self._place), "--port", str(self._port)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self._place.parent / "cache")}
        with (self._place.parent / "up.log").open("ab") as out:
            self._process = subprocess.Popen(words, env=environment, stdout=out, stderr=out)  # noqa: S603 - ourselves
        end = time.monotonic() + WAIT_S
        while wait and not _answers(self._port):
            if time.monotonic() > end or self._process.poll() is not None:
                told = (self._place.parent / "up.log").read_text(errors="replace")[-300:]
                raise InputError(f"`interferon up` did not answer in {WAIT_S:.0f} s: {told}")
            time.sleep(0.1)

    def cpu_s(self) -> float:
        """Seconds of processor that this process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.kill()


class _Sender:
    """A gateway: each quarter of a second the events of every feed are due; what was not answered with 200 is sent again."""

    def __init__(self, port: int, secret: str, begin: float, until: float, seen: Seen) -> None:
        self._port, self._secret, self._begin, self._until, self._seen = port, secret, begin, until, seen
        self._made = {"historian": readings(), "network": flows(), "erp": orders()}
        self._open: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Until the time is over. Raises InputError where events are refused, or not taken for WAIT_S."""
        epoch, pulse, pulses = time.time() - (time.monotonic() - self._begin), 0, int((self._until - self._begin) / PULSE_S)
        self._seen.sent = dict.fromkeys(PER_S, 0)
        while pulse < pulses:
            time.sleep(max(0.0, self._begin + (pulse + 1) * PULSE_S - time.monotonic()))
            due = min(int((time.monotonic() - self._begin) / PULSE_S), pulses, pulse + MOST_PULSES)
            for feed in PER_S:
                self._feed(feed, pulse, due, epoch)
            pulse = due

    def _feed(self, feed: str, pulse: int, due: int, epoch: float) -> None:
        rows = round(PER_S[feed] * PULSE_S)
        batches = [self._made[feed](number * rows, rows, epoch + number * PULSE_S) for number in range(pulse, due)]
        self._until_taken(feed, stream(batches))
        now = time.monotonic() - self._begin
        self._seen.lags += [(number * PULSE_S, now - number * PULSE_S, rows) for number in range(pulse, due)]
        self._seen.sent[feed] += len(batches) * rows

    def _until_taken(self, feed: str, body: bytes) -> None:
        end = time.monotonic() + WAIT_S
        while (why := self._send(feed, body)) != "":
            if time.monotonic() > end:
                raise InputError(f"events of {feed} were not taken for {WAIT_S:.0f} s: {why}")
            time.sleep(0.2)

    def _send(self, feed: str, body: bytes) -> str:
        """'' where it was taken, else why not."""
        headers = {"authorization": f"Bearer {self._secret}", "content-type": ARROW}
        try:
            if self._open is None:
                self._open = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S)
            self._open.request("POST", f"/ingest/{feed}", body, headers)
            answer = self._open.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._open = None
            return f"{type(error).__name__}: {error}"
        if 400 <= answer.status < 500 and answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
            raise InputError(f"{feed}: answered {answer.status}: {content[:300]!r}")
        return "" if answer.status == http.HTTPStatus.OK else f"answered {answer.status}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as found:
        found.settimeout(1.0)
        return found.connect_ex(("127.0.0.1", port)) == 0
