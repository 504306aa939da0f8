"""An incident in the making, and all that correlation remembers. Plain data, so that the judge's state can be checkpointed.

Changed by `incidents`, read by `bonds`.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from interferon.correlate.declared import Declared
from interferon.correlate.graph import Graph
from interferon.model.records import Finding

HOUR: Final = 3_600_000_000
Status = Literal["open", "contained", "closed"]


class CorrelateSettings(msgspec.Struct, frozen=True):
    """When findings belong together and when a case is over."""

    fade_us: int = 24 * HOUR  # the bond of a shared reference falls by e in this time
    near_us: int = 6 * HOUR  # neighbours in the network belong together only within this time
    join: float = 0.2  # weakest bond that joins
    merge: float = 0.6  # bond to two cases that makes them one
    quiet_us: int = 24 * HOUR  # a case without new findings for so long is closed
    reopen_us: int = 48 * HOUR  # a closed case comes back to life if its own entity speaks again within this time


@dataclass
class Case:
    """An incident in the making."""

    id: str
    opened: int
    updated: int
    revision: int = 0
    status: Status = "open"
    findings: list[Finding] = field(default_factory=list)
    entities: dict[str, int] = field(default_factory=dict)  # reference → first time, by appearance
    related: dict[str, int] = field(default_factory=dict)
    contained: dict[str, int] = field(default_factory=dict)  # reference → time since which it is shut off
    verdict: str = ""
    p_attack: float = 0.0
    repeats: dict[str, int] = field(default_factory=dict)  # `kind|entity` → findings
    judged: dict[str, str] = field(default_factory=dict)  # finding → what a person said of it alone: attack, benign
    nearby: dict[str, float] = field(default_factory=dict)  # channel that came by its place alone → how many could have spoken instead


@dataclass
class IncidentState:
    """All that correlation remembers."""

    settings: CorrelateSettings = field(default_factory=CorrelateSettings)
    graph: Graph = field(default_factory=Graph)
    declared: Declared = field(default_factory=Declared)
    cases: dict[str, Case] = field(default_factory=dict)
    benign: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind, entity) → benign verdicts
