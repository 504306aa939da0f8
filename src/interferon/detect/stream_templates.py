"""Mining the templates of log messages as they come, in bounded memory. Used by the detector of log messages.

After Drain (He et al., Drain: an online log parsing approach with fixed depth tree, ICWS 2017): messages of one length and first word
meet in one leaf; there, the template that shares most words takes the message and gives up the words that differ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

ANY: Final = "<*>"
WORDS, LETTERS = 40, 600  # more of a message is not read
TEMPLATES: Final = 512  # the longest unused goes first
LEAF: Final = 32  # templates of one length and first word: beyond, the last one takes all
ALIKE: Final = 0.6  # share of a template's fixed words that a message must have

_VARIABLE: Final = re.compile(r"\d|^[0-9a-fA-F-]{8,}$|^/|\\|@|^[A-Za-z]:")  # numbers, addresses, paths, identifiers
_EDGES: Final = "\"'()[]{}<>,;"


@dataclass
class Templates:
    """Templates by number, and the numbers by leaf. A number is never given twice."""

    words: dict[int, list[str]] = field(default_factory=dict)  # number → words, the longest unused first
    leaves: dict[tuple[int, str], list[int]] = field(default_factory=dict)  # (length, first word) → numbers
    given: int = 0


def words_of(message: str) -> list[str]:
    """The words of a message, variable ones as `<*>`; the value of a `key=value` is variable."""
    return [_told(word) for word in message[:LETTERS].split()[:WORDS]]


@lru_cache(maxsize=4096)  # logs repeat their words
def _told(word: str) -> str:
    key, equals, value = word.partition("=")
    if equals and value and key:
        return f"{key}={ANY}"
    return ANY if _VARIABLE.search(word.strip(_EDGES)) else word


def leaf_of(words: Sequence[str]) -> tuple[int, str]:
    return len(words), words[0] if words else ""


def match(templates: Templates, words: Sequence[str]) -> int | None:
    """Number of the template that takes these words, or None if they make a new one. Leaves the templates as they are."""
    numbers = templates.leaves.get(leaf_of(words), [])
    best, most = None, 0.0
    for number in numbers:
        share = _alike(templates.words[number], words)
        if share > most or best is None:
            best, most = number, share
        if share == 1.0:  # none can be more alike, and the first of equals takes it
            break
    if best is None or (most < ALIKE and len(numbers) < LEAF):
        return None
    return best


def _alike(template: Sequence[str], words: Sequence[str]) -> float:
    """Share of the template's fixed words that stand at their place."""
    alike = [one for one, other in zip(template, words, strict=True) if one == other]
    fixed = len(template) - template.count(ANY)
    return (len(alike) - alike.count(ANY)) / fixed if fixed else 1.0


def take(templates: Templates, words: Sequence[str]) -> int:
    """Learn a message; its template's number."""
    number = match(templates, words)
    if number is None:
        number, templates.given = templates.given, templates.given + 1
        templates.leaves.setdefault(leaf_of(words), []).append(number)
        templates.words[number] = list(words)
        if len(templates.words) > TEMPLATES:
            _forget(templates, next(iter(templates.words)))
        return number
    held = templates.words.pop(number)
    # the first word stays: it is the leaf's name
    templates.words[number] = [
        one if one == other or not place else ANY for place, (one, other) in enumerate(zip(held, words, strict=True))
    ]
    return number


def _forget(templates: Templates, number: int) -> None:
    leaf = leaf_of(templates.words.pop(number))
    templates.leaves[leaf].remove(number)
    if not templates.leaves[leaf]:
        del templates.leaves[leaf]
