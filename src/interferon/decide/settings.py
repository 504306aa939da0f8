"""The few numbers that deciding needs and that no table tells, each with a physical meaning and a unit. Read by all of `decide`. Pure."""

from typing import Final

import msgspec

from interferon.model.action_class import ActionClass

HOUR_US: Final = 3_600_000_000


class DecideSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Hours are hours of the network's own time; money is network currency."""

    # When there is something to decide
    p_suggest: float = 0.3  # below this probability of an attack nothing is planned
    suspect_share: float = 0.35  # a suspect this far below the foremost one is not contained
    suspects: int = 4  # suspects that alternatives are made for
    logit_step: float = 0.4  # the evidence has to move this far (log odds) before the case is decided again
    retry_h: float = 0.25  # the same answer is given again only after this long, where it is not in force
    watched_odds: float = 4.0  # odds of an attack on what came back a short while ago, as a multiple of what the evidence says

    # How long things last
    repair_h: float = 12.0  # a contained thing that was attacked: found, cleaned, restored, re-admitted
    review_h: float = 3.0  # a contained thing that was fine: until a person has seen that it was
    outage_h: float = 72.0  # a thing that the attacker takes because nobody stopped him
    veto_s: int = 300  # how long people have to say no

    # How an attacker moves: mean hours of an exponential time per step
    horizon_h: float = 8.0  # what he could reach in this time counts: after it, people have acted in any case
    inside_h: float = 16.0  # from one asset to another of the same zone
    border_h: float = 24.0  # over a conduit between zones of the same Purdue level
    purdue_factor: float = 0.5  # each Purdue level that a conduit spans makes the step so much longer
    backward_factor: float = 2.0  # against the direction in which the conduit allows conversations to start
    spreading_factor: float = 4.0  # speed where lateral movement has been seen
    leak: float = 0.01  # share of his ways that a containment leaves open
    leak_growth: float = 4.0  # … times this for each containment of the case that he has already got round
    leak_most: float = 0.5
    remote_share: float = 0.5  # share of the harm on an asset that ends when its way in is cut, though the asset is not isolated

    # What work costs
    hour_rate: float = 90.0  # an hour of a specialist, loaded
    recovery_h: float = 24.0  # hours of work to clean and restore one asset
    feed_share: float = 0.05  # share of the open orders' value that a wrong demand or master-data feed puts at stake
    order_share: float = 0.6  # share of its value that is gone with a diverted order or shipment
    partner_share: float = 0.1  # share of the open orders' value that passes through one partner's accounts


HANDLING_H: Final[dict[str, float]] = {
    "disable_identity": 2.0,
    "hold_transaction": 2.0,
    "fail_over": 5.0,
    "isolate_asset": 4.0,
    "cut_conduit": 3.0,
    "isolate_zone": 4.0,
    "disable_client": 1.0,
    "freeze_process": 1.5,
    "kill_process": 1.0,
    "roll_back_config": 2.0,
}
"""Hours of work that an action makes for people whatever was behind it: calls, workarounds, checks, re-admission."""

CLASSES: Final[dict[str, ActionClass]] = {
    "disable_identity": ActionClass("reversible"),
    "hold_transaction": ActionClass("reversible"),
    "fail_over": ActionClass("compensable"),  # work in hand may have to be done again: not exactly undone
    "isolate_asset": ActionClass("reversible"),
    "cut_conduit": ActionClass("reversible"),
    "isolate_zone": ActionClass("reversible"),
    "disable_client": ActionClass("reversible"),
    "freeze_process": ActionClass("reversible", device_write=True),
    "kill_process": ActionClass("irreversible", device_write=True),
    "roll_back_config": ActionClass("reversible", device_write=True),
}
"""What kind of intervention each planned action is, as its own file in `actions/` declares it (a test holds them together)."""

HANDLING_ASSET_H: Final = 1.0
"""… and as much again for each further asset that is taken off the network, as those of an isolated zone are."""

TTL_H: Final[dict[str, float]] = {
    "disable_identity": 8.0,
    "hold_transaction": 24.0,
    "fail_over": 8.0,
    "isolate_asset": 4.0,
    "cut_conduit": 4.0,
    "isolate_zone": 4.0,
    "disable_client": 4.0,
    "freeze_process": 2.0,
    "kill_process": 1.0,
    "roll_back_config": 24.0,
}
"""Hours until a containment is decided again. The shortest of an alternative counts for all of it."""

COMMANDED: Final = tuple(action for action in TTL_H if action != "roll_back_config")
"""What another organisation's program may command: what is approved here is not its affair."""

SPREADING: Final = frozenset(
    {"T0812", "T0843", "T0859", "T0866", "T0867", "T0886", "T0891", "T1021", "T1080", "T1210", "T1486", "T1534", "T1550", "T1563", "T1570"}
)
"""ATT&CK techniques of lateral movement, and encryption for impact, which comes with it."""
