"""Work orders over the whole network: those for a zone, site or partner, and whether the one who opened them is to be believed.

Called by the pipeline for each `work.order` row (`take`) and by `incidents` for each finding (`explained`). Plain state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from interferon.correlate.graph import Graph, site

HOUR: Final = 3_600_000_000
GRACE: Final = HOUR // 2
TRIED: Final = ("conversation.", "login.")  # what a penetration test looks like
NEVER: Final = ("partner.", "invoice.", "custody.", "order.", "forecast.", "file.", "volume.", "log.cleared", "claim.")


class Work(msgspec.Struct, frozen=True):
    """An announced piece of work. Times in microseconds UTC."""

    ticket: str
    target: str
    work: str
    planner: str
    approver: str
    starts: int
    ends: int


@dataclass
class Declared:
    """Open work by ticket, and how many orders each planner and approver has had."""

    works: dict[str, Work] = field(default_factory=dict)
    planners: dict[str, int] = field(default_factory=dict)


def take(
    declared: Declared,
    time: int,
    *,
    code: str,
    ticket: str,
    target: str,
    work: str,
    planner: str,
    approver: str,
    starts: int | None,
    ends: int | None,
) -> None:
    """Open or close a piece of work; forgets what ended more than two days ago."""
    if code == "closed":
        held = declared.works.get(ticket)
        if held is not None:
            declared.works[ticket] = msgspec.structs.replace(held, ends=min(held.ends, time))
        return
    for old in [name for name, work_ in declared.works.items() if work_.ends < time - 48 * HOUR]:
        del declared.works[old]
    begin = starts or time
    declared.works[ticket] = Work(ticket, target, work, planner, approver, begin, ends or begin + 24 * HOUR)
    declared.planners[planner] = declared.planners.get(planner, 0) + 1


def believed(declared: Declared, graph: Graph, work: Work) -> bool:
    """Whether the order counts: somebody else approved it, and one of the two is known (in the tables, or has planned before)."""
    if not work.approver or work.approver == work.planner:
        return False
    names = (work.planner, work.approver, work.planner.partition(":")[2], work.approver.partition(":")[2])
    return declared.planners.get(work.planner, 0) > 1 or any(name in graph.people for name in names if name)


def trusted(declared: Declared, graph: Graph, ticket: str) -> bool:
    """Whether the order of this ticket is known and counts."""
    work = declared.works.get(ticket)
    return work is not None and believed(declared, graph, work)


def explained(declared: Declared, graph: Graph, entity: str, kind: str, time: int, ticket: str = "", related: Iterable[str] = ()) -> str:
    """Ticket of a believed work order that announced this, or ''. `ticket`: the one that detection has already found for the entity.

    Detection knows the orders of the entity itself; here those for its zone, site or partner are added, and all are doubted alike. A
    penetration test announces what is tried, not who tries: its order explains attempts on the target, whoever makes them.
    """
    own = _places(graph, entity)
    tried = own.union(*(_places(graph, ref) for ref in related)) if kind.startswith(TRIED) else own
    for work in declared.works.values():
        places = tried if "penetration" in work.work.lower() else own
        if work.ticket == ticket or (work.target in places and not kind.startswith(NEVER)):
            inside = work.starts - GRACE <= time <= work.ends + GRACE
            if inside and believed(declared, graph, work):
                return work.ticket
    return "" if ticket in declared.works else ticket


def _places(graph: Graph, ref: str) -> set[str]:
    """The reference and what holds it."""
    return {ref, f"zone:{graph.zone_of.get(ref, '')}", f"site:{site(graph, ref)}", graph.partner_of.get(ref, "")} - {"", "zone:", "site:"}
