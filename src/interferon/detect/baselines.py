"""The versions of the baseline of each entity: what was learnt when and why, the last ones kept, and a person's word on them.

Called by `watch` when a baseline is learnt, by `shadows` when another takes its place, and by the pipeline with a person's word. Changes
only the state handed to it, by fleet-wide index. Nothing here judges, and between two such moments it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from interferon.detect import examples, misfit, retired, signals_learn, telemetry
from interferon.detect.windows import Floats, Ints
from interferon.model.events import Baseline

if TYPE_CHECKING:
    from interferon.detect.shadows import Declared, Shadow
    from interferon.detect.watch import Portfolios, Shard, Watch

KEPT: Final = 3  # versions of an entity, the one in force included
SHADOWS: Final = 256  # of a fleet; with 1,440 rows of 16 signals below 105 kB each
VERBS: Final = ("rollback", "accept", "relearn")


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One baseline of an entity. `time`, microseconds UTC: learnt; `rows`: on how many. `note`: the last that a person said of it."""

    number: int
    time: int
    rows: int
    why: str
    note: str = ""


@dataclass
class Baselines:
    """versions: entity → those kept, oldest first; force: entity → number of the one in force; kept: entity → number → all that the
    detectors held of it when it was replaced. swings: entity → how far each signal (S,) moved between
    the eighths of the rows that the one in force was learnt on. works: ticket → declared change that has not ended. shadows: entity → the
    rows from which the next one may be learnt. outcomes: entity → why its last shadow did not take over. heard: when the newest
    signed word was written, microseconds UTC. changes: grows with every change of the versions."""

    versions: dict[int, list[Version]] = field(default_factory=dict)
    force: dict[int, int] = field(default_factory=dict)
    kept: dict[int, dict[int, retired.Kept]] = field(default_factory=dict)
    swings: dict[int, Floats] = field(default_factory=dict)
    works: dict[str, Declared] = field(default_factory=dict)
    shadows: dict[int, Shadow] = field(default_factory=dict)
    outcomes: dict[int, str] = field(default_factory=dict)
    heard: int = 0
    changes: int = 0


def first(lives: Baselines, entity: int, rows: Floats, times: Ints) -> None:
    """The entity has been learnt on its first rows (N, S), whose times (N,) are in microseconds UTC."""
    lives.versions[entity] = [Version(number=1, time=int(times[-1]), rows=len(rows), why="first rows")]
    lives.swings[entity] = _swing(rows)
    lives.force[entity] = 1
    lives.changes += 1


def refusal(lives: Baselines, entity: int, word: Baseline) -> str:
    """Returns '' where a person's word can be followed, else one sentence saying why not."""
    known = [version.number for version in lives.versions.get(entity, ())]
    if not known:
        return f"{word.entity} has no learnt baseline"
    if word.verb not in VERBS:
        return f"a word on a baseline is one of {', '.join(VERBS)}, not {word.verb!r}"
    if word.verb != "relearn" and word.version not in known:
        return f"{word.entity} has no version {word.version}; kept are {', '.join(map(str, known))}"
    if word.verb == "rollback" and word.version == lives.force[entity]:
        return f"version {word.version} of {word.entity} is in force already"
    if word.verb == "relearn" and entity not in lives.shadows and len(lives.shadows) >= SHADOWS:
        return f"{SHADOWS} baselines are being learnt anew; wait for one of them"
    return ""


def said(watch: Watch, entity: int, word: Baseline) -> None:
    """Follows a person's word to roll back to a version, or to accept one; `shadows` follows the word to learn anew."""
    if word.verb == "rollback":
        _reinstate(watch, entity, word.version)
    note = f"{'rolled back to' if word.verb == 'rollback' else 'accepted'} by {word.person}: {word.reason}"
    versions = watch.lives.versions[entity]
    watch.lives.versions[entity] = [
        msgspec.structs.replace(version, note=note) if version.number == word.version else version for version in versions
    ]
    watch.lives.changes += 1


def replace(watch: Watch, portfolios: Portfolios, entity: int, rows: Floats, times: Ints, why: str) -> None:
    """Learns a new version from `rows` (N, S), whose times (N,) are in microseconds UTC, and puts it in force."""
    (shard, here), lives = _home(watch, entity), watch.lives
    _retire(watch, entity)
    of = shard.telemetry
    telemetry.learn_from(of, here, [rows], portfolios.telemetry)
    codes = telemetry.in_own_scale(of, here, rows)
    examples.keep(shard.examples, here, codes, times)
    if portfolios.signals:
        signals_learn.learn(shard.signals, [here], [codes], [times], portfolios.signals)
    versions = lives.versions[entity]
    fresh = Version(number=versions[-1].number + 1, time=int(times[-1]), rows=len(rows), why=why)
    lives.versions[entity], lives.force[entity] = [*versions, fresh][-KEPT:], fresh.number
    known = {version.number for version in lives.versions[entity]}
    lives.kept[entity] = {number: kept for number, kept in lives.kept[entity].items() if number in known}
    lives.swings[entity] = _swing(rows)
    lives.changes += 1
    misfit.forget(watch.fitting, entity)


def eighths(rows: Floats, parts: int = 8) -> Floats:
    """Returns the means (parts, S) of `parts` equal stretches of rows (N, S); NaN where a signal had no value."""
    cut = rows[: len(rows) // parts * parts].reshape(parts, -1, rows.shape[1])
    there = ~np.isnan(cut)
    count = there.sum(axis=1)
    return np.asarray(np.where(count > 0, np.where(there, cut, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan))


def spread_of(watch: Watch, entity: int) -> Floats:
    """Returns the spread (S,) of each signal in the version in force."""
    shard, here = _home(watch, entity)
    return np.asarray(shard.telemetry.spread[here], dtype=np.float64)


def _swing(rows: Floats) -> Floats:
    means = eighths(rows)
    return np.asarray(np.fmax.reduce(means) - np.fmin.reduce(means))


def _retire(watch: Watch, entity: int) -> None:
    """Keeps all that the detectors hold of the version in force."""
    shard, here = _home(watch, entity)
    held = ((shard.telemetry, "telemetry"), (shard.signals, "signals"), (shard.examples, "examples"))
    kept = {place: what for state, name in held for place, what in retired.taken(state, here, name).items()}
    kept["swing"] = watch.lives.swings[entity]
    watch.lives.kept.setdefault(entity, {})[watch.lives.force[entity]] = kept


def _reinstate(watch: Watch, entity: int, number: int) -> None:
    """Puts a kept version in force: its detectors go on as they stood, and an alarm that it still raises begins anew."""
    (shard, here), lives = _home(watch, entity), watch.lives
    _retire(watch, entity)
    kept = lives.kept[entity].pop(number)
    for state, name in ((shard.telemetry, "telemetry"), (shard.signals, "signals"), (shard.examples, "examples")):
        retired.put_back(state, here, name, kept)
    lives.swings[entity] = kept["swing"]
    shard.telemetry.alarm[here], shard.telemetry.p[here] = False, 1.0
    lives.force[entity] = number
    misfit.forget(watch.fitting, entity)


def _home(watch: Watch, entity: int) -> tuple[Shard, int]:
    return watch.shards[int(watch.home[entity])], int(watch.local[entity])
