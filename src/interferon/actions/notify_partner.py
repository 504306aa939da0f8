"""Tell a partner, in a signed message, what concerns them. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    partner = network.partners.get(name)
    if partner is None:
        return f"partner:{name} is not in the network"
    return "" if partner.contact else f"partner:{name} has no contact in partners.csv"


ACTION = Action(
    name="notify_partner",
    kind="irreversible",  # what a partner knows it knows
    targets=("partner",),
    ttl_s=24 * 3600,
    sentence="Send {target} a signed message.",
    inverse="",
    fits=fits,
)
