"""End a process and its children. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="kill_process",
    kind="irreversible",
    targets=("asset", "process"),
    ttl_s=3600,
    sentence="End {target}, of an asset the process that is listed for it, with all its children; what it had in memory is lost.",
    inverse="",
    fits=touchable,
    device_write=True,
)
