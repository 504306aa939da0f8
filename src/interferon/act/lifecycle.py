"""Which state of an effect may follow which, and what each state means for budgets, time to live and recovery.

The effect journal calls `advance` inside each transaction, so that no history outside this table can be stored. Pure.

    intent → applying → applied → verified → due → (verified | undoing → undone | escalated)
    verified → applying: it was in force and is not any more, and is put back under its own id.
    refused, failed and undone are ends; escalated waits for a person; orphan is in the world without an explanation.
"""

from collections.abc import Sequence
from typing import Final

from interferon.model.effects import State
from interferon.model.errors import JournalError

NEXT: Final[dict[State, frozenset[State]]] = {
    State.INTENT: frozenset({State.APPLYING, State.FAILED}),
    State.APPLYING: frozenset({State.APPLIED, State.FAILED, State.ESCALATED}),
    State.APPLIED: frozenset({State.VERIFIED, State.FAILED, State.ESCALATED}),
    State.VERIFIED: frozenset({State.APPLYING, State.DUE, State.UNDOING, State.ESCALATED}),
    State.DUE: frozenset({State.VERIFIED, State.UNDOING, State.ESCALATED}),
    State.ESCALATED: frozenset({State.VERIFIED, State.UNDOING}),
    State.ORPHAN: frozenset({State.VERIFIED, State.UNDOING, State.ESCALATED}),
    State.UNDOING: frozenset({State.UNDONE, State.ESCALATED}),
    # The record says that it ended, the world shows it: it lives again, under a name that makes people look.
    State.REFUSED: frozenset({State.ORPHAN}),
    State.FAILED: frozenset({State.ORPHAN}),
    State.UNDONE: frozenset({State.ORPHAN}),
}

ENDED: Final = frozenset({State.REFUSED, State.FAILED, State.UNDONE})
"""Nothing of it is in the world and its budget is free again."""

STANDING: Final = tuple(state for state in State if state not in ENDED)
"""All others: it is in the world, may be, or is to be."""

IN_FLIGHT: Final = frozenset({State.INTENT, State.APPLYING, State.APPLIED, State.UNDOING})
"""Somebody must go on with it: the thread that drives it, or recovery after a crash."""

RENEWABLE: Final = frozenset({State.DUE, State.ESCALATED, State.ORPHAN})
"""A decision may put it in force for another time to live, after looking at the world."""

REPAIRS_PER_HOUR: Final = 3
"""So often an effect is put back; who takes it away once more works against us, and a person has to look."""

HOUR_US: Final = 3_600_000_000


class IllegalTransition(JournalError):
    """An effect cannot go from where it is to where it was told to go; nothing was changed."""


def advance(effect_id: str, state: State, to: State) -> State:
    """`to`, where it may follow `state`; raises `IllegalTransition` otherwise."""
    if to not in NEXT[state]:
        allowed = ", ".join(sorted(NEXT[state]))
        raise IllegalTransition(f"effect {effect_id}: {state} cannot become {to} (only {allowed})")
    return to


def holds(state: State) -> bool:
    """True while the effect keeps what it reserved from the budgets."""
    return state not in ENDED


def expiry(at: int, ttl_s: int) -> int:
    """When an effect that was applied or renewed at `at` must be decided again, microseconds."""
    return at + ttl_s * 1_000_000


def spent(repairs: Sequence[int], now: int) -> bool:
    """Whether an effect that was put back at these times, microseconds, may not be put back once more at `now`."""
    return sum(now - at < HOUR_US for at in repairs) >= REPAIRS_PER_HOUR
