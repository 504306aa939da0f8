"""Courses: shares of a capacity that are left, as steps over time. Called by `capacity`, `states` and `closure`. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from interferon.flow.grid import Floats
from interferon.model.network import Dependency

Step = tuple[float, float]  # from this hour on, this share is left
Course = tuple[Step, ...]  # in order of the hour, starting at hour 0


def merged(courses: Sequence[Course], fold: Callable[[Iterable[float]], float]) -> Course:
    """`fold` of the shares that the courses have at each hour; a step that changes nothing is left out."""
    hours = sorted({hour for course in courses for hour, _ in course})
    steps: list[Step] = []
    for hour in hours:
        share = fold([next(level for start, level in reversed(course) if start <= hour) for course in courses])
        if not steps or steps[-1][1] != share:
            steps.append((hour, share))
    return tuple(steps)


def product(courses: Sequence[Course]) -> Course:
    """Losses on one target multiply."""
    return merged(courses, math.prod)


def loses(course: Course) -> bool:
    """Whether anything is lost at any time."""
    return any(share < 1 for _, share in course)


def dependent(row: Dependency, degree: float, cautious: bool) -> Course:
    """A dependency's course once its asset is lost in `degree` (0-1): full for the tolerance, then without its share, then the manual
    fallback brings part of that back. Not `cautious`: as far as the row is trusted."""
    trusted = 1.0 if cautious or row.source == "declared" else row.confidence
    gone = min(max(row.share_lost, 0.0), 1.0) * degree * trusted
    later = max(row.tolerance_h, row.fallback_delay_h)
    steps = {0.0: 1.0, row.tolerance_h: 1.0 - gone}
    steps[later] = 1.0 - gone * (1.0 - row.fallback_share)
    return tuple(sorted(steps.items()))


def averages(course: Course, edges: Floats) -> Floats:
    """(T,) mean share left in each bucket of `edges` (days)."""
    hours = np.array([h for h, _ in course])
    level = np.array([share for _, share in course])
    knots = np.unique(np.concatenate([edges * 24, hours]))
    at = level[np.searchsorted(hours, knots[:-1], side="right") - 1]
    total = np.concatenate([[0.0], np.cumsum(at * np.diff(knots))])
    bounds = np.interp(edges * 24, knots, total)
    # Twelve digits: equal closures must compare equal whatever the order in which their losses were multiplied.
    mean: Floats = np.round(np.diff(bounds) / np.diff(edges * 24), 12)
    return mean
