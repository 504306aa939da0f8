"""How fast captures become events: whole capture files to Arrow on one core, beside dpkt merely parsing their headers.

Data: the folders `ot-pcaps`, `icsnpp-modbus` and `suricata-verify` of INTERFERON_DATA. Run by `interferon bench sense`.
"""

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from interferon.bench.measures import row
from interferon.connectors import capture
from interferon.model.errors import InputError

ROUNDS: Final = 7
FOLDERS: Final = ("ot-pcaps", "icsnpp-modbus", "suricata-verify")
REGISTERS: Final = ("modbus", "dnp3")  # a file of the first case has one of these words in its path
SECTION: Final = b"\n\r\r\n"

Reader = Callable[[Path], int]  # what was read of a file: packets, or events


def captures(rounds: int = ROUNDS) -> Iterator[dict[str, Any]]:
    """The three ratios. Of several rounds, in which all take turns on the same files, the fastest of each counts; reading is included."""
    data = Path(os.environ.get("INTERFERON_DATA", "../shared/data"))
    for name in FOLDERS:
        if not (data / name).is_dir():
            raise InputError(f"{data / name}: bench sense reads recorded captures; INTERFERON_DATA names their folder")
    everything = [path for name in FOLDERS for path in files(data / name)]
    words = [path for path in everything if any(word in str(path.relative_to(data)).lower() for word in REGISTERS)]
    of_folder = [path for path in everything if path.is_relative_to(data / FOLDERS[0])]
    yield from _compared("Modbus and DNP3 captures", words, rounds, {"dissected": (">=", 2)})
    yield from _compared("all OT captures", of_folder, rounds, {"dissected": (">=", 3), "flows alone": (">=", 8)})


def files(folder: Path) -> list[Path]:
    """The capture files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix in capture.SUFFIXES)


def _compared(case: str, paths: Sequence[Path], rounds: int, targets: dict[str, tuple[str, float]]) -> Iterator[dict[str, Any]]:
    readers: dict[str, Reader] = {"dpkt, headers alone": headers, "dissected": dissected, "flows alone": flows_alone}
    fastest = dict.fromkeys(readers, float("inf"))
    counts = dict.fromkeys(readers, 0)
    for _ in range(rounds):
        for name, reader in readers.items():
            started = time.process_time()
            counts[name] = sum(map(reader, paths))
            fastest[name] = min(fastest[name], time.process_time() - started)
    packets = counts["dpkt, headers alone"]
    rates = {name: packets / seconds for name, seconds in fastest.items()}
    for name, target in targets.items():
        beside = {f"{each}, packets a second": rate for each, rate in rates.items()} | {"packets": packets, "events": counts[name]}
        yield row(case, f"times as fast as dpkt, {name}", rates[name] / rates["dpkt, headers alone"], beside, target)


def dissected(path: Path) -> int:
    """Events of a file."""
    return sum(each.num_rows for each in capture.read(path) if isinstance(each, pa.RecordBatch))


def flows_alone(path: Path) -> int:
    """Conversations of a file."""
    return sum(each.num_rows for each in capture.read(path, "", ()) if isinstance(each, pa.RecordBatch))


def headers(path: Path) -> int:
    """Packets of a file, each parsed by dpkt, with the fields that a flow needs."""
    import dpkt  # an opponent, in the environment of the benchmarks alone

    data = path.read_bytes()
    try:
        reader = dpkt.pcapng.Reader(io.BytesIO(data)) if data[:4] == SECTION else dpkt.pcap.Reader(io.BytesIO(data))
    except ValueError:
        return 0
    count = 0
    link = {0: dpkt.loopback.Loopback, 12: dpkt.ip.IP, 101: dpkt.ip.IP, 108: dpkt.loopback.Loopback, 113: dpkt.sll.SLL}.get(
        reader.datalink(), dpkt.ethernet.Ethernet
    )
    for _, frame in reader:
        count += 1
        try:
            outer = link(frame)
            inner = outer if isinstance(outer, dpkt.ip.IP) else outer.data
        except dpkt.UnpackError:
            continue
        if isinstance(inner, dpkt.ip.IP):
            _ = inner.src, inner.dst
            if isinstance(inner.data, dpkt.tcp.TCP):
                _ = inner.data.sport, inner.data.dport, inner.data.seq, inner.data.flags
    return count
