"""Write the last good value of a set-point, within its engineering range. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="roll_back_setpoint",
    kind="compensable",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Write the last good value of the listed set-point to {target}.",
    inverse="Write the value that stood before to {target} again.",
    fits=touchable,
    controller_write=True,
)
