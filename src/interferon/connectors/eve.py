"""Reads Suricata's EVE log: one JSON object a line, of any `event_type` (docs.suricata.io, "Eve JSON Output"); gzipped ones too.

Called by replay, discover and `up`. What the types mean is in `sense.eve_kinds`. An event's offset is the number of its line, and its
attributes are the whole record.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense.batches import batch
from interferon.sense.eve_kinds import KINDS, Head, Told, ends, protocol, told
from interferon.sense.pieces import JsonLines, chunks, ends_of, whole_lines
from interferon.sense.pieces import lines as lines_of

NAME: Final = "eve"
SUFFIXES: Final = (".json",)
EXAMPLE: Final = (
    b'{"timestamp":"2026-01-05T08:00:00.000001+0000","flow_id":1,"event_type":"flow","src_ip":"10.0.0.9","src_port":50112,'
    b'"dest_ip":"10.0.0.5","dest_port":502,"proto":"TCP","app_proto":"modbus","flow":{"pkts_toserver":6,"pkts_toclient":5,'
    b'"bytes_toserver":420,"bytes_toclient":390,"start":"2026-01-05T07:59:58.000000+0000","end":"2026-01-05T08:00:00.000000+0000",'
    b'"age":2,"state":"closed"}}\n'
    b'{"timestamp":"2026-01-05T09:00:01.250000+0100","event_type":"alert","src_ip":"10.0.0.9","dest_ip":"10.0.0.5","proto":"TCP",'
    b'"alert":{"action":"allowed","signature_id":2250007,"signature":"SURICATA Modbus exception code invalid","severity":3}}\n'
)
ROWS: Final = 8192
PART: Final = 1 << 17  # bytes that are decoded at once: what fits the processor's cache
SHOWN: Final = 2000  # characters of a line in a dead letter
LONGEST: Final = 1 << 24  # bytes of a line; the largest records, those of stats, have some ten thousand
BODIES: Final = frozenset(KINDS) & frozenset(Head.__struct_fields__)
ADDED: Final = ("protocol", "message", "severity", "packets", "duration_s", "value", "method", "device", "mac_client")  # as in `Head`
COLUMNS: Final = ("entity", "kind", "source", "target", "actor", "object", "code", "outcome", "bytes", "attributes")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_800_000_000  # the year 10,000 in microseconds
_heads = msgspec.json.Decoder(Head)
_record = msgspec.json.Decoder(dict[str, Any])
_json = msgspec.json.Encoder()

Read = Iterator["pa.RecordBatch | DeadLetter"]


class Found(NamedTuple):
    """Records of some lines: their offsets, heads and bytes, and each as JSON without its closing brace."""

    offsets: Sequence[int]
    heads: Sequence[Head]
    lines: Sequence[bytes]
    texts: pa.Array


def sniff(head: bytes) -> bool:
    """Whether the first line is a JSON object with the time and the type that every event of EVE has."""
    first = head.lstrip().split(b"\n", 1)[0]
    try:
        record = _record.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(record.get("event_type"), str) and isinstance(stamp := record.get("timestamp"), str) and _micros(stamp) is not None


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the lines, and the lines that could not be used."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    name = feed or path.stem
    with source:
        broken: list[str] = []
        yield from normalise(_lines(source, broken), name)
        for reason in broken:
            yield DeadLetter(feed=name, offset=-1, time=0, family="activity", entity="", reason=reason)


def _lines(source: BinaryIO, broken: list[str]) -> Iterator[bytes]:
    """The lines; `broken` is told where the file ends before its end."""
    for line in lines_of(chunks(source.read), LONGEST):
        if isinstance(line, str):
            broken.append(line)
        else:
            yield line


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`."""
    source = enumerate(lines, first)
    while listed := list(islice(source, ROWS)):
        stripped = [(offset, kept) for offset, line in listed if (kept := line.strip())]
        found = _together(stripped)
        if found is None:
            found, dead = _one_by_one(stripped, feed)
            yield from dead
        yield from _batches(found, feed)


