"""How fast logs of Zeek become events on disk: JSON lines to Arrow, addresses resolved, appended to the event log with fsync; on one core.

Run by `interferon bench sense --part zeek`. Data: the folder `zeek` of INTERFERON_DATA, its largest logs over and over until there are a
million lines. Seconds are the clock's, waiting for the disk included; the processor's stand beside it. Yardsticks make no events.
"""

import gzip
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.json as pa_json

from interferon.bench.measures import row
from interferon.connectors import zeek
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense.resolve import Resolver
from interferon.store.log import EventLog

LOGS: Final = ("dns", "ssl", "weird")  # the largest of the recording
LINES: Final = 1_000_000
STREAM: Final = 1 << 22  # bytes that arrive at once
ROUNDS: Final = 3
PART: Final = 50_000  # lines for the slow yardsticks


def cases() -> Iterator[dict[str, Any]]:
    """Events a second of each log, streaming and in one piece. InputError where there is no data."""
    data = Path(os.environ.get("INTERFERON_DATA", "../shared/data")) / "zeek/zeek-json"
    if not data.is_dir():
        raise InputError(f"{data}: bench sense reads the Zeek sample logs; INTERFERON_DATA names the folder above")
    for name in LOGS:
        once = gzip.decompress((data / f"{name}.json.gz").read_bytes())
        lines = once.count(b"\n")
        content = once * -(-LINES // lines)
        lines = content.count(b"\n")
        beside = yardsticks(content, lines)
        case = f"zeek {name}, JSON lines of {len(content) // lines} bytes, {lines} of them"
        for how, size, target in (("streaming", STREAM, 200_000), ("in one piece", len(content), 400_000)):
            best = min((run(content, size, lines) for _ in range(ROUNDS)), key=lambda one: one["clock"])
            told = {f"µs of {part}": 1e6 * took / lines for part, took in best.items()}
            metric = f"events a second of one core, to the fsynced log, {how}"
            yield row(
                case, metric, lines / best["clock"], {**beside, **told, "by the processor": lines / best["processor"]}, (">=", target)
            )


def run(content: bytes, size: int, lines: int) -> dict[str, float]:
    """Seconds of the processor for each part of the way and for all, and of the clock for all."""
    resolver = Resolver({f"10.47.{net}.{host}": f"asset:host-{net}-{host}" for net in range(30) for host in range(1, 255)})
    took = {"reading": 0.0, "resolving": 0.0, "appending": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        events, clock, last = 0, time.perf_counter(), time.process_time()

        def part(name: str) -> None:
            nonlocal last
            now = time.process_time()
            took[name] += now - last
            last = now

        for item in zeek.blocks((content[at : at + size] for at in range(0, len(content), size)), "bench"):
            if isinstance(item, DeadLetter):
                raise InputError(f"bench sense_zeek: {item.reason}")
            part("reading")
            resolved = resolver.batch(item)
            part("resolving")
            log.append(resolved)
            part("appending")
            events += item.num_rows
        took |= {"processor": sum(took.values()), "clock": time.perf_counter() - clock}
        log.close()
    if events != lines:
        raise InputError(f"bench sense_zeek: {events} events of {lines} lines")
    return took


def yardsticks(content: bytes, lines: int) -> dict[str, float]:
    """Lines a second that others read, and do nothing with."""
    part = content[: content.find(b"\n", PART * len(content) // lines) + 1]
    listed = part.splitlines()
    decoder = msgspec.json.Decoder(dict[str, Any])
    return {
        "json.loads": _rate(len(listed), lambda: [json.loads(line) for line in listed]),
        "msgspec to dict": _rate(len(listed), lambda: decoder.decode_lines(part)),
        "pyarrow.json": _rate(len(listed), lambda: _arrow(part)),
    }


def _arrow(part: bytes) -> pa.Table:
    return pa_json.read_json(io.BytesIO(part), pa_json.ReadOptions(use_threads=False, block_size=len(part)))


def _rate(lines: int, work: Callable[[], Iterable[Any] | pa.Table]) -> float:
    begun = time.process_time()
    work()
    return lines / (time.process_time() - begun)
