"""Alarms that began in the hours of a work order: if the machine still alarms when those are over, the alarm begins anew, unannounced.

Called by `watch` with each frame. Else who strikes while somebody is at work on a machine, and stays, would never be told of. Work that is
meant to change a machine for good (`LASTING`) has as long as it takes to say whether a new baseline may take over (`shadows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from interferon.detect.fleet import Index
from interferon.detect.stream_declared import WorkOrder, explaining
from interferon.detect.windows import Bools
from interferon.model.records import Finding

LASTING: Final = ("firmware", "sensor", "calibration")
TOLD: Final = "; it began while work on it was announced, which is over"

Orders = Mapping[str, WorkOrder]


class Excuse(msgspec.Struct, frozen=True):
    """An alarm that the work order `ticket` explained."""

    kind: str
    ticket: str


def take(excused: dict[int, Excuse], entity: int, finding: Finding) -> None:
    """Remembers an alarm of an entity (fleet-wide index) that a work order explains; one that none explains takes its place."""
    if finding.declared:
        excused[entity] = Excuse(finding.kind, finding.declared)
    else:
        excused.pop(entity, None)


def over(
    excused: dict[int, Excuse], entities: Index, alarming: Bools, orders: Mapping[int, Orders], settling: set[int], time: int
) -> Bools:
    """Returns of which of `entities` (n,), ascending, an alarm begins anew at `time` (microseconds UTC), and forgets the excuses of those
    that it begins anew of or that no longer are `alarming` (n,).

    `orders`: entity → its work orders; `settling`: entities whose next baseline is still collected after declared work.
    """
    again = np.zeros(len(entities), dtype=np.bool_)
    for entity, excuse in list(excused.items()):
        place = int(np.searchsorted(entities, entity))
        if place == len(entities) or entities[place] != entity:
            continue
        known = dict(orders.get(entity, {}))
        if not alarming[place]:
            del excused[entity]
        elif not explaining(known, time, excuse.kind) and not (entity in settling and _lasts(known, excuse.ticket)):
            again[place] = True
            del excused[entity]
    return again


def _lasts(orders: Orders, ticket: str) -> bool:
    return ticket in orders and any(name in orders[ticket].work.lower() for name in LASTING)
