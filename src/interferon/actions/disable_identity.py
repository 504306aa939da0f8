"""Lock an account, service identity or AI agent: open sessions end, new logins fail. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action
from interferon.model.network import Network

IDENTITIES = frozenset({"identity", "ai_agent"})


def fits(network: Network, name: str) -> str:
    """An identity need not be in the tables (logins name accounts nobody listed); one that is there must be an identity or an agent."""
    asset = network.assets.get(name)
    if asset is None or asset.type in IDENTITIES:
        return ""
    return f"asset:{name} is a {asset.type}, not an identity: isolate it instead"


ACTION = Action(
    name="disable_identity",
    kind="reversible",
    targets=("identity", "asset"),
    ttl_s=8 * 3600,
    sentence="Lock {target}: end its sessions and refuse new logins.",
    inverse="Unlock {target}.",
    fits=fits,
)
