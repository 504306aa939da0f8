"""The secret behind the links that people answer by, and the list of those that were used. Two files in `state` of a network folder."""

import os
import secrets
import threading
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError

KEY: Final = "links.key"
USED: Final = "links.used"
SIZE: Final = 32


def secret(state: Path) -> bytes:
    """The key that signs links; made at first, readable by the owner alone. Raises `InputError`."""
    path = state / KEY
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SIZE))
    except FileExistsError:
        pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        found = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(found) != SIZE:
        raise InputError(f"{path}: is damaged: it holds {len(found)} bytes instead of {SIZE}; remove it, and links sent before end to work")
    return found


class UsedLinks:
    """Names of links that were used, one a line, on disk before the word counts. Raises `InputError` where they cannot be read."""

    def __init__(self, state: Path) -> None:
        self._path = state / USED
        self._lock = threading.Lock()
        try:
            self._names = set(self._path.read_text(encoding="ascii").split()) if self._path.exists() else set[str]()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self._path}: cannot be read: {error}; which links were used is not known") from error

    def known(self, name: str) -> bool:
        with self._lock:
            return name in self._names

    def take(self, name: str) -> bool:
        """Whether it was not used before; from now on it is. Raises `InputError` where that cannot be kept."""
        with self._lock:
            if name in self._names:
                return False
            try:
                with self._path.open("a", encoding="ascii") as file:
                    file.write(f"\n{name}\n")  # begins a line of its own, whatever a crash or a full disk left of the one before
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise InputError(f"{self._path}: cannot be written ({error.strerror}); the link was not used") from error
            self._names.add(name)
            return True
