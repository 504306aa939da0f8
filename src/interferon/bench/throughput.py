"""How many rows a second one core watches, from dense ticks and from shuffled narrow Arrow batches, and what it remembers of a machine.

Run by `interferon bench throughput`; no data are needed. A row is one machine at one tick, with all its signals. Everything that ships for
live telemetry judges, and explains what alarms; the time is the processor's, and of several rounds the fastest counts, for all of them, so
that others on the machine count as little as can be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interferon import sense
from interferon.bench import progress
from interferon.bench.measures import row
from interferon.bench.opponents import missing, scaled
from interferon.bench.opponents.packaged import half_space
from interferon.bench.throughput_world import SIGNALS, Plant, arrays
from interferon.bench.watch_world import DAY
from interferon.detect import watch
from interferon.detect.settings import LIVE
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS as SINGLE
from interferon.store import checkpoint
from interferon.twin.draws import MINUTE

DENSE, NARROW, TIMES_RIVER, BYTES = 400_000.0, 200_000.0, 20.0, 8000.0  # targets
RIVER: Final = "half-space trees (river)"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Machines; rows that each learns from, a day as in an installation, and that pass before the clock runs; ticks of a round, of each
    kind; rounds; machines that have half-space trees."""

    machines: int = 5000
    learn: int = DAY
    settle: int = 60
    ticks: int = 60
    rounds: int = 5
    sample: int = 300


FULL = Scale()


class Watched:
    """The watch of an installation over the plant, and its admission."""

    def __init__(self, plant: Plant, learn: int) -> None:
        self.portfolios = watch.Portfolios(TELEMETRY, (), tuple(SINGLE))
        settings = replace(LIVE, learn_rows=learn)
        self.watch = watch.new_watch(plant.network, settings, self.portfolios, shards=1, learn_us=0, width=SIGNALS)
        self.admission = sense.new_admission(sense.Settings())
        self.names, self.slots = plant.names, plant.slots
        self.entities = np.arange(len(plant.names), dtype=np.int32)
        self.alarms = 0

    def dense(self, start: int, values: Floats) -> None:
        """Judges one tick (n, S) that begins at `start`, in microseconds."""
        self._judge((start, start + MINUTE, self.entities, values))

    def narrow(self, batch: Any) -> None:
        """Admits one batch of single readings, and judges the ticks that it closes."""
        for frame in self.admit(batch):
            self._judge((frame.start, frame.end, frame.entities, frame.values))

    def admit(self, batch: Any) -> list[sense.ClosedFrame]:
        """Takes a batch in and does not judge it."""
        return sense.admit(self.admission, batch, lambda _: "")[0]

    def _judge(self, frame: tuple[int, int, NDArray[Any], Floats]) -> None:
        self.alarms += len(watch.observe(self.watch, self.portfolios, self.names, self.slots, frame, ()).alarms)


def cases(scale: Scale = FULL) -> Iterator[dict[str, Any]]:
    """Every figure about speed and memory, with its target and baselines."""
    plant = Plant(scale.machines)
    watched = Watched(plant, scale.learn)
    learnt = np.empty((scale.learn, scale.sample, SIGNALS))
    for tick in range(scale.learn):
        if tick == scale.learn - 1:
            progress(f"throughput: {scale.machines} machines are learnt")
        values = plant.ticks(1)[0]
        learnt[tick] = values[: scale.sample]
        watched.dense(tick * MINUTE, values)
    all_learnt = scale.learn + math.ceil(scale.machines / watch.FITS)
    for tick in range(scale.learn, all_learnt):
        watched.dense(tick * MINUTE, plant.ticks(1)[0])
    recent = plant.ticks(scale.settle)
    for tick, values in enumerate(recent):
        watched.dense((all_learnt + tick) * MINUTE, values)
    first, count = all_learnt + scale.settle, scale.machines * scale.ticks
    ticks = plant.attacked(plant.ticks(scale.ticks * scale.rounds), scale.rounds)
    speeds = count / _rounds(lambda tick: watched.dense((first + tick) * MINUTE, ticks[tick]), scale)
    fleet = f"{scale.machines} machines of {SIGNALS} signals, {len(TELEMETRY) + len(SINGLE)} detectors"
    plain = count / _rounds(_z_score(recent, ticks), scale).min()
    beside = {"median round": float(np.median(speeds)), "a z-score of each signal": plain, "alarms explained": float(watched.alarms)}
    yield row(f"{fleet}: dense ticks", "rows a second of one core", speeds.max(), beside, (">=", DENSE))
    yield _narrow(scale, plant, watched, first + len(ticks), plain)
    yield from _river(scale, learnt, ticks, speeds.max())
    held = {"arrays in memory": arrays(watched.watch) / scale.machines}
    stored = len(checkpoint.dump(watched.watch)) / scale.machines
    yield row(f"{fleet}: state", "bytes of a machine in the checkpoint", stored, held, ("<=", BYTES))


