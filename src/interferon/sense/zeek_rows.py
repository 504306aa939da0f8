"""From columns of Zeek's fields to one Arrow batch of activity: the one place where records of TSV and of JSON become events.

Called by `sense.zeek_json` and `sense.zeek_tsv`. Works on columns; what a rule says is asked once for each distinct value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, reduce
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interferon.model.events import ACTIVITY
from interferon.model.records import DeadLetter
from interferon.sense.batches import batch
from interferon.sense.pieces import JsonLines
from interferon.sense.zeek_kinds import FIRST, FLAG, JSON, NUMBER, OBSERVERS, WHOLE, Log, answer, log_of

Cells: TypeAlias = "dict[str, pa.Array]"
Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

Read: TypeAlias = "Iterator[pa.RecordBatch | DeadLetter]"

SHOWN: Final = 2000  # characters of a line in a dead letter
LARGEST: Final = 1 << 58  # of a count; what is larger cannot be added up
LATEST: Final = 253_402_300_800_000_000  # the year 10,000 in microseconds
MILLIS: Final = 1e11  # an epoch beyond this is in milliseconds: in seconds it would be the year 5138
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = pa.string()
_json = msgspec.json.Encoder()


class Opened(NamedTuple):
    """JSON objects without their closing braces."""

    array: pa.Array

    def open(self) -> pa.Array:
        return self.array

    def closed(self, closing: str) -> pa.Array:
        return pc.binary_join_element_wise(self.array, closing, "")


@dataclass(frozen=True)
class Rows:
    """Records of one log. All columns have the same length; those of text may be dictionaries."""

    log: Log
    time: Ints  # microseconds UTC
    offset: Ints
    cells: Cells
    texts: JsonLines | Opened  # each as a JSON object
    own: Mapping[str, Sequence[bool]] = field(default_factory=dict)  # keys that we add and that some records have of their own


class Line(NamedTuple):
    """One record that was decoded on its own."""

    offset: int
    time: int
    path: str
    text: str  # the line without its closing brace
    record: dict[str, Any]


def dead(line: bytes, feed: str, offset: int, reason: str, time: int = 0) -> DeadLetter:
    raw = line[: 4 * SHOWN].decode(errors="replace").strip()[:SHOWN]
    return DeadLetter(feed=feed, offset=offset, time=time, family="activity", entity="", reason=f"line {offset + 1}: {reason}", raw=raw)


def together(lines: Sequence[Line], feed: str) -> pa.RecordBatch:
    """One batch of records of any logs, in the order of the lines."""
    by_path: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        by_path.setdefault(line.path, []).append(number)
    batches = [to_batch(_rows(path, [lines[number] for number in numbers]), feed) for path, numbers in by_path.items()]
    return in_order(batches, list(by_path.values()))


def in_order(batches: Sequence[pa.RecordBatch], places: Sequence[Any]) -> pa.RecordBatch:
    """One batch of several, the rows of each at its places."""
    if len(batches) == 1:
        return batches[0]
    order = np.argsort(np.concatenate(places), kind="stable")
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.to_batches()[0].take(pa.array(order))


def _rows(path: str, lines: Sequence[Line]) -> Rows:
    log = log_of(path)
    cells = {name: pa.array([cell(name, line.record.get(name)) for line in lines], column_type(name)) for name in log.fields}
    has = {key: [key in line.record for line in lines] for key in log.added}
    return Rows(
        log=log,
        time=np.array([line.time for line in lines], np.int64),
        offset=np.array([line.offset for line in lines], np.int64),
        cells=cells,
        texts=Opened(pa.array([line.text for line in lines], pa.string())),
        own={key: own for key, own in has.items() if any(own)},
    )


def column_type(name: str) -> pa.DataType:
    """The Arrow type in which a field is read."""
    return pa.int64() if name in WHOLE else pa.float64() if name in NUMBER else pa.bool_() if name in FLAG else _TEXT


def cell(name: str, value: Any) -> Any:
    """A field's value as its column takes it; None where it is of another type. It stands in the attributes anyway."""
    if value is None:
        return None
    if name in JSON:
        return _json.encode(value).decode()
    if isinstance(value, list) and (name in FIRST or name not in WHOLE | NUMBER | FLAG):
        value = value[0] if value else None
    if name in FLAG:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return "true" if value else "false" if column_type(name) == _TEXT else None
    if name in WHOLE:
        return value if isinstance(value, int) and 0 <= value < LARGEST else None
    if name in NUMBER:
        return float(value) if isinstance(value, int | float) and abs(value) < LARGEST else None
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


