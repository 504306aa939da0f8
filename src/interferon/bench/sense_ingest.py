"""Figures about the ingest interface: events a second over a real HTTP server until they are on disk. Run by `interferon bench sense`.

The senders are a process of their own on another core; the server has one core for itself. Everything stays on loopback and in a temporary
folder.
"""

import asyncio
import http.client
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import uvicorn
from fastapi import FastAPI

from interferon.bench import measures
from interferon.sense.batches import batch
from interferon.sense.resolve import Resolver
from interferon.store.log import EventLog
from interferon.store.tokens import Tokens
from interferon.web.ingest import ARROW, Ingest, Item

ROWS: Final = 65_536  # of one batch
BATCHES: Final = 2  # of one request
REQUESTS: Final = 32
SENDERS: Final = 3  # connections at once: one sends while another waits for the disk
ROUNDS: Final = 5  # the fastest counts, the median stands beside it: the machine is shared
MACHINES: Final = 500
LINES: Final = 20_000  # of one NDJSON request
FEED: Final = "line-4"


def cases() -> Iterator[dict[str, Any]]:
    """Readings and flows as Arrow, and readings as NDJSON beside them."""
    for family, made in (("telemetry", readings), ("activity", flows)):
        bodies = [stream([made(k * BATCHES + b) for b in range(BATCHES)]) for k in range(REQUESTS)]
        rates = sorted(_rate(bodies, ARROW, ROWS * BATCHES) for _ in range(ROUNDS))
        beside = {"median round": rates[ROUNDS // 2], "writing the same bytes with fsync, no server": _plain(bodies, ROWS * BATCHES)}
        beside["bytes an event on the wire"] = len(bodies[0]) / (ROWS * BATCHES)
        if family == "telemetry":
            beside["the same as NDJSON"] = _rate([_lines(k) for k in range(3)], "application/x-ndjson", LINES)
        yield measures.row(f"HTTP ingest of Arrow, {family}, resolved and fsynced", "events a second", rates[-1], beside, (">=", 2e6))


def readings(number: int) -> pa.RecordBatch:
    """Telemetry of many machines, eight signals each."""
    rng = np.random.default_rng(number)
    place = np.arange(ROWS) + number * ROWS
    entities, signals = [f"address:10.0.{m // 250}.{m % 250}" for m in range(MACHINES)], [f"signal-{s}" for s in range(8)]
    columns: dict[str, Any] = {
        "time": 1_767_600_000_000_000 + place * 250,
        "offset": place,
        "entity": coded(place // 8 % MACHINES, entities),
        "signal": coded(place % 8, signals),
        "value": rng.normal(size=ROWS),
    }
    return batch("telemetry", FEED, columns)


def flows(number: int) -> pa.RecordBatch:
    """Flows between the same machines."""
    rng = np.random.default_rng(number)
    place = np.arange(ROWS) + number * ROWS
    plain = [f"10.0.{m // 250}.{m % 250}" for m in range(MACHINES)]
    source, target = rng.integers(0, MACHINES, ROWS), rng.integers(0, MACHINES, ROWS)
    columns: dict[str, Any] = {
        "time": 1_767_600_000_000_000 + place * 250,
        "offset": place,
        "entity": coded(source, [f"address:{each}" for each in plain]),
        "kind": coded(np.zeros(ROWS), ["network.flow"]),
        "source": coded(source, plain),
        "target": coded(target, plain),
        "object": pa.array(["tcp/502", "tcp/4840", "udp/53", "tcp/443"]).take(pa.array(target % 4)),
        "bytes": rng.integers(60, 10**6, ROWS),
    }
    return batch("activity", FEED, columns)


def coded(codes: np.ndarray, words: Sequence[str]) -> pa.DictionaryArray:
    """A column of `words`, by their places."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words, pa.string()))


def stream(batches: Sequence[pa.RecordBatch]) -> bytes:
    """One Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for each in batches:
            writer.write_batch(each)
    return bytes(sink.getvalue().to_pybytes())


def _lines(number: int) -> bytes:
    rows = readings(number).slice(0, LINES).select(["time", "offset", "entity", "signal", "value"]).to_pylist()
    return b"".join(msgspec.json.encode({"family": "telemetry", **row}) + b"\n" for row in rows)


def _plain(bodies: Sequence[bytes], rows: int) -> float:
    """The floor that the disk sets."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "plain").open("wb", buffering=0) as file:
        begin = time.perf_counter()
        for body in bodies:
            file.write(body)
            os.fsync(file.fileno())
        return rows * len(bodies) / (time.perf_counter() - begin)


def _rate(bodies: Sequence[bytes], media: str, rows: int) -> float:
    """Events a second over all requests, each answered when it is on disk."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Tokens(Path(folder))
        secret = tokens.add("bench", [FEED], ["telemetry", "activity"], 1.0, datetime.now(UTC).isoformat(), "")
        resolver = Resolver({f"10.0.{m // 250}.{m % 250}": f"asset:machine-{m}" for m in range(MACHINES)})
        kept = EventLog(Path(folder) / "log")

        def append(items: Sequence[Item]) -> None:
            kept.extend(resolver.batch(item) for item in items if isinstance(item, pa.RecordBatch))

        async def intake(items: Sequence[Item]) -> None:
            await asyncio.to_thread(append, items)

        with _on_core(0), _served(Ingest(tokens, intake)) as port:
            seconds = _sent(port, bodies, media, secret)
        kept.close()
        return rows * len(bodies) / seconds


@contextmanager
def _on_core(number: int) -> Iterator[None]:
    """This process and its threads to come on one core, where the system lets us choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _served:
    """A server of the interface alone, in a thread, on a free port."""

    def __init__(self, ingest: Ingest) -> None:
        app = FastAPI()
        app.include_router(ingest.router())
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def __enter__(self) -> int:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return int(self._socket.getsockname()[1])

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def _sent(port: int, bodies: Sequence[bytes], media: str, secret: str) -> float:
    """Seconds from the first byte sent to the last answer, measured by the sender."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    sender = context.Process(target=_send, args=(port, bodies, media, secret, answers))
    sender.start()
    found = answers.get(timeout=300)
    sender.join()
    if isinstance(found, str):
        raise RuntimeError(found)
    return float(found)


def _send(port: int, bodies: Sequence[bytes], media: str, secret: str, answers: Any) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)))
    begin = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        wrong = [text for text in senders.map(lambda k: _posted(port, bodies[k::SENDERS], media, secret), range(SENDERS)) if text]
    answers.put(wrong[0] if wrong else time.perf_counter() - begin)


def _posted(port: int, bodies: Sequence[bytes], media: str, secret: str) -> str:
    """'' where every body was taken whole, else what the server said."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"authorization": f"Bearer {secret}", "content-type": media}
    for body in bodies:
        connection.request("POST", f"/ingest/{FEED}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or b'"dead_letters":0' not in text:
            return f"the server answered {answer.status}: {text[:200]!r}"
    return ""
