"""Whether configuration and backup of an asset are as they were approved and recorded, before it comes back. Called by the core.

Only reads, so neither kill switch nor limits are asked. Configurations are looked at through actuators, under the target's lock; a backup
may be large, and is read beside the answer.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Final, Literal

from interferon.effector import backup
from interferon.effector.backup import Backup, Mark
from interferon.effector.book import Book
from interferon.effector.protocol import Actuator, Inspector, Job, Standing
from interferon.effector.settings import Settings
from interferon.effector.targets import TargetRow
from interferon.model.effects import Check
from interferon.model.errors import InputError

READ_S: Final = 5.0  # within which a backup has been read, or is told as being read
STANDING: Final[Mapping[Standing, Literal["verified", "failed", "unknown"]]] = {
    "in_force": "verified",
    "absent": "failed",
    "partial": "failed",
    "unknown": "unknown",
}
READERS: Final = 2  # backups at once
KEPT_S: Final = 240.0  # so long what was read counts: all backups of a zone must be right in one look


class Inspection:
    """What may be read of targets. Thread-safe."""

    def __init__(self, settings: Settings, actuators: Mapping[str, Actuator], book: Book, lock: Callable[[str], Lock]) -> None:
        self._settings, self._actuators, self._book, self._lock = settings, actuators, book, lock
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="backup")
        self._readings: dict[str, _Reading] = {}  # the newest of each backup
        self._guard, self._closing = Lock(), Event()

    def close(self) -> None:
        """A backup that is being read is given up."""
        self._closing.set()
        self._pool.shutdown()

    def checks(self, target: str) -> tuple[Check, ...]:
        """Each configuration and the backup of `target` that the effector's file names; nothing where it names none.

        The backup is not read while a configuration is wrong: it may be large, and is asked for again until all is right.
        """
        found = [
            check for (ref, action), row in self._settings.targets.items() if ref == target for check in self._configuration(action, row)
        ]
        kept = self._settings.backups.get(target)
        if kept and not any(check.standing == "failed" for check in found):
            found.append(self._backup(kept))
        return tuple(dict.fromkeys(found))

    def _configuration(self, action: str, row: TargetRow) -> Iterator[Check]:
        """As the actuator sees it; what a roll-back in force has brought about may be another approved state than the file names."""
        actuator = self._actuators[row.actuator]
        if isinstance(actuator, Inspector):
            holder = self._book.holder("", action, row.ref)
            job = holder.job if holder else Job(effect="inspection", action=action, target=row.target)
            with self._lock(row.ref):
                seen = actuator.inspect(job)
            yield Check(row.ref, "configuration", STANDING[seen.standing], seen.detail)

    def _backup(self, kept: Backup) -> Check:
        """What was read a while ago, or was another file then, counts no more: it is read again."""
        with self._guard:
            reading = self._readings.get(kept.ref)
            if reading is None or reading.is_old(kept):
                reading = self._readings[kept.ref] = _Reading(backup.mark(kept))
                reading.found = self._pool.submit(self._verified, kept, reading)
        wait([reading.found], READ_S)
        if not reading.found.done():
            return Check(kept.ref, "backup", "pending", f"{kept.path} {reading.far}")
        return reading.found.result()

    def _verified(self, kept: Backup, reading: "_Reading") -> Check:
        def going(read: int, size: int) -> bool:
            reading.far = f"is being read, {read * 100 // max(size, 1)} %"
            return not self._closing.is_set()

        try:
            return Check(kept.ref, "backup", "verified", backup.verified(kept, going))
        except InputError as error:
            return Check(kept.ref, "backup", "failed", str(error))
        except backup.Halted:
            return Check(kept.ref, "backup", "unknown", "the effector is being ended")
        finally:
            reading.ended = time.monotonic()


@dataclass
class _Reading:
    """One reading of a backup: what the file was before it, how far it is, when it ended, and what was found."""

    mark: Mark
    far: str = "waits to be read"
    ended: float = math.inf
    found: Future[Check] = field(init=False)

    def is_old(self, kept: Backup) -> bool:
        """Whether it has ended a while ago, or the file is another one since."""
        return time.monotonic() - self.ended > KEPT_S or (self.ended < math.inf and self.mark != backup.mark(kept))
