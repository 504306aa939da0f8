"""Hand the work of an asset to another one of its redundancy group. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    if why := touchable(network, name):
        return why
    groups = {row.group for row in network.depends.get(name, ()) if row.group}
    partners = {row.asset for row in network.dependencies if row.group in groups and row.asset != name}
    return "" if partners else f"asset:{name} has no redundancy partner to fail over to"


ACTION = Action(
    name="fail_over",
    kind="compensable",  # work in hand at the moment of switching may have to be done again
    targets=("asset",),
    ttl_s=8 * 3600,
    sentence="Hand the work of {target} to its redundancy partner and take {target} off the network.",
    inverse="Hand the work back to {target}.",
    fits=fits,
    closes=lambda network, name: (name,),
    kept=True,  # who serves is a state: a server that was let in again behind our back is taken out again
)
