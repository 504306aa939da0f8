"""`interferon discover`: reads captures and logs, writes proposed rows beside the tables, adds to the tables those that a person accepts.

Called by the command line. Writes only into the folder that is named: `discovered/*.csv` with the evidence, and the tables on `accept`.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from interferon.connectors.telemetry_rows import Mapping
from interferon.discover.propose import NEW, TABLES, Proposal, proposals
from interferon.discover.seen import Seen
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.records import DeadLetter
from interferon.model.tables import Table, tables
from interferon.runtime import formats, replay
from interferon.sense.resolve import Resolver, of_assets
from interferon.store.folder import load
from interferon.store.settings_file import FILE as SETTINGS

FOLDER: Final = "discovered"
SAYS: Final = ("status", "confidence", "evidence", "first_seen", "last_seen")  # columns beside the table's own
ALL: Final = "all"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Discovery:
    """What a discovery read and proposes."""

    proposals: list[Proposal]
    events: int
    dead_letters: int
    first_dead: str = ""


def network_of(folder: Path) -> Network | None:
    """The tables that are there already; None where the folder is new or holds no network yet."""
    return load(folder) if (folder / SETTINGS).is_file() else None


def discover(
    paths: Sequence[Path], given: str, network: Network | None, site: str = "", progress: Progress = lambda events: None
) -> Discovery:
    """Reads every source to its end. `site`: where it was recorded. InputError where one cannot be read at all."""
    if site and network is not None and site not in network.sites:
        raise InputError(f"--site {site}: not in sites.csv; there are {', '.join(network.sites)}")
    seen, dead = Seen(), []
    resolver = of_assets(network.assets.values()) if network else Resolver({})
    for item in _events(paths, given, network):
        if isinstance(item, DeadLetter):
            dead.append(item.reason)
        elif isinstance(item, pa.RecordBatch):
            seen.take(resolver.batch(item))
            progress(seen.events)
    return Discovery(proposals(seen, network, site), seen.events, len(dead), dead[0] if dead else "")


def _events(paths: Sequence[Path], given: str, network: Network | None) -> Iterable[object]:
    """All sources one after the other: who talks to whom does not depend on the order."""
    files = formats.expanded(paths, given)
    names = formats.feeds(files)
    for path in files:
        kind = formats.format_of(path, given)
        if kind == formats.LOG:
            yield from replay.logged(path)
        else:
            yield from replay.opened(path, kind, Mapping(), network, name=names[path])[0]


def write(found: Sequence[Proposal], folder: Path) -> list[Path]:
    """One file a table in `folder/discovered`, the table's columns and what is known of each row. InputError where the disk says no."""
    wrote = []
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            path = folder / FOLDER / f"{name}.csv"
            rows = [each for each in found if each.table == name]
            columns = [column.column for column in tables()[name].columns]
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow([*columns, *SAYS])
                writer.writerows([*(_cell(each.row.get(column, "")) for column in columns), *_says(each)] for each in rows)
            wrote.append(path)
    except OSError as error:
        raise InputError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return wrote


def _says(proposal: Proposal) -> list[str]:
    evidence = "; ".join(proposal.evidence)
    return [proposal.status, f"{proposal.confidence:.2f}", evidence, moment(proposal.first), moment(proposal.last)]


def moment(time: int) -> str:
    """ISO 8601 in UTC; '' of 0."""
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if time else ""


def _cell(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def accept(folder: Path, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Adds proposed rows to the tables: those named by id (a dependency as `plc-1@node:plant`) with the zones they need, or `all` new ones.

    Answers with the ids added, by table. InputError where a name is no new proposal, or a row lacks what its table must have.
    """
    proposed = {name: _proposed(folder, name) for name in TABLES}
    chosen = _chosen(proposed, set(wanted))
    for name, rows in chosen.items():
        _must(tables()[name], rows)
    added: dict[str, list[str]] = {}
    for name, rows in chosen.items():
        if rows:
            _append(folder / f"{name}.csv", tables()[name], rows)
            added[name] = [_key(row) for row in rows]
            _rewrite(folder / FOLDER / f"{name}.csv", [row for row in proposed[name] if row not in rows])
    return added


Texts = dict[str, str]


def _proposed(folder: Path, name: str) -> list[Texts]:
    path = folder / FOLDER / f"{name}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise InputError(f"{path}: nothing has been discovered yet; run interferon discover SOURCE... --into {folder}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable: {error}") from None


def _key(row: Texts) -> str:
    """By which a person names a row: its id; a dependency by both its ends, `plc-1@node:plant`."""
    return row.get("id") or f"{row.get('asset', '')}@{row.get('target', '')}"


def _chosen(proposed: dict[str, list[Texts]], wanted: set[str]) -> dict[str, list[Texts]]:
    new = {name: [row for row in rows if row.get("status") == NEW] for name, rows in proposed.items()}
    if wanted == {ALL}:
        return new
    names = {_key(row) for rows in new.values() for row in rows}
    if strange := sorted(wanted - names):
        raise InputError(f"{strange[0]!r} is no new proposal; there are {', '.join(sorted(names)) or 'none'}")
    needed = {row[column] for rows in new.values() for row in rows if _key(row) in wanted for column in ZONES if row.get(column)}
    wanted = wanted | (needed & {_key(row) for row in new["zones"]})
    return {name: [row for row in rows if _key(row) in wanted] for name, rows in new.items()}


ZONES: Final = ("zone", "from_zone", "to_zone")  # columns by which a row needs a zone


def _must(table: Table, rows: Iterable[Texts]) -> None:
    for row in rows:
        for column in table.columns:
            if column.must and not row.get(column.column):
                where = f"{FOLDER}/{table.file}: {_key(row)} has no {column.column} yet"
                raise InputError(f"{where} ({column.description}); fill it in there, then accept it")


def _append(path: Path, table: Table, rows: Sequence[Texts]) -> None:
    """Rows at the end of a table, in the order of columns that the table has; a new table where there is none."""
    names = [column.column for column in table.columns]
    try:
        if path.is_file():
            with path.open(encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader(file), names)
            ends = path.read_bytes().endswith(b"\n")
        else:
            ends = True
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not ends:
                file.write("\n")
            if not file.tell():
                writer.writerow(names)
            writer.writerows([row.get(name.strip(), "") for name in names] for row in rows)
    except OSError as error:
        raise InputError(f"cannot write {error.filename or path}: {error.strerror}") from None


def _rewrite(path: Path, rows: Sequence[Texts]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
