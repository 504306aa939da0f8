"""What the stages hand to each other: finding → incident → plan → command. Frozen, ordered, encodable byte for byte the same.

A record's id is derived from its content and time, never drawn. Written by detect, correlate and decide; read by everyone above.
"""

from typing import Any, Literal

import msgspec

Mode = Literal["execute_auto", "execute_unless_vetoed", "execute_approved", "execute_approved_by_two", "suggest"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be used, why, and what it said. Nothing is dropped without one."""

    feed: str
    offset: int  # in the feed; -1 where it could not be told
    time: int  # 0 where it could not be told
    family: str
    entity: str
    reason: str
    raw: str = ""  # the row as it came, at most 2,000 characters

    def __post_init__(self) -> None:
        # Reasons quote what came in, which may hold line breaks; what a person is told is one line.
        if "\n" in self.reason or "\r" in self.reason:
            msgspec.structs.force_setattr(self, "reason", " ".join(self.reason.split()))


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not fit an entity's pattern of life."""

    id: str
    time: int  # UTC microseconds
    entity: str  # reference, e.g. `asset:plc-3`
    detector: str
    family: str  # telemetry | activity | trade
    kind: str  # what the detector saw, e.g. `conversation.first_seen`, `telemetry.pattern`
    p: float  # calibrated tail probability; small is strange
    score: float
    why: tuple[tuple[str, float], ...]  # signal or field → share, sums to 1
    summary: str  # one sentence a person can read
    related: tuple[str, ...] = ()  # other references taking part (source asset, actor, partner, order)
    techniques: tuple[str, ...] = ()  # ATT&CK ids
    evidence: tuple[str, ...] = ()  # event ids `feed@offset`
    declared: str = ""  # ticket or work order that announced this, if any: an explained change
    nearest: tuple[int, float] | None = None  # of telemetry: time of the learnt row most like this one, and how many spreads away it is
    suppressed: str = ""  # id of the suppression that keeps this out of correlation, if any


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that belong together over the asset, zone and conduit graph and over time. A revision replaces the one before."""

    id: str
    revision: int
    opened: int
    updated: int
    status: Literal["open", "contained", "closed"]
    title: str
    severity: float  # 0–1
    p_attack: float  # probability that this is an attack, given its evidence
    findings: tuple[str, ...]
    entities: tuple[str, ...]  # by first appearance
    zones: tuple[str, ...]
    sites: tuple[str, ...]
    suspects: tuple[tuple[str, float], ...]  # target reference → probability that it is the thing to contain
    path: tuple[tuple[str, str, str], ...]  # likely path: from, to, over which conduit or relation
    techniques: tuple[str, ...]
    families: tuple[str, ...]
    declared: str = ""


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """What closing a set of references costs the flow of goods over the planning horizon. Ranges where a dependency is only assumed."""

    refs: tuple[str, ...]
    orders_late: float
    orders_late_low: float
    orders_late_high: float
    otif: float  # 0–1 with the closure in force
    cost: float  # network currency
    co2_kg: float
    unmet: float  # units of demand not served within the horizon
    time_to_survive_h: float  # hours until the first order is late; inf is stored as -1


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer an incident and what it is expected to cost."""

    label: str  # do_nothing | isolate_asset | cut_conduits | isolate_zone | fail_over | disable_identity | hold_transaction
    actions: tuple[tuple[str, str], ...]  # (action, target reference)
    orders_late: float
    orders_late_low: float
    orders_late_high: float
    otif: float
    cost: float
    co2_kg: float
    unmet: float
    risk: float  # expected loss by what the attacker can still reach, currency
    expected_loss: float  # cost of containment + risk, currency
    mode: Mode | Literal["denied"]  # strongest way policy allows it
    reasons: tuple[str, ...]  # ids of the policies that decided


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The alternatives for an incident, side by side, and which one policy and expected loss chose."""

    id: str
    incident: str
    incident_revision: int
    network_revision: int
    time: int
    alternatives: tuple[Alternative, ...]
    chosen: int
    mode: Mode
    veto_until: int = 0  # execute_unless_vetoed: when it starts, microseconds
    approve_until: int = 0  # until when a person may approve one of its alternatives, microseconds
    ttl_s: int = 0
    would: bool = False  # observing only: this is what it would have done


class Execute(msgspec.Struct, frozen=True, tag="execute"):
    """Carry out one alternative of a plan. `effects` are (effect id, action, target, params)."""

    time: int
    plan: str
    incident: str
    effects: tuple[tuple[str, str, str, dict[str, Any]], ...]
    ttl_s: int
    mode: str


class Undo(msgspec.Struct, frozen=True, tag="undo"):
    """Take back effects of a plan: the case is over, or was judged benign."""

    time: int
    plan: str
    incident: str
    effects: tuple[str, ...]
    reason: str


class Renew(msgspec.Struct, frozen=True, tag="renew"):
    """What becomes of effects whose time to live is over: in force for another one, or in force and a person must look."""

    time: int
    plan: str
    incident: str
    effects: tuple[str, ...]
    answer: Literal["renew", "escalate"]
    ttl_s: int
    reason: str


class Solve(msgspec.Struct, frozen=True, tag="solve"):
    """Find an executable re-route for the goods with these references closed. The answer returns as `Rerouted`."""

    time: int
    plan: str
    closed: tuple[str, ...]


Command = Execute | Undo | Renew | Solve
