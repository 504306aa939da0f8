"""Who else could change a file that the effector believes? Called before it starts and by `effector check`; only looks."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def mistrust(path: Path, uid: int | None = None) -> str:
    """'' where only root and `uid` (who runs this) can change or replace `path`, else one line that says who could and what to do.

    Looked at are the file, what links to it, and every folder above. A sticky folder (`/tmp`) is believed: there nobody can replace what
    is another's. A file that is not there yet is judged by its folder.
    """
    mine = os.geteuid() if uid is None else uid
    for place in _chain(path):
        try:
            seen = place.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{place}: cannot be looked at ({error.strerror}), so it cannot be believed"
        if why := _why(place, seen, mine):
            return why
    return ""


def _why(place: Path, seen: os.stat_result, mine: int) -> str:
    if seen.st_uid not in (0, mine):
        return f"{place}: belongs to user {seen.st_uid}, who could change it; `chown root {place}`"
    if stat.S_ISLNK(seen.st_mode) or not seen.st_mode & _OTHERS:
        return ""
    if stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX:
        return ""
    return f"{place}: others than its owner can write to it (mode {stat.S_IMODE(seen.st_mode):04o}); `chmod go-w {place}`"


def _chain(path: Path) -> Iterator[Path]:
    """The path as it is written and as it resolves, from the root down."""
    seen = set()
    for each in (Path(os.path.abspath(path)), path.resolve()):  # noqa: PTH100 - links must stay
        for place in (*reversed(each.parents), each):
            if place not in seen:
                seen.add(place)
                yield place
