"""From a plan to commands as data: carry an alternative out, and find a new way for the goods. Called by the pipeline. Pure."""

from collections.abc import Iterable
from typing import Any

from interferon.decide.options import Act
from interferon.decide.situation import CLOSING
from interferon.model.records import Execute, Plan, Solve


def execute(plan: Plan, alternative: int, mode: str, now: int, ttl_s: int) -> Execute | None:
    """The command that carries out one alternative of the plan, or None where it does nothing.

    `mode`: how it came to be executed; `ttl_s`: seconds until it is decided again. Effect ids derive from plan, alternative and action:
    given twice, it is one effect.
    """
    actions = plan.alternatives[alternative].actions
    if not actions:
        return None
    effects: tuple[tuple[str, str, str, dict[str, Any]], ...] = tuple(
        (f"{plan.id}/{alternative}.{place}", action, target, {}) for place, (action, target) in enumerate(actions)
    )
    return Execute(time=now, plan=plan.id, incident=plan.incident, effects=effects, ttl_s=ttl_s, mode=mode)


def solve(plan: Plan, in_force: Iterable[Act], now: int) -> Solve | None:
    """The question how goods go round everything that is closed, or None where nothing is closed for goods."""
    closed = tuple(sorted({target for action, target in in_force if action in CLOSING}))
    return Solve(time=now, plan=plan.id, closed=closed) if closed else None
