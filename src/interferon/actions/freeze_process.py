"""Stop a process and its children where they stand; its memory is kept. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="freeze_process",
    kind="reversible",
    targets=("asset",),
    ttl_s=2 * 3600,
    sentence="Freeze the listed process on {target}: it stands still, and its memory is kept.",
    inverse="Let the process on {target} run on.",
    fits=fits,
)