def micros(value: Any) -> int | None:
    """Zeek's three spellings of a time, as microseconds UTC: seconds (1521911720.865716), milliseconds, ISO 8601; None where it is none."""
    if isinstance(value, str):
        return _iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return within(round(value * (1e3 if value > MILLIS else 1e6))) if abs(value) < LATEST else None


def within(time: int) -> int | None:
    """The same, or None before 1970 and after the year 9999."""
    return time if 0 <= time < LATEST else None


def _iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return within((moment - _EPOCH) // timedelta(microseconds=1))


def to_batch(rows: Rows, feed: str) -> pa.RecordBatch:
    """One batch of activity."""
    log, count, cells = rows.log, len(rows.time), rows.cells
    outcome = _outcome(log, cells, count)
    source, target = _first(log.source, cells, count), _first(log.target, cells, count)
    actor = _actor(log, cells, count)
    entity = _entity(log, cells, feed, source, target, count)
    kind: pa.Array = constant(log.kind, count)
    if log.kind == "auth.login":
        kind = pc.if_else(outcome.is_valid(), "auth.login", "network.message")
        entity = pc.if_else(pc.and_(outcome.is_valid(), actor.is_valid()), _text(actor), _text(entity))
    elif log.answers:
        answers = _answers(log, cells, count)
        kind = pc.if_else(answers, "ot.response", log.kind)
        source, target = _text(source), _text(target)
        source, target = pc.if_else(answers, target, source), pc.if_else(answers, source, target)
    elif log.kind == "ot.response":
        source, target = target, source
    columns = {
        "time": rows.time,
        "offset": rows.offset,
        "entity": entity,
        "kind": kind,
        "source": source,
        "target": target,
        "actor": actor,
        "object": _object(log, cells, count),
        "code": _or(_filled(_text(_first(log.code, cells, count))), log.says),
        "outcome": outcome,
        "bytes": _sum(log.bytes, cells, count),
        "attributes": _attributes(rows),
    }
    return batch("activity", feed, {name: _encoded(name, column) for name, column in columns.items()})


def constant(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text], _TEXT))


def _encoded(name: str, column: Any) -> Any:
    """A text column that the schema wants as a dictionary."""
    wanted = ACTIVITY.field(name).type
    if pa.types.is_dictionary(wanted) and isinstance(column, pa.Array) and not pa.types.is_dictionary(column.type):
        return column.dictionary_encode()
    return column


def _first(names: Iterable[str], cells: Cells, count: int) -> pa.Array:
    """The first of these fields that a record has."""
    found = [cells[name] for name in names if name in cells]
    if len({each.type for each in found}) > 1:
        found = [_text(each) for each in found]
    told = [each for each in found if each.null_count < count] or found[:1]
    if len(told) > 1 and told[0].null_count:
        return pc.coalesce(*(_text(each) if _is_text(each) else each for each in told))
    return told[0] if told else pa.nulls(count, _TEXT)


def _is_text(column: pa.Array) -> bool:
    return bool(column.type == _TEXT or pa.types.is_dictionary(column.type))


def _text(column: pa.Array) -> pa.Array:
    return column if column.type == _TEXT else column.cast(_TEXT)


def _filled(column: pa.Array) -> pa.Array:
    """Empty text counts as not told."""
    empty = pc.equal(column, "")
    return pc.if_else(empty, pa.scalar(None, _TEXT), column) if pc.any(empty).as_py() else column


def _or(column: pa.Array, otherwise: str) -> pa.Array:
    return _text(column).fill_null(otherwise) if otherwise and column.null_count else column


