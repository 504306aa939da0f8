"""`network.toml` ↔ Settings; every problem told with its line, none raised.

Called by `folder` and `folder_write`. Pure: takes and gives bytes and text.
"""

import re
import tomllib
from typing import Any

import msgspec
import tomli_w

from interferon.model import tables
from interferon.model.network import Settings
from interferon.model.problem import Problem
from interferon.model.tables import Column
from interferon.store.cells import CellError, close, convert, shown, within, written

FILE = "network.toml"


def parse(data: bytes) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None and the problems."""
    try:
        text = data.decode("utf-8-sig")
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return None, [_problem(data.count(b"\n", 0, error.start) + 1, f"byte {error.start} is not UTF-8; save the file as UTF-8")]
    except tomllib.TOMLDecodeError as error:
        return None, [_broken(error)]
    values = _flat(found)
    known = {column.column: column for column in tables.settings()}
    problems = [
        _problem(_line(text, key), f"unknown setting '{shown(key)}'{close(key, list(known))}; known are {', '.join(known)}")
        for key in values
        if key not in known
    ]
    settings: dict[str, Any] = {}
    for column in known.values():
        try:
            _put(settings, column.column, _value(column, values.get(column.column)))
        except CellError as error:
            problems.append(_problem(_line(text, column.column), str(error)))
    return (None if problems else msgspec.convert(settings, Settings)), problems


def render(settings: Settings) -> str:
    """The text of `network.toml`, each setting under its description."""
    lines: list[str] = []
    for column in tables.settings():
        table, _, key = column.column.rpartition(".")
        if table and f"[{table}]" not in lines:
            lines += ["", f"[{table}]"]
        value = getattr(getattr(settings, table) if table else settings, key)
        if value is None:
            continue
        lines += [f"# {column.description}" + (f" ({column.unit})" if column.unit else ""), tomli_w.dumps({key: value}).strip()]
    return "\n".join(lines) + "\n"


def _flat(found: dict[str, Any]) -> dict[str, Any]:
    """Keys of tables in the file joined by a dot."""
    flat: dict[str, Any] = {}
    for key, value in found.items():
        flat |= {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _put(settings: dict[str, Any], key: str, value: object) -> None:
    table, _, name = key.rpartition(".")
    (settings.setdefault(table, {}) if table else settings)[name] = value


def _value(column: Column, value: object) -> object:
    """A TOML value as its column wants it, or the default where it is absent. Raises CellError."""
    if value is None:
        if column.must:
            raise CellError(f'{column.column} is missing; write {column.column} = "…": {column.description}')
        return convert(column, column.default) if column.default else None
    if column.type in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CellError(
                f"{column.column} is {shown(repr(value))}; write a {'whole ' * (column.type == 'integer')}number, without quotes"
            )
        return convert(column, written(column, value)) if isinstance(value, float) else within(column, value)
    if not isinstance(value, str):
        raise CellError(f'{column.column} is {shown(repr(value))}; write text in quotes: {column.column} = "…"')
    if not value.strip():
        raise CellError(f"{column.column} is empty; {column.description}")
    return convert(column, value)


def _line(text: str, key: str) -> int:
    """Line on which a key stands, or 1."""
    table, _, name = key.rpartition(".")
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([^\]]*?)\s*\]", line):
            inside = head[1]
        elif re.match(rf'\s*"?{re.escape(name if inside == table else key)}"?\s*[.=]', line):
            return number
    return 1


def _broken(error: tomllib.TOMLDecodeError) -> Problem:
    found = re.search(r"\(at line (\d+), column \d+\)", str(error))
    why = str(error)[: found.start()].strip() if found else str(error)
    return _problem(int(found[1]) if found else 1, f"not TOML: {why}")


def _problem(line: int, message: str) -> Problem:
    return Problem(file=FILE, line=line, message=message)
