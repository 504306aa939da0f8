"""Problems of the tables that say what is not done: rows that bind nothing, interlocks without a signal, work that nobody else approved.

Called by `folder_check` on the rows as read. Notes problems on them and changes nothing else.
"""

from typing import Final

from interferon.model.patterns import covers
from interferon.model.tables import singular
from interferon.store.cells import shown
from interferon.store.table_file import Line, Rows

TABLED: Final = {singular(table): table for table in ("assets", "zones", "conduits", "partners", "lanes")}


def check(tables: dict[str, Rows]) -> None:
    """Runs every check. A slip here would leave unprotected what somebody thinks is protected: all of them are fatal."""
    for name in ("protected", "interlocks", "maintenance"):
        for line in _good(tables[name]):
            _binds(tables, tables[name], line)
    for line in _good(tables["interlocks"]):
        _condition(tables["interlocks"], line)
    for line in _good(tables["maintenance"]):
        _window(tables["maintenance"], line)


def _binds(tables: dict[str, Rows], rows: Rows, line: Line) -> None:
    """A pattern must name something; what comes with the events alone (an identity, an order) nobody can look up."""
    where = str(line.cells["where"])
    kind = where.partition(":")[0]
    table = tables[TABLED[kind]] if kind in TABLED else None
    if table is not None and table.whole and not any(covers(where, f"{kind}:{each.texts.get('id', '').strip()}") for each in table.lines):
        rows.problem(line.number, f"where is '{shown(where)}', which names no {kind} in {table.table.file}")


def _condition(rows: Rows, line: Line) -> None:
    """A comparison needs a signal, and a signal a comparison."""
    signal, test = line.cells["signal"], line.cells["test"]
    if test == "in_service" and signal:
        rows.problem(line.number, f"test in_service looks at no signal; say how '{shown(str(signal))}' compares with value, as with >=")
    if test != "in_service" and not signal:
        rows.problem(line.number, f"test {test} compares a signal, and none is named; name it, or write in_service")


def _window(rows: Rows, line: Line) -> None:
    if int(line.cells["until"]) <= int(line.cells["from"]):
        rows.problem(line.number, f"until {shown(line.texts['until'])} is not after from {shown(line.texts['from'])}")
    if line.cells["planner"] == line.cells["approver"]:
        rows.problem(line.number, f"'{line.cells['planner']}' planned and approved it; somebody else has to approve")


def _good(rows: Rows) -> list[Line]:
    return [line for line in rows.lines if line.good]