def _by_value(column: pa.Array, rule: Callable[[Any], str | None]) -> pa.DictionaryArray:
    """`rule` of each value, asked once for each distinct one."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    found = [rule(value) for value in coded.dictionary.to_pylist()]
    words = {word: number for number, word in enumerate(dict.fromkeys(word for word in found if word is not None))}
    numbers = pa.array([None if word is None else words[word] for word in found], pa.int32())
    return pa.DictionaryArray.from_arrays(numbers.take(coded.indices), pa.array(list(words), _TEXT))


def _outcome(log: Log, cells: Cells, count: int) -> pa.Array:
    told = [_by_value(cells[name], rule) for name, rule in log.outcome if name in cells]
    return pa.nulls(count, _TEXT) if not told else told[0] if len(told) == 1 else pc.coalesce(*map(_text, told))


def _answers(log: Log, cells: Cells, count: int) -> pa.Array:
    if "fc_request" not in log.code:
        told = _by_value(_text(_first(log.answers, cells, count)), lambda value: "answer" if answer(value) else None)
        return told.is_valid()
    return pc.and_(cells["fc_request"].is_null(), cells["fc_reply"].is_valid())


def _actor(log: Log, cells: Cells, count: int) -> pa.Array:
    if not log.actor:
        return pa.nulls(count, _TEXT)
    told = _first(log.actor, cells, count)
    return _by_value(told if _is_text(told) else _text(told), _identity)


def _identity(name: str | None) -> str | None:
    """`op1/PLANT.LOCAL`, a Kerberos principal, is op1; `<unknown>` of FTP is nobody."""
    person = (name or "").partition("/")[0].strip().strip("<>")
    return f"identity:{person}" if person and person not in ("unknown", "-") else None


def _entity(log: Log, cells: Cells, feed: str, source: pa.Array, target: pa.Array, count: int) -> pa.Array:
    """Whose behaviour it is: the source, of an industrial protocol the target; else who saw it; else the feed."""
    own = _first(log.entity, cells, count) if log.entity else target if log.kind.startswith("ot.") else source
    addresses = [own, *(() if log.addressed else (cells[name] for name in OBSERVERS if name in cells)), source, target]
    found = pc.coalesce(*(_filled(_text(each)) for each in addresses)) if own.null_count else own
    return _or(_by_value(found, lambda value: f"address:{value}"), f"feed:{feed}")


def _object(log: Log, cells: Cells, count: int) -> pa.Array:
    if log.joint is None:
        return _or(_filled(_text(_first(log.object, cells, count))), log.about)
    parts = [_text(cells[name]) for name in log.object if name in cells]
    parts = [part for part in parts if part.null_count < count]
    if not parts:
        return pa.nulls(count, _TEXT)
    if all(part.null_count for part in parts):  # Arrow's join leaves out a row that has none of them: it is given an empty part
        told = reduce(pc.or_, [part.is_valid() for part in parts])
        parts[0] = pc.if_else(told, parts[0], "")
    return _filled(pc.binary_join_element_wise(*parts, log.joint, null_handling="skip"))


def _sum(names: Sequence[str], cells: Cells, count: int) -> pa.Array:
    """The sum of those that are told; null where none is."""
    found = [cells[name] for name in names if name in cells]
    if not found:
        return pa.nulls(count, pa.int64())
    if len(found) == 1:
        return found[0]
    told = found[0].is_valid()
    for each in found[1:]:
        told = pc.or_(told, each.is_valid())
    total = found[0].fill_null(0)
    for each in found[1:]:
        total = pc.add(total, each.fill_null(0))
    return total if pc.all(told).as_py() else pc.if_else(told, total, pa.scalar(None, total.type))


def _attributes(rows: Rows) -> pa.Array:
    """The record's own JSON object with the keys of docs/events.md behind its own."""
    count = len(rows.time)
    fixed = [(key, _constant(key, value)) for key, value in rows.log.constants]
    plain = "".join(text for key, text in fixed if key not in rows.own)
    held = [_unless(pa.array([text] * count, _TEXT), rows.own[key]) for key, text in fixed if key in rows.own]
    for key, names in rows.log.extras:
        told = _extra(key, names, rows.cells, count)
        if told is not None:
            held.append(_unless(told, rows.own[key]) if key in rows.own else told)
    return pc.binary_join_element_wise(rows.texts.open(), plain, *held, "}", "") if held else rows.texts.closed(plain + "}")


def _unless(texts: pa.Array, own: Sequence[bool]) -> pa.Array:
    return pc.if_else(pa.array(own, pa.bool_()), "", texts)


@lru_cache(maxsize=4096)
def _constant(key: str, value: str) -> str:
    return f',"{key}":{_json.encode(value).decode()}'


def _extra(key: str, names: Sequence[str], cells: Cells, count: int) -> pa.Array | None:
    """`,"key":value` of each record, '' where it tells none; None where none of them does."""
    found = _sum(names, cells, count) if names[0] in WHOLE and len(names) > 1 else _first(names, cells, count)
    if found.null_count == count:
        return None
    if _is_text(found) and names[0] not in JSON:
        found = _by_value(found, lambda value: _json.encode(value).decode())
    return pc.binary_join_element_wise(f',"{key}":', _text(found), "").fill_null("")
