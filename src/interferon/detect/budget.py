"""The alarm budget: telemetry may tell so many alarms a machine and month, class by class, and keeps to it. Called by the pipeline.

Each alarm told raises what its class asks of the next one by `COST` nats of evidence, and what its own machine asks by `OWN`; time lowers
both at the rate of the budget. So no class tells more than its budget and (STRONGEST − least) / COST in any stretch of time, however wrong
its calibration is, one worn machine does not spend what is the others', and an attack with strong evidence is told all the same. Adaptive
thresholds by what was spent: Gibbs and Candès (2021), Adaptive conformal inference.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from interferon.model.records import Finding

COST: Final = 0.55  # nats that one alarm adds to what its class asks for
OWN: Final = 4.0  # nats that it adds to what its own machine asks for
STRONGEST: Final = 40.0  # nats; more evidence than this counts as this
SAME: Final = 7 * 86_400_000_000  # microseconds of silence after which the same detector and signal of a machine may be told again
MONTH: Final = 30 * 86_400_000_000  # microseconds
OVER: Final = 0.1  # a held alarm whose p has risen above this is over


@dataclass
class BudgetState:
    """What was spent, and what waits.

    monthly: alarms a machine and month. least: nats asked for while nothing is spent. asked: class → nats asked for beyond that; own: the
    same for one machine. held: machine → alarm that waits for more evidence. rung: (machine, kind, leading signal) → when it last began
    to alarm. kinds, members: class of each machine seen, and how many there are of each. at: time of the last frame.
    """

    monthly: float
    least: float
    asked: dict[str, float] = field(default_factory=dict)
    own: dict[int, float] = field(default_factory=dict)
    held: dict[int, Finding] = field(default_factory=dict)
    rung: dict[tuple[int, str, str], int] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    at: int = 0


def new_state(monthly: float, p_on: float) -> BudgetState:
    """`monthly`: alarms a machine and month; `p_on`: where an alarm begins. Its p was doubled twice since, for two looks at the signals and
    for two at the fleet, so that four times `p_on` is what is asked for while nothing is spent."""
    return BudgetState(monthly, -math.log(4.0 * p_on))


def admit(
    state: BudgetState, alarms: Mapping[int, Finding], judged: Sequence[tuple[int, float]], kind_of: Callable[[int], str], now: int
) -> list[Finding]:
    """The alarms that the budget lets through in this frame.

    `alarms`: those that begin, by fleet-wide index; `judged`: (index, p) of every machine judged; `kind_of`: class of a new machine. What
    is held back is told as soon as its evidence suffices, and forgotten when it is over.
    """
    _pass_time(state, now)
    for entity, _ in judged:
        if entity not in state.kinds:
            kind = state.kinds[entity] = kind_of(entity)
            state.members[kind] = state.members.get(kind, 0) + 1
    state.held.update({entity: finding for entity, finding in sorted(alarms.items()) if _news(state, entity, finding, now)})
    if not state.held:
        return []
    current = dict(judged)
    told = []
    for entity, finding in sorted(state.held.items()):
        p = finding.p if entity in alarms else current.get(entity, finding.p)
        kind = state.kinds.get(entity, "")
        asked, own = state.asked.get(kind, 0.0), state.own.get(entity, 0.0)
        if min(-math.log(max(p, 1e-300)), STRONGEST) >= state.least + asked + own:
            state.asked[kind], state.own[entity] = asked + COST, own + OWN
            told.append(msgspec.structs.replace(finding, p=p, time=now))
            del state.held[entity]
        elif p > OVER:
            del state.held[entity]
    return told


def _news(state: BudgetState, entity: int, finding: Finding, now: int) -> bool:
    """False for what flickers: the same detector and signal of the machine began to alarm within `SAME` already."""
    key = (entity, finding.kind, finding.why[0][0] if finding.why else "")
    before = state.rung.get(key)
    state.rung[key] = now
    return before is None or now - before >= SAME


def _pass_time(state: BudgetState, now: int) -> None:
    passed = state.monthly * (now - state.at) / MONTH if state.at else 0.0
    state.asked = {kind: left for kind, asked in state.asked.items() if (left := asked - COST * state.members.get(kind, 0) * passed) > 0}
    state.own = {entity: left for entity, own in state.own.items() if (left := own - OWN * passed) > 0}
    state.at = now
