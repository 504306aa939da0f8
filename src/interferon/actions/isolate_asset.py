"""Cut one asset off the network; safety flows stay open. Used by plans, carried out by an executor."""

from interferon.act.protocol import Action, touchable

ACTION = Action(
    name="isolate_asset",
    kind="reversible",
    targets=("asset",),
    ttl_s=4 * 3600,
    sentence="Cut every flow to and from {target} except safety.",
    inverse="Let the flows of {target} pass again.",
    fits=touchable,
    closes=lambda network, name: (name,),
)
