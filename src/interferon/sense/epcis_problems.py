"""The problems of an EPCIS document, and the looks at single values that all rules share: names, times, URIs, words, numbers.

Used by `epcis_check` and `epcis_fields`. Pure.
"""

import re
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from interferon.sense import epcis_vocabulary as vocabulary

MOST: Final = 1000  # problems of one document that are listed
EXTENSION: Final = re.compile(r"[^\s:/@][^\s:/]*:\S+")


class Problem(NamedTuple):
    """What is wrong at a place of a document (a path of members), and what would be right. A warning does not make it invalid."""

    path: str
    what: str
    right: str
    severity: Literal["error", "warning"] = "error"


def valid(problems: list[Problem]) -> bool:
    """Whether the document may be used: it has no problem but warnings."""
    return all(each.severity == "warning" for each in problems)


class Check:
    """The problems so far, the binding, and the prefixes of the event that is looked at."""

    def __init__(self, xml: bool, version: str) -> None:
        self.found: list[Problem] = []
        self.xml = xml
        self.old = version.startswith("1")
        self.spaces: dict[str, str] = {}
        self.foreign = False

    def error(self, path: str, what: str, right: str) -> None:
        if len(self.found) < MOST:
            self.found.append(Problem(path, what, right))

    def warn(self, path: str, what: str, right: str) -> None:
        if len(self.found) < MOST:
            self.found.append(Problem(path, what, right, "warning"))

    def members(self, path: str, value: dict[str, Any], known: tuple[str, ...] | set[str]) -> None:
        """Every member is known or an extension whose prefix is declared."""
        for name in value:
            if name in known or (self.xml and name.startswith(("@", "#"))):
                continue
            place = f"{path}.{name}".lstrip(".")
            if not EXTENSION.fullmatch(name):
                self.error(place, "is not known here", "a member of EPCIS, or an extension with a namespace, as example:name")
            else:
                self.declared(place, name)

    def declared(self, path: str, name: str) -> None:
        prefix = name.partition(":")[0]
        known = prefix in self.spaces or prefix in vocabulary.PREFIXES or prefix in ("urn", "http", "https", "xsi", "xml")
        if not known and not self.foreign and not self.xml:
            self.error(path, f"the prefix {prefix!r} is declared nowhere", f'{{"{prefix}": "its namespace"}} in @context')

    def time(self, path: str, value: Any, *, strict: bool = False) -> int | None:
        try:
            if isinstance(value, str) and not (strict and value.count(":") < 2):
                return vocabulary.micros(value)
        except ValueError as error:
            self.error(path, str(error).partition(";")[0], "2026-01-05T08:00:00Z or 2026-01-05T09:00:00.000+01:00")
            return None
        self.error(path, f"is {str(value)[:60]!r}, no time", "2026-01-05T08:00:00Z or 2026-01-05T09:00:00.000+01:00")
        return None

    def uri(self, path: str, value: Any) -> None:
        if not isinstance(value, str) or not vocabulary.URI.fullmatch(value):
            self.error(path, f"is {str(value)[:60]!r}, no URI", "a URI")

    def epc(self, path: str, value: Any) -> None:
        if not isinstance(value, str):
            self.error(path, "is no text", "the URI of an EPC")
        elif wrong := vocabulary.wrong_epc(value):
            self.error(
                path,
                wrong.partition("; it would be ")[0],
                wrong.partition("; it would be ")[2] or "an EPC URI of TDS or a GS1 Digital Link",
            )

    def word(self, path: str, value: Any, words: vocabulary.Words) -> None:
        if not isinstance(value, str):
            self.error(path, "is no text", "a value of the vocabulary")
        elif wrong := vocabulary.wrong_word(value, words, self.spaces, urn=self.xml):
            self.error(path, *halves(wrong))

    def number(self, path: str, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            self.error(path, f"is {str(value)[:40]!r}, no number", "a number")
            return False
        return True

    def objects(self, path: str, value: Any) -> list[tuple[str, dict[str, Any]]]:
        """The objects of a list with their paths; what is none is a problem. JSON-LD takes one object for a list of one."""
        if isinstance(value, dict) and not self.xml:
            self.warn(path, "is one object", "a list of objects")
            return [(path, value)]
        if not isinstance(value, list):
            self.error(path, "is no list", "a list of objects")
            return []
        for at, each in enumerate(value):
            if not isinstance(each, dict):
                self.error(f"{path}[{at}]", "is no object", "an object")
        return [(f"{path}[{at}]", each) for at, each in enumerate(value) if isinstance(each, dict)]


def halves(wrong: str) -> tuple[str, str]:
    for middle in ("; it would be ", "; XML writes ", "; JSON writes "):
        what, found, right = wrong.partition(middle)
        if found:
            return what, right
    return wrong, "a value of the vocabulary, or a URI of its own"
