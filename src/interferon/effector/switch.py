"""The kill switch: stops every new effect, whatever the processes that decide say. Called by the core right before each effect.

It is looked at each time and never cached, so no more than the one apply that has begun can follow it. Touches its own file; inputs are
only read.
"""

from collections.abc import Sequence
from pathlib import Path

from interferon.model.errors import InputError


class Switch:
    """Engaged while `path` is there, while an input says so, or after `engage` in this process. Safe from any thread and signal handler."""

    def __init__(self, path: Path, inputs: Sequence[Path] = ()) -> None:
        """`inputs`: files of a hardware line or a watchdog, as GPIO value files: `0` lets pass, anything else or no answer stops."""
        self.path = path
        self._inputs = tuple(inputs)
        self._engaged = False

    def engaged(self) -> str:
        """'' where effects may begin, else why not."""
        if self._engaged or _there(self.path):
            return f"the kill switch is engaged ({self.path})"
        return next((why for each in self._inputs if (why := _line(each))), "")

    def engage(self) -> str:
        """Stop new effects from now on. '' or why the file, which keeps it so over a restart, could not be written."""
        self._engaged = True
        return write(self.path)

    def release(self) -> str:
        """Let effects through again. '' or what still holds them: an input, or the file that could not be removed."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            return f"{self.path} cannot be removed: {error.strerror}"
        self._engaged = False
        return self.engaged()


def write(path: Path) -> str:
    """Make the file. '' or why not."""
    try:
        path.touch(mode=0o644)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    return ""


def remove(path: Path) -> None:
    """For who releases the switch while the effector does not run. InputError where that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be removed: {error.strerror}") from None


def _there(path: Path) -> bool:
    """A switch that cannot be looked at is engaged."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            level = file.read(64).strip()
    except OSError as error:
        return f"input {path} does not answer ({error.strerror}): taken as engaged"
    return "" if level == b"0" else f"input {path} says stop"
