"""Cut a whole zone off its neighbours; flows inside it and safety flows stay open. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    """A zone that holds a safety system is not isolated as a whole: cut its conduits or isolate its assets one by one."""
    if name not in network.zones:
        return f"zone:{name} is not in the network"
    safety = [asset for asset in network.assets_in.get(name, ()) if network.assets[asset].type == SAFETY]
    return f"zone:{name} holds the safety system asset:{safety[0]}: never a target" if safety else ""


ACTION = Action(
    name="isolate_zone",
    kind="reversible",
    targets=("zone",),
    ttl_s=4 * 3600,
    sentence="Cut every flow into and out of {target} except safety; inside it, work goes on.",
    inverse="Open the conduits of {target} again.",
    fits=fits,
    closes=lambda network, name: network.assets_in.get(name, ()),
)
