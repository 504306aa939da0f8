"""Fleet-wide control of false discoveries over the telemetry alarms of each frame, before they become findings. Called by the pipeline.

A fleet of thousands asks thousands of questions a minute; at a fixed p some always say yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400_000_000


@dataclass
class FdrState:
    """Wealth of an online procedure: how much of the false-alarm budget is left to spend."""

    alpha: float  # share of false discoveries that is accepted
    wealth: float
    time: int = 0


def new_state(alpha: float = 0.1) -> FdrState:
    """A full purse. `alpha` is the accepted share of false discoveries, 0–1."""
    return FdrState(alpha, alpha)


def discoveries(state: FdrState, p_values: Sequence[float], now: int) -> list[bool]:
    """Which of one frame's p-values stand. `p_values`: one per entity that was judged, the silent ones included.

    Benjamini–Hochberg within the frame, at a level that the frame can afford: alpha-investing over frames as Foster & Stine (2008),
    in the generalised form of Ramdas et al. (2017, LORD++): a frame invests a share of the wealth, a discovery earns some of it back, and a
    day fills the purse again (decaying memory: a quiet year must not leave an empty purse, nor a noisy one an overfull one).
    """
    elapsed = max(now - state.time, 0) / DAY if state.time else 0.0
    state.wealth += (state.alpha - state.wealth) * min(elapsed, 1.0)
    state.time = max(now, state.time)
    level = state.wealth / 2
    ranked = sorted(range(len(p_values)), key=lambda i: (p_values[i], i))
    kept = max((rank for rank, i in enumerate(ranked, 1) if p_values[i] <= level * rank / len(p_values)), default=0)
    spent = level * (0.01 if kept == 0 else 0.0)
    state.wealth = min(state.wealth - spent + (state.alpha * 0.05 if kept else 0.0), state.alpha)
    chosen = set(ranked[:kept])
    return [i in chosen for i in range(len(p_values))]
