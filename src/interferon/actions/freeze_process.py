"""Stop a process and its children where they stand; its memory is kept. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="freeze_process",
    kind="reversible",
    targets=("asset", "process"),
    ttl_s=2 * 3600,
    sentence="Freeze {target}, of an asset the process that is listed for it: it stands still, and its memory is kept.",
    inverse="Let {target} run on.",
    fits=touchable,
    device_write=True,
)
