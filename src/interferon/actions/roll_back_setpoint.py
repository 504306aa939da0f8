"""Write the last good value of a set-point, within its engineering range. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="roll_back_setpoint",
    kind="compensable",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Write the last good value of the listed set-point to {target}.",
    inverse="Write the value that stood before to {target} again.",
    fits=fits,
    controller_write=True,
)
