"""The `feeds` folder of an installation: files that grow by lines, and files that are complete when they land. Called by `Service`.

Lines are read on from where reading stood; a table, a capture or a document is read once it has not changed for a while. What the event log
holds already is left out, so that a restart neither writes nor counts a row again.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from interferon.connectors import erp_tables, sensor_segment, telemetry_rows
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.records import DeadLetter
from interferon.runtime import formats, replay
from interferon.runtime.merge import merged
from interferon.store import checkpoint

LINES: Final = 20_000  # of one feed in one go
SETTLED_S: Final = 2.0  # a whole file is read once it has not changed for this long
PACKED: Final = ".gz"
Found: TypeAlias = "Iterator[pa.RecordBatch | DeadLetter]"


class FeedFiles:
    """All files of one folder. `place`: the file that keeps how far reading is; `new`: leaves out what the log holds already."""

    def __init__(self, folder: Path, mappings: Path, place: Path, network: Network, new: Callable[[Found], Found]) -> None:
        self._folder, self._mappings, self._kept = folder, mappings, place
        self._network, self._new = network, new
        self._places = _read_places(place)  # file → (bytes read, next offset)
        self._wholes: dict[Path, tuple[float, int]] = {}  # whole file → (modified, size) when it was read
        self._formats: dict[Path, tuple[str, int]] = {}  # file → its format, and the size at which that was told

    def news(self, now: float) -> Found:
        """What has come since the last look, all feeds merged by time: one read after the other would make the second one late.

        `now`: seconds since 1970. InputError where a file cannot be read; the next look leaves it out.
        """
        found: list[Found] = []
        handed: list[Found] = []
        for path in sorted(each for each in self._folder.iterdir() if each.is_file() and not each.name.startswith(".")):
            kind = self._format(path)
            if kind and self._in_lines(path, kind):
                found.append(self._lines(path, formats.connectors()[kind]))
            elif kind and kind != formats.LOG and now - path.stat().st_mtime >= SETTLED_S:
                (handed if kind == sensor_segment.NAME else found).append(self._whole(path, kind))
        # the files of one sensor hold one sequence: merged by time, a clock that stepped back would put a later offset first
        return merged([*found, chain.from_iterable(handed)])

    def save(self) -> None:
        """Keeps how far reading is."""
        checkpoint.save(self._kept, self._places)

    def _format(self, path: Path) -> str:
        """The format, told anew while a file grows whose first bytes said nothing; '' where no connector reads it."""
        kind, size = self._formats.get(path, ("", -1))
        now = path.stat().st_size
        if not kind and now != size:
            kind = "erp" if _is_trade(self._mappings / f"{path.stem}.toml") else formats.guessed(path)
            self._formats[path] = (kind, now)
        return kind

    def _in_lines(self, path: Path, kind: str) -> bool:
        connector: Any = formats.connectors()[kind]
        return kind not in (telemetry_rows.NAME, erp_tables.NAME) and not getattr(connector, "WHOLE", False) and path.suffix != PACKED

    def _lines(self, path: Path, connector: Any) -> Found:
        """Whole new lines of a growing file. One that became shorter was begun anew; its rows are counted on, for none came before."""
        place, offset = self._places.get(path.name, (0, 0))
        with path.open("rb") as source:
            if path.stat().st_size < place:
                place = 0
            head = _head(source) if place else []
            source.seek(place)
            lines: list[bytes] = []
            for line in source:
                if not line.endswith(b"\n") or len(lines) == LINES:
                    break
                lines.append(line)
                place += len(line)
        if lines:  # a header in comments says what the columns of the lines are
            yield from self._new(connector.normalise([*head, *lines], path.stem, offset - len(head)))
        self._places[path.name] = (place, offset + len(lines))

    def _whole(self, path: Path, kind: str) -> Found:
        """A file that is complete and was not read yet. It counts as read once all of it was taken, or where it cannot be read."""
        about = path.stat()
        seen = (about.st_mtime, about.st_size)
        if self._wholes.get(path) == seen:
            return
        try:
            yield from self._new(self._opened(path, kind))
        except InputError:
            self._wholes[path] = seen
            raise
        self._wholes[path] = seen

    def _opened(self, path: Path, kind: str) -> Found:
        given = self._mappings / f"{path.stem}.toml"
        if kind == erp_tables.NAME and given.is_file():
            return erp_tables.read(path, path.stem, erp_tables.load_mapping(given))
        fitting = telemetry_rows.load_mapping(given) if given.is_file() else telemetry_rows.Mapping()
        return replay.opened(path, kind, fitting, self._network)[0]


def _head(source: Any) -> list[bytes]:
    """The lines in comments with which a file begins."""
    found: list[bytes] = []
    for line in source:
        if not line.startswith(b"#") or len(found) == 64:
            break
        found.append(line)
    return found


def _is_trade(mapping: Path) -> bool:
    """Whether a mapping says what kind of trade or table the rows are, instead of which telemetry."""
    try:
        return "kind" in tomllib.loads(mapping.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def _read_places(path: Path) -> dict[str, tuple[int, int]]:
    """Where reading stood. Without it all is read again, and what the log holds is left out."""
    if not path.is_file():
        return {}
    found: dict[str, tuple[int, int]] = checkpoint.load(path.read_bytes())
    return found


def known_only(items: "Iterable[pa.RecordBatch | DeadLetter]", high: dict[str, int], unread: dict[str, int]) -> Found:
    """Leaves out what the log holds already: rows up to `high`, the newest offset by feed, and dead letters up to `unread`."""
    before = dict(unread)  # one source's letters may come in any order
    for item in items:
        if isinstance(item, DeadLetter):
            if item.offset < 0 or item.offset > before.get(item.feed, -1):
                yield item
            continue
        feeds = item.column("feed")
        newest = np.array([high.get(name, -1) for name in feeds.dictionary.to_pylist()], dtype=np.int64)
        new = item.column("offset").to_numpy() > newest[feeds.indices.to_numpy()]
        if new.any():
            yield item if new.all() else item.filter(pa.array(new))
