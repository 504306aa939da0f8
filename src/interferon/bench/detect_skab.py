"""Telemetry detection on SKAB, a real water-circulation testbed: how well, beside the other answers, and without a clock.

Part of `interferon bench detect`; also run by the acceptance tests. Rows are judged one by one, without point adjustment, pooled over the
files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from interferon.bench import progress
from interferon.bench.measures import Bools, Floats, Quality, best, quality, row
from interferon.bench.opponents import AVERAGED, averaged, present, scaled
from interferon.connectors.table_file import read_table
from interferon.detect.columns import Part, matrix
from interferon.detect.recorded import Learnt, learn
from interferon.detect.series import hysteresis, judge
from interferon.detect.settings import FILE, Settings
from interferon.detectors.telemetry_portfolio import FILES
from interferon.model.errors import InputError

GROUPS = ("valve1", "valve2", "other")
TRAIN = 400
NOT_JUDGED = ("datetime", "anomaly", "changepoint")
# the choice that leave-one-group-out may make: the long window and the level of the alarm
LONG = (30, 45, 60)
P_ON = (0.02, 0.025, 0.03, 0.036, 0.042, 0.05, 0.06)
SEEDS, MOST_INSERTED = 20, 150


@dataclass(frozen=True)
class Recording:
    """One labelled file: its group, all rows (N, S), the labels (N,), and what it learns from its first TRAIN rows."""

    group: str
    rows: Floats
    labels: Bools
    learn: Callable[[Settings], Learnt]


TARGETS = {"f1": (">=", 0.82), "far": ("<=", 0.24), "mar": ("<=", 0.17)}


def cases(folder: Path) -> Iterator[dict[str, Any]]:
    """Every figure about SKAB, each with its target and baselines. Raises InputError where there is no data."""
    recordings = load(folder)
    trivial = baselines(recordings)
    for name, found in opponents(recordings).items():
        for measure in TARGETS:
            getattr(trivial, measure)[name] = float(getattr(found, measure))
    default = [FILE] * len(recordings)
    for case, settings in (("skab, settings chosen on the other groups", choose(recordings)), ("skab, default settings", default)):
        learnt = [recording.learn(setting) for recording, setting in zip(recordings, settings, strict=True)]
        plain = quality(*_pooled(recordings, learnt, None))
        spliced = np.mean([quality(*_pooled(recordings, learnt, seed)).f1 for seed in range(SEEDS)])
        for name, target in TARGETS.items():
            yield row(case, name, getattr(plain, name), getattr(trivial, name), target)
        yield row(case, "F1 lost when normal rows are inserted", plain.f1 - float(spliced), {"clock": trivial.clock_fall}, ("<", 0.02))


@dataclass(frozen=True)
class Trivial:
    """What the other answers reach: `name → value` for each measure, and what the clock loses when rows are inserted."""

    f1: dict[str, float]
    far: dict[str, float]
    mar: dict[str, float]
    clock_fall: float


def opponents(recordings: Sequence[Recording]) -> dict[str, Quality]:
    """Each opponent, trained on what we train on: at its 0.99 training quantile, and at the best threshold of the scored rows. Scores are
    pooled over the files in units of that quantile."""
    labels = np.concatenate([recording.labels[TRAIN:] for recording in recordings])
    found: dict[str, Quality] = {}
    for name, opponent in present().items():
        progress(f"skab: {name}")
        scores = np.concatenate([_in_quantiles(*opponent(*scaled(r.rows[:TRAIN], r.rows[TRAIN:]))) for r in recordings])
        found[f"{name}, 1 % of training"] = quality(labels, scores > 1.0)
        found[f"{name}, best threshold"] = best(labels, scores)[1]
        found[f"{name}, {AVERAGED}-row mean, best threshold"] = best(labels, averaged(scores))[1]
    return found


def _in_quantiles(train: Floats, rows: Floats) -> Floats:
    return rows / max(float(np.quantile(train, 0.99)), 1e-12)


def load(folder: Path) -> list[Recording]:
    """Returns the labelled files of the three groups. Raises InputError where there are none."""
    paths = [(group, path) for group in GROUPS for path in sorted((folder / group).glob("*.csv"))]
    if not paths:
        raise InputError(f"{folder}: no recordings there; set INTERFERON_DATA to the folder that holds skab")
    return [_recording(group, path) for group, path in paths]


def choose(recordings: Sequence[Recording]) -> list[Settings]:
    """Returns for each recording the settings that come nearest to both limits, of false alarms and of missed rows, on the two other
    groups: the larger of the two rates, each over its limit, is the smallest. (By F1 alone they would buy more false alarms.)"""
    grid = [replace(FILE, long=long, p_on=p_on, p_off=1.25 * p_on) for long in LONG for p_on in P_ON]
    judged = {long: [_p_values(recording, replace(FILE, long=long)) for recording in recordings] for long in LONG}
    chosen = {}
    for group in GROUPS:
        others = [number for number, recording in enumerate(recordings) if recording.group != group]

        def excess(setting: Settings, others: list[int] = others) -> float:
            labels = np.concatenate([recordings[number].labels[TRAIN:] for number in others])
            p_values = [judged[setting.long][number] for number in others]
            found = quality(labels, np.concatenate([hysteresis(p, setting.p_on, setting.p_off, False) for p in p_values]))
            return max(found.far / TARGETS["far"][1], found.mar / TARGETS["mar"][1])

        chosen[group] = min(grid, key=excess)
    return [chosen[recording.group] for recording in recordings]


def baselines(recordings: Sequence[Recording]) -> Trivial:
    """Flag everything; the row number as the score; the mean absolute z-score: the last two with the best threshold there is."""
    labels = np.concatenate([recording.labels[TRAIN:] for recording in recordings])
    clocks = np.concatenate([np.arange(len(recording.labels) - TRAIN, dtype=np.float64) for recording in recordings])
    every = quality(labels, np.ones_like(labels))
    limit, clock = best(labels, clocks)
    scores = np.concatenate([_z_score(recording) for recording in recordings])
    _, plain = best(labels, scores)
    spliced = []
    for seed in range(SEEDS):
        pieces = _spliced(recordings, seed)
        alarms = np.concatenate([np.arange(len(truth)) >= limit for _, truth in pieces])
        spliced.append(quality(np.concatenate([truth for _, truth in pieces]), alarms).f1)
    named = {"flag everything": every, "clock, best threshold": clock, "z-score, best threshold": plain}
    f1, far, mar = ({name: float(getattr(found, measure)) for name, found in named.items()} for measure in ("f1", "far", "mar"))
    return Trivial(f1, far, mar, clock.f1 - float(np.mean(spliced)))


def _recording(group: str, path: Path) -> Recording:
    table = read_table(path)

    def learnt(settings: Settings) -> Learnt:
        return learn([Part(table, 0, TRAIN)], NOT_JUDGED, settings, FILES)

    return Recording(group, matrix(learnt(FILE).columns, table), table.numbers("anomaly") > 0, learnt)


def _p_values(recording: Recording, settings: Settings) -> Floats:
    learnt = recording.learn(settings)
    return judge(learnt.model, recording.rows[TRAIN:], learnt.portfolio).p


def _pooled(recordings: Sequence[Recording], learnt: Sequence[Learnt], seed: int | None) -> tuple[Bools, Bools]:
    """Labels and alarms of all scored rows; with a `seed`, normal rows of the training part stand before them."""
    pieces = _spliced(recordings, seed) if seed is not None else [(r.rows[TRAIN:], r.labels[TRAIN:]) for r in recordings]
    alarms = [judge(known.model, rows, known.portfolio).alarm for known, (rows, _) in zip(learnt, pieces, strict=True)]
    return np.concatenate([labels for _, labels in pieces]), np.concatenate(alarms)


def _spliced(recordings: Sequence[Recording], seed: int) -> list[tuple[Floats, Bools]]:
    """The scored rows with 0 to MOST_INSERTED consecutive normal training rows of the same file before them."""
    generator = np.random.default_rng(seed)
    return [_with_inserted(recording, int(generator.integers(0, MOST_INSERTED + 1)), generator) for recording in recordings]


def _with_inserted(recording: Recording, count: int, generator: np.random.Generator) -> tuple[Floats, Bools]:
    first, last = max(_normal_runs(recording.labels[:TRAIN]), key=lambda run: run[1] - run[0])
    count = min(count, last - first)
    start = int(generator.integers(first, last - count + 1))
    rows = np.concatenate([recording.rows[start : start + count], recording.rows[TRAIN:]])
    return rows, np.concatenate([np.zeros(count, dtype=np.bool_), recording.labels[TRAIN:]])


def _normal_runs(labels: Bools) -> Iterator[tuple[int, int]]:
    borders = np.flatnonzero(np.diff(np.concatenate([[True], labels, [True]]).astype(np.int8)))
    return ((first, last) for first, last in pairwise(borders.tolist()) if not labels[first])


def _z_score(recording: Recording) -> Floats:
    normal = recording.rows[:TRAIN]
    return np.asarray(np.abs((recording.rows[TRAIN:] - normal.mean(axis=0)) / normal.std(axis=0)).mean(axis=1))
