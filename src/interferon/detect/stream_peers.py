"""What the peers of an entity usually do: a habit that most machines of its type have is less strange when it takes it up.

Filled by `watch` once a frame, after every shard has judged it, so that all shards read the same table; read through `Context.peers_with`.
Plain, for the checkpoint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event
from interferon.detect.stream_protocol import Detector, Habit, group_of

HABITS: Final = 16_384  # the longest unused goes first
HOLDERS: Final = 24  # entities that are remembered for one habit; more would not make it more usual
MEMBERS: Final = 4096  # of one group that are counted
SETTLED: Final = 2  # different days on which an entity did so: what spreads today is no habit yet


@dataclass
class Habits:
    """Who does what. Habits are (detector, group, …) tuples."""

    members: dict[str, dict[str, None]] = field(default_factory=dict)  # group → its entities
    holders: dict[Habit, dict[str, tuple[int, int]]] = field(default_factory=dict)  # habit → entity → (last day, different days)


def peers_with(habits: Habits, detector: str, group: str, habit: Habit, entity: str) -> tuple[int, int]:
    """Other members of the group that settled into the habit, and other members in all."""
    holders = habits.holders.get((detector, group, *habit), {})
    settled = sum(days >= SETTLED for other, (_, days) in holders.items() if other != entity)
    members = habits.members.get(group, {})
    return settled, len(members) - (entity in members)


def take(habits: Habits, rows: Sequence[Event], detectors: Sequence[Detector], peers: Mapping[str, str]) -> None:
    """Learn the habits that one frame's rows show. The same rows in another order leave the same counts."""
    routes: dict[str, list[Detector]] = {}
    for detector in detectors:
        if hasattr(detector, "habits"):
            for kind in detector.KINDS:
                routes.setdefault(kind, []).append(detector)
    for event in rows:
        for detector in routes.get(event.kind, ()):
            group = group_of(peers, event.entity)
            members = habits.members.setdefault(group, {})
            if len(members) < MEMBERS:
                members[event.entity] = None
            for habit in detector.habits(event, peers):  # type: ignore[attr-defined]  # optional, as `sweep` is
                _hold(habits, (detector.NAME, group, *habit), event.entity, event.time // DAY)


def _hold(habits: Habits, habit: Habit, entity: str, day: int) -> None:
    holders = habits.holders.pop(habit, {})
    habits.holders[habit] = holders
    last, days = holders.get(entity, (-1, 0))
    if day > last and (entity in holders or len(holders) < HOLDERS):
        holders[entity] = (day, days + 1)
    if len(habits.holders) > HABITS:
        del habits.holders[next(iter(habits.holders))]
