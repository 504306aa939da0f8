"""A network folder → `Network`. `read` tells every problem there is; `load` is for those who need a network or an error.

Called by the command line and the runtime. Reads the folder's files and changes nothing.
"""

from pathlib import Path
from typing import Any

import msgspec

from interferon.model.errors import InputError
from interferon.model.network import ROWS, Network, Row, Settings
from interferon.model.problem import Problem
from interferon.model.tables import Table, tables
from interferon.store import folder_check, settings_file, table_file
from interferon.store.cells import close
from interferon.store.table_file import Rows


def load(folder: Path, revision: int = 1) -> Network:
    """The network in `folder`. Raises InputError with the first fatal problem and how many there are."""
    network, problems = read(folder, revision)
    if network is None:
        fatal = [problem for problem in problems if problem.fatal]
        first = fatal[0]
        more = f" (and {len(fatal) - 1} more; `interferon check {folder}` names them all)" if len(fatal) > 1 else ""
        raise InputError(f"{folder / first.file}:{first.line}: {first.message}{more}")
    return network


def read(folder: Path, revision: int = 1) -> tuple[Network | None, list[Problem]]:
    """The network, unless a problem is fatal, and all problems in the order of files and lines. Raises InputError if it is no folder."""
    if not folder.exists():
        raise InputError(f"{folder} does not exist; `interferon init {folder}` makes an example")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that holds network.toml")
    settings, problems = _settings(folder)
    read_tables = {table.name: _table(folder, table) for table in tables().values()}
    folder_check.check(read_tables)
    problems += _misnamed(folder)
    for rows in read_tables.values():
        problems += sorted(rows.problems, key=lambda problem: problem.line)
    if settings is None or any(problem.fatal for problem in problems):
        return None, problems
    return _network(settings, read_tables, revision, folder), problems


def _settings(folder: Path) -> tuple[Settings | None, list[Problem]]:
    data, why = _bytes(folder / settings_file.FILE)
    if data is None:
        return None, [Problem(file=settings_file.FILE, line=1, message=why or 'the file is missing; it needs at least name = "…"')]
    return settings_file.parse(data)


def _table(folder: Path, table: Table) -> Rows:
    data, why = _bytes(folder / table.file)
    if data is not None:
        return table_file.parse(table, data)
    rows = Rows(table)
    if why or table.required:
        header = ",".join(column.column for column in table.columns)
        rows.problem(1, why or f"the file is missing; a network needs it, with the columns {header}", whole=False)
    return rows


def _misnamed(folder: Path) -> list[Problem]:
    """Files that are named almost like a table that is not there."""
    absent = {table.file for table in tables().values() if not (folder / table.file).exists()}
    known = {table.file for table in tables().values()}
    return [
        Problem(file=path.name, line=1, message=f"no table has this name{near}; the file is not read", fatal=False)
        for path in sorted(folder.glob("*.csv"))
        if path.name not in known and (near := close(path.name, absent))
    ]


def _bytes(path: Path) -> tuple[bytes | None, str]:
    """A file's bytes; or None, and why it cannot be read ('' where there is none)."""
    try:
        return path.read_bytes(), ""
    except FileNotFoundError:
        return None, "it is a link to a file that is not there" if path.is_symlink() else ""
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"


def _network(settings: Settings, read_tables: dict[str, Rows], revision: int, folder: Path) -> Network:
    """Rows as structs: dicts by id, in file order, where rows have one, else tuples."""
    built: dict[str, Any] = {}
    for name, rows in read_tables.items():
        structs: list[Row] = [msgspec.convert(line.cells, ROWS[name]) for line in rows.lines]
        keyed = rows.table.key == ("id",)
        built[name] = {line.cells["id"]: struct for line, struct in zip(rows.lines, structs, strict=True)} if keyed else tuple(structs)
    return Network(settings=settings, revision=revision, folder=str(folder), **built)
