"""From what a capture told to activity events: conversations, control commands and responses, messages; dead letters of what is no message.

Called by the connectors of capture files and of live interfaces. Built from arrays: most captures are short, and rows are many.
"""

import gc
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from operator import add
from struct import Struct
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from interferon.dissect.conversations import FLOW, SHIPPED, Reading, readings
from interferon.dissect.message import Dissector, Plain
from interferon.dissect.window import Problem
from interferon.model.events import ACTIVITY
from interferon.model.records import DeadLetter

ROWS: Final = 65_536
TOGETHER: Final = 512  # rows whose attributes are encoded at once: few enough that their text stays in the processor's caches
KINDS: Final = ("ot.command", "ot.response", "network.message", "network.flow")
KIND: Final = {"command": 0, "response": 1, "message": 2, FLOW: 3}  # of a row's role, as a place in KINDS
OUTCOME: Final = {"success": 0, "failure": 1, "": 0}  # a row without one is null
WIDTH: Final = 10  # of a row
CARRIER: Final = "enip"  # protocol whose messages carry others
CARRIED: Final = "cip"  # their field, whose value is cached as a whole by the dissector
SECRET: Final = b'"password":"'
MASK: Final = "***"
HOLE: Final = b"\0"  # stands for a carried message while the others are encoded; no byte of JSON
NEXT: Final = b"\n{"  # JSON has no line break of its own: this stands between two objects
_HOLE: Final = msgspec.Raw(HOLE)

Read: TypeAlias = Iterator[pa.RecordBatch | DeadLetter]

_KINDS: Final = pa.array(KINDS, pa.string())
_OUTCOMES: Final = pa.array(["success", "failure"], pa.string())
_TEXT, _LONG = pa.string(), pa.int64()
_PLACE: Final = pa.dictionary(pa.int32(), _TEXT)
_build, _named, _placed = pa.Array.from_buffers, pa.DictionaryArray.from_arrays, pa.DictionaryArray.from_buffers
_SAME: Final = (  # what is the same in every row: places in a dictionary, trust, and columns without values
    pa.array(np.zeros(ROWS, np.int32)),
    pa.array(np.ones(ROWS, np.float32)),
    *(pa.nulls(ROWS, kind) for kind in (pa.binary(16), ACTIVITY.field("actor").type, pa.string())),
)
_encoder: Final = msgspec.json.Encoder()
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines
_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")

_places: Final = Struct("=5i").pack

Key: TypeAlias = tuple[int, bool, str, str, str]  # flow, way, protocol, role, outcome: rows that have them in common are alike


def events(chunks: Iterable[bytes], feed: str, first: int, dissectors: Sequence[Dissector] = SHIPPED) -> Read:
    """Activity of a capture whose bytes come in chunks, in the order of its packets; the first event has the offset `first`.

    No garbage is looked for while a window is read: its rows are many, and none of them is part of a cycle.
    """
    words, given = _texts([feed]), readings(chunks, dissectors)
    while True:
        collects = gc.isenabled()
        gc.disable()
        try:
            found, first = _window(given, words, feed, first)
        finally:
            if collects:
                gc.enable()
        if found is None:
            return
        yield from found


def _window(given: Iterator[Reading], words: pa.Array, feed: str, first: int) -> tuple[list[pa.RecordBatch | DeadLetter] | None, int]:
    """What the next window told, and the offset behind its rows; None behind the last window. Its rows are gone when this returns."""
    reading = next(given, None)
    if reading is None:
        return None, first
    found: list[pa.RecordBatch | DeadLetter] = []
    for begin in range(0, len(reading.rows), ROWS):
        part = reading.rows[begin : begin + ROWS]
        found.append(_batch(part, reading, words, first))
        first += len(part)
    if reading.unread:
        found += [_unread(row, reading, feed, first) for row in reading.unread]
    if reading.problems:
        found += [_broken(problem, feed, first) for problem in reading.problems]
    return found, first


def _broken(problem: Problem, feed: str, offset: int) -> DeadLetter:
    reason = f"packet {problem.packet + 1}, {problem.protocol}: {problem.reason}"
    return DeadLetter(feed=feed, offset=offset, time=0, family="", entity="", reason=reason, raw=problem.sample.hex())


