"""A text that whatever a test matches must contain, casefolded: what `prefilter` looks for first. "" where there is none. Pure."""

import re
from functools import lru_cache
from typing import Final

from interferon.rules.records import Test

COMMON: Final = frozenset(" -.:/\\0123456789abcdefghijklmnopqrstuvwxyz")  # alone, these are everywhere: the test itself is cheaper
REPEAT: Final = re.compile(r"\{[0-9]*,?[0-9]*\}")


@lru_cache(maxsize=100_000)  # the same rules stand behind many gates
def literal(test: Test) -> str:
    """The longest text that a match of this test cannot do without, "" if that is a single COMMON one."""
    match test.op:
        case "is" | "starts" | "ends" | "has":
            found = test.value.casefold()
        case "like":
            found = max((part.casefold() for part in test.parts if isinstance(part, str)), key=len, default="")
        case "re":
            found = of_pattern(test.value, ignore_case="i" in test.flags)
        case _:
            found = ""
    return "" if found in COMMON else found


def of_pattern(pattern: str, *, ignore_case: bool) -> str:
    """The longest run of plain characters outside groups, classes and repetitions; "" where branches or inline flags make that unsafe.

    Only ASCII counts, and with `ignore_case` no "i", "k" or "s": Python lets each of them match a letter beyond ASCII that casefolds
    otherwise or to more than one character.
    """
    if pattern.startswith("(?i)"):
        pattern, ignore_case = pattern[4:], True
    if re.search(r"\(\?[a-zA-Z-]*[)x]", pattern):  # other flags for the whole pattern, or blanks that mean nothing
        return ""
    runs, run, index, depth = [""], "", 0, 0
    while index < len(pattern):
        char, end = _plain(pattern, index)
        if pattern[index] == "[":
            end = _class_end(pattern, index)
        repeated = pattern[end : end + 1] in ("?", "*", "{") and bool(pattern[end : end + 1])
        if pattern[index] == "|" and depth == 0:
            return ""
        depth += (pattern[index] == "(") - (pattern[index] == ")")
        usable = bool(char) and depth == 0 and not repeated and char.isascii() and not (ignore_case and char in "iIkKsS")
        run = run + char if usable else ""
        runs.append(run)
        if pattern[end : end + 1] == "+":  # once at least, and then more of them before what follows
            run = ""
        index = end
    return max(runs, key=len).casefold()


def _plain(pattern: str, index: int) -> tuple[str, int]:
    """(the character that stands for itself there, or "", where the next item starts)."""
    char = pattern[index]
    if char == "{" and (counts := REPEAT.match(pattern, index)):
        return "", counts.end()
    if char != "\\":
        return ("" if char in ".^$*+?{}[]()|" else char), index + 1
    following = pattern[index + 1 : index + 2]
    if following.isalnum():
        return "", index + 1 + _escape_length(pattern, index + 1)
    return following, index + 2


def _escape_length(pattern: str, index: int) -> int:
    """How long an escape of letters or digits is: `\\x41`, `\\u0041`, `\\U00000041`, `\\N{...}`, `\\101` and `\\d`."""
    sizes = {"x": 3, "u": 5, "U": 9}
    if pattern[index] == "N" and (end := pattern.find("}", index)) >= 0:
        return end - index + 1
    digits = re.compile(r"[0-9]{1,3}").match(pattern, index)
    return len(digits[0]) if digits else sizes.get(pattern[index], 1)


def _class_end(pattern: str, index: int) -> int:
    """Behind the `]` of the class that opens at `index`; a `]` right after the opening is one of its members."""
    index += 1
    index += pattern[index : index + 1] == "^"
    index += pattern[index : index + 1] == "]"
    while index < len(pattern) and pattern[index] != "]":
        index += 2 if pattern[index] == "\\" else 1
    return index + 1
