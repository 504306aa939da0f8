"""Open a ticket about a thing at the desk that people work from. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    """A ticket changes nothing about its thing, so that anything may have one."""
    return ""


ACTION = Action(
    name="open_ticket",
    kind="compensable",  # it is closed, and stays on record
    targets=("asset", "zone", "conduit", "identity", "partner", "node", "lane", "order", "payment", "shipment", "feed"),
    ttl_s=24 * 3600,
    sentence="Open a ticket about {target}.",
    inverse="Close the ticket about {target}.",
    fits=fits,
)
