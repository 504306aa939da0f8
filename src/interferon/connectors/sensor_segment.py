"""Reads the files that a site sensor writes towards a data diode: `NAME-SEQUENCE.ifs`, signed and numbered without gaps.

A header line (JSON) and then Arrow IPC streams one after the other, whose feeds are `NAME/FEED`. `pack` writes what `normalise` reads. In
the `feeds` folder of a network folder a file must be signed by the key that the token of that name in `tokens.toml` holds; elsewhere the
signature only shows that the file is whole.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interferon.model.errors import InputError
from interferon.model.events import ACTIVITY_KINDS, FAMILIES, TRADE_KINDS
from interferon.model.records import DeadLetter
from interferon.sense import arrow_streams
from interferon.sense.batches import batch
from interferon.store import sensor_keys
from interferon.store.tokens import Token, Tokens

NAME: Final = "sensor"
SUFFIXES: Final = (".ifs",)
WHOLE: Final = True
FORMAT: Final = sensor_keys.LABEL
HEAD_BYTES: Final = 4096  # a header line is shorter
LARGEST: Final = 256 << 20  # bytes of one file
UNPACKED: Final = 1 << 30  # bytes of one file whose buffers are compressed, once they are not; a sensor compresses none
MOST: Final = 1 << 62  # times and offsets lie below
KINDS: Final = {"activity": ACTIVITY_KINDS, "trade": TRADE_KINDS}
_NUMBERED: Final = re.compile(r"(.+)-(\d{12,19})\.ifs")

Read = Iterator["pa.RecordBatch | DeadLetter"]


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line. `first` and `last` are the times of the earliest and latest event, 0 where there is none."""

    format: str
    sensor: str
    key: str  # public
    sequence: int
    at: int  # when it was written, microseconds UTC
    first: int
    last: int
    rows: int
    sha256: str  # of all that follows the line, hex
    signature: str = ""

    def text(self) -> bytes:
        """What is signed."""
        counted = (self.sequence, self.at, self.first, self.last, self.rows)
        return "\n".join((self.format, "file", self.sensor, self.key, *map(str, counted), self.sha256)).encode()


_decode = msgspec.json.Decoder(Head)


def file_name(sensor: str, sequence: int) -> str:
    """`line-4-000000000017.ifs`."""
    return f"{sensor}-{sequence:012d}.ifs"


class About(NamedTuple):
    """What the header tells of a file. Times in microseconds UTC; `first` and `last` are 0 of a heartbeat, which holds no event."""

    sequence: int
    at: int
    first: int
    last: int
    rows: int


def pack(key: Ed25519PrivateKey, sensor: str, about: About, body: bytes) -> bytes:
    """The bytes of a file: `body` is what `streams` gives. The same is always signed the same."""
    public, digest = sensor_keys.public_text(key), sensor_keys.sha256(body)
    head = Head(format=FORMAT, sensor=sensor, key=public, sha256=digest, **about._asdict())
    signed = msgspec.structs.replace(head, signature=sensor_keys.sign(key, head.text()))
    return msgspec.json.encode(signed) + b"\n" + body


def streams(batches: Sequence[pa.RecordBatch]) -> bytes:
    """Arrow IPC streams one after the other; a new one begins where the family changes, so that the order is kept."""
    sink = pa.BufferOutputStream()
    place = 0
    while place < len(batches):
        schema = batches[place].schema
        with pa.ipc.new_stream(sink, schema) as writer:
            while place < len(batches) and batches[place].schema.equals(schema, check_metadata=True):
                writer.write_batch(batches[place])
                place += 1
    return bytes(sink.getvalue().to_pybytes())


def read(path: Path, feed: str = "") -> Read:
    """The events of one file; a missing number before it, and whatever makes the file unusable, is a dead letter."""
    try:
        if path.stat().st_size > LARGEST:
            yield _dead(feed or path.stem, f"{path.name} has more than {LARGEST} bytes; a sensor writes smaller files", b"")
            return
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if reason := _gap(path):
        yield _dead(feed or path.stem, reason, b"")
    tokens = Tokens(path.absolute().parent.parent) if path.absolute().parent.name == "feeds" else None
    yield from _checked(data, feed or path.stem, tokens)


