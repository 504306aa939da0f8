"""On which line of its file each row of a network folder stands. Called by `runtime.flow_folder`, whose messages name rows."""

from pathlib import Path

from interferon.model.tables import tables
from interferon.store import table_file


def lines(folder: Path, name: str) -> dict[tuple[str, ...], int]:
    """Key of the row → line, from 1. The file is one that `folder.load` has read."""
    table = tables()[name]
    found: dict[tuple[str, ...], int] = {}
    for line in table_file.parse(table, (folder / table.file).read_bytes()).lines:
        found.setdefault(tuple(line.texts.get(column, "").strip() for column in table.key), line.number)
    return found
