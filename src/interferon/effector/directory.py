"""A directory as git would store it: read, compared byte for byte, built anew and exchanged in one step. Called by `actuators.git_config`.

Follows no link, runs no filter: what is written is what the object holds. The exchange is `renameat2(RENAME_EXCHANGE)` (Linux 3.15).
"""

import ctypes
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

LINK, PLAIN, RUN = "120000", "100644", "100755"  # modes of git
SPECIAL: Final = "special"  # a pipe, socket or device: git keeps none, and none is approved
AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2

Files = Mapping[str, tuple[str, str]]  # path → (mode of git, object id)


@dataclass(frozen=True)
class Entry:
    """A file, link or directory beside what git keeps of it: permission bits and owner."""

    path: str
    mode: int
    uid: int
    gid: int


def object_id(data: bytes, algorithm: Literal["sha1", "sha256"]) -> str:
    """Id of a blob (git, gitformat-loose-object)."""
    return hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def content(path: Path) -> bytes:
    """Of a link where it leads, as it is written: `Path` would tidy it."""
    return os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()  # noqa: PTH115


def entries(root: Path) -> list[Entry]:
    """Every file, link and directory below `root` and itself (''), parents first. Pipes, sockets and devices are left out."""
    found = []
    for where in [root, *sorted(root.rglob("*"))]:
        told = where.lstat()
        if not (stat.S_ISREG(told.st_mode) or stat.S_ISLNK(told.st_mode) or stat.S_ISDIR(told.st_mode)):
            continue
        name = "" if where == root else where.relative_to(root).as_posix()
        found.append(Entry(name, stat.S_IMODE(told.st_mode), told.st_uid, told.st_gid))
    return found


def files(root: Path, algorithm: Literal["sha1", "sha256"]) -> dict[str, tuple[str, str]]:
    """What git would keep of `root`; what it cannot keep has the mode `SPECIAL` and is not opened, for a pipe would wait for ever."""
    found = {}
    for where in sorted(root.rglob("*")):
        kind, name = where.lstat().st_mode, where.relative_to(root).as_posix()
        if stat.S_ISREG(kind) or stat.S_ISLNK(kind):
            mode = LINK if stat.S_ISLNK(kind) else RUN if kind & 0o100 else PLAIN
            found[name] = (mode, object_id(content(where), algorithm))
        elif not stat.S_ISDIR(kind):
            found[name] = (SPECIAL, "")
    return found


def approved_entries(wanted: Files, standing: list[Entry]) -> list[Entry]:
    """Owner and permission of each file as they stand, where it stands, else the directory's; none that others may write."""
    now = {entry.path: entry for entry in standing}
    root = now[""]
    names = {"": root.mode} | {parent.as_posix(): 0o755 for path in wanted for parent in list(Path(path).parents)[:-1]}
    names |= {path: 0o755 if mode == RUN else 0o644 for path, (mode, _) in wanted.items()}
    found = []
    for path in sorted(names):
        entry = now.get(path)
        mode = names[path] if entry is None else entry.mode & 0o755 | (0o100 if wanted.get(path, ("",))[0] == RUN else 0)
        if entry is not None and path in wanted and wanted[path][0] == PLAIN:
            mode &= ~0o111
        owner = entry or root
        found.append(Entry(path, root.mode if not path else mode, owner.uid, owner.gid))
    return found


def build(where: Path, wanted: Files, how: list[Entry], blob: Callable[[str], bytes]) -> None:
    """A new directory with these files and entries. `where` must not be there."""
    for entry in how:
        path = where / entry.path
        kind, name = wanted.get(entry.path, ("", ""))
        if kind == LINK:
            path.symlink_to(os.fsdecode(blob(name)))
        elif kind:
            path.write_bytes(blob(name))
        else:
            path.mkdir()
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    for entry in reversed(how):  # children first, for a directory may be closed to us
        if wanted.get(entry.path, ("",))[0] != LINK:
            (where / entry.path).chmod(entry.mode)


def exchange(one: Path, other: Path) -> None:
    """Both change places in one step: nobody ever sees neither. OSError where the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def put(root: Path, wanted: Files, how: list[Entry], blob: Callable[[str], bytes], mark: str) -> None:
    """`root` becomes these files, or stays as it is."""
    beside = root.with_name(f".{root.name}.{mark}")
    if beside.exists():
        shutil.rmtree(beside)  # of an attempt that was cut short
    try:
        build(beside, wanted, how, blob)
        exchange(beside, root)
    finally:
        if beside.exists():
            shutil.rmtree(beside)
