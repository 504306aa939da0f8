"""Arrow IPC streams that strangers send: how large they become, told before anything is unpacked, and their batches, validated.

A few kilobytes of LZ4 can hold gigabytes. The few fields of a message's FlatBuffers metadata that say so are read here (Arrow columnar
format, `Message.fbs`). Called by ingest and by the connector of a sensor's files.
"""

import struct
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

HEADER_TYPE, HEADER = 1, 2  # fields of Message
BATCH_BUFFERS, BATCH_PACKING = 2, 3  # of RecordBatch
DICTIONARY_BATCH = 1  # of DictionaryBatch: its RecordBatch
DICTIONARY, BATCH = 2, 3  # of the union MessageHeader
BROKEN: Final = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, EOFError, KeyError)  # what a body that is none raises
BUFFER: Final = struct.Struct("<qq")  # offset and length in the body


def batches(body: bytes) -> Iterator[pa.RecordBatch]:
    """The batches of the IPC streams that lie one after the other in `body`, each validated to the last offset before anything reads it.

    pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, EOFError or KeyError (`BROKEN`) where they cannot be read.
    """
    source = pa.BufferReader(body)
    while source.tell() < len(body):
        with pa.ipc.open_stream(source) as reader:
            for batch in reader:
                batch.validate(full=True)
                yield batch


def unpacked(body: bytes) -> int:
    """Bytes of all buffers of the IPC streams that lie one after the other in `body`. pa.ArrowInvalid where they are none.

    The sum is what the metadata and the buffers' own lengths claim; Arrow refuses buffers that do not keep to them.
    """
    source, total = pa.BufferReader(body), 0
    while source.tell() < len(body):
        for message in pa.ipc.MessageReader.open_stream(source):
            try:
                total += sum(_sizes(message.metadata.to_pybytes(), message.body))
            except (struct.error, IndexError):
                raise pa.ArrowInvalid("the metadata of a message is cut off or damaged") from None
    return total


def _sizes(metadata: bytes, body: pa.Buffer | None) -> Iterator[int]:
    root = _u32(metadata, 0)
    kind_at, batch = _field(metadata, root, HEADER_TYPE), _table(metadata, root, HEADER)
    kind = metadata[kind_at] if kind_at else 0
    if kind == DICTIONARY and batch:
        batch = _table(metadata, batch, DICTIONARY_BATCH)
    if kind not in (DICTIONARY, BATCH) or not batch or body is None:
        return
    packed, buffers = _field(metadata, batch, BATCH_PACKING), _field(metadata, batch, BATCH_BUFFERS)
    if not buffers:
        return
    begin = buffers + _u32(metadata, buffers)
    for number in range(_u32(metadata, begin)):
        offset, length = BUFFER.unpack_from(metadata, begin + 4 + number * BUFFER.size)
        said = struct.unpack("<q", body.slice(offset, 8).to_pybytes())[0] if packed and length >= 8 else -1
        yield max(said, length)


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table lies, 0 where it is not given."""
    (back,) = struct.unpack_from("<i", data, table)
    entries = table - back
    (size,) = struct.unpack_from("<H", data, entries)
    place = 4 + 2 * number
    (offset,) = struct.unpack_from("<H", data, entries + place) if place < size else (0,)
    return table + offset if offset else 0


def _table(data: bytes, table: int, number: int) -> int:
    place = _field(data, table, number)
    return place + _u32(data, place) if place else 0


def _u32(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])
