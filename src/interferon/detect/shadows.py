"""Shadow baselines: while the one in force goes on judging, rows are collected from which the next one may be learnt. Called by `watch`
with each frame, and by the pipeline with a person's word. Changes only the state handed to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect import baselines
from interferon.detect.windows import Floats, Ints
from interferon.model.events import Baseline

if TYPE_CHECKING:
    from interferon.detect.watch import Portfolios, Watch

DAY: Final = 86_400_000_000  # microseconds
PATIENCE: Final = 14 * DAY  # for an entity that hardly speaks


@dataclass
class Shadow:
    """rows (size, S), times (size,) of the newest frames, `seen` in all; `why`: of the version they may become; `begins`: time of the first
    frame, 0 before it: a person's word counts from the next frame on, whatever the clock says."""

    why: str
    begins: int
    rows: NDArray[np.float32]
    times: Ints
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


def follow(watch: Watch, portfolios: Portfolios, frame: tuple[int, int, np.ndarray, np.ndarray]) -> None:
    """Collects one frame (start, end, entities, values) for every shadow, and learns those that have enough rows."""
    start, _, entities, values = frame
    for entity, shadow in list(watch.lives.shadows.items()):
        shadow.begins = shadow.begins or start
        place = int(np.searchsorted(entities, entity))
        if place < len(entities) and entities[place] == entity:
            _collect(shadow, values[place], start)
        if shadow.seen >= len(shadow.rows):
            del watch.lives.shadows[entity]
            baselines.replace(watch, portfolios, entity, *_rows(shadow), shadow.why)
        elif start - shadow.begins > PATIENCE:
            del watch.lives.shadows[entity]


def _open(watch: Watch, entity: int, why: str) -> None:
    """Starts a shadow, in place of one that the entity may have."""
    settings, width = watch.shards[0].telemetry.settings, watch.shards[0].telemetry.signals
    rows = np.full((settings.learn_rows, width), np.nan, dtype=np.float32)
    watch.lives.shadows[entity] = Shadow(why, 0, rows, np.zeros(settings.learn_rows, dtype=np.int64))


def _collect(shadow: Shadow, row: Floats, time: int) -> None:
    place, width = shadow.seen % len(shadow.rows), min(len(row), shadow.rows.shape[1])
    shadow.rows[place] = np.nan
    shadow.rows[place, :width], shadow.times[place] = row[:width], time
    shadow.seen += 1


def _rows(shadow: Shadow) -> tuple[Floats, Ints]:
    """The rows (N, S) and their times (N,), oldest first."""
    turn = -(shadow.seen % len(shadow.rows))
    return np.roll(shadow.rows, turn, axis=0).astype(np.float64), np.roll(shadow.times, turn)
