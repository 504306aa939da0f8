"""What deciding reads besides the incident, what it remembers of an incident, and the shapes it expects from its neighbours. Pure data.

The pipeline fills `Situation` for each decision and keeps `DecideState` in the judge's state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import msgspec

from interferon.decide.options import Act
from interferon.decide.restrictions import Reading, Signal
from interferon.decide.settings import DecideSettings
from interferon.decide.terrain import Terrain
from interferon.model.network import Network
from interferon.model.records import Closure, Mode

CLOSING: Final = frozenset(
    {"isolate_asset", "isolate_zone", "cut_conduit", "fail_over", "disable_client", "freeze_process", "kill_process"}
)
"""Actions whose target is closed for goods, or what it serves (`Network.served_by`): the closure table knows what that costs."""


class Closures(Protocol):
    """What closing things costs the flow of goods; `flow.closure.ClosureTable` is one."""

    @property
    def nominal(self) -> Closure: ...

    def value(self, refs: Sequence[str]) -> Closure: ...


class Answer(Protocol):
    """The policy's answer; `trust.policy.Decision` is one."""

    @property
    def mode(self) -> Mode | Literal["denied"]: ...

    @property
    def reasons(self) -> tuple[str, ...]: ...


class Ask(Protocol):
    """May the system do this? `trust.policy.Policy.ask` is one."""

    def __call__(self, principal: str, action: str, target_type: str, target: str, context: Mapping[str, Any], /) -> Answer: ...


class Under(Protocol):
    """What holds while something is decided; `pipeline.Rules` is one."""

    @property
    def network(self) -> Network: ...

    @property
    def closures(self) -> Closures: ...

    @property
    def ask(self) -> Ask: ...

    @property
    def observing(self) -> bool: ...

    @property
    def earned_level(self) -> int: ...


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at the moment of a decision. The budgets are what is left of them."""

    observing: bool = True  # nothing is executed here: plans say what they would have done
    earned_level: int = 0  # 0 suggest, 1 after approval, 2 unless vetoed, 3 automatic
    earned: dict[tuple[str, str], int] = {}  # (action, zone id or '') → level, where its record has lowered it
    actions_left: int = 0  # this hour
    assets_left: int = 0  # that may still be taken off the network
    orders_left: int = 0  # that containments may still make late today
    asked_by: str = ""  # whose command is decided on; '' where it is our own evidence
    watched: frozenset[str] = frozenset()  # references that came back from a containment a short while ago
    readings: dict[Signal, Reading] = {}  # what interlocks look at
    frozen: frozenset[str] = frozenset()  # references of which the world has shown that their process stands still
    confirmed: frozenset[str] = frozenset()  # ids of incidents that a person judged to be an attack
    in_force: tuple[Act, ...] = ()  # every containment in force or on its way, of this incident and of others


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """What the last decision about an incident was made on, and what it said."""

    plans: int  # plans made so far
    time: int
    p_attack: float
    suspects: tuple[str, ...]
    zones: tuple[str, ...]
    actions: tuple[Act, ...]
    mode: str  # of the plan, or `overruled` where a person said no
    endable: tuple[str, ...] = ()  # processes that a person could have ended


@dataclass
class DecideState:
    """The judge's memory of its decisions, and the ground they are made on. Plain data, goes into checkpoints."""

    settings: DecideSettings = field(default_factory=DecideSettings)
    considered: dict[str, Considered] = field(default_factory=dict)  # incident id → its last decision
    held: dict[str, int] = field(default_factory=dict)  # incident id → when tables last held back an answer to it
    renewals: dict[str, int] = field(default_factory=dict)  # effect id → how often its time to live was over
    terrain: Terrain | None = None
    values: dict[tuple[str, ...], Closure] = field(default_factory=dict)  # closed references → what it costs, of the terrain's revision
