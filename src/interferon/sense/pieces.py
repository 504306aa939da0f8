"""The bytes of a recording piece by piece: unpacked where it is gzipped (RFC 1952), and cut into lines; in bounded memory.

Called by the connectors of network sensors, which hand in how to read. What cannot be unpacked is told behind all that could.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip_lib, isal_zlib

Ints = np.ndarray[Any, np.dtype[np.int64]]
NEWLINE, OPEN, CLOSE = b"\n{}"
CHUNK: Final = 1 << 22  # bytes of a piece
PACKED: Final = 1 << 17  # bytes of a gzipped file that are read at once
GZIP: Final = b"\x1f\x8b"
_BROKEN: tuple[type[Exception], ...] = (zlib.error, igzip_lib.IsalError)  # type: ignore[assignment]  # its stub names an instance
_MEMBER: Final = 31  # wbits of zlib: a gzip member of any window


def chunks(read: Callable[[int], bytes]) -> Iterator[bytes | str]:
    """Pieces of about CHUNK bytes, and a text as the last one where the file breaks off or is damaged."""
    try:
        head = read(PACKED)
        packed = head.startswith(GZIP)
        if not packed and head:
            head += read(CHUNK - len(head))
        while head and not packed:
            yield head
            head = read(CHUNK)
    except OSError as error:
        yield f"the file cannot be read on: {error.strerror}"
        return
    if head:
        yield from _together(_unpacked(head, read))


def _together(pieces: Iterable[bytes | str]) -> Iterator[bytes | str]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            held.append(piece)
            size += len(piece)
        if size >= CHUNK or isinstance(piece, str):
            yield b"".join(held)
            held, size = [], 0
        if isinstance(piece, str):
            yield piece
    if held:
        yield b"".join(held)


def _unpacked(head: bytes, read: Callable[[int], bytes]) -> Iterator[bytes | str]:
    """All members of a gzipped file, one behind the other; zeros behind them are padding."""
    inflate, packed = isal_zlib.decompressobj(_MEMBER), head
    try:
        while packed:
            yield inflate.decompress(packed, CHUNK)
            packed = inflate.unconsumed_tail or inflate.unused_data
            if inflate.eof:
                packed = (packed or read(PACKED)).lstrip(b"\0")
                inflate = isal_zlib.decompressobj(_MEMBER) if packed else inflate
            packed = packed or (b"" if inflate.eof else read(PACKED))
        if not inflate.eof:
            yield "the file breaks off before the end of its gzip stream"
    except _BROKEN as error:
        yield f"the file is damaged: it cannot be unpacked from here on ({error})"
    except OSError as error:
        yield f"the file cannot be read on: {error.strerror}"


def lines(pieces: Iterable[bytes | str], longest: int) -> Iterator[bytes | str]:
    """The lines of such pieces, without their ends; of a line that is longer, a beginning of at least `longest` bytes."""
    rest = b""
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
            continue
        first, *more = piece.split(b"\n")
        rest = rest if len(rest) > longest else rest + first
        if more:
            yield rest
            yield from more[:-1]
            rest = more[-1]
    if rest:
        yield rest


def whole_lines(data: bytes, size: int, start: int = 0) -> Iterator[bytes]:
    """Data from `start` on, in pieces of `size` to twice as many bytes that end with a newline; what is behind the last one is left out."""
    last = data.rfind(b"\n") + 1
    while start < last:
        end = last if start + 2 * size >= last else data.find(b"\n", start + size) + 1
        yield data[start:end]
        start = end


def ends_of(block: bytes) -> Ints | None:
    """Where the newlines are; None where a line is not `{…}` to the last byte, or the block is no UTF-8."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == NEWLINE)
    if len(block) >= 1 << 31 or not (data[ends - 1] == CLOSE).all() or data[0] != OPEN or not (data[ends[:-1] + 1] == OPEN).all():
        return None
    try:
        if not block.isascii():
            block.decode()
    except UnicodeDecodeError:
        return None
    return ends


class JsonLines(NamedTuple):
    """A block of lines that `ends_of` has found to be `{…}` each. The block itself is the data of the arrays that are made of it."""

    block: bytes
    ends: Ints

    def open(self) -> pa.Array:
        """The lines without their closing braces."""
        return self._taking_turns().take(pa.array(np.arange(0, 2 * len(self.ends), 2)))

    def closed(self, closing: str) -> pa.Array:
        """The lines with `closing` in the place of their closing braces, in one pass over the bytes."""
        turns = np.zeros(2 * len(self.ends), np.bool_)
        turns[::2] = True
        _, borders, data = pc.if_else(pa.array(turns), self._taking_turns(), closing).buffers()
        every_second = np.frombuffer(borders, np.int32, 2 * len(self.ends) + 1)[::2].copy()
        return pa.StringArray.from_buffers(len(self.ends), pa.py_buffer(every_second), data)

    def _taking_turns(self) -> pa.Array:
        """Lines and what is between them, in turns."""
        borders = np.empty(2 * len(self.ends) + 1, np.int32)
        borders[0] = 0
        borders[1::2] = self.ends - 1
        borders[2::2] = self.ends + 1
        return pa.StringArray.from_buffers(2 * len(self.ends), pa.py_buffer(borders), pa.py_buffer(self.block))
