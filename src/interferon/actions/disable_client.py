"""Lock one client of a message broker: it is dropped and cannot come back. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, no_safety_system

ACTION = Action(
    name="disable_client",
    kind="reversible",
    targets=(
        "asset",
        "identity",
    ),
    ttl_s=4 * 3600,
    sentence="Disable {target} at its message broker: its connection is dropped and it cannot come back.",
    inverse="Let {target} connect to its broker again, with the roles that it had.",
    fits=no_safety_system,  # a client of a broker need not be in any table; a safety system that is one is left alone
)
