"""Whether the actions that the tables name exist: a slip in `protected.csv` would leave unprotected what somebody thinks is protected.

Called by `interferon check`, and before anything is decided or carried out. Reads the tables alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from interferon.actions import ACTIONS
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.problem import Problem
from interferon.model.tables import tables
from interferon.store import folder as network_folder
from interferon.store.cells import close
from interferon.store.folder_lines import lines

TABLES: Final = ("protected", "interlocks", "maintenance")


def problems(folder: Path) -> list[Problem]:
    """Each row that names an action there is not. None where the folder has other problems, which are told by whoever reads it."""
    network, _ = network_folder.read(folder)
    found = []
    for table, key, why in _unknown(network) if network else ():
        found.append(Problem(file=tables()[table].file, line=lines(folder, table)[key], message=why))
    return found


def refuse_unknown(network: Network) -> None:
    """InputError with the first row that names an action there is not."""
    for table, key, why in _unknown(network):
        raise InputError(f"{tables()[table].file}: {' '.join(key)}: {why}")


def _unknown(network: Network) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(table, key of the row, what is wrong)."""
    for table in TABLES:
        held = getattr(network, table)
        for row in held.values() if isinstance(held, dict) else held:
            if row.action not in ("", "*", *ACTIONS):
                key = tuple(str(getattr(row, column)) for column in tables()[table].key)
                near = close(row.action, list(ACTIONS))
                yield table, key, f"no action is called '{row.action}'{near}; actions are {', '.join(sorted(ACTIONS))}"
