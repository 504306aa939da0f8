"""JSON records of Zeek to batches of activity: whole blocks at once, and line by line where a block holds anything unusual.

Called by `sense.zeek_lines`. Pure. The record's own line becomes the attributes, so nothing of it is lost; only the few fields that a log
needs as columns are decoded.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from interferon.sense.pieces import JsonLines, ends_of
from interferon.sense.zeek_columns import Column, times
from interferon.sense.zeek_kinds import FIRST, FLAG, JSON, LOGS, NUMBER, WHOLE, Log, guessed, log_of
from interferon.sense.zeek_rows import (
    LARGEST,
    LATEST,
    Cells,
    Ints,
    Line,
    Opened,
    Read,
    Rows,
    dead,
    in_order,
    micros,
    to_batch,
    together,
)

PART: Final = 1 << 19  # bytes that are decoded at once: few enough for the processor's cache, and many for a part's own cost
_record = msgspec.json.Decoder(dict[str, Any])
_Count = Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)]


Decoded: TypeAlias = tuple[Log, Ints, Ints, Cells]  # a log, places in the block, times and columns


class Found(NamedTuple):
    """The records of one log in a block."""

    places: list[Ints]
    times: list[Ints]
    columns: list[Column]

    def add(self, records: list[Any], places: Ints) -> None:
        """Records of the next part. ArrowException or ValueError where a value does not fit."""
        width = len(records[0].__struct_fields__)
        flat = list(chain.from_iterable(map(msgspec.structs.astuple, records)))
        self.places.append(places)
        self.times.append(times(flat[::width]))
        for number, column in enumerate(self.columns, 1):
            column.add(flat[number::width])

    def joined(self, log: Log) -> Decoded:
        cells = {name: column.whole() for name, column in zip(log.fields, self.columns, strict=True)}
        return log, np.concatenate(self.places), np.concatenate(self.times), cells


def _annotation(name: str) -> Any:
    if name in JSON:
        return msgspec.Raw
    if name in FIRST:
        return list[str] | str | None
    return (_Count if name in WHOLE else float if name in NUMBER else bool if name in FLAG else str) | None


@lru_cache(maxsize=512)
def _struct(log: Log, tagged: bool) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = [("time", float | str | None, msgspec.field(name="ts", default=None))]
    for number, name in enumerate(log.fields):
        empty = msgspec.Raw() if name in JSON else None
        fields.append((f"f{number}", _annotation(name), msgspec.field(name=name, default=empty)))
    fields += [
        (f"own{number}", None, msgspec.field(name=key, default=None)) for number, key in enumerate(log.added) if key not in log.fields
    ]
    tag, tag_field = (log.path, "_path") if tagged else (None, None)
    return msgspec.defstruct(f"Zeek_{log.path}", fields, gc=False, tag=tag, tag_field=tag_field)


@cache
def _tagged() -> tuple[msgspec.json.Decoder[Any], dict[type, Log]]:
    """Decodes any listed log by its `_path`."""
    structs = {_struct(log, True): log for log in LOGS.values() if not log.timeless}
    union: Any = None
    for each in structs:
        union = each if union is None else union | each
    return msgspec.json.Decoder(union), structs


@lru_cache(maxsize=256)
def _plain(path: str) -> tuple[msgspec.json.Decoder[Any], dict[type, Log]]:
    struct = _struct(log_of(path), False)
    return msgspec.json.Decoder(struct), {struct: log_of(path)}


def fast(block: bytes, feed: str, first: int, told: str) -> pa.RecordBatch | None:
    """One batch of a block of whole lines (each ending with a newline), of any listed logs; None where a line is in any way unusual.

    `told`: the log's name where the records do not say it.
    """
    head = block[: block.find(b"\n")]
    if b'"_path"' not in head and not told:
        return None
    decoder, logs = _tagged() if b'"_path"' in head else _plain(told)
    ends = ends_of(block)
    found = None if ends is None else _decoded(block, decoder, logs)
    if ends is None or found is None or sum(len(places) for _, places, _, _ in found) != len(ends):
        return None
    lines = JsonLines(block, ends)
    batches = []
    for log, places, at, cells in found:
        if "id.orig_h" in cells and cells["id.orig_h"].null_count and (b'"id":' in block or b'"id_orig_h":' in block):
            return None
        own = lines if len(found) == 1 else Opened(lines.open().take(pa.array(places)))
        batches.append(to_batch(Rows(log, at, places + first, cells, own), feed))
    return in_order(batches, [places for _, places, _, _ in found])


def _decoded(block: bytes, decoder: msgspec.json.Decoder[Any], logs: dict[type, Log]) -> list[Decoded] | None:
    """The records of each log."""
    found: dict[type, Found] = {}
    count = 0
    for part in _parts(block):
        try:
            records = decoder.decode_lines(part)
            for kind, members, places in _by_type(records, count):
                if kind not in found:
                    found[kind] = Found([], [], [Column(name, name in logs[kind].names) for name in logs[kind].fields])
                found[kind].add(members, places)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, pa.ArrowException, ValueError, OverflowError):
            return None
        count += len(records)
    each = [of.joined(logs[kind]) for kind, of in found.items()]
    plausible = all(not log.timeless and ((at >= 0) & (at < LATEST)).all() for log, _, at, _ in each)
    return each if each and plausible else None


def _by_type(records: list[Any], first: int) -> Iterator[tuple[type, list[Any], Ints]]:
    """The records of each type with their places, the first record's being `first`."""
    distinct = set(map(type, records))
    if len(distinct) == 1:
        yield distinct.pop(), records, np.arange(first, first + len(records))
        return
    kinds = list(map(type, records))
    for kind in dict.fromkeys(kinds):
        places = [place for place, each in enumerate(kinds) if each is kind]
        yield kind, [records[place] for place in places], np.array(places, np.int64) + first