def _unread(row: Plain, reading: Reading, feed: str, offset: int) -> DeadLetter:
    packet, number, to_server, protocol, told = row[0], row[1], row[2], row[3], row[9]
    flow = reading.flows[number]
    sender = reading.addresses.text((flow.client if to_server else flow.server) >> 16)
    reason = f"packet {packet + 1}, {protocol}: {told.get('problem', '')}"
    time = int(reading.times[packet - reading.first])
    raw = str(told.get("sample", ""))
    return DeadLetter(feed=feed, offset=offset, time=time, family="activity", entity=f"address:{sender}", reason=reason, raw=raw)


def _batch(rows: list[Plain], reading: Reading, words: pa.Array, first: int) -> pa.RecordBatch:
    """One batch, cut from few buffers: most captures are short, and what is the same for every batch is there already."""
    flat: list[Any] = list(chain.from_iterable(rows))
    packets, flows, ways, protocols, roles, codes, objects, outcomes, sizes, fields = (flat[at::WIDTH] for at in range(WIDTH))
    count = len(rows)
    groups = _Groups()
    alike = list(map(groups.__getitem__, zip(flows, ways, protocols, roles, outcomes, strict=True)))
    names, packed, heads = _alike(groups, reading)
    places = array("i", b"".join(map(packed.__getitem__, alike)))
    buffer = pa.py_buffer(places[0::5] + places[1::5] + places[2::5] + places[3::5] + places[4::5])
    longs = _build(_LONG, 3 * count, [None, pa.py_buffer(_numbers(packets, sizes, reading, first))])
    times = longs.slice(0, count)
    addresses, entities = _words(tuple(names))
    zeros, trust, no_raw, no_name, no_text = _same(count)
    arrays = [
        times,
        times,
        _named(zeros, words, safe=False),
        longs.slice(count, count),
        _placed(_PLACE, count, [None, buffer], entities, offset=count),
        trust,
        no_raw,
        _placed(_PLACE, count, [None, buffer], _KINDS, offset=2 * count),
        _placed(_PLACE, count, [None, buffer], addresses, offset=3 * count),
        _placed(_PLACE, count, [None, buffer], addresses, offset=4 * count),
        no_name,
        _texts(objects),
        _texts(codes) if any(codes) else no_text,
        _placed(_PLACE, count, [None if all(outcomes) else _bits(bytes(map(bool, outcomes))), buffer], _OUTCOMES),
        longs.slice(2 * count, count),
        _attributes(list(map(heads.__getitem__, alike)), fields, CARRIER in protocols),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=ACTIVITY)


def _numbers(packets: Sequence[int], sizes: Sequence[int], reading: Reading, first: int) -> Any:
    """The time of each packet, µs, then the offsets of the rows, then their sizes: one behind the other."""
    times, before, behind = reading.times, reading.first, first + len(packets)
    if isinstance(times, list):
        found = array("q", [times[packet - before] for packet in packets] if before else map(times.__getitem__, packets))
        found.extend(range(first, behind))
        found.extend(sizes)
        return found
    return np.concatenate([times[np.array(packets) - before], np.arange(first, behind), sizes], dtype=np.int64)


def _texts(values: Sequence[str]) -> pa.StringArray:
    """Text, null where it is empty; `pa.array` looks at every value and at the environment first."""
    text = "".join(values)
    lengths = map(len, values) if text.isascii() else (len(each.encode()) for each in values)
    offsets = array("i", accumulate(lengths, initial=0))
    given = None if all(values) else _bits(bytes(map(bool, values)))
    return _build(_TEXT, len(values), [given, pa.py_buffer(offsets), pa.py_buffer(text.encode())])


def _bits(given: bytes) -> pa.Buffer:
    """The validity bits of values, of a byte each, which is 0 or 1: read as one binary number, which numpy's way costs more than."""
    return pa.py_buffer(int(given.translate(_DIGITS)[::-1], 2).to_bytes((len(given) + 7) >> 3, "little"))


class _Groups(dict[Key, int]):
    """Numbers of the groups of rows that are alike, in the order in which they were first seen."""

    def __missing__(self, key: Key) -> int:
        self[key] = number = len(self)
        return number


def _alike(keys: Iterable[Key], reading: Reading) -> tuple[list[str], list[bytes], list[bytes]]:
    """The addresses that are named; of each group the places of outcome, entity, kind, source, target, and the attributes' beginning."""
    names, ends = _ends({key[0] for key in keys}, reading)
    packed, heads = [], []
    for number, to_server, protocol, role, outcome in keys:
        kind, pair = KIND[role], ends[number]
        packed.append(_places(OUTCOME[outcome], pair[kind < 2], kind, pair[not to_server], pair[to_server]))
        heads.append(b"{" if role == FLOW else _head(reading, number, to_server, protocol))
    return names, packed, heads


