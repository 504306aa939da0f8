"""Reads events of all three families from NDJSON: one JSON object a line, with the column names of `model/events.py` and `family`.

Called by replay and `up`. Times are ISO 8601 with zone or integer microseconds. A line that is no such event is a dead letter.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from interferon.model.errors import InputError
from interferon.model.events import FAMILIES
from interferon.model.records import DeadLetter

NAME: Final = "ndjson"
SUFFIXES: Final = (".ndjson", ".jsonl")
EXAMPLE: Final = (
    b'{"family":"telemetry","time":"2026-01-05T08:00:00Z","entity":"asset:plc-1","signal":"level","value":1.25}\n'
    b'{"family":"activity","time":1767600000000000,"entity":"asset:hmi-1","kind":"auth.login","actor":"identity:op-1","outcome":"success"}\n'
)
ROWS: Final = 8192
_decode = msgspec.json.Decoder(dict[str, Any])

Read = Iterator["pa.RecordBatch | DeadLetter"]


def read(path: Path, feed: str = "") -> Read:
    """Batches of one family each, in the order of the lines, and the lines that could not be used."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    with source:
        yield from normalise(source, feed or path.stem)


def sniff(head: bytes) -> bool:
    """Whether the first line is a JSON object with a `family` of ours."""
    first = head.lstrip().split(b"\n", 1)[0]
    try:
        return _decode.decode(first).get("family") in FAMILIES
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
        return False


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`. A new batch begins where the family changes: the order is kept."""
    family = ""
    rows: list[dict[str, Any]] = []
    for offset, line in enumerate(lines, first):
        if not line.strip():
            continue
        found = _event(line, feed, offset)
        if isinstance(found, DeadLetter):
            yield found
            continue
        if found[0] != family or len(rows) >= ROWS:
            if rows:
                yield _batch(family, rows)
            family, rows = found[0], []
        rows.append(found[1])
    if rows:
        yield _batch(family, rows)


def _batch(family: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=FAMILIES[family])


def _event(line: bytes, feed: str, offset: int) -> tuple[str, dict[str, Any]] | DeadLetter:
    try:
        row = _decode.decode(line)
        family = row.pop("family", "")
        if family not in FAMILIES:
            raise ValueError(f"family is {family!r}; it would be one of {', '.join(FAMILIES)}")
        return family, _typed(family, row, feed, offset)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = f"line {offset + 1} is no JSON object: {error}"
    except RecursionError:
        reason = f"line {offset + 1} nests too deeply"
    except (ValueError, TypeError, OverflowError) as error:
        reason = f"line {offset + 1}: {error}"
    return DeadLetter(
        feed=feed, offset=offset, time=0, family="", entity="", reason=reason, raw=line.decode(errors="replace").strip()[:2000]
    )


def _typed(family: str, row: dict[str, Any], feed: str, offset: int) -> dict[str, Any]:
    """Defaults filled in and every value of its column's type, or ValueError naming the column."""
    schema = FAMILIES[family]
    unknown = set(row) - set(schema.names)
    if unknown:
        raise ValueError(f"unknown field {min(unknown)!r} for {family}; the fields are {', '.join(schema.names)}")
    found: dict[str, Any] = {"feed": feed, "offset": offset, "trust": 1.0, **row}
    found["time"] = _micros(found.get("time"), "time")
    found["seen"] = _micros(found.get("seen", found["time"]), "seen")
    if found.get("promised") is not None:
        found["promised"] = _micros(found["promised"], "promised")
    if family == "telemetry":
        found.setdefault("quality", 0)
    if isinstance(found.get("attributes"), dict):
        found["attributes"] = msgspec.json.encode(found["attributes"]).decode()
    for field in schema:
        value = found.get(field.name)
        if value is None and not field.nullable:
            raise ValueError(f"field {field.name!r} is missing")
        if value is not None:
            found[field.name] = _cell(field, value)
    return found


def _cell(field: pa.Field, value: Any) -> Any:
    if pa.types.is_floating(field.type):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"field {field.name!r} is {value!r}, not a number")
        return float(value)
    if pa.types.is_integer(field.type):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"field {field.name!r} is {value!r}, not a whole number")
        if not 0 <= value < (256 if field.name == "quality" else 1 << 62):
            raise ValueError(f"field {field.name!r} is {value}, out of range")
        return value
    if pa.types.is_fixed_size_binary(field.type):
        return bytes.fromhex(value)
    if not isinstance(value, str):
        raise ValueError(f"field {field.name!r} is {value!r}, not text")
    return value


def _micros(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"field {name!r} is {value!r}; a time needs its zone, as in 2026-01-05T08:00:00Z")
        return round(moment.astimezone(UTC).timestamp() * 1_000_000)
    raise ValueError(f"field {name!r} is {value!r}, not a time" if value is not None else f"field {name!r} is missing")
