"""The columns of every table of a network folder: type, unit, default, allowed values and description, as data.

The data lie in `tables/*.csv`, one file per table, with `index.csv` naming the tables. They drive reading, checks, writing and docs.
Only package data are read here, once.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

Type = Literal["id", "ref", "target", "text", "choice", "number", "integer", "time", "country", "currency", "timezone", "pattern", "action"]
SETTINGS: Final = "settings"  # describes network.toml; not a table


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `ref` names the table (`|`-separated: tables, for a `kind:ID` reference) in which the value must exist.

    `allowed` is a range (`0..1`, `0..`, `>0`), the values of a choice (`a|b`) or the kinds of reference that a pattern may name; `default`
    is the text that stands for an empty cell.
    """

    column: str
    type: Type
    unit: str
    default: str
    required: Literal["key", "yes", "no"]
    ref: str
    allowed: str
    description: str

    @property
    def key(self) -> bool:
        """Whether it is part of what makes a row unique."""
        return self.required == "key"

    @property
    def must(self) -> bool:
        """Whether the column and each of its cells must be there."""
        return self.required != "no"

    @property
    def choices(self) -> tuple[str, ...]:
        """Values of a choice."""
        return tuple(self.allowed.split("|")) if self.type == "choice" else ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of reference that a pattern may name."""
        return tuple(self.allowed.split("|")) if self.type == "pattern" else ()

    @property
    def refs(self) -> tuple[str, ...]:
        """Tables that the value may refer to."""
        return tuple(self.ref.split("|")) if self.ref else ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table: `<name>.csv` in a network folder. `required`: must be there and have a row."""

    name: str
    required: bool
    description: str
    columns: tuple[Column, ...]

    @property
    def file(self) -> str:
        """File name in the folder."""
        return f"{self.name}.csv"

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that make a row unique."""
        return tuple(column.column for column in self.columns if column.key)


def _rows(name: str) -> list[dict[str, str]]:
    text = files("interferon.model").joinpath("tables", f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _columns(name: str) -> tuple[Column, ...]:
    return tuple(msgspec.convert(row, Column) for row in _rows(name))


@cache
def tables() -> dict[str, Table]:
    """Every table by name, in the order they are read, written and documented."""
    return {
        row["table"]: Table(
            name=row["table"], required=row["required"] == "yes", description=row["description"], columns=_columns(row["table"])
        )
        for row in _rows("index")
    }


@cache
def settings() -> tuple[Column, ...]:
    """The keys of `network.toml`; a dot stands for a table in it (`budgets.actions_per_hour`)."""
    return _columns(SETTINGS)


def singular(table: str) -> str:
    """What a row is called, as in the reference `node:dc-1`: `nodes` → `node`."""
    return {"people": "person", "processes": "process"}.get(table, table.removesuffix("s"))
