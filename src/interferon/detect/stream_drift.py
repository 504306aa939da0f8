"""A level that moves little by little: a two-sided CUSUM on ranks, for lead times, delays and quantities. Used by the trade detectors.

Plain dataclasses, so that the checkpoint can hold them. Pure.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from scipy.special import ndtri

REFERENCE: Final = 96  # values that a new one is ranked among
WARM: Final = 16  # fewer say nothing about drift
SLACK: Final = 0.5  # standard deviations that the level may be off for nothing: a CUSUM is quickest for shifts of twice this
MOST: Final = 15.0  # the sums go no higher, so that they come down soon after the level does
DOUBT: Final = 3.0  # a sum above this takes in only every `SLOWLY`th value: a drift must not become the reference that hides it
SLOWLY: Final = 4


@dataclass
class Drift:
    """Reference values, and the two running sums over the normal scores of what came after them."""

    past: list[float] = field(default_factory=list)  # a ring once it is full
    seen: int = 0
    up: float = 0.0
    down: float = 0.0
    last: float = 0.0  # normal score of the newest value
    echo: float = 0.0  # fading sum of products of neighbouring scores
    weight: float = 0.0  # and of how many


def score_of(drift: Drift, value: float) -> float:
    """Normal score of the rank of `value` among the reference values; ties take the middle of their ranks, NaN while it is too young.

    Ranks need no law of the values: as long as they are exchangeable, each rank is as likely as any other (Conover, Tercero-Gómez and
    Cordero-Franco, The sequential normal scores transformation, Sequential Analysis, 2017).
    """
    if len(drift.past) < WARM:
        return math.nan
    less = sum(one < value for one in drift.past)
    ties = sum(one == value for one in drift.past)
    return float(ndtri((less + 0.5 * (ties + 1)) / (len(drift.past) + 1)))


def sums_with(drift: Drift, value: float) -> tuple[float, float]:
    """The two sums as they would be with one more value (Page, Continuous inspection schemes, Biometrika, 1954).

    Scores are divided by what their serial correlation widens a sum by, sqrt((1 + r) / (1 - r)): a traffic jam delays neighbours together.
    """
    score = score_of(drift, value)
    if math.isnan(score):
        return 0.0, 0.0
    correlation = min(max((drift.echo + 1.0) / (drift.weight + 10.0), 0.0), 0.9)
    step = score / math.sqrt((1 + correlation) / (1 - correlation))
    return min(max(drift.up + step - SLACK, 0.0), MOST), min(max(drift.down - step - SLACK, 0.0), MOST)


def tail_of_drift(height: float, per_day: float) -> float:
    """P(either sum stands at `height` or above at some value of a day), with `per_day` values a day.

    The sum is at rest distributed as the maximum of a walk with drift -k, P(maximum >= h) = exp(-2k(h + 0.583)) (Siegmund, Sequential
    Analysis, 1985, 10.3); two sides and all values of the day are added up (Bonferroni).
    """
    return min(1.0, 2.0 * max(per_day, 1.0) * math.exp(-2.0 * SLACK * (height + 0.583))) if height > 0 else 1.0


def learn_drift(drift: Drift, value: float) -> None:
    """Take one value into the sums, and into the reference unless the level is in doubt."""
    score = score_of(drift, value)
    if not math.isnan(score):
        drift.up, drift.down = sums_with(drift, value)
        drift.echo = 0.98 * drift.echo + drift.last * score
        drift.weight = 0.98 * drift.weight + 1.0
        drift.last = score
    drift.seen += 1
    if max(drift.up, drift.down) > DOUBT and drift.seen % SLOWLY:
        return
    if len(drift.past) < REFERENCE:
        drift.past.append(value)
    else:
        drift.past[drift.seen % REFERENCE] = value
