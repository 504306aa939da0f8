"""The bytes of one recording, plain or gzipped: its lines as they come, its records, or the whole of it. Called by connectors of files.

InputError where the file is not there or cannot be read; what breaks off in the middle is told behind what came before.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

from interferon.model.errors import InputError
from interferon.sense.record_rows import Read, Reader, Rows, of_lines

GZIP: Final = b"\x1f\x8b"
LONGEST: Final = 1 << 28  # bytes of one line, and of a file that is read in one piece


class Damage(list[str]):
    """Why a recording broke off, where it did."""


def lines(path: Path, damage: Damage) -> Iterator[bytes]:
    """Line by line, in bounded memory. A line longer than LONGEST comes in pieces."""
    with _opened(path) as file:
        while True:
            try:
                line = file.readline(LONGEST)
            except (OSError, EOFError, zlib.error) as error:
                damage.append(f"the file breaks off or is damaged: {error}")
                return
            if not line:
                return
            yield line


def of_file(path: Path, feed: str, of: Reader, wrappers: frozenset[str] = frozenset(), *, by_line: bool = False) -> Read:
    """The events of the JSON records in a file (`record_rows.of_lines`), and a dead letter where it breaks off."""
    damage, rows = Damage(), Rows(feed, 0)
    for item in of_lines(lines(path, damage), feed, 0, of, wrappers, by_line=by_line):
        rows.after(item)
        yield item
    for reason in damage:
        rows.dead(reason, "")
    yield from rows.rest()


def content(path: Path, damage: Damage) -> bytes:
    """All of it. InputError where it is larger than LONGEST."""
    pieces: list[bytes] = []
    size = 0
    for piece in _pieces(path, damage):
        size += len(piece)
        if size > LONGEST:
            raise InputError(f"{path}: has more than {LONGEST >> 20} MiB; split it into several files")
        pieces.append(piece)
    return b"".join(pieces)


def document(path: Path) -> bytes:
    """All of a file that means nothing in part. InputError where it cannot be read to its end, or is larger than LONGEST."""
    damage = Damage()
    data = content(path, damage)
    if damage:
        raise InputError(f"{path}: is a damaged gzip file: {damage[0]}")
    return data


def _pieces(path: Path, damage: Damage) -> Iterator[bytes]:
    with _opened(path) as file:
        while True:
            try:
                piece = file.read(1 << 20)
            except (OSError, EOFError, zlib.error) as error:
                damage.append(f"the file breaks off or is damaged: {error}")
                return
            if not piece:
                return
            yield piece


def _opened(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb")
        packed = file.read(2) == GZIP
        file.seek(0)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
