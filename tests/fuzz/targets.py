"""Every parser of the project as a function that takes arbitrary bytes and checks what comes out. Touches nothing but a temporary file.

Called by `run`, which looks for bytes that break one, and by tests/unit/test_fuzz.py. `TARGETS` lists them by name; `run_one` adds the
watch for hangs. What breaks raises AssertionError, or whatever the parser raised.
"""

import importlib
import pkgutil
import random
import signal
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from interferon import dissect
from interferon.connectors import capture, event_lines, table_file, telemetry_rows
from interferon.dissect.events import events
from interferon.dissect.message import Plain
from interferon.dissect.streams import Datagrams, Stream
from interferon.model.errors import InputError
from interferon.runtime import formats
from interferon.sense import mqtt_packets, mqtt_payload
from interferon.sense.live import batched
from interferon.store.tokens import Token
from interferon.web import ingest

from . import documents
from .checks import FEED, items_hold, one_line, rows_hold

Target = Callable[[bytes], None]

PIECES: Final = 64  # of one input; more of them find nothing more
NUMBER: Final = 5  # of the conversation that is dissected
AROUND: Final = (b"\xa5" * 7, b"\x5a" * 64)  # bytes that lie before and behind those that a dissector is given
SEEN: Final = 1_767_600_000_000_000
HANG_S: Final = 20.0
LIMIT: Final = 256  # bytes of one MQTT packet that are kept
TOPICS: Final = (
    "spBv1.0/plant/NBIRTH/gateway", "spBv1.0/plant/NDATA/gateway", "spBv1.0/plant/DBIRTH/gateway/pump", "spBv1.0/plant/DDATA/gateway/pump",
    "spBv1.0/plant/NCMD/gateway", "spBv1.0/plant/NDEATH/gateway", "spBv1.0/plant/DDEATH/gateway/pump", "spBv1.0/STATE/host",
    "uagv/v2/maker/7/state", "uagv/v2/maker/7/order", "uagv/v2/maker/7/connection", "uagv/v2/maker/7/visualization",
    "uagv/v2/maker/7/instantActions", "uagv/v2/maker/7/factsheet", "line/press/force", "elsewhere",
)  # fmt: skip
MAPS: Final = (
    mqtt_payload.Mapping(topic="line/{entity}/{signal}", values={"a": "a.b", "c": "c.0"}, time="t", quality="q"),
    mqtt_payload.Mapping(topic="elsewhere", entity="asset:x", signal="y"),
)


class Piece(NamedTuple):
    """A part of an input: a segment, a datagram or a message."""

    mark: int
    data: bytes

    @property
    def to_server(self) -> bool:
        return bool(self.mark & 1)


def pieces(data: bytes) -> Iterator[Piece]:
    """An input as parts: a mark (what its bits mean is the target's), two bytes of length, so many bytes. The last may be shorter."""
    at = 0
    for _ in range(PIECES):
        if at + 3 > len(data):
            return
        behind = at + 3 + int.from_bytes(data[at + 1 : at + 3])
        yield Piece(data[at], data[at + 3 : behind])
        at = behind


def joined(parts: list[tuple[int, bytes]]) -> bytes:
    """The input whose `pieces` are these, each shorter than 64 KiB."""
    return b"".join(bytes([mark]) + len(part).to_bytes(2) + part for mark, part in parts)


class Watched:
    """A conversation twice: the same bytes among others of no concern. Both must tell the same, so neither reads what it was not given."""

    def __init__(self, dissector: Any) -> None:
        self._alone, self._among = dissector.conversation(NUMBER), dissector.conversation(NUMBER)

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        piece, (before, behind) = data[start:end], AROUND
        alone, among = list[Plain](), list[Plain]()
        used = self._alone.take(piece, 0, len(piece), to_server, packet, alone)
        begin = len(before)
        same = self._among.take(before + piece + behind, begin, begin + len(piece), to_server, packet, among) - begin
        assert 0 <= used <= len(piece), f"used {used} of {len(piece)} bytes"
        assert (used, alone) == (same, among), "reads bytes outside of those that it was given, or remembers something of other calls"
        assert used or alone or len(piece) < 1 << 20, "neither reads a message of more than 1 MiB nor gives it up"
        out += alone
        return start + int(used)

    def gap(self, to_server: bool) -> None:
        self._alone.gap(to_server)
        self._among.gap(to_server)


