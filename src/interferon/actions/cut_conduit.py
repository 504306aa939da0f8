"""Close one allowed flow between two zones. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    """What a safety system sends must always arrive: a conduit that starts in its zone is never cut."""
    conduit = network.conduits.get(name)
    if conduit is None:
        return f"conduit:{name} is not in the network"
    safety = [asset for asset in network.assets_in.get(conduit.from_zone, ()) if network.assets[asset].type == SAFETY]
    return f"conduit:{name} carries the signals of the safety system asset:{safety[0]}: never a target" if safety else ""


ACTION = Action(
    name="cut_conduit",
    kind="reversible",
    targets=("conduit",),
    ttl_s=4 * 3600,
    sentence="Close {target}: nothing passes on it, the zones on both sides go on by themselves.",
    inverse="Open {target} again.",
    fits=fits,
)
