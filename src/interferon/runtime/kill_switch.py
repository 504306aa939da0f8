"""The kill switch of an installation: a file. While it is there no new effect begins; what is in force stays and can be taken back.

Read before each effect, so that anything that can write a file (a person, a script, another machine's watchdog) stops this one.
"""

import os
from pathlib import Path
from typing import Final

from interferon.flow.telling import iso
from interferon.model.errors import InputError
from interferon.model.events import Switch
from interferon.store import policy_folder

FILE: Final = Path("state") / "stop"
MOST: Final = 4096  # bytes of the file that are shown


class KillSwitch:
    """The switch of one network folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._held = ""  # engaged here, whatever the disk keeps of it

    def engaged(self) -> str:
        """'' where effects may begin, else what the file says. A file that cannot be read stops them too."""
        try:
            return " ".join(_begin(self.path).decode(errors="replace").split()) or "the kill switch is engaged"
        except FileNotFoundError:
            return self._held
        except OSError as error:
            return f"the kill switch cannot be read ({error.strerror})"

    def set(self, word: Switch) -> None:
        """Stops new effects, or lets them begin again. Raises `InputError` where the file cannot be written or removed.

        A stop holds in this process all the same: a full disk must not be what lets effects begin.
        """
        try:
            if word.engaged:
                self._held = f"stopped by {word.person} at {iso(word.time)}: {word.reason}"
                self.path.parent.mkdir(parents=True, exist_ok=True)
                policy_folder.replace(self.path, f"{self._held}\n")
            else:
                self.path.unlink(missing_ok=True)
                self._held = ""
        except OSError as error:
            held = "; no new effect begins while this process runs" if word.engaged else ""
            raise InputError(f"{self.path}: {error.strerror}{held}") from error


def _begin(path: Path) -> bytes:
    """Of a file; of a pipe or a device what is there now, for whoever asks must not be made to wait."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(file, MOST)
    finally:
        os.close(file)