def _parts(block: bytes) -> Iterator[memoryview]:
    view, start = memoryview(block), 0
    while start < len(block):
        end = len(block) if start + PART >= len(block) else block.find(b"\n", start + PART) + 1
        yield view[start:end]
        start = end


def slow(lines: Sequence[bytes], feed: str, first: int, told: str) -> Read:
    """Line by line: a batch of all that can be read in the order of the lines, and a dead letter for each that cannot."""
    good: list[Line] = []
    for offset, line in enumerate(lines, first):
        if line.strip():
            found = _line(line.strip(), offset, told)
            if isinstance(found, Line):
                good.append(found)
            else:
                yield dead(line, feed, offset, found)
    if good:
        yield together(good, feed)


def _line(line: bytes, offset: int, told: str) -> Line | str:
    """The record, or why there is none."""
    try:
        text = line.decode()
        record = _record.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"is neither a JSON object nor a row below a #fields line: {error}"
    path = record.get("_path")
    path = path if isinstance(path, str) and path else told or guessed(record)
    record = flat(record)
    log = log_of(path)
    time = next((record[key] for key in ("ts", "_write_ts") if record.get(key) is not None), None)
    at = micros(time)
    if time is None and (log.timeless or "_path" in record):
        at = 0
    if at is None:
        return f"ts is {time!r}; a Zeek record has its time there, in seconds since 1970 or ISO 8601"
    return Line(offset, at, path, text[:-1].rstrip(), record)


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """With dotted names for what a shipper has nested (`id: {orig_h}`) or spelt with underscores (`id_orig_h`)."""
    found = dict(record)
    for key, value in record.items():
        if isinstance(value, dict):
            found.update({f"{key}.{name}": each for name, each in value.items() if f"{key}.{name}" not in record})
        elif key.startswith("id_"):
            found.setdefault(f"id.{key[3:]}", value)
    return found
