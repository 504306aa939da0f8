"""Plans and stress tests of a network folder, and the files that a plan is handed on as.

Called by the command line and by notebooks (`interferon.flow_plan`, `interferon.flow_stress`). Reads the folder; writes only where told to.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from interferon.flow.contain import Containment, Prices, contain
from interferon.flow.plan import Plan, plan, plannable
from interferon.flow.plan_edifact import despatch, orders
from interferon.flow.plan_epcis import document
from interferon.flow.plan_refs import hours, references, states, suspicion
from interferon.flow.plan_table import TABLES, as_csv
from interferon.flow.precheck import conflicts
from interferon.flow.problem import Snapshot, opening
from interferon.flow.stress import RECOVER_H, Progress, StressReport, stress
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.problem import Problem
from interferon.model.tables import tables
from interferon.runtime.installation import kept_table, opening_time
from interferon.store.folder import load
from interferon.store.folder_lines import lines

MESSAGES = ("shipping.jsonld", "orders.edi", "despatch.edi")


@dataclass(frozen=True)
class FolderPlan:
    """A plan, the network it is of, and rows of its tables that conflict."""

    network: Network
    plan: Plan
    problems: tuple[Problem, ...]


def plan_folder(folder: Path, close: Iterable[str] = (), until: str = "", *, fast: bool = False, state: Iterable[str] = ()) -> FolderPlan:
    """What `interferon flow plan` does. InputError for an unreadable folder, an unknown reference, or where nothing can be planned."""
    network = load(folder)
    snapshot = opening(network, opening_time(network))
    closed = references(network, close)
    found = plan(network, snapshot, closed, hours(until, snapshot.now), fast=fast, states=states(network, state, snapshot.now))
    return FolderPlan(network, found, problems(folder, network, snapshot))


def contain_folder(
    folder: Path, suspect: Iterable[str], until: str, prices: Prices, *, scenarios: int = 16, seconds: float = 20.0
) -> Containment:
    """What `interferon flow contain` does. The decision is improved for at most `seconds` once all is prepared."""
    network = load(folder)
    snapshot = opening(network, opening_time(network))
    until_h = hours(until, snapshot.now)
    if until_h is None:
        raise InputError("--until: say how long what is closed stays so, as 48h or 3d")
    plannable(network, snapshot)
    started = time.monotonic()
    suspected = suspicion(network, suspect)
    return contain(network, snapshot, suspected, until_h, prices, scenarios=scenarios, go_on=lambda _: time.monotonic() - started < seconds)


def stress_folder(folder: Path, recover_h: float = RECOVER_H, progress: Progress | None = None) -> StressReport:
    """What `interferon flow stress` does."""
    network = load(folder)
    snapshot = opening(network, opening_time(network))
    return stress(network, snapshot, recover_h, progress, kept_table(network, snapshot))


def problems(folder: Path, network: Network, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Rows that conflict, each with its line; none of them is fatal."""
    found = conflicts(network, snapshot)
    places = {table: lines(folder, table) for table in {each.table for each in found}}
    told = [
        Problem(file=tables()[each.table].file, line=places[each.table].get(each.row, 1), message=each.message, fatal=False)
        for each in found
    ]
    return tuple(sorted(told))


def write(found: FolderPlan, out: Path) -> tuple[Path, ...]:
    """Writes the rows as CSV and what changes as messages; makes the folder. The files written, in order.

    Where nobody has to be told anything by a message, there is none, nor one of an earlier plan. InputError where `out` is a network
    folder, whose own orders.csv would be lost.
    """
    if (out / "network.toml").exists():
        raise InputError(f"--out {out}: that is a network folder, and its orders.csv would be overwritten; name another")
    out.mkdir(parents=True, exist_ok=True)
    held = {f"{name}.csv": as_csv(getattr(found.plan, name), kind) for name, kind in TABLES.items()}
    epcis = msgspec.json.format(msgspec.json.encode(document(found.network, found.plan)), indent=1) + b"\n"
    held |= dict(zip(MESSAGES, (epcis, orders(found.network, found.plan), despatch(found.network, found.plan)), strict=True))
    for name, data in held.items():
        if data:
            (out / name).write_bytes(data)
        else:
            (out / name).unlink(missing_ok=True)
    return tuple(out / name for name, data in held.items() if data)
