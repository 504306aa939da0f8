"""Reads a TOML table into a struct and names every mistake with its line. Called by `settings` only. Pure.

The parser of the standard library gives no places; the lines of sections and keys are found by their heads. A value inside an inline table
or array is told at the line of its key's section.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import msgspec

from interferon.model.problem import Problem

T = TypeVar("T", bound=msgspec.Struct)
_HEAD: Final = re.compile(r"^\s*(\[\[?)\s*([\w.\"'-]+)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"^\s*([\w-]+)\s*[=.]")
_AT: Final = re.compile(r"line (\d+)")


class Reader:
    """One file, and the problems found in it so far."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.tree: dict[str, Any] = {}
        self._lines = dict(_places(text))
        try:
            self.tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line = _AT.search(str(error))
            self.problems.append(Problem(file=name, line=int(line[1]) if line else 1, message=f"not TOML: {error}"))

    def wrong(self, section: str, key: str, message: str) -> None:
        """Note a problem at `key` of `section` (`target.0`, `limits`, ''), or at the section's head."""
        line = self._lines.get((section, key)) or self._lines.get((section, "")) or 1
        self.problems.append(Problem(file=self.name, line=line, message=message))

    def struct(self, kind: type[T], table: object, section: str) -> T | None:
        """`table` as `kind`; None where it is not one, and every reason is noted."""
        if not isinstance(table, Mapping):
            self.wrong(section, "", f"{section} is {table!r}; it is a table {_shown(section)}")
            return None
        before = len(self.problems)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key, value in table.items():
            if key not in fields:
                self.wrong(section, key, unknown(key, fields))
                continue
            try:
                msgspec.convert(value, fields[key].type)
            except msgspec.ValidationError as error:
                self.wrong(section, key, f"{key} is {value!r}: {error}")
        for key in [name for name, field in fields.items() if field.required and name not in table]:
            self.wrong(section, "", f"{key} is missing in {_shown(section)}")
        if len(self.problems) > before:
            return None
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            self.wrong(section, "", str(error))
            return None

    def rows(self, kind: type[T], name: str) -> Iterator[tuple[str, T]]:
        """(section, row) of every `[[name]]` that can be read."""
        found = self.tree.get(name, [])
        if not isinstance(found, list):
            self.wrong(name, "", f"{name} is written [[{name}]], once for each")
            return
        for place, table in enumerate(found):
            row = self.struct(kind, table, f"{name}.{place}")
            if row is not None:
                yield f"{name}.{place}", row


def _shown(section: str) -> str:
    name, dot, place = section.rpartition(".")
    if dot and place.isdigit():
        return f"[[{name}]]"
    return f"[{section}]" if section else "the file"


def unknown(key: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(key, known, 1)
    return f"unknown key {key!r}{f', did you mean {near[0]}?' if near else ''}; known are {', '.join(known)}"


def _places(text: str) -> Iterable[tuple[tuple[str, str], int]]:
    """((section, key), line) of every head (key '') and every key."""
    section, counts = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            section = head[2].replace('"', "").replace("'", "")
            if head[1] == "[[":
                counts[section] = counts.get(section, -1) + 1
            if section.partition(".")[0] in counts:
                first, dot, rest = section.partition(".")
                section = f"{first}.{counts[first]}{dot}{rest}"
            yield (section, ""), number
        elif key := _KEY.match(line):
            yield (section, key[1]), number
