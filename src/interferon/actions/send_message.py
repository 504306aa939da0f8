"""Send a message to a person: e-mail, pager, chat. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    return "" if name in network.people else f"person:{name} is not in the network"


ACTION = Action(
    name="send_message",
    kind="irreversible",  # what was read cannot be unread
    targets=("person",),
    ttl_s=24 * 3600,
    sentence="Send a message to {target}.",
    inverse="",
    fits=fits,
)
