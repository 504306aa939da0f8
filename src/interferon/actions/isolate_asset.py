"""Cut one asset off the network; safety flows stay open. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="isolate_asset",
    kind="reversible",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Cut every flow to and from {target} except safety.",
    inverse="Let the flows of {target} pass again.",
    fits=fits,
    closes=lambda network, name: (name,),
)
