"""`words/` of a network folder: what a person says to a running installation from the command line, one signed file a word.

Written by `interferon baseline`, read by `up`. Signed with the key of the policy: whoever may only write files is not listened to.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from interferon.model.errors import PolicyError
from interferon.model.events import Baseline
from interferon.store import policy_folder
from interferon.trust import signature

WORDS: Final = "words"


def add(folder: Path, word: Baseline, key_file: Path) -> Path:
    """Writes and signs a word, under the time at which it was written. Raises InputError where the key is not the policy's."""
    key = policy_folder.signing_key(folder, key_file)
    (folder / WORDS).mkdir(exist_ok=True)
    path, raw = folder / WORDS / f"{word.written}.json", msgspec.json.encode(word)
    path.write_bytes(raw)
    policy_folder.replace(path.with_suffix(".sig"), signature.sign({path.name: raw}, key))  # last: a word is there once its signature is
    return path


def read(folder: Path, after: int) -> Iterator[Baseline | str]:
    """The words written after `after` (microseconds UTC), oldest first; of one that cannot be trusted, a line saying why."""
    found = (path for path in (folder / WORDS).glob("*.sig") if path.stem.isdigit() and int(path.stem) > after)
    for path in sorted(found, key=lambda path: int(path.stem)):
        yield _read(folder, path.with_suffix(".json"), int(path.stem))


def _read(folder: Path, path: Path, written: int) -> Baseline | str:
    try:
        raw = path.read_bytes()
        signature.verify({path.name: raw}, policy_folder.line(path.with_suffix(".sig")), policy_folder.public_key(folder))
        word = msgspec.json.decode(raw, type=Baseline)
    except PolicyError:
        return f"{path}: was changed after it was signed, or signed with another key than the policy; nothing was changed"
    except (OSError, msgspec.DecodeError) as error:
        return f"{path}: cannot be read: {error}; nothing was changed"
    return word if word.written == written else f"{path}: was written under another name; nothing was changed"
