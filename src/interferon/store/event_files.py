"""Recorded log events out of files: JSON lines, JSON arrays, objects that follow each other, plain, gzipped or in zip archives.

Called by `cli.rules`, `bench.rules` and `store.rule_recordings`. Streams: a file of any size takes the memory of a few chunks.
"""

import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
from isal import isal_zlib

from interferon.model.errors import InputError

CHUNK: Final = 1 << 18
SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
PACKED: Final = (*SUFFIXES, *(f"{suffix}.gz" for suffix in SUFFIXES), ".zip")
WHOLE: Final = 1 << 28  # bytes of a file that is not written in lines, which is read in one piece

ENCRYPTED: Final = 1  # bit of a member's flags
LOCAL: Final = struct.Struct("<26xHH")  # head of a member: lengths of its name and of its extra fields (APPNOTE 4.3.7)
PACKED_BYTES: Final = 1 << 16

ISAL_ERROR: Final = cast(type[Exception], isal_zlib.error)  # the stubs say that it is an instance
LINES: Final = msgspec.json.Decoder()
NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what the decoder raises


@dataclass
class Unread:
    """What could not be read in one file: how many lines, and the first of them."""

    lines: int = 0
    first: str = ""
    skipped: list[str] = field(default_factory=list)

    def note(self, where: str, what: str) -> None:
        self.lines += 1
        self.first = self.first or f"{where}: {what}"


@dataclass
class Chunk:
    """The bytes of some events in order, their file, and there the line of the first one; 0 where a file is not written in lines, and then
    the events are `parsed` already. What of it cannot be read goes to `unread`.
    """

    raw: bytes
    where: str
    line: int
    unread: Unread
    parsed: list[dict[str, Any] | None] | None = None

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines, where it is written in lines."""
        return self.raw.split(b"\n")

    @cached_property
    def events(self) -> list[dict[str, Any] | None]:
        """The events; None: a line without one."""
        if self.parsed is not None:
            return self.parsed
        try:
            found = LINES.decode_lines(self.raw)
            if len(found) == len(self.lines) and all(event.__class__ is dict for event in found):
                return found
        except NO_JSON:
            pass
        return [self.event(text, number) for number, text in enumerate(self.lines, self.line)]

    def event(self, text: bytes, number: int) -> dict[str, Any] | None:
        """The event of one line, whose `number` is told where there is none: None."""
        return _event(text, f"{self.where}:{number}", self.unread)


def sources(paths: list[Path]) -> list[Path]:
    """The files that are meant: each path itself, or all event files below a folder, sorted. Raises InputError where there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(each for each in path.rglob("*") if each.name.lower().endswith(PACKED) and each.is_file())
            if not below:
                raise InputError(f"{path}: holds no events; {', '.join(PACKED)} files are read")
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: there is no such file or folder of events")
    return found


def chunks(path: Path, unread: Unread) -> Iterator[Chunk]:
    """The events of one file. Lines that are not JSON, and what is behind the damage of an archive, go to `unread`."""
    try:
        if path.suffix.lower() == ".zip":
            yield from _of_zip(path, unread)
        else:
            with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
                yield from _of_file(cast(IO[bytes], file), str(path), unread)
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, ISAL_ERROR, EOFError, NotImplementedError, RuntimeError) as error:
        unread.note(str(path), f"the archive is damaged: {error}")


def _of_zip(path: Path, unread: Unread) -> Iterator[Chunk]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename
            if name.startswith("__MACOSX/") or member.is_dir():
                continue
            if not name.lower().endswith(SUFFIXES):
                unread.skipped.append(f"{path}: {name} is not JSON")
                continue
            with _opened(archive, member, path) as file:
                yield from _of_file(file, f"{path}:{name}", unread)


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> "IO[bytes] | _Inflated":
    """A packed file, unpacked by the faster library where it is deflated, as it nearly always is."""
    deflated = member.compress_type == zipfile.ZIP_DEFLATED and not member.flag_bits & ENCRYPTED
    return _Inflated(path, member) if deflated else archive.open(member)


