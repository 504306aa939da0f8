"""Who teaches the watcher: a signal of each of some machines is drifted by 0.1 of its spread a day, on the range's quiet weeks.

Run by `interferon bench poison`; no data are needed. Asked is whether the drift is told of before it has gone three spreads, at the alarm
budget; and whether the pattern of all signals, as an installation learns it, still ranks the drifted rows above honest ones when the
lesson is over, beside one that takes in every row without bound. Half of the fleet is left alone: its alarms are the price.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.bench.measures import auroc, row
from interferon.bench.watch import SETTINGS, Told, Watcher
from interferon.bench.watch_world import DAY, SLOTS, Fleet, everyday, network
from interferon.detect import telemetry, telemetry_state
from interferon.detect.settings import Settings
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.model.network import Network
from interferon.store.examples import START
from interferon.twin.draws import MINUTE
from interferon.twin.machines import signals_of

SEED = 5119
RATE, GONE = 0.1, 3.0  # spreads a day, and in all
FIRST = 2 * DAY  # row at which the drift begins; the first day is learnt
EXAM = 360  # rows, drifted and honest, that the learners rank when the lesson is over
WARM = 60  # rows before them: of one pupil the windows are still full of drifted rows then, of the other of honest ones
UNGATED = replace(SETTINGS, p_on=0.0, p_off=0.0, p_quiet=-1.0, adapt_bound=np.inf)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Machines, half of them drifted; spreads a day of the drift."""

    machines: int = 60
    rate: float = RATE

    @property
    def days(self) -> int:
        """Until the drift has gone far enough, and a day for the exam."""
        return 3 + round(GONE / self.rate)


@dataclass(frozen=True)
class Lesson:
    """The drifted machines (m,), the slot (m,) that each is drifted in, and the spread (m,) of that signal on its learnt day."""

    machines: NDArray[np.int64]
    slots: NDArray[np.int64]
    spreads: Floats

    def taught(self, values: Floats, gone: float) -> Floats:
        """A row (n, SLOTS) with the drift, which has gone so many spreads, in it."""
        found = values.copy()
        found[self.machines, self.slots] += gone * self.spreads
        return found


class Pupil(Protocol):
    """Learns the pattern of all signals of every machine twice: as it was taught, and as it honestly was."""

    def take(self, time: int, taught: Floats, honest: Floats, work: Sequence[pa.RecordBatch] = ()) -> Floats:
        """Scores (2, n) of one row of each, and of the work orders that came in its minute."""
        ...


class Gated:
    """What an installation does, all of it."""

    def __init__(self, net: Network, settings: Settings = SETTINGS) -> None:
        self.taught, self.honest = (Watcher(net, SIGNALS, settings) for _ in range(2))

    def take(self, time: int, taught: Floats, honest: Floats, work: Sequence[pa.RecordBatch] = ()) -> Floats:
        self.taught.take(taught, work)
        self.honest.take(honest, work)
        p = [watcher.watch.shards[0].telemetry.p[: len(taught)] for watcher in (self.taught, self.honest)]
        return np.asarray(-np.log(np.maximum(p, 1e-300)))


class Ungated:
    """The pattern alone, which takes in every row, however strange, and follows it as far as it goes."""

    def __init__(self, settings: Settings = UNGATED) -> None:
        self.state = telemetry_state.new_state(settings, SLOTS, TELEMETRY)

    def take(self, time: int, taught: Floats, honest: Floats, work: Sequence[pa.RecordBatch] = ()) -> Floats:
        values = np.concatenate([taught, honest])
        entities = np.arange(len(values), dtype=np.int32)
        found = telemetry.observe(self.state, telemetry.Frame(time, entities, values), TELEMETRY)
        for entity in telemetry_state.due(self.state):
            telemetry.learn(self.state, entity, TELEMETRY)
        return found.score.reshape(2, -1)