def _narrow(scale: Scale, plant: Plant, watched: Watched, first: int, plain: float) -> dict[str, Any]:
    """Rows a second from one shuffled batch a tick; the tick before gives the admission its names and is not timed."""
    ticks = plant.ticks(scale.ticks * scale.rounds + 1)
    batches = [plant.batch((first + tick) * MINUTE, values, shuffled=tick > 0) for tick, values in enumerate(ticks)]
    watched.narrow(batches[0])
    alone = Watched(plant, scale.learn)
    alone.admit(batches[0])
    count = scale.machines * scale.ticks
    speeds = count / _rounds(lambda tick: watched.narrow(batches[tick + 1]), scale)
    admitted = count / _rounds(lambda tick: alone.admit(batches[tick + 1]), scale).min()
    beside = {"median round": float(np.median(speeds)), "admission alone": admitted, "a z-score of each signal, dense": plain}
    return row("the same from shuffled narrow Arrow batches", "rows a second of one core", speeds.max(), beside, (">=", NARROW))


def _river(scale: Scale, learnt: Floats, ticks: Floats, speed: float) -> Iterator[dict[str, Any]]:
    """How often our speed is that of the trees of some of the same machines, which learnt the same rows (N, m, S) and get theirs in the
    order in which ours come: tick by tick, each machine's. They only score; beside it, where they go on learning, as ours does."""
    if RIVER in missing().get("river", ()):
        progress(f"not installed: river; left out: the speed of {RIVER} (`make bench` has it)")
        return
    trees, rows = [], []
    for machine in range(learnt.shape[1]):
        known, own = scaled(learnt[:, machine], ticks[:, machine])
        one, cells = half_space(known)
        trees.append(one)
        rows.append(cells(own))
    progress(f"throughput: {RIVER} of {len(trees)} machines have learnt")

    def tick(number: int, *, learns: bool) -> None:
        for one, own in zip(trees, rows, strict=True):
            one.score_one(own[number])
            if learns:
                one.learn_one(own[number])

    count = len(trees) * scale.ticks
    scoring, learning = (count / _rounds(partial(tick, learns=learns), scale).min() for learns in (False, True))
    beside = {"rows a second of theirs": scoring, "times as fast where they go on learning": speed / learning}
    yield row("dense ticks", f"times as fast as {RIVER}", speed / scoring, beside, (">=", TIMES_RIVER))


def _z_score(recent: Floats, ticks: Floats) -> Callable[[int], object]:
    """The plainest judge: the largest deviation of a machine's signals, in spreads of the last hour."""
    centre, spread = np.nanmean(recent, axis=0), np.nanstd(recent, axis=0)
    return lambda tick: np.nanmax(np.abs(ticks[tick] - centre) / spread, axis=1)


def _rounds(run: Callable[[int], object], scale: Scale) -> Floats:
    """Processor seconds that each round takes; `run` is given the number of the tick."""
    times = np.empty(scale.rounds)
    for one in range(scale.rounds):
        begin = time.process_time()
        for tick in range(one * scale.ticks, (one + 1) * scale.ticks):
            run(tick)
        times[one] = max(time.process_time() - begin, 1e-9)
    return times
