"""How the columns of an exported table become trade events, or rows of the network's own tables: a declared mapping, and its use on a row.

Called by the connector `erp_tables`. Pure: cells in, fields out; ValueError says which column and what would be right.
"""

from collections.abc import Mapping as Cells
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from interferon.model.events import TRADE, TRADE_KINDS
from interferon.model.tables import tables

TIMES: Final = ("time", "seen", "promised")
FIELDS: Final = tuple(name for name in TRADE.names if name not in ("feed", "offset", "raw", "attributes"))
MORE: Final = "attributes."  # a column may go to `attributes.NAME`
EMPTY: Final = ("", "-", "null", "none", "n/a", "#n/a", "nan")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPACES: Final = {ord(each): None for each in "  \u00a0\u202f'’"}
WHOSE: Final = {  # kind → field that is its entity (the first that has a value), with the kind of reference
    "order.placed": (("node", "destination"), ("partner", "partner")),
    "shipment.departed": (("lane", "lane"), ("node", "origin"), ("partner", "partner")),
    "shipment.arrived": (("lane", "lane"), ("node", "destination"), ("partner", "partner")),
    "receipt.posted": (("lane", "lane"), ("node", "destination"), ("partner", "partner")),
    "partner.changed": (("partner", "partner"),),
    "invoice.received": (("partner", "partner"),),
}
PLACES: Final = (("node", "origin"), ("node", "destination"), ("partner", "partner"))


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a table holds and where. Either `kind` (or a column that says it) for trade events, or `table` for rows of the network.

    `columns`: name of a column → field (`order`, `quantity`, `attributes.price` …). `constants`: field → value of every row. `values`:
    field → what a cell says → what it means. `date`: forms of strptime, ISO 8601 where there are none; `zone`: of times that name none.
    """

    kind: str = ""
    table: str = ""
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    date: list[str] | str = []
    zone: str = "UTC"
    decimal: str = "."
    separator: str = ""  # guessed from the header
    encoding: str = ""  # UTF-8, and what is none as Windows-1252
    skip: int = 0  # lines before the header
    entity: str = ""  # a reference with fields in braces, as `node:{destination}`
    feed: str = ""

    def fields(self) -> tuple[str, ...]:
        """The fields that there are: the columns of the table, or those of trade events."""
        return tuple(column.column for column in tables()[self.table].columns) if self.table else FIELDS

    def problem(self) -> str:
        """What is wrong with the mapping itself, or nothing."""
        if self.table and self.table not in tables():
            return f"table = {self.table!r} is no table; it would be one of {', '.join(tables())}"
        if self.kind and self.kind not in TRADE_KINDS:
            return f"kind = {self.kind!r} is no kind of trade; it would be one of {', '.join(TRADE_KINDS)}"
        if self.decimal not in (".", ","):
            return f"decimal = {self.decimal!r}; it would be . or ,"
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError):
            return f"zone = {self.zone!r} is no time zone; it would be as Europe/Berlin"
        return next((found for name in (*self.columns.values(), *self.constants, *self.values) if (found := self._unknown(name))), "")

    def _unknown(self, name: str) -> str:
        if name in self.fields() or (not self.table and name.startswith(MORE)):
            return ""
        known = ", ".join(self.fields()) + ("" if self.table else f", {MORE}NAME")
        return f"{name!r} is no field; it would be one of {known}"


def own(names: list[str]) -> Mapping:
    """The mapping of a table whose columns are named as ours; what is named otherwise is an attribute."""
    return Mapping(columns={name: name if name in FIELDS else f"{MORE}{name}" for name in names if name})


def row(mapping: Mapping, cells: Cells[str, str]) -> dict[str, str]:
    """Field → text of one row of a network table: values mapped, empty cells absent. ValueError where a key is missing."""
    found = _fields(mapping, cells)
    missing = [name for name in tables()[mapping.table].key if not found.get(name)]
    if missing:
        raise ValueError(f"{_column(mapping, missing[0])} is empty; {mapping.table} need {missing[0]} of every row")
    return found


def event(mapping: Mapping, cells: Cells[str, str], feed: str) -> dict[str, Any]:
    """The columns of one trade event but its feed and offset. ValueError where a cell is not what its field needs."""
    found = _fields(mapping, cells)
    kind = found.get("kind") or mapping.kind
    if kind not in TRADE_KINDS:
        raise ValueError(f"{_column(mapping, 'kind')} is {kind[:40]!r}; it would be one of {', '.join(TRADE_KINDS)}")
    if not found.get("time"):
        raise ValueError(f"{_column(mapping, 'time')} is empty; every event needs a time")
    made: dict[str, Any] = {name: found.get(name) for name in FIELDS if name not in (*TIMES, "quantity", "trust")}
    made |= {name: _time(mapping, name, found[name]) if found.get(name) else None for name in TIMES}
    made["seen"] = made["seen"] if made["seen"] is not None else made["time"]
    made["quantity"] = _number(mapping, "quantity", found["quantity"]) if found.get("quantity") else None
    made["trust"] = _number(mapping, "trust", found["trust"]) if found.get("trust") else 1.0
    made["kind"] = kind
    made["entity"] = _entity(mapping, found, kind, feed)
    more = {name.removeprefix(MORE): _told(mapping, name, each) for name, each in found.items() if name.startswith(MORE)}
    made["attributes"] = msgspec.json.encode(more).decode() if more else None
    return made


def _fields(mapping: Mapping, cells: Cells[str, str]) -> dict[str, str]:
    found = dict(mapping.constants)
    for column, name in mapping.columns.items():
        text = cells.get(column, "").strip()
        text = mapping.values.get(name, {}).get(text, text)
        if text.lower() not in EMPTY:
            found[name] = text
    return found


def _column(mapping: Mapping, name: str) -> str:
    """The column that a field comes from, for a person who looks for it."""
    return next((f"column {column!r}" for column, field in mapping.columns.items() if field == name), f"field {name!r}")


def _entity(mapping: Mapping, found: Cells[str, str], kind: str, feed: str) -> str:
    if mapping.entity:
        text = mapping.entity
        for name, each in found.items():
            text = text.replace(f"{{{name}}}", each)
        if "{" not in text and ":" in text:
            return text
        raise ValueError(f"entity = {mapping.entity!r} names a field that is empty, or is no reference as node:{{destination}}")
    given = found.get("entity", "")
    if given:
        if ":" not in given:
            raise ValueError(f"{_column(mapping, 'entity')} is {given[:60]!r}; a reference is kind:id, as node:plant-1")
        return given
    return next((f"{what}:{found[name]}" for what, name in WHOSE.get(kind, PLACES) if found.get(name)), f"feed:{feed}")


def _time(mapping: Mapping, name: str, text: str) -> int:
    """Microseconds UTC by the forms of the mapping, or ISO 8601; the zone of the mapping where the text names none."""
    forms = [mapping.date] if isinstance(mapping.date, str) else mapping.date
    moment = next((found for form in forms if (found := _by_form(text, form)) is not None), None)
    try:
        moment = moment if moment is not None or forms else datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None:
        right = " or ".join(forms) or "2026-01-05T08:00:00Z"
        raise ValueError(f"{_column(mapping, name)} is {text[:60]!r}, no time; it would be as {right}")
    try:
        return ((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(mapping.zone))).astimezone(UTC) - _EPOCH) // timedelta(
            microseconds=1
        )
    except OverflowError:
        raise ValueError(f"{_column(mapping, name)} is {text[:60]!r}, out of range") from None


def _by_form(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 — the zone is the mapping's
    except ValueError:
        return None


def _number(mapping: Mapping, name: str, text: str) -> float:
    """A number with the decimal sign of the mapping, separators of thousands, and a minus before or behind."""
    found = _numeric(mapping, text)
    if found is None:
        raise ValueError(
            f"{_column(mapping, name)} is {text[:60]!r}, no number; it would be as {'1.234,5' if mapping.decimal == ',' else '1,234.5'}"
        )
    return found


def _numeric(mapping: Mapping, text: str) -> float | None:
    other = "," if mapping.decimal == "." else "."
    short = text.translate(_SPACES).replace(other, "").replace(mapping.decimal, ".")
    if short.endswith("-"):
        short = f"-{short[:-1]}"
    plain = short.removeprefix("-").removeprefix("+").replace(".", "", 1)
    return float(short) if plain.isdecimal() and plain.isascii() and len(plain) < 300 else None


def _told(mapping: Mapping, name: str, text: str) -> Any:
    """An attribute: prices are numbers where they can be, all else is text."""
    found = _numeric(mapping, text) if name == "attributes.price" else None
    return text if found is None else found
