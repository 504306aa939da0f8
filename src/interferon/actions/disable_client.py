"""Lock one client of a message broker: it is dropped and cannot come back. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, no_safety_system
from interferon.model.network import Network


def _fits(network: Network, name: str) -> str:
    """A client of a broker need not be in any table; a safety system that is one, or whose account it is, is left alone."""
    client = network.clients.get(name)
    return no_safety_system(network, name) or (no_safety_system(network, client.asset) if client is not None else "")


ACTION = Action(
    name="disable_client",
    kind="reversible",
    targets=(
        "asset",
        "identity",
    ),
    ttl_s=4 * 3600,
    sentence="Disable {target} at its message broker: its connection is dropped and it cannot come back.",
    inverse="Let {target} connect to its broker again, with the roles that it had.",
    fits=_fits,
)