def _together(listed: Sequence[tuple[int, bytes]]) -> Found | None:
    """All at once; None where a line is in any way unusual."""
    lines = [line for _, line in listed]
    block = b"\n".join(lines) + b"\n"
    ends = ends_of(block)
    if ends is None or len(ends) != len(lines) or len(max(lines, key=len)) > LONGEST:
        return None
    try:
        heads = [head for part in whole_lines(block, PART) for head in _heads.decode_lines(part)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(heads) != len(lines) or any(head.event_type is None or head.timestamp is None for head in heads):
        return None
    return Found([offset for offset, _ in listed], heads, lines, JsonLines(block, ends).open())


def _one_by_one(listed: Sequence[tuple[int, bytes]], feed: str) -> tuple[Found, list[DeadLetter]]:
    good: list[tuple[int, Head, bytes]] = []
    dead: list[DeadLetter] = []
    for offset, line in listed:
        head = _head(line)
        if isinstance(head, Head):
            good.append((offset, head, line))
        else:
            dead.append(_dead(line, feed, offset, head))
    offsets, heads, lines = zip(*good, strict=True) if good else ((), (), ())
    return Found(offsets, heads, lines, pa.array([line.decode()[:-1] for line in lines], pa.string())), dead


def _dead(line: bytes, feed: str, offset: int, reason: str) -> DeadLetter:
    raw = line[: 4 * SHOWN].decode(errors="replace")[:SHOWN]
    return DeadLetter(feed=feed, offset=offset, time=0, family="activity", entity="", reason=f"line {offset + 1}: {reason}", raw=raw)


def _head(line: bytes) -> Head | str:
    """The record's head, or why it is no event. What is of another type than it should be counts as absent."""
    if len(line) > LONGEST:
        return f"has more than {LONGEST} bytes"
    try:
        head = _lenient(_record.decode(line.decode()))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"is no JSON object: {error}"
    return "has no event_type or no timestamp; an event of EVE has both as text" if None in (head.event_type, head.timestamp) else head


def _body(head: Head, line: bytes) -> dict[str, Any]:
    """What stands under the name of the event's type."""
    kind = head.event_type or ""
    try:
        body = getattr(head, kind) if kind in BODIES else None if kind == "stats" else _record.decode(line).get(kind)
    except msgspec.DecodeError:  # a number somewhere in it that is too large
        body = None
    return body if isinstance(body, dict) else {}


def _row(head: Head, line: bytes, feed: str) -> tuple[Any, ...]:
    """The columns of COLUMNS."""
    about = told(_body(head, line), head)
    source, target = ends(about.kind, head)
    entity = _entity(about, head, source, target, feed)
    return entity, about.kind, source, target, about.actor, about.object, about.code, about.outcome, about.bytes, _behind(head, about)


def _lenient(record: dict[str, Any]) -> Head:
    """The head of a record in which some fields are of other types."""
    words: dict[str, Any] = {}
    for name in Head.__struct_fields__:
        value, wanted = record.get(name), dict if name in BODIES else int if name.endswith("_port") else str
        if name in ADDED:
            words[name] = msgspec.Raw(b"null") if name in record else msgspec.UNSET
        elif isinstance(value, wanted) and not isinstance(value, bool):
            words[name] = value
    return Head(**words)


def _entity(about: Told, head: Head, source: str | None, target: str | None, feed: str) -> str:
    """Who logs in; of an industrial protocol the controller; else the source, the sensor or the feed."""
    if about.kind == "auth.login" and about.actor:
        return about.actor
    own = target if about.kind == "ot.command" else source
    address = (own or source or target or head.host) if about.kind != "log.status" else head.host
    return f"address:{address}" if address else f"feed:{feed}"


def _behind(head: Head, about: Told) -> str:
    """The keys of docs/events.md, for behind the record's own."""
    name = protocol(about.kind, head)
    added = _added("protocol", name) if name else ""
    for key, value in about.extras.items():
        if value is not None and getattr(head, key) is msgspec.UNSET:
            added += _added(key, value) if isinstance(value, str) else f',"{key}":{_json.encode(value).decode()}'
    return added


@lru_cache(maxsize=4096)
def _added(key: str, text: str) -> str:
    return f',"{key}":{_json.encode(text).decode()}'


def _batches(found: Found, feed: str) -> Read:
    """One batch, and before it a dead letter for each record whose time is none."""
    if not found.heads:
        return
    stamps = [head.timestamp or "" for head in found.heads]
    try:
        times = pa.array(stamps, pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        good = bool(((times >= 0) & (times < _LATEST)).all())
    except pa.ArrowInvalid:  # one of them is none, or spelt in another way that ISO 8601 has
        good = False
    if not good:
        micros = [_micros(stamp) for stamp in stamps]
        for place, time in enumerate(micros):
            if time is None:
                reason = f"timestamp is {stamps[place][:80]!r}; it would be as in 2026-01-05T08:00:00.000000+0000"
                yield _dead(found.lines[place], feed, found.offsets[place], reason)
        kept = [place for place, time in enumerate(micros) if time is not None]
        times = np.array([time for time in micros if time is not None], np.int64)
        found = Found(
            [found.offsets[place] for place in kept],
            [found.heads[place] for place in kept],
            [found.lines[place] for place in kept],
            found.texts.take(pa.array(kept, pa.int64())),
        )
    if found.heads:
        rows = [_row(head, line, feed) for head, line in zip(found.heads, found.lines, strict=True)]
        columns: dict[str, Any] = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        columns["attributes"] = pc.binary_join_element_wise(found.texts, pa.array(columns["attributes"], pa.string()), "}", "")
        yield batch("activity", feed, {"time": times, "offset": found.offsets, **columns})


def _micros(stamp: str) -> int | None:
    """Microseconds UTC of ISO 8601 with a zone, or in UTC where it has none; None where it is none."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    time = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    return time if 0 <= time < _LATEST else None
