"""Shadow baselines: while the one in force goes on judging, rows are collected from which the next one may be learnt. Called by `watch`
with each frame, and by the pipeline with a person's word and with work orders that are believed. Changes only the state handed to it.

A drift alone never changes a baseline. A declared change does where all of this holds: the baseline fitted before the work and no longer
fits after it; the new level was there when the work ended and has stood since; and nothing that no work order explains was found about
the entity meanwhile. Else the one in force stays, what was held against the shadow is kept for people, and they may have it learnt anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect import baselines, misfit
from interferon.detect.baselines import SHADOWS, Baselines, eighths
from interferon.detect.stream_declared import GRACE, UNBOUNDED, explains
from interferon.detect.windows import Floats, Ints
from interferon.model.events import Baseline
from interferon.model.records import Finding

if TYPE_CHECKING:
    from interferon.detect.watch import Portfolios, Watch

Frame = tuple[int, int, np.ndarray, np.ndarray]
WORKS: Final = 1024  # declared changes of a fleet that have not ended
PATIENCE: Final = 14 * 86_400_000_000  # microseconds of silence
LONGEST: Final = 8 * misfit.BLOCK  # rows: so long, or twice as long as is learnt, the drift test is waited for where it has begun to doubt
SWING: Final = 2.0  # times the swing that the old baseline was learnt with, a new level may move and still stand
SLACK: Final = 0.5  # spreads that it may move besides


@dataclass
class Declared:
    """A believed work order on an entity: `work` names it; times in microseconds UTC. fitted: the baseline did when it was opened.
    disputed: kind of a finding meanwhile that no work order explains, or ''."""

    entity: int
    work: str
    starts: int
    ends: int
    fitted: bool
    disputed: str = ""


@dataclass
class Shadow:
    """rows (size, S), times (size,) of the newest frames, `seen` in all; `why`: of the version they may become; `begins`: time of the first
    frame, 0 before it. low, high (S,): of the means of its eighths, all that have gone by. declared: None where a person asked for it."""

    why: str
    begins: int
    rows: NDArray[np.float32]
    times: Ints
    low: Floats
    high: Floats
    declared: Declared | None = None
    seen: int = 0


def take(watch: Watch, entity: int, word: Baseline) -> None:
    """Follows a person's word on the baseline of an entity (fleet-wide index); one that cannot be followed changes nothing."""
    watch.lives.heard = max(watch.lives.heard, word.written)
    if baselines.refusal(watch.lives, entity, word):
        return
    if word.verb == "relearn":
        _open(watch, entity, f"by hand, {word.person}: {word.reason}")
        return
    baselines.said(watch, entity, word)
    watch.lives.shadows.pop(entity, None)  # people have looked: what was collected before is not to undo their word


def declare(watch: Watch, entity: int, time: int, order: Mapping[str, Any]) -> None:
    """Takes a believed work order, as `stream_declared.announcement` reads it, on an entity (fleet-wide index; below 0: unknown)."""
    works, ticket = watch.lives.works, order["ticket"]
    if order["code"] == "closed":
        if ticket in works:
            works[ticket].ends = min(works[ticket].ends, time)
    elif entity in watch.lives.versions and explains(order["work"], "telemetry.") and (ticket in works or len(works) < WORKS):
        starts, before = order["starts"] or time, works.get(ticket)  # opened again, it keeps what is held against it
        fitted = before.fitted if before else misfit.gained(watch.fitting, entity) < misfit.LIMIT / 2
        ends, disputed = order["ends"] or starts + UNBOUNDED, before.disputed if before else ""
        works[ticket] = Declared(entity, f"{order['work']} {ticket}", starts, ends, fitted, disputed)


def follow(watch: Watch, portfolios: Portfolios, names: Sequence[str], frame: Frame, findings: Iterable[Finding]) -> None:
    """Takes one frame (start, end, entities, values) and what was found in it: opens the shadows of works that have ended, collects rows,
    and settles the shadows that have enough. `names`: entity references by fleet-wide index."""
    start, _, entities, values = frame
    lives = watch.lives
    if lives.works or lives.shadows:
        _dispute(lives, names, findings)
    for ticket in [ticket for ticket, work in lives.works.items() if start >= work.ends + GRACE]:
        work = lives.works.pop(ticket)
        held = lives.shadows.get(work.entity)
        if held is None or held.declared is not None:  # a person's wish is not replaced
            _open(watch, work.entity, f"after declared work: {work.work}", work)
            if work.fitted:  # the test begins anew: what it gathered while the work went on is explained
                misfit.forget(watch.fitting, work.entity)
    for entity, shadow in list(lives.shadows.items()):
        shadow.begins = shadow.begins or start
        place = int(np.searchsorted(entities, entity))
        if place < len(entities) and entities[place] == entity:
            _collect(shadow, values[place], start)
            _settle(watch, portfolios, entity, shadow)
        elif start - max(shadow.begins, int(shadow.times.max())) > PATIENCE:
            _drop(lives, entity, shadow, "it fell silent")