def converse(dissector: Any, data: bytes) -> None:
    """A conversation as the driver leads it. Bits of a piece's mark: to the server; lost bytes before it; cut in two; the later part first.

    The first byte says datagrams (odd) or a TCP connection, where the protocol has both.
    """
    watched, out = Watched(dissector), list[Plain]()
    datagrams = bool(dissector.UDP) and (not dissector.TCP or (bool(data) and bool(data[0] & 1)))
    kind: Any = Datagrams if datagrams else Stream
    streams = {way: kind(NUMBER, dissector.NAME, watched, way, -1) for way in (True, False)}
    places = {True: 100, False: (1 << 32) - 200}  # sequence numbers begin again behind 2^32
    number, size = 0, 0
    for number, piece in enumerate(pieces(data[1:])):
        _likely(dissector, piece.data)
        size += len(piece.data)
        places[piece.to_server] += 9 if piece.mark & 2 else 0
        for place, part in _parts(piece, places[piece.to_server]):
            stream = streams[piece.to_server]
            stream.segment(part, 0, len(part), len(part), place & 0xFFFFFFFF, SEEN + number, number, out)
        places[piece.to_server] += len(piece.data)
    for stream in streams.values():
        stream.flush(number, out)
        assert not stream.held(), "holds bytes although the conversation is over"
    rows_hold(out, NUMBER, number, size)


def _parts(piece: Piece, place: int) -> list[tuple[int, bytes]]:
    if not piece.mark & 4 or len(piece.data) < 2:
        return [(place, piece.data)] if piece.data else []
    cut = 1 + (piece.mark >> 4) * (len(piece.data) - 2) // 15
    parts = [(place, piece.data[:cut]), (place + cut, piece.data[cut:])]
    return parts[::-1] if piece.mark & 8 else parts


def grown(dissector: Any, begun: Iterable[bytes], rounds: int) -> int:
    """Bytes by which one conversation grows over so many damaged messages; what it waits for is given again, and lost at times."""
    draw, seeds, rest = random.Random(rounds), list(begun), {True: b"", False: b""}
    conversation = dissector.conversation(NUMBER)
    tracemalloc.start()
    for number in range(rounds):
        message, way = bytearray(draw.choice(seeds)), draw.random() < 0.5
        for _ in range(draw.randrange(4)):
            message[draw.randrange(len(message))] = draw.randrange(256)
        data = rest[way] + bytes(message)
        rest[way] = data[conversation.take(data, 0, len(data), way, number, []) :]
        if draw.random() < 0.02:
            rest[way] = b""
            conversation.gap(way)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size - sum(map(len, rest.values()))


def _likely(dissector: Any, data: bytes) -> None:
    before, behind = AROUND
    alone = dissector.likely(data, 0, len(data))
    among = dissector.likely(before + data + behind, len(before), len(before) + len(data))
    assert alone is among, "likely reads bytes outside of those that it was given, or gives no bool"


def record(connector: Any, data: bytes) -> None:
    """A file connector on the bytes of one file."""
    whole = getattr(connector, "WHOLE", False)
    found = connector.normalise(data if whole else data.splitlines(keepends=True), FEED)
    items_hold(found, len(data), ours=connector is event_lines)
    assert isinstance(connector.sniff(data[: formats.HEAD]), bool), "sniff gives no bool"


def captured(data: bytes) -> None:
    """A capture file in small chunks, with every dissector that there is. Compressed bytes have no bound by their own number."""
    chunks = [data[at : at + 700] for at in range(0, len(data), 700)]
    items_hold(events(chunks, FEED, 0, tuple(dissectors().values())), len(data))
    items_hold(capture.normalise(data, FEED), len(data) if not data.startswith(capture.GZIP) else len(data) << 10)


