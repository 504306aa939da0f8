"""`[[backup]]` of the effector's file: what an asset would be restored from, and whether that is what was recorded.

Called by `settings` and `inspection`. Reads the file that the section names, and a list of digests as sha256sum(1) writes it.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from interferon.effector.targets import Ref
from interferon.effector.toml_lines import Reader
from interferon.effector.trusted import mistrust
from interferon.model.errors import InputError

PIECE: Final = 1 << 20  # bytes read at once
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[backup]]`: one file. Its digest is written here, or stands in `sums`, which whoever makes the backups writes."""

    ref: Ref
    path: str
    sha256: str = ""
    sums: str = ""


Mark = tuple[tuple[int, ...], ...]


class Halted(Exception):
    """Whoever wanted to know is gone."""


def backups_of(reader: Reader) -> dict[str, Backup]:
    """By reference; what is wrong with a row is noted."""
    found: dict[str, Backup] = {}
    for section, row in reader.rows(Backup, "backup"):
        if row.ref in found:
            reader.wrong(section, "ref", f"{row.ref} has two backups; name the one that it would be restored from")
        for key, path in (("path", row.path), ("sums", row.sums)):
            if path and not Path(path).is_absolute():
                reader.wrong(section, key, f"{key} is {path!r}; write an absolute path")
        if bool(row.sha256) is bool(row.sums):
            reader.wrong(section, "", f"{row.ref}: either sha256, or sums with the file that holds it, is needed")
        if row.sha256 and not _DIGEST.fullmatch(row.sha256):
            reader.wrong(section, "sha256", f"sha256 is {row.sha256!r}; 64 hexadecimal digits in small letters would be right")
        found[row.ref] = row
    return found


def mark(backup: Backup) -> Mark:
    """What tells the files of a row from what they are after somebody has written to them; () for one that is not there."""
    found: list[tuple[int, ...]] = []
    for path in filter(None, (backup.path, backup.sums)):
        try:
            about = os.stat(path)  # noqa: PTH116 - its numbers are compared, and nothing else of it
        except OSError:
            found.append(())
        else:
            found.append((about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
    return tuple(found)


def verified(backup: Backup, going: Callable[[int, int], bool]) -> str:
    """One line about a backup that is there, can be read and is what was recorded. InputError with one line where it is not.

    `going(read, size)` is told how many bytes were read and answers whether to go on; `Halted` where not.
    """
    wanted = backup.sha256 or _recorded(backup)
    found = _digest(Path(backup.path), going)
    if found != wanted:
        raise InputError(f"{backup.path} has SHA-256 {found[:12]}…, recorded is {wanted[:12]}…")
    return f"{backup.path} has the recorded SHA-256 {found[:12]}…"


def _recorded(backup: Backup) -> str:
    """The last digest that `sums` gives for the file, whose names are relative to the folder of `sums`."""
    sums = Path(backup.sums)
    if why := mistrust(sums):
        raise InputError(f"the digests in {sums} cannot be believed: {why}")
    try:
        lines = sums.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{sums} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found = [line[1] for each in lines if (line := _LINE.fullmatch(each)) and sums.parent / line[2] == Path(backup.path)]
    if not found:
        raise InputError(f"{sums} has no line for {backup.path}; `sha256sum` writes such lines")
    return found[-1]


def _digest(path: Path, going: Callable[[int, int], bool]) -> str:
    """SHA-256 of a plain file; what is none is not waited for."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:  # noqa: PTH123 - a pipe would wait for ever
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise InputError(f"{path} is no plain file")
            digest, read = hashlib.sha256(), 0
            while piece := file.read(PIECE):
                digest.update(piece)
                read += len(piece)
                if not going(read, about.st_size):
                    raise Halted
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()
