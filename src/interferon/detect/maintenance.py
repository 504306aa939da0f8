"""Maintenance windows of the network's tables, as the work orders that they are. Called by the pipeline before each frame is observed.

A window is announced when it is first open: from then on what it explains is explained as by an order that came with the events. Changes
only the watch handed to it.
"""

from collections.abc import Mapping
from typing import Any

from interferon.detect import shadows
from interferon.detect.stream_declared import GRACE, WorkOrder
from interferon.detect.watch import Watch, shard_of
from interferon.model.network import Maintenance, Network
from interferon.model.patterns import matching

Announced = list[tuple[int, dict[str, Any]]]


def announce(watch: Watch, network: Network, index: Mapping[str, int], frame: tuple[int, int]) -> Announced:
    """Tells the watch of the windows that have opened since the frame (start, end; microseconds UTC) before, for each asset that one names.

    Returns what correlation has to know, as (time, announcement). `index`: reference → fleet-wide index. That somebody else approved a
    window is checked when the tables are read.
    """
    told: Announced = []
    for row in network.maintenance.values():
        if frame[1] > row.starts - GRACE and frame[0] <= row.ends + GRACE:
            fresh = [ref for ref in _assets(network, row) if _taken(watch, ref, row)]
            for ref in fresh:
                ticket = row.id if ref == row.where else f"{row.id} {ref}"  # a ticket is of one machine there
                shadows.declare(watch, index.get(ref, -1), frame[0], _order(row, ticket, ref))
            if fresh:
                told.append((frame[0], _order(row, row.id, row.where)))
    return told


def _assets(network: Network, row: Maintenance) -> tuple[str, ...]:
    named = matching(network, row.where)
    zones = [ref.partition(":")[2] for ref in named if ref.startswith("zone:")]
    return named if not zones else tuple(f"asset:{asset}" for zone in zones for asset in network.assets_in[zone])


def _taken(watch: Watch, ref: str, row: Maintenance) -> bool:
    """Whether the order is news to the shard that the asset lives in."""
    orders = watch.shards[shard_of(ref, len(watch.shards))].stream.orders.setdefault(ref, {})
    order = WorkOrder(row.id, row.work, row.starts, row.ends)
    news = orders.get(row.id) != order
    orders[row.id] = order
    return news


def _order(row: Maintenance, ticket: str, target: str) -> dict[str, Any]:
    """As `stream_declared.announcement` reads an order."""
    return {
        "code": "opened",
        "ticket": ticket,
        "target": target,
        "work": row.work,
        "planner": row.planner,
        "approver": row.approver,
        "starts": row.starts,
        "ends": row.ends,
    }
