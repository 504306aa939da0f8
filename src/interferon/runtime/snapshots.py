"""All that a running installation remembers, on disk now and then: a restart goes on there instead of running the whole log again.

Written by `Service` between two items of the log. One that does not fit any more (other tables, policy, rules, detectors or program; a log
or records that were replaced) is passed over, and the log is run from its beginning.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interferon import __version__
from interferon.detect.watch import Portfolios, keepers
from interferon.model.errors import InputError
from interferon.pipeline import State
from interferon.sense.health import Health
from interferon.store import checkpoint, log
from interferon.store.log import Place
from interferon.store.log_tail import stands

NAME: Final = "snapshot"
GROUND: Final = ("network.toml", "*.csv", "policy/*", "policy.*", "rules/**/*")  # what decides what the log leads to


@dataclass
class Snapshot:
    """State after the record of the log that ends at `place`."""

    ground: str
    place: Place
    state: State
    known: dict[str, Any]  # of `Running`
    health: Health
    lengths: dict[str, int]  # bytes of each file of the records


def ground(folder: Path, portfolios: Portfolios) -> str:
    """A digest of what the state follows from besides the log: the folder's tables, policy and rules, and this program's detectors."""
    streams = [one.NAME for one in portfolios.stream]
    digest = hashlib.blake2b(f"{__version__}\n{keepers(portfolios)}\n{streams}".encode(), digest_size=16)
    for path in sorted({path for pattern in GROUND for path in folder.glob(pattern) if path.is_file()}):
        digest.update(f"\n{path.relative_to(folder).as_posix()}\n{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Keeper:
    """Writes snapshots in a thread of its own: the pipeline waits only until what it remembers is copied."""

    def __init__(self, state: Path, tell: Callable[[str], None]) -> None:
        self._state, self._tell = state, tell
        self._thread = threading.Thread()  # has ended

    def keep(self, snapshot: Snapshot) -> bool:
        """Whether it was taken; not where the one before is still on its way to the disk."""
        if self._thread.is_alive():
            return False
        content = checkpoint.dump(snapshot)
        self._thread = threading.Thread(target=self._write, args=(content,), name="snapshot")
        self._thread.start()
        return True

    def close(self) -> None:
        """Returns when nothing is on its way any more."""
        if self._thread.ident is not None:
            self._thread.join()

    def _write(self, content: bytes) -> None:
        try:
            checkpoint.write(self._state / NAME, content)
        except OSError as error:
            self._tell(f"no snapshot: {error}; a restart runs the log again from the one before")


def load(state: Path, now: str) -> Snapshot | None:
    """The snapshot in `state`, None where there is none that fits. `now`: today's ground."""
    try:
        found = checkpoint.load((state / NAME).read_bytes())
    except (OSError, InputError):
        return None
    if not isinstance(found, Snapshot) or found.ground != now:
        return None
    segment = {int(path.stem.split("-")[1]): path for path in log.segments(state / "log")}.get(found.place.segment)
    if segment is None or not stands(segment, found.place):
        return None
    sizes = {path.name: path.stat().st_size for path in (state / "records").glob("*")}
    return found if all(sizes.get(name, -1) >= length for name, length in found.lengths.items()) else None
