"""From what a capture told to activity events: conversations, control commands and responses, messages; dead letters of what is no message.

Called by the connectors of capture files and of live interfaces. Built from arrays: most captures are short, and rows are many.
"""

import gc
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.dissect.capture import Problem
from interferon.dissect.conversations import FLOW, SHIPPED, Reading, readings
from interferon.dissect.message import Dissector, Plain
from interferon.model.events import ACTIVITY
from interferon.model.records import DeadLetter

ROWS: Final = 65_536
KINDS: Final = ("ot.command", "ot.response", "network.message", "network.flow")
KIND: Final = {"command": 0, "response": 1, "message": 2, FLOW: 3}  # of a row's role, as a place in KINDS
OUTCOME: Final = {"success": 0, "failure": 1, "": 2}
NONE: Final = 2  # in place of an outcome
CARRIED: Final = "cip"  # field of a message that others carry, which its dissector caches as a whole
SECRET: Final = b'"password":"'
MASK: Final = "***"

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
_encode, _encode_into = _encoder.encode, _encoder.encode_into


def events(chunks: Iterable[bytes], feed: str, first: int, dissectors: Sequence[Dissector] = SHIPPED) -> Read:
    """Activity of a capture whose bytes come in chunks, in the order of its packets; the first event has the offset `first`."""
    words, given = _texts([feed]), readings(chunks, dissectors)
    found: list[pa.RecordBatch | DeadLetter] | None = []
    while found is not None:
        yield from found
        first += sum(each.num_rows for each in found if isinstance(each, pa.RecordBatch))
        with _uncollected():
            found = _window(given, words, feed, first)


def _window(given: Iterator[Reading], words: pa.Array, feed: str, first: int) -> list[pa.RecordBatch | DeadLetter] | None:
    """What the next window told; None behind the last. Its rows are gone when this returns."""
    reading = next(given, None)
    if reading is None:
        return None
    found: list[pa.RecordBatch | DeadLetter] = []
    for begin in range(0, len(reading.rows), ROWS):
        part = reading.rows[begin : begin + ROWS]
        found.append(_batch(part, reading, words, first))
        first += len(part)
    found += [_unread(row, reading, feed, first) for row in reading.unread]
    found += [_broken(problem, feed, first) for problem in reading.problems]
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for while a window is read: its rows are many, and none of them is part of a cycle."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


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
    packets, flows, ways, protocols, roles, codes, objects, outcomes, sizes, fields = zip(*rows, strict=True)
    count = len(rows)
    times = reading.times[np.array(packets) - reading.first]
    numbers = np.concatenate((times, np.arange(first, first + count), np.array(sizes, np.int64)))
    longs = _build(_LONG, 3 * count, [None, pa.py_buffer(numbers)])
    names, ends = _ends(set(flows), reading)
    pairs = [ends[flow] for flow in flows]
    kinds = [KIND[role] for role in roles]
    told = [OUTCOME[outcome] for outcome in outcomes]
    own = [pair[kind < 2] for pair, kind in zip(pairs, kinds, strict=True)]
    near = [pair[not way] for pair, way in zip(pairs, ways, strict=True)]
    far = [pair[way] for pair, way in zip(pairs, ways, strict=True)]
    places = np.array(told + own + kinds + near + far, np.int32)
    buffer = pa.py_buffer(places)
    addresses, entities = _words(tuple(names))
    zeros, trust, no_raw, no_name, no_text = _same(count)
    arrays = [
        longs.slice(0, count),
        longs.slice(0, count),
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
        _placed(_PLACE, count, [_bits(places[:count] != NONE), buffer], _OUTCOMES),
        longs.slice(2 * count, count),
        _attributes(flows, ways, protocols, roles, fields, reading),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=ACTIVITY)


def _texts(values: Sequence[str]) -> pa.StringArray:
    """Text, null where it is empty; `pa.array` looks at every value and at the environment first."""
    text = "".join(values)
    lengths = map(len, values) if text.isascii() else (len(each.encode()) for each in values)
    offsets = array("i", accumulate(lengths, initial=0))
    given = None if all(values) else _bits([value != "" for value in values])
    return _build(_TEXT, len(values), [given, pa.py_buffer(offsets), pa.py_buffer(text.encode())])


def _bits(given: NDArray[np.bool_] | list[bool]) -> pa.Buffer:
    """The validity bits of values."""
    return pa.py_buffer(np.packbits(given, bitorder="little"))


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


def _attributes(
    flows: Sequence[int],
    ways: Sequence[bool],
    protocols: Sequence[str],
    roles: Sequence[str],
    fields: Sequence[dict[str, Any]],
    reading: Reading,
) -> pa.StringArray:
    """One JSON object a row. Protocol and ports are the same for all messages of one direction: they are encoded once."""
    heads: dict[tuple[int, bool, str], bytes] = {}
    carried: dict[int, msgspec.Raw] = {}  # by identity, as the rows keep them: messages that were cached and are told again and again
    text, ends = bytearray(), [0]
    for flow, way, protocol, role, told in zip(flows, ways, protocols, roles, fields, strict=True):
        head = heads.get((flow, way, protocol))
        if head is None:
            head = heads[flow, way, protocol] = _head(reading, flow, way, protocol) if role != FLOW else b""
        text += head
        begin = len(text)
        if CARRIED in told:
            text += _encode({**told, CARRIED: _once(told[CARRIED], carried)})
        else:
            _encode_into(told, text, -1)
            if text.find(SECRET, begin) >= 0:
                text[begin:] = _masked(text[begin:])
        if head:
            text[begin : begin + 1] = b"," if told else b""
        ends.append(len(text))
    return _build(_TEXT, len(fields), [None, pa.py_buffer(array("i", ends)), pa.py_buffer(text)])


def _once(told: dict[str, Any], encoded: dict[int, msgspec.Raw]) -> msgspec.Raw:
    found = encoded.get(id(told))
    if found is None:
        found = encoded[id(told)] = msgspec.Raw(_encode(told))
    return found


def _masked(text: bytearray) -> bytes:
    return _encode(_hidden(msgspec.json.decode(text)))


def _hidden(told: Any) -> Any:
    """Passwords are not told: events are stored and shown."""
    if isinstance(told, dict):
        return {key: MASK if key == "password" and isinstance(value, str) else _hidden(value) for key, value in told.items()}
    return [_hidden(each) for each in told] if isinstance(told, list) else told


def _head(reading: Reading, number: int, to_server: bool, protocol: str) -> bytes:
    """The beginning of the object, up to where a comma follows."""
    flow = reading.flows[number]
    near, far = (flow.client, flow.server) if to_server else (flow.server, flow.client)
    return _encode({"protocol": protocol, "source_port": near & 0xFFFF, "target_port": far & 0xFFFF})[:-1]