def sniff(head: bytes) -> bool:
    """Whether the first line is the header of such a file."""
    return head.startswith(b'{"format":"%s",' % FORMAT.encode())


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The events of the bytes of one file. They carry their own feeds and offsets; `feed` and `first` name dead letters alone."""
    yield from _checked(data, feed, None, first)


def _checked(data: bytes, feed: str, tokens: Tokens | None, first: int = 0) -> Read:
    line, _, body = data.partition(b"\n") if b"\n" in data[:HEAD_BYTES] else (data[:HEAD_BYTES], b"", b"")
    try:
        head = _decode.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield _dead(feed, f"not the file of a sensor: {error}", line, first)
        return
    token = tokens.named(head.sensor, datetime.now(UTC)) if tokens else None
    reason = _unsigned(head, body) or (_unknown(head, token) if tokens else "")
    try:
        batches = [] if reason else list(_batches(body))
    except arrow_streams.BROKEN as error:
        reason = f"its body is no Arrow IPC stream: {error}"
    if reason:
        yield _dead(feed, reason, line, first)
        return
    for each in batches:
        wrong = _wrong(each, head.sensor, token)
        yield _dead(feed, wrong, line, first) if wrong else _bounded(each, token.trust if token else 1.0)


def _unsigned(head: Head, body: bytes) -> str:
    """Why the file is not what its sensor wrote, '' where it is."""
    if head.format != FORMAT:
        return f"its format is {head.format[:80]!r}; this program reads {FORMAT}"
    if sensor_keys.sha256(body) != head.sha256:
        return f"file {head.sequence} of sensor {head.sensor} is cut off or was changed: its SHA-256 is not that of the header"
    try:
        good = sensor_keys.verified(sensor_keys.public_key(head.key), head.text(), head.signature)
    except InputError as error:
        return str(error)
    return "" if good else f"file {head.sequence} of sensor {head.sensor}: the signature is not that of its key"


def _unknown(head: Head, token: Token | None) -> str:
    if token is None or not token.key:
        return f"sensor {head.sensor} is not known here; say: interferon token add DIR {head.sensor} --feed '{head.sensor}/*' --key KEY"
    return "" if token.key == head.key else f"file {head.sequence} is signed by another key than the token {token.name} holds"


def _batches(body: bytes) -> Iterator[pa.RecordBatch]:
    if (size := arrow_streams.unpacked(body)) > UNPACKED:
        raise pa.ArrowInvalid(f"{size} bytes once unpacked; at most {UNPACKED} are taken")
    yield from arrow_streams.batches(body)


def _wrong(found: pa.RecordBatch, sensor: str, token: Token | None) -> str:
    """Why a batch is none of the sensor's, '' where it is. A signature tells who wrote it, not that it is right."""
    family = (found.schema.metadata or {}).get(b"family", b"").decode(errors="replace")
    if family not in FAMILIES or not found.schema.equals(FAMILIES[family]):
        return f"the columns are {', '.join(found.schema.names)[:300]}; a batch has those of one family in docs/events.md, in that order"
    if empty := [field.name for field in found.schema if not field.nullable and found.column(field.name).null_count]:
        return f"the column {empty[0]} holds nulls; every event has one"
    feeds = _values(found.column("feed"))
    if strange := [each for each in feeds if not each.startswith(f"{sensor}/") or (token and not token.covers(each))]:
        return f"the feed {min(strange)!r} is none that sensor {sensor} may write"
    if token and family not in token.families:
        return f"the token {token.name} may not send {family}; it may send {', '.join(token.families)}"
    if family in KINDS and (unknown := _values(found.column("kind")) - KINDS[family].keys()):
        return f"the column kind holds {min(unknown)!r}; kinds of {family} are {', '.join(KINDS[family])}"
    spans = {name: found.column(name).to_numpy() for name in ("time", "seen", "offset") if found.num_rows}
    outside = [name for name, values in spans.items() if values.min() < 0 or values.max() >= MOST]
    return f"the column {outside[0]} holds a value below 0 or above 2^62" if outside else ""


def _values(column: pa.DictionaryArray) -> set[str]:
    """The values that rows use."""
    words = column.dictionary.to_pylist()
    return {words[int(code)] for code in np.unique(column.indices.drop_null().to_numpy())}


def _bounded(found: pa.RecordBatch, most: float) -> pa.RecordBatch:
    """No event is trusted more than its sensor's token."""
    given = found.column("trust").to_numpy()
    if not found.num_rows or (given.max() <= most and given.min() >= 0):
        return found
    kept = pa.array(np.clip(np.nan_to_num(given), 0, np.float32(most)), pa.float32())
    return found.set_column(found.schema.get_field_index("trust"), found.schema.field("trust"), kept)


def _gap(path: Path) -> str:
    """The numbers missing right before this file, told by its neighbours; '' before the first one that is here."""
    own = _NUMBERED.fullmatch(path.name)
    if own is None:
        return ""
    others = [found for each in path.parent.glob("*.ifs") if (found := _NUMBERED.fullmatch(each.name)) and found[1] == own[1]]
    before = max((int(found[2]) for found in others if int(found[2]) < int(own[2])), default=None)
    if before is None or before == int(own[2]) - 1:
        return ""
    return f"files {before + 1} to {int(own[2]) - 1} of sensor {own[1]} are missing: they were lost on the way, or come too late to count"


def _dead(feed: str, reason: str, raw: bytes, offset: int = 0) -> DeadLetter:
    text = raw.decode(errors="replace")[:2000]
    return DeadLetter(feed=feed, offset=offset, time=0, family="", entity="", reason=reason, raw=text)


def _example() -> bytes:
    columns = {"time": [1_767_600_000_000_000], "offset": [0], "entity": ["asset:plc-1"], "signal": ["level"], "value": [1.25]}
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # of nobody
    about = About(17, 1_767_600_001_000_000, 1_767_600_000_000_000, 1_767_600_000_000_000, 1)
    return pack(key, "line-4", about, streams([batch("telemetry", "line-4/historian", columns)]))


EXAMPLE: Final = _example()
