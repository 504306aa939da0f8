"""End a process and its children. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="kill_process",
    kind="irreversible",
    targets=("asset",),
    ttl_s=3600,
    sentence="End the listed process on {target} with all its children; what it had in memory is lost.",
    inverse="",
    fits=fits,
)
