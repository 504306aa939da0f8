"""What a detector of activity or trade events is: a module with a few names and functions. Read by `stream`, the detectors and the kit.

A detector sees one entity's events in order and keeps one memory for each entity; it never sees another entity's memory.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from interferon.detect.stream_events import DAY, Event

Habit = tuple[str, ...]
Peers = Callable[[str, str, Habit, str], tuple[int, int]]  # detector, group, habit, entity → others with the habit, others in all


def group_of(peers: Mapping[str, str], ref: str) -> str:
    """Peer group of a reference: as the tables tell, else its kind (`identity`, `lane` …)."""
    return peers.get(ref) or ref.partition(":")[0]


def nobody(detector: str, group: str, habit: Habit, entity: str) -> tuple[int, int]:
    """An entity without peers."""
    return 0, 0


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """What `score` saw in an event: not yet a finding."""

    kind: str  # e.g. `conversation.first_seen`
    key: str  # alert once for each (entity, detector, key)
    p: float  # per entity-day
    parts: dict[str, float]  # field → surprise (any positive unit); the shares of `why`
    facts: dict[str, str] = {}  # what the sentence needs; msgspec copies an empty default
    related: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    absolute: bool = False  # strange without any history: told even while the entity is being learnt
    time: int = 0  # of the anomaly where no event carries it (`sweep`)


class Context(msgspec.Struct, frozen=True):
    """What a detector may know besides its own memory: the entity's own events, static tables, and what its peers did before this frame."""

    entity: str
    time: int
    age: int  # microseconds for which the entity has been watched
    learn: int  # microseconds of silent learning
    peers: Mapping[str, str]  # reference → peer group (`ot`, `server`, `client`, `agent` …), from the network's tables
    orders: Mapping[str, Any]  # ticket → open and approved work order of this entity
    declared: str  # ticket of an approved work order that covers this moment, or ''
    leads: Mapping[str, int] = {}  # lane → microseconds within which nearly all of its goods arrive, from the network's tables
    usual: Peers = nobody

    @property
    def learning(self) -> bool:
        return self.age < self.learn

    @property
    def counting(self) -> bool:
        """Novelties count for the rates from half of the learning on: at first everything is new."""
        return self.age >= self.learn // 2

    @property
    def days(self) -> float:
        """Days over which novelties were counted."""
        return max(self.age - self.learn // 2, 0) / DAY

    def group(self, ref: str) -> str:
        """Peer group of a reference, '' if the tables do not tell."""
        return self.peers.get(ref, "")

    def peers_with(self, detector: str, habit: Habit) -> float:
        """Share of the entity's peers that have settled into a habit, 0–1; one peer that has not is added, so that it is never all."""
        settled, others = self.usual(detector, group_of(self.peers, self.entity), habit, self.entity)
        return settled / (others + 1)


class Detector(Protocol):
    """A module in `detectors/`.

    If it has `sweep(memory, ctx) -> list[Anomaly]`, that is asked once a frame for what did not happen. If it has
    `habits(event, peers) -> list[Habit]`, the habits that an event shows are counted over the peers of its entity.
    """

    @property
    def NAME(self) -> str:
        """Unique name; also the key of its memories."""

    @property
    def FAMILY(self) -> str:
        """activity | trade."""

    @property
    def KINDS(self) -> tuple[str, ...]:
        """Event kinds it listens to."""

    @property
    def TECHNIQUES(self) -> tuple[str, ...]:
        """ATT&CK ids."""

    @property
    def QUIET(self) -> Sequence[Event]:
        """An example that gives no finding."""

    @property
    def LOUD(self) -> Sequence[Event]:
        """One that does; the events before the strange ones are its learning."""

    def memory(self) -> Any:
        """Empty memory of one entity."""

    def score(self, memory: Any, event: Event, ctx: Context) -> list[Anomaly]:
        """What is strange in this event. Leaves the memory as it is."""

    def learn(self, memory: Any, event: Event, ctx: Context, strange: bool) -> None:
        """Take the event into the memory; `strange`: it gave a finding, so it must not become normal at once."""

    def why(self, anomaly: Anomaly, ctx: Context) -> str:
        """One sentence for a tired operator."""


def shares(parts: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Fields by falling share, rounded to 4 digits so that they sum to 1 exactly as printed; the first takes the remainder."""
    total = sum(value for value in parts.values() if value > 0)
    if total <= 0:
        return shares(dict.fromkeys(parts, 1.0)) if parts else ()
    ranked = sorted(((name, value / total) for name, value in parts.items() if value > 0), key=lambda item: (-item[1], item[0]))
    rest = [(name, round(share, 4)) for name, share in ranked[1:]]
    return ((ranked[0][0], round(1 - sum(share for _, share in rest), 4)), *rest)
