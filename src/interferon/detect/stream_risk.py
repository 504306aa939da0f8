"""The likelihood ratio of several yes-or-no traits at once, and how often ordinary life reaches it.

Used by the detector of logins. Pure.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from interferon.detect.stream_memory import FLOOR

MOST: Final = 12  # traits that are combined: 2^12 patterns


class Trait(msgspec.Struct, frozen=True):
    """One trait of an event. Chances lie in (0, 1)."""

    name: str
    shown: bool
    usual: float  # chance that ordinary life shows it where no trait before it is shown
    along: float  # and where one before it is
    intruder: float  # chance that an intruder shows it; it only ranks, so the tail is right whatever it is


def ratio_parts(traits: Sequence[Trait]) -> dict[str, float]:
    """What each shown trait adds to the log likelihood ratio of intruder against owner (Freeman et al., Who are you?, NDSS 2016)."""
    parts, before = {}, False
    for trait in traits:
        if trait.shown:
            parts[trait.name] = max(math.log(trait.intruder / _chance(trait, before)), 0.1)
            before = True
    return parts


def tail_of_ratio(traits: Sequence[Trait]) -> float:
    """P(ordinary life shows traits whose likelihood ratio is at least that of these), over all patterns that there are.

    The Neyman–Pearson statistic under its own null: patterns are summed exactly, not bounded.
    """
    traits = traits[:MOST]
    patterns = _patterns(len(traits))  # (2^n, n)
    before = np.zeros(len(patterns), dtype=bool)
    usual, ratio = np.ones(len(patterns)), np.zeros(len(patterns))
    for place, trait in enumerate(traits):
        shown = patterns[:, place]
        chance = np.where(before, _chance(trait, True), _chance(trait, False))
        usual *= np.where(shown, chance, 1.0 - chance)
        ratio += np.log(np.where(shown, trait.intruder / chance, (1.0 - trait.intruder) / (1.0 - chance)))
        before |= shown
    mine = sum(trait.shown << place for place, trait in enumerate(traits))
    return max(min(float(usual[ratio >= ratio[mine] - 1e-9].sum()), 1.0), FLOOR)


def _chance(trait: Trait, before: bool) -> float:
    return min(max(trait.along if before else trait.usual, 1e-9), 1 - 1e-9)


@lru_cache(maxsize=MOST + 1)
def _patterns(traits: int) -> np.ndarray:
    codes, places = np.arange(1 << traits), np.arange(traits)
    return np.asarray((codes[:, None] >> places) & 1 == 1)
