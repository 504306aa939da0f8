"""End the sessions of an account and revoke its tokens. Used by plans, carried out by an executor."""

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network


def fits(network: Network, name: str) -> str:
    """Accounts come with the events: this one need not be in any table."""
    asset = network.assets.get(name)
    return f"asset:{name} is a safety system: never a target" if asset is not None and asset.type == SAFETY else ""


ACTION = Action(
    name="revoke_sessions",
    kind="compensable",
    targets=(
        "identity",
        "asset",
    ),
    ttl_s=8 * 3600,
    sentence="End the sessions of {target} and revoke its tokens; it may log in again.",
    inverse="Nothing is put back: {target} logs in again.",
    fits=fits,
)
