"""Problems that show only across rows and tables: references, duplicates, times, cycles, ways for the goods.

Called by `folder` on the rows as read. Notes problems on them and changes nothing else.
"""

import re
from typing import Final

from interferon.model.tables import Column, singular
from interferon.store import folder_limits, folder_ways
from interferon.store.cells import Value, close, shown
from interferon.store.table_file import Line, Rows

Tables = dict[str, Rows]

_FACTOR_UNITS: Final = {
    **dict.fromkeys(("lane", "air", "rail", "road", "sea"), "g/tkm"),
    **dict.fromkeys(("node", "dc", "plant", "supplier"), "kg/t"),
}


def check(tables: Tables) -> None:
    """Runs every check. A row with a bad cell is still known by its id, so that one slip is told once."""
    known = {name: _ids(rows) for name, rows in tables.items() if rows.table.key == ("id",)}
    for rows in tables.values():
        _duplicates(rows)
        for column in rows.table.columns:
            if column.refs and _checked(column, tables):
                _references(rows, column, known)
    _conduits(tables["conduits"])
    _lanes(tables["lanes"], tables["partners"])
    _alternates(tables["alternates"])
    _orders(tables["orders"], tables["nodes"])
    _rosters(tables["rosters"])
    _emission_factors(tables["emission_factors"], {kind: _ids(tables[f"{kind}s"]) for kind in ("lane", "node")})
    _processes(tables["processes"])
    folder_limits.check(tables)
    folder_ways.check(tables)


def _processes(rows: Rows) -> None:
    """What the effector compares with what runs: a slip would make it act on nothing, or find another program."""
    for line in rows.lines:
        digest, path = line.texts.get("sha256", "").strip(), line.texts.get("executable", "").strip()
        if line.good and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            rows.problem(line.number, f"sha256 is '{shown(digest)}'; write the 64 hexadecimal digits that `sha256sum` prints")
        if line.good and not path.startswith("/"):
            rows.problem(line.number, f"executable is '{shown(path)}'; write its whole path, as /usr/bin/historian")


def _ids(rows: Rows) -> dict[str, int]:
    """Id → line of its first row."""
    found: dict[str, int] = {}
    for line in rows.lines:
        found.setdefault(line.texts.get("id", "").strip(), line.number)
    return found


def _checked(column: Column, tables: Tables) -> bool:
    """Whether the tables it refers to can be asked. One that cannot be read says so itself. Without people, owners are free text."""
    if column.refs == ("people",) and column.required == "no" and not tables["people"].lines:
        return False
    return all(tables[name].whole for name in column.refs)


def _duplicates(rows: Rows) -> None:
    first: dict[tuple[str, ...], int] = {}
    for line in rows.lines:
        key = tuple(line.texts.get(column, "").strip() for column in rows.table.key)
        if not all(key):
            continue
        if first.setdefault(key, line.number) != line.number:
            named = " ".join(f"{column} '{shown(value)}'" for column, value in zip(rows.table.key, key, strict=True))
            rows.problem(line.number, f"{named} is there already, on line {first[key]}; each must be unique")


def _references(rows: Rows, column: Column, known: dict[str, dict[str, int]]) -> None:
    """Every value must be an id of the table referred to; that of a `target` column is `kind:ID` and names its table."""
    by_kind = {singular(table): table for table in column.refs}
    for line in rows.lines:
        value = line.cells.get(column.column, "")
        if not isinstance(value, str) or not value:
            continue
        prefix, name = (value[: value.index(":") + 1], value[value.index(":") + 1 :]) if column.type == "target" else ("", value)
        kind = prefix.rstrip(":") or singular(column.ref)
        if name not in known[by_kind[kind]]:
            near = close(name, known[by_kind[kind]]).replace("mean ", f"mean {prefix}")
            rows.problem(line.number, f"{column.column} is '{shown(value)}', which is no {kind} in {by_kind[kind]}.csv{near}")


def _conduits(rows: Rows) -> None:
    for line in _good(rows):
        if line.cells["from_zone"] == line.cells["to_zone"]:
            rows.problem(line.number, f"conduit goes from zone '{line.cells['from_zone']}' to itself; a conduit joins two zones")


def _lanes(rows: Rows, partners: Rows) -> None:
    kinds = {line.cells["id"]: line.cells["kind"] for line in _good(partners)}
    for line in _good(rows):
        if line.cells["from"] == line.cells["to"]:
            rows.problem(line.number, f"lane goes from '{line.cells['from']}' to itself; a lane joins two nodes")
        carrier = line.cells["carrier"]
        if kinds.get(carrier, "carrier") != "carrier":
            rows.problem(line.number, f"carrier '{carrier}' is a partner of kind {kinds[carrier]}; name one of kind carrier")
        if (express := float(line.cells["expedite_days"])) and express >= float(line.cells["lead_days_mean"]):
            told = f"expedite_days is {express:g} and lead_days_mean {float(line.cells['lead_days_mean']):g}"
            rows.problem(line.number, f"{told}; goods are expedited only where that is faster", fatal=False)


def _alternates(rows: Rows) -> None:
    for line in _good(rows):
        if line.cells["product"] == line.cells["alternate"]:
            rows.problem(line.number, f"alternate of '{line.cells['product']}' is the product itself; name another product")


def _orders(rows: Rows, nodes: Rows) -> None:
    kinds = {line.cells["id"]: line.cells["kind"] for line in _good(nodes)}
    for line in _good(rows):
        customer = line.cells["customer"]
        if kinds.get(customer, "customer") != "customer":
            rows.problem(line.number, f"customer '{customer}' is a node of kind {kinds[customer]}; name one of kind customer")
        if _number(line.cells["promised"]) < _number(line.cells["requested"]):
            written = f"{shown(line.texts['promised'])} lies before requested {shown(line.texts['requested'])}"
            rows.problem(line.number, f"promised {written}; an order is promised after it came in")


def _emission_factors(rows: Rows, known: dict[str, dict[str, int]]) -> None:
    """What a factor is for must be there, and have the unit that goes with it."""
    for line in _good(rows):
        element, unit = str(line.cells["element"]), line.cells["unit"]
        kind, named, name = element.partition(":")
        right = _FACTOR_UNITS.get(kind if named else element)
        if right is None or (kind in known) != bool(named):
            words = ", ".join(each if each not in known else f"{each}:ID" for each in _FACTOR_UNITS)
            rows.problem(line.number, f"element is '{shown(element)}'; it must be one of {words}")
        elif named and name not in known[kind]:
            rows.problem(line.number, f"element is '{shown(element)}', which is no {kind} in {kind}s.csv{close(name, known[kind])}")
        elif unit != right:
            rows.problem(line.number, f"unit is '{unit}'; a factor of {element} is given in {right}")


def _rosters(rows: Rows) -> None:
    last: dict[tuple[Value, Value], tuple[int, int]] = {}
    duties = sorted(_good(rows), key=lambda line: (_number(line.cells["from"]), line.number))
    for line in duties:
        who, begins, ends = (line.cells["person"], line.cells["role"]), _number(line.cells["from"]), _number(line.cells["until"])
        if ends <= begins:
            rows.problem(line.number, f"until {shown(line.texts['until'])} is not after from {shown(line.texts['from'])}")
            continue
        before, number = last.get(who, (begins, 0))
        if before > begins and number:
            rows.problem(line.number, f"duty of '{who[0]}' as '{who[1]}' overlaps the one on line {number}; let one end before the next")
        last[who] = max((before, number), (ends, line.number))


def _good(rows: Rows) -> list[Line]:
    return [line for line in rows.lines if line.good]


def _number(value: Value) -> int:
    return int(value)
