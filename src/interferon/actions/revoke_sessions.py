"""End the sessions of an account and revoke its tokens. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, no_safety_system

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
    fits=no_safety_system,  # accounts come with the events: this one need not be in any table
)