class _Inflated:
    """One deflated member of an archive as a file that is read once; twice as fast as `zipfile`'s own. Checks length and CRC at its end."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._file, self._member = path.open("rb"), member
        self._file.seek(member.header_offset)
        head = self._file.read(LOCAL.size)
        if len(head) < LOCAL.size or not head.startswith(b"PK\x03\x04"):
            self._file.close()
            raise zipfile.BadZipFile(f"{member.filename}: no member begins where the list of the archive says")
        self._file.seek(sum(LOCAL.unpack(head)[-2:]), 1)  # behind the name and the extra fields
        self._left, self._size, self._crc = member.compress_size, 0, 0
        self._inflate = isal_zlib.decompressobj(-zlib.MAX_WBITS)

    def __enter__(self) -> "_Inflated":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end. BadZipFile: what came out is not what was packed. EOFError: it ends early."""
        found: list[bytes] = []
        while size > 0 and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._file.read(min(self._left, PACKED_BYTES))
            self._left -= 0 if self._inflate.unconsumed_tail else len(packed)
            piece = self._inflate.decompress(packed, size)
            if not packed and not piece:
                raise EOFError(f"{self._member.filename} ends before it is complete")
            found.append(piece)
            size -= len(piece)
            self._size, self._crc = self._size + len(piece), isal_zlib.crc32(piece, self._crc)
        if self._inflate.eof and (self._size, self._crc) != (self._member.file_size, self._member.CRC):
            raise zipfile.BadZipFile(f"{self._member.filename} is damaged: its checksum does not fit")
        return found[0] if len(found) == 1 else b"".join(found)


def _of_file(file: "IO[bytes] | _Inflated", where: str, unread: Unread) -> Iterator[Chunk]:
    """In lines, unless the first line alone is no JSON."""
    rest, line = b"", 1
    while True:
        block = file.read(CHUNK)
        head, tail = _cut(rest, block) if block else (rest, b"")
        if line == 1:
            head = head.removeprefix(b"\xef\xbb\xbf")
            if head.strip() and not _in_lines(head):
                yield from _whole(head + (b"\n" + tail if tail else b"") + file.read(WHOLE), where, unread)
                return
        if head:
            chunk = Chunk(head, where, line, unread)
            yield chunk
            line += len(chunk.lines)
        rest = tail
        if not block:
            return


def _cut(rest: bytes, block: bytes) -> tuple[bytes, bytes]:
    """(whole lines, the beginning of the next one), each byte copied once."""
    end = block.rfind(b"\n")
    return (b"".join((rest, memoryview(block)[:end])), block[end + 1 :]) if end >= 0 else (b"", rest + block)


def _in_lines(head: bytes) -> bool:
    first = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        return isinstance(LINES.decode(first), dict)
    except NO_JSON:
        # one damaged first line of many is still a file of lines
        return first.startswith(b"{") and len(first) > 1 and first.rstrip().endswith(b"}")


def _event(text: bytes, where: str, unread: Unread) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        found = LINES.decode(text)
    except NO_JSON as error:
        unread.note(where, f"is not JSON: {error}")
        return None
    if isinstance(found, dict):
        return found
    unread.note(where, "is not a JSON object")
    return None


def _whole(data: bytes, where: str, unread: Unread) -> Iterator[Chunk]:
    """An array of events, or objects one after the other, each over several lines."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        unread.note(where, f"byte {error.start} is not UTF-8")
        return
    decoder, index, events = json.JSONDecoder(), 0, []
    while (index := _behind_blanks(text, index)) < len(text):
        try:
            _, end = decoder.raw_decode(text, index)
            found = LINES.decode(text[index:end])  # ours is the stricter one: no lone surrogates, no NaN
        except (ValueError, *NO_JSON) as error:
            unread.note(f"{where}:{text.count(chr(10), 0, index) + 1}", f"is not JSON: {error}")
            break
        events += found if isinstance(found, list) else [found]
        index = end
    good = [event for event in events if isinstance(event, dict)]
    if len(good) < len(events):
        unread.note(where, f"{len(events) - len(good)} values are not JSON objects")
    yield Chunk(data, where, 0, unread, list(good))


def _behind_blanks(text: str, index: int) -> int:
    while index < len(text) and text[index] in " \t\r\n,":
        index += 1
    return index
