"""Which connector reads a recording: told by `--format`, by what the file begins with, or by the ending of its name.

Called by `replay`, `discover` and `up`. Every file connector is found through `plugins`, ours like anyone's.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, cast

from interferon import plugins
from interferon.connectors.telemetry_rows import Read
from interferon.model.errors import InputError

HEAD: Final = 1 << 16  # bytes that a connector is shown to tell its format
LOG: Final = "log"  # the event log of an installation, which is no connector's
ALIASES: Final = {"parquet": "csv"}  # words of --format that mean a connector by another name
OURS: Final = {".ndjson": "ndjson", ".jsonl": "ndjson"}  # endings that mean our own events where the first bytes say nothing
GZIP: Final = b"\x1f\x8b"


class Connector(Protocol):
    """A connector that reads files. One that can tell its format by the first bytes has also `sniff(head: bytes) -> bool`."""

    NAME: str
    SUFFIXES: tuple[str, ...]

    def read(self, path: Path, feed: str = "") -> Read: ...


@cache
def connectors() -> dict[str, Connector]:
    """Every file connector by the word that `--format` takes."""
    found = [module for module in plugins.modules("connectors").values() if hasattr(module, "normalise") and hasattr(module, "NAME")]
    return {module.NAME: cast(Connector, module) for module in found}


def words() -> tuple[str, ...]:
    """What `--format` takes."""
    return (*sorted({*connectors(), *ALIASES}), LOG)


def checked(word: str) -> str:
    """The word, or InputError that lists what would be right."""
    if word and word not in words():
        raise InputError(f"--format {word}: not a format that is read; it reads {', '.join(words())}")
    return word


def expanded(paths: Iterable[Path], given: str = "") -> list[Path]:
    """Files and event logs; a folder that is no event log stands for the files below it that a connector reads. InputError where none."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir() or any(path.glob("log-*.seg")) or given == LOG:
            found.append(path)
            continue
        below = [each for each in sorted(path.rglob("*")) if each.is_file() and each.stat().st_size and guessed(each, given)]
        if not below:
            raise InputError(f"{path}: holds neither an event log (log-*.seg) nor files of a format that is read: {', '.join(words())}")
        found += below
    return found


def format_of(path: Path, given: str = "") -> str:
    """The format of one source. InputError where it cannot be told."""
    found = guessed(path, given)
    if not found:
        raise InputError(f"{path}: cannot tell the format from the name or the first bytes; say --format {'|'.join(words())}")
    return found


def guessed(path: Path, given: str = "") -> str:
    """The format of one source, or '' where it cannot be told."""
    if given:
        return ALIASES.get(given, given)
    if path.is_dir() or path.suffix == ".seg":
        return LOG
    ends = [name for name, each in connectors().items() if _ending(path).endswith(each.SUFFIXES)]
    head = _head(path)
    certain = [name for name in (*ends, *connectors()) if _sniffs(connectors()[name], head)]
    if certain:
        return certain[0]
    plain = [name for name in ends if not hasattr(connectors()[name], "sniff")]
    ours = [OURS[ending] for ending in OURS if _ending(path).endswith(ending)]
    return (ours or plain or (ends if len(ends) == 1 else [""]))[0]


def _ending(path: Path) -> str:
    name = path.name.lower()
    return name.removesuffix(".gz")


def _sniffs(connector: Any, head: bytes) -> bool:
    return bool(head) and hasattr(connector, "sniff") and connector.sniff(head)


def _head(path: Path) -> bytes:
    """The first bytes, unpacked where the file is gzipped; none where it cannot be read (the connector says why)."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if head.startswith(GZIP):
            with gzip.open(path) as packed:
                return packed.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return b""
    return head


def feeds(paths: Iterable[Path]) -> dict[Path, str]:
    """A feed name for each file: its stem, and where several files share it the folder's name too, or the whole path."""
    listed = list(paths)
    names = {path: path.stem for path in listed}
    for longer in (lambda path: f"{path.parent.name}/{path.stem}", str):
        shared = Counter(names.values())
        names = {path: longer(path) if shared[name] > 1 else name for path, name in names.items()}
    return names
