"""Quarantine an order, payment change, shipment, data feed, or all that is booked for a lane; the last trusted values stay in force.

Used by plans, carried out by an executor.
"""

from interferon.act.protocol import Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    """Transactions come with the stream, not with the tables: whether this one is still open only the executor can tell."""
    return ""


ACTION = Action(
    name="hold_transaction",
    kind="reversible",
    targets=("order", "payment", "shipment", "feed", "partner", "lane"),
    ttl_s=24 * 3600,
    sentence="Hold {target}: it waits, and the last trusted values are used until it is released.",
    inverse="Release {target}.",
    fits=fits,
)
