"""The alarm budget: telemetry may tell so many alarms a machine and month, class by class, and keeps to it. Called by the pipeline.

Each alarm told raises what is asked of the next one, and time lowers that at the rate of the budget: of its own machine by `OWN` nats of
evidence, of its kind of finding in its class by `KIND`, and of all of its class by what `_flooded` says: next to nothing while little was
told, and all evidence there is when its budget and (STRONGEST − least) / COST alarms are spent. So no class tells more than that in any
stretch of time, however wrong its calibration is; a worn machine does not spend what is the others', nor a detector that is wrong about
a class what is the other detectors'; and an attack with strong evidence is told all the same. Adaptive thresholds by what was spent:
Gibbs and Candès (2021), Adaptive conformal inference. An alarm that a work order explains is told, once a work order and machine, and
costs nothing: the work was announced, and its alarms must not make the watch deaf to what was not.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from interferon.detect.fleet import Index
from interferon.detect.windows import Floats
from interferon.model.records import Finding

COST: Final = 0.55  # nats that one alarm adds to what its class has spent
KIND: Final = 2.0  # nats that it adds to what its kind of finding asks for in its class
OWN: Final = 4.0  # nats that it adds to what its own machine asks for
STRONGEST: Final = 40.0  # nats; more evidence than this counts as this
SAME: Final = 7 * 86_400_000_000  # microseconds of silence after which the same detector and signal of a machine may be told again
MONTH: Final = 30 * 86_400_000_000  # microseconds
OVER: Final = 0.1  # a held alarm whose p has risen above this is over


@dataclass
class BudgetState:
    """What was spent, and what waits.

    monthly: alarms a machine and month. least: nats asked for while nothing is spent. spent: class → nats spent (`_flooded`); asked: class
    and kind of finding → nats asked for beyond that; own: the same for one machine. held: machine → alarm that waits for more evidence.
    rung: what was told (`_key`) → when it last began to alarm. kinds, members: class of each machine seen, and how many there are of each.
    at: time of the last frame.
    """

    monthly: float
    least: float
    spent: dict[str, float] = field(default_factory=dict)
    asked: dict[tuple[str, str], float] = field(default_factory=dict)
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
    state: BudgetState, alarms: Mapping[int, Finding], judged: tuple[Index, Floats], kind_of: Callable[[int], str], now: int
) -> list[Finding]:
    """The alarms that the budget lets through in this frame.

    `alarms`: those that begin, by fleet-wide index; `judged`: index (n,), ascending, and p (n,) of every machine judged; `kind_of`: class
    of a new machine. What is held back is told as soon as its evidence suffices, and forgotten when it is over. What a work order explains
    is told at once.
    """
    _pass_time(state, now)
    entities, p_values = judged
    for entity in [entity for entity in entities.tolist() if entity not in state.kinds]:
        kind = state.kinds[entity] = kind_of(entity)
        state.members[kind] = state.members.get(kind, 0) + 1
    fresh = {entity: finding for entity, finding in sorted(alarms.items()) if _news(state, entity, finding, now)}
    told = [_tell(state, entity, finding, now) for entity, finding in fresh.items() if finding.declared]
    state.held.update({entity: finding for entity, finding in fresh.items() if not finding.declared})
    if not state.held:
        return told
    current = dict(zip(entities.tolist(), p_values.tolist(), strict=True))
    for entity, finding in sorted(state.held.items()):
        p = finding.p if entity in alarms else current.get(entity, finding.p)
        kind = state.kinds.get(entity, "")
        spent, asked, own = state.spent.get(kind, 0.0), state.asked.get((kind, finding.kind), 0.0), state.own.get(entity, 0.0)
        if min(-math.log(max(p, 1e-300)), STRONGEST) >= state.least + _flooded(state, spent) + asked + own:
            state.spent[kind], state.asked[kind, finding.kind], state.own[entity] = spent + COST, asked + KIND, own + OWN
            told.append(_tell(state, entity, msgspec.structs.replace(finding, p=p, time=now), now))
            del state.held[entity]
        elif p > OVER:
            del state.held[entity]
    return told


def _flooded(state: BudgetState, spent: float) -> float:
    """Nats that a class asks for which has `spent` so many: the cube of the share of all there is, so that its ordinary alarms, which make
    their kinds dear, do not make it deaf to the others."""
    most = STRONGEST - state.least
    return float(most * (spent / most) ** 3)


def _tell(state: BudgetState, entity: int, finding: Finding, now: int) -> Finding:
    state.rung[_key(entity, finding)] = now
    return finding


def _news(state: BudgetState, entity: int, finding: Finding, now: int) -> bool:
    """False for what flickers: it was told, and has not been silent for `SAME` since. What was never told hides nothing."""
    key = _key(entity, finding)
    before = state.rung.get(key)
    if before is None:
        return True
    state.rung[key] = now
    return now - before >= SAME


def _key(entity: int, finding: Finding) -> tuple[int, str, str]:
    """What counts as the same alarm: that of one work order, or one detector's of one leading signal."""
    return (entity, finding.declared, "") if finding.declared else (entity, finding.kind, finding.why[0][0] if finding.why else "")


def _pass_time(state: BudgetState, now: int) -> None:
    passed = state.monthly * (now - state.at) / MONTH if state.at else 0.0
    month = {kind: count * passed for kind, count in state.members.items()}  # alarms that the time which passed allows
    state.spent = {kind: left for kind, spent in state.spent.items() if (left := spent - COST * month.get(kind, 0.0)) > 0}
    state.asked = {key: left for key, asked in state.asked.items() if (left := asked - KIND * month.get(key[0], 0.0)) > 0}
    state.own = {entity: left for entity, own in state.own.items() if (left := own - OWN * passed) > 0}
    state.at = now
