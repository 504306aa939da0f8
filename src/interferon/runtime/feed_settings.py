"""`feeds.toml` of a network folder: which sources are listened to live. Called by `up`, and by `interferon check` for its mistakes.

A `[[feed]]` is read by the settings of its connector: every connector that has `listen` is one. Reads that file alone; passwords and
certificates are read when a feed connects.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, cast

import msgspec

from interferon import plugins
from interferon.model.errors import InputError
from interferon.model.problem import Problem
from interferon.sense.live import Place, Take
from interferon.store.cells import close
from interferon.store.feed_access import PATHS, Access

FILE: Final = "feeds.toml"
_NAME: Final = re.compile(r"\w[\w.-]{0,63}")
_HEAD: Final = re.compile(r"\s*\[\[\s*feed\s*\]\]")


class Connector(Protocol):
    """A live connector: a module of `connectors/`."""

    NAME: str
    Settings: type[Access]

    async def listen(self, settings: Access, feed: str, place: Place, take: Take) -> None:
        """Reads and hands over until the connection is lost; then it raises OSError."""


@dataclass(frozen=True)
class Feed:
    """One live feed."""

    connector: Connector
    settings: Access

    @property
    def name(self) -> str:
        return self.settings.name


@cache
def kinds() -> dict[str, Connector]:
    """Every live connector by the word that `kind` takes."""
    found = [module for module in plugins.modules("connectors").values() if hasattr(module, "listen") and hasattr(module, "NAME")]
    return {module.NAME: cast(Connector, module) for module in found}


def load(folder: Path) -> list[Feed]:
    """The live feeds of a network folder, none where it has no `feeds.toml`. InputError with the first mistake."""
    found, mistakes = read(folder)
    if mistakes:
        more = f" (and {len(mistakes) - 1} more; `interferon check {folder}` names them all)" if len(mistakes) > 1 else ""
        raise InputError(f"{folder / FILE}:{mistakes[0].line}: {mistakes[0].message}{more}")
    return found


def problems(folder: Path) -> list[Problem]:
    """Every mistake in `feeds.toml`."""
    return read(folder)[1]


def read(folder: Path) -> tuple[list[Feed], list[Problem]]:
    """The feeds that are right, and every mistake in the order of the file."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [_problem(1, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        return [], [_problem(1, f"byte {error.start} is not UTF-8; save the file as UTF-8")]
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)", str(error))
        return [], [_problem(int(place[1]) if place else 1, f"not TOML: {error}")]
    mistakes = [_problem(_line(text, 0, key), f"unknown key {key!r}; it holds [[feed]] tables alone") for key in tables if key != "feed"]
    given = tables.get("feed", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        return [], [*mistakes, _problem(1, "feed is no list of tables; begin each feed with [[feed]]")]
    return _each(folder, text, given, mistakes)


def _each(folder: Path, text: str, given: list[dict[str, Any]], mistakes: list[Problem]) -> tuple[list[Feed], list[Problem]]:
    feeds: dict[str, Feed] = {}
    for number, table in enumerate(given, 1):
        wrong = list(_wrong(table, feeds))
        if not wrong:
            connector = kinds()[table["kind"]]
            try:
                settings = msgspec.convert(_absolute(folder, table), connector.Settings)
                feeds[settings.name] = Feed(connector, settings)
            except msgspec.ValidationError as error:
                wrong = [_told(error, connector.Settings)]
        label = f"feed {table['name']!r}" if isinstance(table.get("name"), str) else f"feed {number}"
        mistakes += [_problem(_line(text, number, key), f"{label}: {message}") for key, message in wrong]
    return list(feeds.values()), mistakes


def _wrong(table: dict[str, Any], feeds: dict[str, Feed]) -> Iterator[tuple[str, str]]:
    """Mistakes in what every feed has: (key, message)."""
    name, kind, trust = table.get("name"), table.get("kind"), table.get("trust", 1.0)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "name", f'name is {name!r}; give each feed one of letters, digits, - and _, as name = "plant-mqtt"'
    elif name in feeds:
        yield "name", f"name {name!r} is taken by a feed above; each has its own"
    if not isinstance(kind, str) or kind not in kinds():
        near = close(kind, kinds()) if isinstance(kind, str) else ""
        yield "kind", f"kind is {kind!r}{near}; it would be one of {', '.join(sorted(kinds()))}"
    if isinstance(trust, bool) or not isinstance(trust, int | float) or not 0 <= trust <= 1:
        yield "trust", f"trust is {trust!r}; it would be a number from 0 to 1"
    if table.get("password_env") and table.get("password_file"):
        yield "password_file", "password_file and password_env are both given; one of them is enough"
    if "password" in table:
        yield "password", 'password stands in the file; write password_env = "NAME" or password_file = "PATH" instead'
    if table.get("key_file") and not table.get("cert_file"):
        yield "key_file", "key_file is given without cert_file; a client certificate needs both"


def _absolute(folder: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Paths of files from the network folder on."""
    return {key: str(folder / value) if key in PATHS and isinstance(value, str) and value else value for key, value in table.items()}


def _told(error: msgspec.ValidationError, settings: type[Access]) -> tuple[str, str]:
    """The key that a message of msgspec is about, and the message in our words."""
    text = str(error)
    message, _, path = text.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    quoted = re.search(r"`(\w+)`", message)
    if "unknown field" in message and quoted and not path:
        known = settings.__struct_fields__
        return quoted[1], f"unknown key {quoted[1]!r}{close(quoted[1], known)}; known are {', '.join(known)}"
    if "missing required field" in message and quoted:
        return path or quoted[1], f"{f'{path}: ' if path else ''}{quoted[1]} is missing"
    key = re.split(r"[.\[]", path)[0] if path else (re.match(r"\w+", message) or [""])[0]
    return key, f"{f'{path}: ' if path else ''}{message}"


def _line(text: str, number: int, key: str) -> int:
    """Line of a key in the feed of that number (0: before the first), else of the feed's head."""
    feed, head = 0, 1
    for place, line in enumerate(text.splitlines(), 1):
        if _HEAD.match(line):
            feed += 1
            head = place if feed == number else head
        elif feed == number and re.match(rf'\s*(\[+\s*(feed\.)?)?"?{re.escape(key)}"?\s*[].=\s]', line):
            return place
    return head


def _problem(line: int, message: str) -> Problem:
    return Problem(file=FILE, line=line, message=message)
