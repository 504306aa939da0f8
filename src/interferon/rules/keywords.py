"""Keywords, which a rule looks for in every value: a cheap look at a whole event, or at the bytes of many, that tells where none can be.

Called by `engine`. A look may answer "perhaps" too often, never "no" wrongly.
"""

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from interferon.rules.event import Fields
from interferon.rules.literals import literal
from interferon.rules.records import All, Any, Condition, Not, Test

SHORTEST: Final = 3  # letters
# What may hide a keyword from a look at lower-cased bytes of JSON. Letters beyond ASCII that casefold to ASCII (sharp s, long s, ligatures,
# the Kelvin sign ...), in UTF-8 and as escapes, by their first bytes:
FOLDING: Final = (b"\xc3\x9f", b"\xc4\xb0", b"\xc5\x89", b"\xc5\xbf", b"\xc7\xb0", b"\xe1\xba", b"\xe2\x84\xaa", b"\xef\xac")
FOLDING_ESCAPED: Final = (b"\\u00df", b"\\u0130", b"\\u0149", b"\\u017f", b"\\u01f0", b"\\u1e9", b"\\u212a", b"\\ufb0")
# and plain characters written as escapes, which nobody needs to: blank, - . 0 to 9 : and letters
PLAIN_ESCAPED: Final = (
    *(b"\\u00%02x" % code for code in (0x20, 0x2D, 0x2E, *range(0x30, 0x3B))),
    *(b"\\u00%x" % row for row in (4, 5, 6, 7)),
)
IN_FOLDING: Final = BytesAhoCorasick(FOLDING, MatchKind.LeftmostFirst)


class Spotter:
    """Looks for any of a set of texts, as `keywords` gives them."""

    def __init__(self, texts: Iterable[str]) -> None:
        found = [text.encode() for text in sorted(set(texts))]
        self._in_event = BytesAhoCorasick(found, MatchKind.LeftmostFirst) if found else None
        blurred = [_blurred(text) for text in (*found, *FOLDING_ESCAPED, *PLAIN_ESCAPED)]
        self._in_bytes = BytesAhoCorasick(blurred, MatchKind.LeftmostFirst) if found else None

    def in_event(self, event: Fields) -> bool:
        """Whether one of the texts may stand in a value."""
        if self._in_event is None:
            return False
        joined = "\n".join(map(str, event.values())).casefold()
        return bool(self._in_event.find_matches_as_indexes(joined.encode("utf-8", "surrogatepass")))

    def quiet(self, raw: bytes) -> bool:
        """Whether none can stand in these bytes of JSON."""
        if self._in_bytes is None:
            return True
        if self._in_bytes.find_matches_as_indexes(_blurred(raw)):
            return False
        return raw.isascii() or not IN_FOLDING.find_matches_as_indexes(raw)


def _blurred(raw: bytes) -> memoryview:
    """Upper and lower case made one by setting their bit, eight times as fast as `lower`. Some other signs become one too: "perhaps"."""
    return (np.frombuffer(raw, np.uint8) | 0x20).data


def keywords(condition: Condition) -> set[str] | None:
    """Texts of which at least one stands in some value whenever the condition holds; None where there are no such texts."""
    match condition:
        case Test():
            found = "" if condition.field else spoken(literal(condition))
            return {found} if found else None
        case Not():
            return None
        case All():
            known = [each for item in condition.items if (each := keywords(item)) is not None]
            return min(known, key=len, default=None)
        case Any():
            every = [keywords(item) for item in condition.items]
            return None if None in every else set().union(*(each for each in every if each is not None))


def spoken(found: str) -> str:
    """The longest part of a literal that reads the same in a value, in JSON and in a list that Python prints, and is not only a number."""
    parts = [part for part in re.findall(r"[a-z0-9 :._-]+", found) if re.search("[a-z]", part)]
    longest = max(parts, key=len, default="")
    return longest if len(longest) >= SHORTEST else ""
