"""What is left of the capacities given the state that each asset is in, as `capacity.lost` tells it of what is closed.

Called by `plan`. The rules are stated in docs/flow.md. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from interferon.flow.capacity import Capacities, Exposure, exposure, groups
from interferon.flow.courses import Course, dependent, loses, merged, product
from interferon.model.errors import InputError
from interferon.model.network import Network

Kind = Literal["ok", "suspect", "isolated", "down", "restoring"]
WHOLE: Course = ((0.0, 1.0),)


@dataclass(frozen=True)
class AssetState:
    """An asset's state now. Raises InputError where a number is out of its range."""

    kind: Kind
    hours: float | None = None  # from now until it is whole again; None: not within the horizon
    share: float = 0.0  # 0-1 of its work that it does until then, while it is being restored
    since_h: float = 0.0  # hours since it was lost: what has passed of tolerances and of the fallback's delay

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.since_h < 0 or (self.hours is not None and self.hours < 0):
            raise InputError(f"wanted a share from 0 to 1 and hours of 0 or more, got {self.share:g}, {self.hours}, {self.since_h:g}")


def together(first: Capacities, second: Capacities) -> Capacities:
    """Both at once: losses on one target multiply."""

    def both(one: dict[str, Course], other: dict[str, Course]) -> dict[str, Course]:
        return {target: product([part[target] for part in (one, other) if target in part]) for target in sorted({*one, *other})}

    return Capacities(best=both(first.best, second.best), worst=both(first.worst, second.worst))


def from_states(network: Network, states: Mapping[str, AssetState]) -> Capacities:
    """What assets (`asset:ID`) in these states leave of the capacities; what is not named is ok, what is no asset carries no goods.

    A suspect asset does all of its work at best and none at worst.
    """
    known = exposure(network)
    bad = {ref.removeprefix("asset:"): state for ref, state in sorted(states.items()) if ref.startswith("asset:") and state.kind != "ok"}
    sure = {asset: state for asset, state in bad.items() if state.kind != "suspect"}
    worst = _left(known, bad, cautious=True)
    for target, course in _guessed(known, bad).items():
        worst[target] = product([worst.get(target, WHOLE), course])
    return Capacities(best=_left(known, sure, cautious=False), worst=worst)


def _left(known: Exposure, states: Mapping[str, AssetState], *, cautious: bool) -> dict[str, Course]:
    courses: dict[str, list[Course]] = {}
    alone = [[i] for i, row in enumerate(known.rows) if not row.group and row.asset in states]
    for members in sorted(alone + groups(known)):
        row = known.rows[members[0]]
        there = [states.get(known.rows[i].asset) for i in members]
        lost = [state for state in there if state is not None]
        if len(lost) == len(there):  # else a member of the group does the work of all
            since = min(state.since_h for state in lost)
            does = merged([_work(state) for state in lost], max)
            courses.setdefault(row.target, []).append(merged([_since(dependent(row, 1.0, cautious), since), does], _with_work))
    found = {target: product(parts) for target, parts in courses.items()}
    return {target: course for target, course in found.items() if loses(course)}


def _guessed(known: Exposure, states: Mapping[str, AssetState]) -> dict[str, Course]:
    """Targets of assets that no row tells of: of several such guesses only the largest counts at any hour."""
    parts: dict[str, list[Course]] = {}
    for asset, state in states.items():
        for target, share in known.assumed.get(asset, ()):
            parts.setdefault(target, []).append(merged([((0.0, 1.0 - share),), _work(state)], _with_work))
    return {target: merged(courses, min) for target, courses in parts.items()}


def _work(state: AssetState) -> Course:
    """Share of its work that the asset does."""
    now = state.share if state.kind == "restoring" else 0.0
    if state.hours is None:
        return ((0.0, now),)
    return ((0.0, now), (state.hours, 1.0)) if state.hours > 0 else WHOLE


def _since(course: Course, hours: float) -> Course:
    """The course of a loss that began `hours` ago."""
    passed = [share for hour, share in course if hour <= hours]
    return ((0.0, passed[-1]), *((hour - hours, share) for hour, share in course if hour > hours))


def _with_work(shares: Iterable[float]) -> float:
    """Share of the target left where the first would be left without the asset, and the asset does the second of its work."""
    without, work = shares
    return 1.0 if work == 1.0 else without + work * (1.0 - without)
