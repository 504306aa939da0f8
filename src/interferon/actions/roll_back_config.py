"""Bring a configuration back to its last approved state and reload it. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="roll_back_config",
    kind="reversible",
    targets=("asset",),
    ttl_s=24 * 3600,
    sentence="Bring the configuration of {target} back to its approved state and reload it; what stood there is kept.",
    inverse="Bring the configuration of {target} back to what stood before and reload it.",
    fits=fits,
)
