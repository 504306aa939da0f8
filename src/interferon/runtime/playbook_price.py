"""What the effects of a playbook make late, from the closure table that an earlier start kept. Called by the executors of a run.

Reads the kept table; never solves: a containment waits for no solver.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

from interferon.act import lifecycle
from interferon.decide.closed import Closed, expected_late
from interferon.decide.options import Act
from interferon.decide.settings import DecideSettings
from interferon.decide.situation import CLOSING, Closures
from interferon.flow.problem import opening
from interferon.model.network import Network
from interferon.runtime.installation import kept_table, opening_time
from interferon.store.journal import Journal

UNKNOWN: Final = 2**63 - 1  # what policy is told where nobody knows: no limit on late orders admits it

Price = Callable[[Sequence[Act]], float | None]
"""Of effects that are asked for together: orders that they are expected to make late, None where that is not known."""


def kept(network: Network) -> Closures | None:
    """The closure table of exactly these tables, as `up` keeps it for this account of the machine; None where there is none."""
    return kept_table(network, opening(network, opening_time(network)))


def price(network: Network, closures: Closures | None, journal: Journal) -> Price:
    """Prices effects beside what stands in the journal at that moment."""
    closed = None if closures is None else Closed(network, closures, {})

    def late(acts: Sequence[Act]) -> float | None:
        if not any(action in CLOSING for action, _ in acts):
            return 0.0  # what closes nothing for goods makes nothing late
        if closed is None:
            return None
        in_force = [(each.intent.action, each.intent.target) for each in journal.effects(lifecycle.STANDING)]
        return expected_late(closed, acts, in_force, DecideSettings())

    return late


def told(orders_late: float | None) -> int:
    """As policy is told: whole orders, rounded up."""
    return UNKNOWN if orders_late is None else ceil(orders_late)