def _open(watch: Watch, entity: int, why: str, declared: Declared | None = None) -> None:
    """Starts a shadow, in place of one that the entity may have."""
    lives, of = watch.lives, watch.shards[0].telemetry
    if entity not in lives.shadows and len(lives.shadows) >= SHADOWS:
        lives.outcomes[entity] = f"{why}: not followed, for {SHADOWS} others are being learnt"
        return
    size, nothing = of.settings.learn_rows, np.full(of.signals, np.nan)
    rows = np.full((size, of.signals), np.nan, dtype=np.float32)
    lives.shadows[entity] = Shadow(why, 0, rows, np.zeros(size, dtype=np.int64), nothing, nothing.copy(), declared)


def _collect(shadow: Shadow, row: Floats, time: int) -> None:
    size, width = shadow.rows.shape
    place, width = shadow.seen % size, min(len(row), width)
    shadow.rows[place] = np.nan
    shadow.rows[place, :width], shadow.times[place] = row[:width], time
    shadow.seen += 1
    eighth = size // 8
    if place + 1 in range(eighth, 8 * eighth + 1, eighth):
        (mean,) = eighths(shadow.rows[place + 1 - eighth : place + 1].astype(np.float64), 1)
        shadow.low, shadow.high = np.fmin(shadow.low, mean), np.fmax(shadow.high, mean)


def _settle(watch: Watch, portfolios: Portfolios, entity: int, shadow: Shadow) -> None:
    """Lets a shadow take over, or drops it, once that can be said."""
    size = len(shadow.rows)
    if shadow.seen < size or (shadow.seen - size) % (size // 8):
        return
    against = _against(watch, entity, shadow)
    if against:
        _drop(watch.lives, entity, shadow, against)
    elif shadow.declared is None or misfit.since(watch.fitting, entity) >= 0:
        del watch.lives.shadows[entity]
        watch.lives.outcomes.pop(entity, None)
        turn = -(shadow.seen % size)
        rows, times = np.roll(shadow.rows, turn, axis=0).astype(np.float64), np.roll(shadow.times, turn)
        baselines.replace(watch, portfolios, entity, rows, times, shadow.why)


def _against(watch: Watch, entity: int, shadow: Shadow) -> str:
    """What is held against a shadow with enough rows; '' where nothing is, or where the drift test is still to say."""
    work = shadow.declared
    if work is None:
        return ""
    if work.disputed:
        return f"{work.disputed} was found meanwhile, and no work order explains it"
    if not work.fitted:
        return "the baseline did not fit before the work began"
    waiting = misfit.gained(watch.fitting, entity) > 0 and shadow.seen < max(LONGEST, 2 * len(shadow.rows))
    if misfit.since(watch.fitting, entity) < 0 and not waiting:
        return "the one in force still fits"
    swing, spread = watch.lives.swings[entity], baselines.spread_of(watch, entity)
    moved = shadow.high - shadow.low > SWING * swing + SLACK * spread  # a signal that is not there has not moved
    return "it has gone on moving after the work" if moved.any() else ""


def _drop(lives: Baselines, entity: int, shadow: Shadow, against: str) -> None:
    del lives.shadows[entity]
    lives.outcomes[entity] = f"{shadow.why}: not taken over, {against}"


def _dispute(lives: Baselines, names: Sequence[str], findings: Iterable[Finding]) -> None:
    """Holds against declared work what was found about its entity that telemetry alone does not tell and that no work order explains."""
    works = [*lives.works.values(), *(one.declared for one in lives.shadows.values() if one.declared is not None)]
    for finding in findings:
        if finding.family == "telemetry" or finding.declared:
            continue
        for work in works:
            if finding.time >= work.starts - GRACE and names[work.entity] in (finding.entity, *finding.related):
                work.disputed = work.disputed or finding.kind
