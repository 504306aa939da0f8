"""What a one-way channel took, on disk: the only trace that a message leaves on this side. Called by the actuators that send messages.

`begun` is there before a message leaves and `done` after it was taken, each fsynced: between them nobody can tell.
"""

import hashlib
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from interferon.model.errors import InputError

State = Literal["none", "begun", "done"]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Receipt(msgspec.Struct, frozen=True):
    effect: str
    step: str  # apply | undo
    state: State
    detail: str = ""


class Receipts:
    """A folder of one file for each step of an effect, of the effector's own user."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def trouble(self) -> str:
        """'' where a receipt can be written, else one line."""
        usable = self._folder.is_dir() and os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)
        return "" if usable else f"receipts {self._folder}: a folder that the effector may write would be right"

    def read(self, effect: str, step: str) -> Receipt:
        """`InputError` where it cannot be read: then nobody knows whether the message was sent."""
        path = self._path(effect, step)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Receipt)
        except FileNotFoundError:
            return Receipt(effect, step, "none")
        except (OSError, msgspec.MsgspecError) as error:
            raise InputError(f"receipt {path}: {error}") from error

    def write(self, effect: str, step: str, state: State, detail: str = "") -> None:
        """In whole or not at all, and on the disk."""
        path = self._path(effect, step)
        draft = path.with_suffix(".draft")
        try:
            with draft.open("wb") as file:
                file.write(_encode(Receipt(effect, step, state, detail)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise InputError(f"receipt {path} cannot be written: {error.strerror or error}") from error

    def _path(self, effect: str, step: str) -> Path:
        """Ids are the caller's and may hold anything; a hash is a good file name."""
        return self._folder / f"{hashlib.sha256(effect.encode()).hexdigest()[:40]}.{step}.json"