def lesson(net: Network, first_day: Floats, seed: int) -> Lesson:
    """Every second machine, in one signal that moved on the first day (rows, n, SLOTS)."""
    draw = np.random.default_rng([seed, 3])
    machines, slots, spreads = np.arange(0, len(net.assets), 2), [], []
    for machine in machines:
        spread = np.nanstd(first_day[:, machine, : len(signals_of(net.assets[f"m-{machine}"]))], axis=0)
        slots.append(int(draw.choice(np.flatnonzero(spread > 0))))
        spreads.append(spread[slots[-1]])
    return Lesson(machines, np.array(slots), np.array(spreads))


def cases(scale: Scale | None = None) -> Iterator[dict[str, Any]]:
    """Every figure about poisoning, with its target and baselines."""
    scale = scale or Scale()
    net = network(scale.machines)
    fleet = Fleet(net, everyday(scale.machines, scale.days, SEED), scale.days, SEED)
    hours = fleet.hours()
    first_day = [next(hours) for _ in range(DAY // 60)]
    plan = lesson(net, np.concatenate(first_day), SEED)
    gated, ungated = Gated(net), Ungated()
    at, last = 0, FIRST + round(GONE / scale.rate) * DAY
    for values in itertools.chain.from_iterable(itertools.chain(first_day, hours)):
        drifted, work = plan.taught(values, max(0.0, (at - FIRST) / DAY * scale.rate)), fleet.work(START + (at + 1) * MINUTE)
        gated.take(at, drifted, values, work)
        ungated.take(at, drifted, values)
        at += 1
        if at == last:
            break
    yield _alarms(scale, plan, gated.taught.told)
    values = np.concatenate([next(hours) for _ in range((WARM + EXAM) // 60)])
    found, free = exam(plan, gated, values, at), exam(plan, ungated, values, at)
    (taught, honest), (freely, before), (early, earlier) = aurocs(found[:, WARM:]), aurocs(free[:, WARM:]), aurocs(found)
    beside = {
        "ungated, unbounded": before - freely,
        "AUROC untaught": honest,
        "of the ungated": before,
        "lost where the hour that fills the windows counts": earlier - early,
    }
    case = f"rows drifted by {GONE:g} spreads against honest rows, after the lesson"
    yield row(case, "AUROC lost by the gated learner", honest - taught, beside, ("<", 0.01))


def _alarms(scale: Scale, plan: Lesson, told: list[Told]) -> dict[str, Any]:
    """Whether the drift was told of, by an alarm that has the signal among its first three and that no work order explains."""
    case = f"a signal of {len(plan.machines)} machines drifts by {scale.rate:g} spreads a day, at the alarm budget"
    slot = dict(zip(plan.machines.tolist(), plan.slots.tolist(), strict=True))
    since = [one for one in told if one.row >= FIRST and not one.explained]
    first: dict[int, int] = {}
    for one in since:
        if one.entity in slot and slot[one.entity] in one.leading[:3]:
            first.setdefault(one.entity, one.row)
    alone = {one.entity for one in since} - slot.keys()
    beside = {
        "machines left alone that anything was told of": len(alone) / (scale.machines - len(slot)),
        "median spreads gone at the alarm": float(np.median([(at - FIRST) / DAY * scale.rate for at in first.values()] or [np.nan])),
    }
    return row(case, f"share told of before {GONE:g} spreads", len(first) / len(slot), beside, (">=", 1.0))


def exam(plan: Lesson, pupil: Pupil, values: Floats, at: int) -> Floats:
    """Scores (2, rows, 2, m) of the drifted machines: of rows (rows, n, SLOTS) without the drift and with it, as taught and untaught."""
    scores = []
    for gone in (0.0, GONE):
        examined = copy.deepcopy(pupil)
        rows = (plan.taught(one, gone) for one in values)
        scores.append(np.stack([examined.take(at + k, row, row)[:, plan.machines] for k, row in enumerate(rows)]))
    return np.array(scores)


def aurocs(scores: Floats) -> tuple[float, float]:
    """AUROC of the rows with the drift against those without it, as taught and untaught."""
    drifted = np.repeat([False, True], scores[0][:, 0].size)
    taught, untaught = (auroc(drifted, scores[:, :, which].ravel()) for which in (0, 1))
    return taught, untaught
