"""Network captures, pcap and pcapng, plain or gzipped: conversations, control commands and responses, and messages as activity.

Called by replay, discover and `up`. Reads the file in chunks, so memory is bounded whatever its size. The formats are those of
draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng; what is dissected is in docs/captures.md.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

import pyarrow as pa

from interferon.dissect.capture import is_capture
from interferon.dissect.conversations import SHIPPED
from interferon.dissect.events import events
from interferon.dissect.message import Dissector
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter

NAME: Final = "pcap"
SUFFIXES: Final = (".pcap", ".pcapng", ".cap")
WHOLE: Final = True
EXAMPLE: Final = bytes.fromhex(  # one write of a register over Modbus/TCP, little-endian, µs
    "d4c3b2a1020004000000000000000000ffff000001000000"
    "003a5d6900000000420000004200000002000000000202000000000108004500003400004000400600000a000009"
    "0a0000059c4001f60000000100000001501820000000000000010000000601060064002a"
)

CHUNK: Final = 1 << 22  # bytes that are read at once
GZIP: Final = b"\x1f\x8b"
Read: TypeAlias = Iterator[pa.RecordBatch | DeadLetter]


def read(path: Path, feed: str = "", dissectors: Sequence[Dissector] = SHIPPED) -> Read:
    """Activity of one capture file, in the order of its packets, as of `normalise`. InputError where it cannot be read."""
    try:
        with io.FileIO(path) as file:
            yield from _read(_Source(cast(BinaryIO, file), os.fstat(file.fileno()).st_size), feed or path.stem, 0, dissectors)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def sniff(head: bytes) -> bool:
    """Whether this is the beginning of a capture file."""
    return is_capture(head)


def normalise(data: bytes, feed: str, first: int = 0, dissectors: Sequence[Dissector] = SHIPPED) -> Read:
    """The same of the bytes of a file; the first event has the offset `first`. Without dissectors only `network.flow`."""
    yield from _read(_Source(io.BytesIO(data), len(data)), feed, first, dissectors)


class _Source:
    """The bytes of a file in chunks, unpacked where it is gzipped; `damage` tells why it ended early."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.damage = ""

    def chunks(self) -> Iterator[bytes]:
        """At most CHUNK bytes at once. Of a short file no more is asked for than it has: room for a whole chunk costs more than reading."""
        wanted = min(CHUNK, self._size + 1)
        head = self._file.read(wanted)
        if head.startswith(GZIP):
            self._file.seek(0)
            yield from self._unpacked()
            return
        while head:
            yield head
            if len(head) < wanted < CHUNK:
                return
            head = self._file.read(CHUNK)

    def _unpacked(self) -> Iterator[bytes]:
        """What was unpacked before a damage counts: pieces as small as they come are put together to chunks."""
        with gzip.GzipFile(fileobj=self._file) as packed:
            more = True
            while more:
                chunk = bytearray()
                try:
                    while len(chunk) < CHUNK and (more := bool(piece := packed.read1(CHUNK - len(chunk)))):
                        chunk += piece
                except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                    self.damage, more = f"the gzip file is damaged: {error}", False
                if chunk:
                    yield bytes(chunk)


def _read(source: "_Source", feed: str, first: int, dissectors: Sequence[Dissector]) -> Read:
    yield from events(source.chunks(), feed, first, dissectors)
    if source.damage:
        yield DeadLetter(feed=feed, offset=first, time=0, family="", entity="", reason=source.damage)
