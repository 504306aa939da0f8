"""The ordered log of everything that moved the pipeline: event batches and control records, in segments on disk; and what was unreadable.

Written by the runtime before `step` sees a batch; read by replay. Each record is `length, crc32, kind` and its payload; an Arrow stream for
events, MessagePack for control records and dead letters.

A torn tail (power cut, half-written record) is cut off at the last whole record and reported.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa
from isal import isal_zlib

from interferon.model.errors import InputError
from interferon.model.events import Control
from interferon.model.records import DeadLetter

HEAD = struct.Struct("<IIB")
EVENTS, _CONTROL, _DEAD = 1, 2, 3
MAGIC = b"IFNLOG1\n"
PARTS = 512  # of one writev; systems take 1,024

# a third to an eighth of the bytes: cheaper than to write and sync them; faster than at the default level, for a few more bytes
_PACKING = pa.ipc.IpcWriteOptions(compression=pa.Codec("lz4", compression_level=-1))
_encode = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(Control)
_decode_dead = msgspec.msgpack.Decoder(DeadLetter)

Item: TypeAlias = "pa.RecordBatch | Control | DeadLetter"


class Place(NamedTuple):
    """Behind a record of the log, whose CRC-32 is `crc`; byte 0 is the beginning of a segment."""

    segment: int
    byte: int
    crc: int = 0


def packed(item: Item) -> list[memoryview]:
    """One record of the log: its head and its body, which is not copied."""
    if isinstance(item, pa.RecordBatch):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, item.schema, options=_PACKING) as writer:
            writer.write_batch(item)
        kind, body = EVENTS, memoryview(sink.getvalue())
    else:
        kind, body = _DEAD if isinstance(item, DeadLetter) else _CONTROL, memoryview(_encode.encode(item))
    return [memoryview(HEAD.pack(len(body), isal_zlib.crc32(body), kind)), body]


class EventLog:
    """Appends to `folder`; a new segment starts when one passes `segment_bytes`."""

    def __init__(self, folder: Path, *, segment_bytes: int = 256 << 20, durable: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._limit, self._durable = folder, segment_bytes, durable
        existing = segments(folder)
        for path in existing[-1:]:
            _cut_torn_tail(path)
        self._number = int(existing[-1].stem.split("-")[1]) if existing else 0
        self._out = self._open()
        self.place: Place | None = None  # behind the newest record, once one was written

    def append(self, item: Item) -> None:
        """Returns when the record is on disk (fsync), unless the log was opened as not durable.

        OSError: the disk did not take it (it is full, say). The log then ends as it did before, and the next record may be tried.
        """
        self.extend([item])

    def extend(self, items: Iterable[Item]) -> None:
        """The same for several records with one fsync: all of them are on disk, or none."""
        whole = self._out.tell()
        parts = [part for item in items for part in packed(item)]
        if not parts:
            return
        crc: int = HEAD.unpack(parts[-2])[1]
        try:
            self._write(parts)
            if self._durable:
                os.fsync(self._out.fileno())
        except OSError as error:
            self._out.truncate(whole)
            self._out.seek(whole)
            raise OSError(error.errno, error.strerror, str(self._path())) from error
        self.place = Place(self._number, self._out.tell(), crc)
        if self.place.byte >= self._limit:
            self._out.close()
            self._number += 1
            self._out = self._open()
            self.place = Place(self._number, 0)

    def close(self) -> None:
        self._out.close()

    def _write(self, parts: list[memoryview]) -> None:
        """All parts, in as few calls as the system takes; it may take fewer bytes than it was given."""
        while parts:
            taken = os.writev(self._out.fileno(), parts[:PARTS])
            while parts and taken >= len(parts[0]):
                taken -= len(parts.pop(0))
            if taken:
                parts[0] = parts[0][taken:]

    def _path(self) -> Path:
        return self._folder / f"log-{self._number:06d}.seg"

    def _open(self) -> FileIO:
        """Unbuffered: what could not be written must not wait in a buffer for the next record."""
        out = FileIO(self._path(), "ab")
        if out.tell() == 0:
            out.write(MAGIC)
        return out


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("log-*.seg"))


def read(path: Path, torn: Callable[[str], None] = lambda where: None) -> Iterator[Item]:
    """The items of a segment, or of all segments of a folder, in order. InputError where a segment cannot be read.

    `torn` is told, in one line, of each segment whose end is no whole record: the process died while it wrote, or the file was damaged.
    """
    files = segments(path) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no log segments (log-*.seg) here")
    for file in files:
        with file.open("rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{file}: not a segment of an event log")
            whole = len(MAGIC)
            for kind, body in records(source):
                yield item_of(kind, body, f"{file}: byte {whole}")
                whole += HEAD.size + len(body)
        if left := file.stat().st_size - whole:
            torn(f"{file}: its last {left} bytes, from byte {whole} on, are no whole record; what they held is lost")


def item_of(kind: int, body: bytes, where: str) -> Item:
    """What a record holds. InputError, which says `where`, if this program cannot read it."""
    try:
        if kind == EVENTS:
            return pa.ipc.open_stream(body).read_next_batch()
        return _decode_dead.decode(body) if kind == _DEAD else _decode.decode(body)
    except (pa.ArrowInvalid, msgspec.DecodeError) as error:
        raise InputError(f"{where}: a record that this program cannot read; was it written by a newer one? ({error})") from None


def records(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(kind, body) of each whole record from where the file stands; ends at the first that is none."""
    while len(head := source.read(HEAD.size)) == HEAD.size:
        length, crc, kind = HEAD.unpack(head)
        body = source.read(length)
        if len(body) < length or isal_zlib.crc32(body) != crc:
            return
        yield kind, body


def _cut_torn_tail(path: Path) -> None:
    with path.open("r+b") as file:
        if file.read(len(MAGIC)) != MAGIC:
            file.truncate(0)
            return
        whole = file.tell()
        for _, body in records(file):
            whole += HEAD.size + len(body)
        file.truncate(whole)
