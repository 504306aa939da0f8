"""The kill switch of an installation: a file. While it is there no new effect begins; what is in force stays and can be taken back.

Read before each effect, so that anything that can write a file (a person, a script, another machine's watchdog) stops this one.
"""

from pathlib import Path
from typing import Final

from interferon.flow.telling import iso
from interferon.model.errors import InputError
from interferon.model.events import Switch
from interferon.store import policy_folder

FILE: Final = Path("state") / "stop"


class KillSwitch:
    """The switch of one network folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def engaged(self) -> str:
        """'' where effects may begin, else what the file says. A file that cannot be read stops them too."""
        try:
            return " ".join(self.path.read_text(encoding="utf-8", errors="replace").split()) or "the kill switch is engaged"
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"the kill switch cannot be read ({error.strerror})"

    def set(self, word: Switch) -> None:
        """Stops new effects, or lets them begin again. Raises `InputError` where the file cannot be written or removed."""
        try:
            if word.engaged:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                policy_folder.replace(self.path, f"stopped by {word.person} at {iso(word.time)}: {word.reason}\n")
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}") from error
