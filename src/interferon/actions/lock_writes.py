"""Take write access to variables of a controller or gateway away; reading goes on. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="lock_writes",
    kind="reversible",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Take write access to the listed variables of {target} away; reading goes on.",
    inverse="Give the write access to {target} back as it stood.",
    fits=touchable,
    controller_write=True,  # the permissions of its variables are the controller's own configuration
)