def _ends(flows: set[int], reading: Reading) -> tuple[list[str], dict[int, tuple[int, int]]]:
    """The addresses that are named, and for each conversation where its client and its server stand among them."""
    places: dict[str, int] = {}
    text, ends = reading.addresses.text, {}
    for number in sorted(flows):
        flow = reading.flows[number]
        client = places.setdefault(text(flow.client >> 16), len(places))
        ends[number] = (client, places.setdefault(text(flow.server >> 16), len(places)))
    return list(places), ends


@lru_cache(256)
def _same(count: int) -> tuple[pa.Array, ...]:
    return tuple(each.slice(0, count) for each in _SAME)


@lru_cache(256)
def _words(names: tuple[str, ...]) -> tuple[pa.StringArray, pa.StringArray]:
    """Addresses as text and as references; the captures of one network name the same ones again and again."""
    return _texts(names), _texts([f"address:{name}" for name in names])


def _attributes(heads: Sequence[bytes], fields: Sequence[dict[str, Any]], carrying: bool) -> pa.StringArray:
    """One JSON object a row: what is alike, which is encoded already, and what the message tells. Many at once, without a step for each."""
    carried = _carried(fields) if carrying else []
    if not all(fields):
        heads = [head if told else head.rstrip(b",") for head, told in zip(heads, fields, strict=True)]
    if any(carried):
        halves = list(chain.from_iterable(_halves(fields[at : at + TOGETHER], carried[at : at + TOGETHER]) for at in _parts(fields)))
        pieces = list(chain.from_iterable(zip(heads, halves[0::2], carried, halves[1::2], strict=True)))
        sizes: Iterable[int] = np.fromiter(map(len, pieces), np.int64, len(pieces)).reshape(-1, 4).sum(1).tolist()
    else:
        bodies = list(chain.from_iterable(_encoded(fields[at : at + TOGETHER])[1:-1].split(NEXT) for at in _parts(fields)))
        pieces = list(map(add, heads, bodies))
        sizes = map(len, pieces)
    offsets = array("i", accumulate(sizes, initial=0))
    return _build(_TEXT, len(fields), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(pieces))])


def _parts(fields: Sequence[dict[str, Any]]) -> range:
    return range(0, len(fields), TOGETHER)


def _encoded(fields: Sequence[dict[str, Any]]) -> bytes:
    """A line of JSON for each, without passwords."""
    text = _encode_lines(fields)
    return _encode_lines([_masked(each) for each in fields]) if SECRET in text else text


def _halves(fields: Sequence[dict[str, Any]], carried: Sequence[bytes]) -> list[bytes]:
    """Of each row what stands before the message that it carries and what stands behind; of a row that carries none, all and nothing."""
    text = _encoded(fields)[1:-1]
    if all(carried):
        return text.replace(NEXT, HOLE).split(HOLE)
    rows = [body if own else body + HOLE for body, own in zip(text.split(NEXT), carried, strict=True)]
    return HOLE.join(rows).split(HOLE)


def _carried(fields: Sequence[dict[str, Any]]) -> list[bytes]:
    """By row, the message that it carries; nothing where it carries none. They are long, cached and told again and again: each is encoded
    once. A hole takes their place in the fields, so that their text is looked at no more.
    """
    messages = [told.get(CARRIED) for told in fields]
    distinct = {id(message): message for message in messages}
    texts = {key: b"" if message is None else _encode(message) for key, message in distinct.items()}
    for told in fields if None not in messages else [told for told in fields if CARRIED in told]:
        told[CARRIED] = _HOLE
    return list(map(texts.__getitem__, map(id, messages)))


def _masked(told: dict[str, Any]) -> Any:
    text = _encode(told)
    return _hidden(msgspec.json.decode(text)) if SECRET in text else msgspec.Raw(text)


def _hidden(told: Any) -> Any:
    """Passwords are not told: events are stored and shown."""
    if isinstance(told, dict):
        return {key: MASK if key == "password" and isinstance(value, str) else _hidden(value) for key, value in told.items()}
    return [_hidden(each) for each in told] if isinstance(told, list) else told


def _head(reading: Reading, number: int, to_server: bool, protocol: str) -> bytes:
    """The beginning of the object, up to its last comma."""
    flow = reading.flows[number]
    near, far = (flow.client, flow.server) if to_server else (flow.server, flow.client)
    return f'{{"protocol":"{protocol}","source_port":{near & 0xFFFF},"target_port":{far & 0xFFFF},'.encode()