def table(data: bytes) -> None:
    """Telemetry as CSV or Parquet: read from a file, whose rows or cells that cannot be read are told."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(data)
        broken: list[str] = []
        try:
            read = table_file.read_table(path, broken)
            mapping = telemetry_rows.resolved(telemetry_rows.Mapping(), read.names, str(path), "asset:x")
            items_hold(telemetry_rows.normalise(read, mapping, FEED), len(data))
        except InputError as error:
            one_line(str(error))
        assert all(broken)


def messages(data: bytes) -> None:
    """Messages of MQTT, each on one of `TOPICS`, read as Sparkplug, VDA 5050 or a mapping of the feed; births are remembered."""
    reader = mqtt_payload.Reader(MAPS, ("uagv",), {"plant/gateway": "asset:gw"}, {})
    first = 0
    for piece in pieces(data):
        found = list(reader.read(TOPICS[piece.mark % len(TOPICS)], piece.data, SEEN))
        items, after = batched(found, FEED, first, seen=SEEN)
        items_hold(items, len(piece.data))
        assert after == first + len(found), "rows are lost, or offsets are left out"
        first = after


def packets(data: bytes) -> None:
    """What an MQTT broker sends, as the live connector cuts and reads it. ValueError says that it is none."""
    splitter, told, given = mqtt_packets.Splitter(LIMIT), 0, 0
    with suppress(ValueError):
        for piece in pieces(data):
            given += len(piece.data)
            for packet in splitter.feed(piece.data):
                told += packet.whole
                assert len(packet.body) <= min(LIMIT, packet.whole)
                _packet(packet, v5=bool(piece.mark & 1))
    assert told <= given, "tells more bytes than came"


def _packet(packet: mqtt_packets.Packet, *, v5: bool) -> None:
    for read in (mqtt_packets.connack, mqtt_packets.number, partial(mqtt_packets.codes, v5=v5)):
        with suppress(ValueError):
            read(packet.body)
    with suppress(ValueError):
        told = mqtt_packets.published(packet, v5=v5)
        assert len(told.payload) <= len(packet.body)
        told.topic.encode()


def sent(data: bytes) -> None:
    """The body of a request to the ingest endpoint, of each content type. Unusable is its answer to what it does not take."""
    token = Token(name="t", feeds=["*"], hash="", created="", trust=0.5)
    for kind in (ingest.ARROW, ingest.NDJSON[0]):
        try:
            items = ingest._items(data, kind, FEED, 3, token)
        except ingest.Unusable as error:
            one_line(str(error))
        else:
            items_hold(items, len(data), ours=True)


@cache
def dissectors() -> dict[str, Any]:
    """Every dissector by its module's name, whether it ships or not."""
    names = [each.name for each in pkgutil.iter_modules(dissect.__path__)]
    modules = {name: importlib.import_module(f"{dissect.__name__}.{name}") for name in names}
    return {name: each for name, each in modules.items() if all(hasattr(each, has) for has in ("NAME", "TCP", "UDP", "conversation"))}


@cache
def file_connectors() -> dict[str, Any]:
    """Every file connector that reads bytes, by its word of --format; tables and captures have targets of their own."""
    return {name: each for name, each in formats.connectors().items() if name not in (telemetry_rows.NAME, capture.NAME)}


def _named() -> dict[str, Target]:
    found: dict[str, Target] = {f"dissect_{name}": partial(converse, each) for name, each in dissectors().items()}
    found |= {f"file_{name}": partial(record, each) for name, each in file_connectors().items()}
    found |= {"file_pcap": captured, "file_csv": table, "mqtt_messages": messages, "mqtt_packets": packets, "ingest": sent}
    return found | documents.TARGETS


TARGETS: Final = _named()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """TimeoutError in the midst of what takes longer. In the main thread only, since it is a signal."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_one(name: str, data: bytes) -> None:
    """One input through one target."""
    with limited(HANG_S):
        TARGETS[name](data)
