"""What a stream detector remembers of one entity, and the tail probabilities that follow from it.

Used by the detectors of activity and trade. Plain dataclasses of numbers, text and dicts, so that the checkpoint can hold them.
All probabilities speak of one entity-day: "how likely is it that ordinary life shows something at least this strange in a day".
"""

import math
from dataclasses import dataclass, field
from typing import Final

from scipy.special import betainc, stdtr

from interferon.detect.stream_events import DAY, HOUR

SETTLE: Final = 20.0  # days of an entity's own life that a prior rate is worth where entities of one kind live much alike
LIMIT: Final = 4096  # keys that one memory holds; the longest unused goes first
ADOPT_DAYS: Final = 3  # a strange key seen on this many different days is part of life
FLOOR: Final = 1e-12  # below this a probability is a statement about the model, not about the world

Key = tuple[str, ...]


@dataclass
class Novelty:
    """Keys an entity is known to use, the ones under suspicion, and how often a new one came, by class of strangeness."""

    known: dict[Key, int] = field(default_factory=dict)  # key → last time, microseconds
    pending: dict[Key, tuple[int, int]] = field(default_factory=dict)  # key → (last day, different days)
    news: dict[str, float] = field(default_factory=dict)  # class → new keys while they were counted


def is_new(memory: Novelty, key: Key) -> bool:
    """Whether the key is not yet part of the entity's life."""
    return key not in memory.known


def is_fresh(memory: Novelty, key: Key, time: int) -> bool:
    """Whether the key is new, and not under suspicion since an earlier day: what came yesterday for the first time may well come again."""
    return key not in memory.known and memory.pending.get(key, (time // DAY, 0))[0] == time // DAY


def learn_key(memory: Novelty, key: Key, time: int, *, strange: bool, counted: str = "") -> None:
    """Learn one use of a key. A strange key waits for `ADOPT_DAYS` different days; `counted` is the class that the novelty counts for.

    A strange novelty counts half: a noisy entity calms down, an attacker cannot buy silence cheaply.
    """
    if key in memory.known:
        del memory.known[key]  # re-inserted: the dict stays ordered by last use
        memory.known[key] = time
        return
    if counted and key not in memory.pending:
        memory.news[counted] = memory.news.get(counted, 0.0) + (0.5 if strange else 1.0)
    if strange or key in memory.pending:
        day = time // DAY
        last, days = memory.pending.pop(key, (-1, 0))
        days += day != last
        if days < ADOPT_DAYS:
            memory.pending[key] = (day, days)
            _trim(memory.pending)
            return
    memory.known[key] = time
    _trim(memory.known)


def _trim(keys: dict[Key, int] | dict[Key, tuple[int, int]]) -> None:
    while len(keys) > LIMIT:
        del keys[next(iter(keys))]


def tail_of_count(count: float, rate: float, seen: float, days: float, *, window: float = 1.0, strength: float = 5.0) -> float:
    """P(at least `count` events in `window` days) after `seen` events in `days` days.

    Gamma-Poisson: the prior rate per day weighs `strength` days of observation; the predictive is negative binomial, its tail an
    incomplete beta function (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6).
    """
    if count <= 0:
        return 1.0
    shape = max(rate, 1e-9) * strength + seen
    return max(float(betainc(count, shape, window / (strength + days + window))), FLOOR)


@dataclass
class Level:
    """Running mean and spread of a positive quantity on the log scale, with the extremes."""

    n: float = 0.0
    mean: float = 0.0
    m2: float = 0.0
    low: float = math.inf
    high: float = -math.inf


def learn_level(level: Level, value: float, *, memory: float = 2000.0) -> None:
    """Welford's update on log(1 + |value|) with the sign kept; old observations fade once `memory` of them are held."""
    y = _signed_log(value)
    if level.n >= memory:
        level.m2 *= (memory - 1) / level.n
        level.n = memory - 1
    level.n += 1
    step = y - level.mean
    level.mean += step / level.n
    level.m2 += step * (y - level.mean)
    level.low, level.high = min(level.low, value), max(level.high, value)


def tail_of_level(level: Level, value: float, *, spread: float = 0.35, strength: float = 4.0, centre: float | None = None) -> float:
    """Upper tail of the Student-t predictive for one more value; lower tails are had by `two_sided`.

    `spread` (log units) is the prior standard deviation, worth `strength` observations: the first few values cannot make a spread of 0.
    """
    return max(1.0 - _cdf(level, value, spread, strength, centre), FLOOR)


def two_sided(level: Level, value: float, *, spread: float = 0.1, strength: float = 4.0) -> float:
    """Probability of a value at least this far from the middle, either side."""
    below = _cdf(level, value, spread, strength, None)
    return max(2 * min(below, 1.0 - below), FLOOR)


def _cdf(level: Level, value: float, spread: float, strength: float, centre: float | None) -> float:
    freedom = level.n + strength - 1
    variance = (level.m2 + strength * spread * spread) / freedom
    middle = level.mean if centre is None else centre
    return float(stdtr(freedom, (_signed_log(value) - middle) / math.sqrt(variance * (1 + 1 / max(level.n, 1.0)))))


def _signed_log(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)


@dataclass
class Tally:
    """Totals per hour: the open hour, the level of whole hours, and the mean of each hour of the day."""

    hour: int = -1
    total: float = 0.0
    tainted: bool = False
    level: Level = field(default_factory=Level)
    of_day: dict[int, tuple[float, float]] = field(default_factory=dict)  # hour of day → (hours seen, mean of log)


def add(tally: Tally, time: int, amount: float, *, strange: bool = False) -> None:
    """Count an amount in its hour; a finished hour is learnt unless something in it was strange."""
    close_hour(tally, time)
    tally.total += amount
    tally.tainted = tally.tainted or strange


def close_hour(tally: Tally, time: int) -> None:
    """Learn the open hour if `time` lies past it."""
    hour = time // HOUR
    if hour <= tally.hour:
        return
    if tally.hour >= 0 and tally.total > 0 and not tally.tainted:
        learn_level(tally.level, tally.total, memory=720.0)
        of_day = tally.hour % 24
        seen, mean = tally.of_day.get(of_day, (0.0, 0.0))
        seen = min(seen + 1, 30.0)
        tally.of_day[of_day] = (seen, mean + (math.log1p(tally.total) - mean) / seen)
    tally.hour, tally.total, tally.tainted = hour, 0.0, False


def tail_of_hour(tally: Tally, time: int, amount: float, *, spread: float = 0.5) -> float:
    """P(some hour of a day totals at least the open hour with `amount` added), the hour of the day taken into account.

    The mean of the hour of the day is shrunk to the mean of all hours with a weight of two days. Twenty-four hours are
    looked at in a day, so the tail is multiplied by 24 (Bonferroni).
    """
    total = amount + (tally.total if time // HOUR == tally.hour else 0.0)
    seen, mean = tally.of_day.get(time // HOUR % 24, (0.0, 0.0))
    centre = (seen * mean + 2.0 * tally.level.mean) / (seen + 2.0)
    return min(1.0, 24 * tail_of_level(tally.level, total, spread=spread, centre=centre))
