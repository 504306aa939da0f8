"""Take write access to variables of a controller or gateway away; reading goes on. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    asset = network.assets.get(name)
    if asset is None:
        return f"asset:{name} is not in the network"
    return f"asset:{name} is a safety system: never a target" if asset.type == SAFETY else ""


ACTION = Action(
    name="lock_writes",
    kind="reversible",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Take write access to the listed variables of {target} away; reading goes on.",
    inverse="Give the write access to {target} back as it stood.",
    fits=fits,
    controller_write=True,  # the permissions of its variables are the controller's own configuration
)
