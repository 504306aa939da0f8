"""End a process and its children. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="kill_process",
    kind="irreversible",
    targets=("asset",),
    ttl_s=3600,
    sentence="End the listed process on {target} with all its children; what it had in memory is lost.",
    inverse="",
    fits=touchable,
    device_write=True,
)
