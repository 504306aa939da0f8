"""`Network` → a folder of tables. What is written reads back as the same network.

Called by the examples and by discovery. Writes into a folder that the caller has chosen.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import msgspec

from interferon.model.errors import InputError
from interferon.model.network import Network, Row
from interferon.model.tables import Table, tables
from interferon.store import settings_file
from interferon.store.cells import written


def write(network: Network, folder: Path) -> list[str]:
    """Writes `network.toml` and every table that has rows; returns the file names. Raises InputError where the disk says no."""
    wrote = [settings_file.FILE]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / settings_file.FILE).write_text(settings_file.render(network.settings), encoding="utf-8")
        for table in tables().values():
            found = getattr(network, table.name)
            if rows := tuple(found.values() if isinstance(found, dict) else found):
                _write_table(folder / table.file, table, rows)
                wrote.append(table.file)
    except OSError as error:
        raise InputError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return wrote


def _write_table(path: Path, table: Table, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.column for column in table.columns])
        for row in rows:
            cells = msgspec.to_builtins(row)
            writer.writerow([written(column, cells[column.column]) for column in table.columns])
