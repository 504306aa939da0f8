"""Bring a configuration back to its last approved state and reload it. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="roll_back_config",
    kind="reversible",
    targets=("asset",),
    ttl_s=24 * 3600,
    sentence="Bring the configuration of {target} back to its approved state and reload it; what stood there is kept.",
    inverse="Bring the configuration of {target} back to what stood before and reload it.",
    fits=touchable,
    device_write=True,
)
