"""What is asked of the world and what came of it: intents, effects and receipts.

Written by the runtime and the effect journal, read by everyone above `model`. Times are integer microseconds UTC; ids are the caller's.
"""

from enum import StrEnum
from typing import Literal

import msgspec

Value = str | int | float | bool  # a parameter of an action


class State(StrEnum):
    """Where an effect is in its life; `act.lifecycle` says which follows which."""

    REFUSED = "refused"  # beyond a budget: never tried
    INTENT = "intent"  # wanted and its budget reserved; nothing done yet
    APPLYING = "applying"  # handed to the executor; may or may not be in the world
    APPLIED = "applied"  # in the world, as the executor says
    VERIFIED = "verified"  # in the world, as looking at the world says
    DUE = "due"  # time to live is over, still in force: the case must be decided again
    UNDOING = "undoing"  # being taken back
    UNDONE = "undone"  # taken back
    FAILED = "failed"  # not in the world
    ESCALATED = "escalated"  # a person has to look; still counted as in force
    ORPHAN = "orphan"  # found in the world without a record that explains it; counted as in force


class Intent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One action on one target that a plan asks for, and what it takes from the budgets. `id` is also the idempotency key."""

    id: str
    plan: str
    incident: str
    action: str
    target: str  # reference, e.g. `asset:plc-3`
    params: dict[str, Value] = {}
    ttl_s: int = 14_400  # seconds from being applied until the case is decided again
    requested_by: str = ""  # person, or `policy`
    mode: str = ""  # how policy allowed it, as in `model.records.Mode`
    time: int  # when it was asked for
    assets: int = 0  # assets it isolates
    downtime_h: int = 0  # hours of production it may stop, rounded up
    orders_late: int = 0  # orders it is expected to make late, rounded up
    priced: bool = True  # False: how many it makes late is not known


class Effect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An intent and where it is in its life."""

    intent: Intent
    state: State
    changed: int  # time of the last transition
    expires: int  # when its time to live ends; 0 before it is applied
    epoch: int  # of the runtime that made the last transition
    detail: str = ""
    told: int = 0  # number of the ledger's row that tells the last transition

    @property
    def id(self) -> str:
        return self.intent.id


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag="receipt"):
    """What came of an intent, as the journal holds it at `time`."""

    time: int
    effect: str
    plan: str
    incident: str
    action: str
    target: str
    status: State
    detail: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """An executor's answer. `failed` and `refused` mean: not in the world; `unknown`: it may be (no answer, time-out)."""

    result: Literal["ok", "refused", "failed", "unknown"]
    detail: str = ""


class Observed(msgspec.Struct, frozen=True):
    """An effect that is in the world now, with the idempotency key it was applied under."""

    effect: str
    action: str
    target: str


class Check(msgspec.Struct, frozen=True):
    """What an effector sees of one thing that must be right before an asset comes back. `detail`: one line.

    `failed`: it is not as it was approved or recorded; `unknown`: nobody here can tell; `pending`: it is being read.
    """

    ref: str  # reference, e.g. `asset:hmi-1`
    what: Literal["configuration", "backup"]
    standing: Literal["verified", "failed", "unknown", "pending"]
    detail: str = ""


class Held(msgspec.Struct, frozen=True):
    """What is taken from the budgets at one moment: by effects in force, and `actions` by the last hour."""

    actions: int
    assets: int
    downtime_h: int
    orders_late: int


class LedgerEntry(msgspec.Struct, frozen=True):
    """One row of the hash-chained ledger; `body` is canonical JSON."""

    seq: int
    time: int
    kind: str  # effect | decision | approval | verdict …
    subject: str  # id of the effect, plan or incident it is about
    body: str
    hash: str  # SHA-256, hex, over the row before and this row


def receipt(effect: Effect) -> Receipt:
    """The receipt that tells what `effect` is now."""
    intent = effect.intent
    return Receipt(
        time=effect.changed,
        effect=intent.id,
        plan=intent.plan,
        incident=intent.incident,
        action=intent.action,
        target=intent.target,
        status=effect.state,
        detail=effect.detail,
    )
