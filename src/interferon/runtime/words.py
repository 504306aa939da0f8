"""What people say to `up` from the command line about learnt baselines, and the list of baselines that they look at there.

Used by `service` at each look, and by `interferon baseline`. Reads `words/`, writes `state/baselines.json`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from interferon.detect import baselines
from interferon.detect.baselines import Version
from interferon.model.errors import InputError
from interferon.model.events import Baseline
from interferon.pipeline import State
from interferon.store import policy_folder, word_folder

LIST: Final = Path("state") / "baselines.json"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one entity's baseline."""

    entity: str
    version: Version
    in_force: bool


class Words:
    """The words in one network folder that its installation has not heard yet."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._tell = folder, tell
        self._told: set[str] = set()  # troubles that people know of already
        self._listed = -1

    def news(self, state: State, now: int) -> list[Baseline]:
        """Words that are new, as records of the log at time `now`; those that cannot be followed too, for they count as heard."""
        found = []
        for word in word_folder.read(self._folder, state.watch.lives.heard):
            if isinstance(word, Baseline):
                entity = state.admission.entities.index.get(word.entity, -1)
                if refused := baselines.refusal(state.watch.lives, entity, word):
                    self._tell(f"{refused}; nothing was changed")
                found.append(msgspec.structs.replace(word, time=now))
            elif word not in self._told:
                self._told.add(word)
                self._tell(word)
        return found

    def list_versions(self, state: State) -> None:
        """Writes the list anew where a version has come, or something was said of one."""
        lives = state.watch.lives
        if lives.changes == self._listed:
            return
        self._listed, names = lives.changes, state.admission.entities.names
        rows = [
            Row(entity=names[entity], version=version, in_force=version.number == lives.force[entity])
            for entity, versions in sorted(lives.versions.items())
            for version in versions
        ]
        policy_folder.replace(self._folder / LIST, msgspec.json.encode(rows).decode())


def listed(folder: Path, entity: str = "") -> list[Row]:
    """The list, of one entity or of all. Raises InputError where no installation has written one."""
    try:
        rows = msgspec.json.decode((folder / LIST).read_bytes(), type=list[Row])
    except FileNotFoundError:
        raise InputError(f"{folder / LIST} is not there: `interferon up {folder}` writes it once a baseline is learnt") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{folder / LIST}: is no list of baselines: {error}; `interferon up {folder}` writes it anew") from None
    return [row for row in rows if not entity or row.entity == entity]
