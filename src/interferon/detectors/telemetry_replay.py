"""Detector: a stretch of readings that came before, value by value: a recording is played in place of the process.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interferon.detect.signal_examples import pump, repeat
from interferon.detect.signal_protocol import Ints, Memory, Numbers, Reading, put
from interferon.detect.windows import Bools, Codes, Floats

ANCHORS = 52  # hashes that are kept of a signal
AT_LEAST = 8  # one of so many readings that moved is kept whatever its hash says, or a short loop could be chosen that has none
MIX, KEPT = np.uint64(0x9E3779B97F4A7C15), np.uint64(3 << 46)  # two bits of the hash choose one row in four: lags up to about 192 rows


class TelemetryReplay:
    """log(1 + number of times in a row that the last four readings were found again at one and the same distance in the past).

    Noise never repeats itself, so a handful of finds at one lag is proof. The last four readings are hashed; the hash itself says whether
    it is kept, so that a recording played again is kept, and met again, at the same places. It is compared with the last `ANCHORS`
    that were kept. A find sets the lag, counted in kept hashes, and from then on each one has one chance to confirm or to halve the count.
    What stands still is not kept. Signals that take few values repeat themselves; one that did so while it was learnt is left out.

    Reference: Manber (1994), Finding similar files in a large file system, for anchors that the content chooses.
    """

    name, both, rate, floor, warm, most, grows = "replay", False, 1.8, 0.2, 5, 2.2, False
    selective = True  # it hashes no signal in vain
    says = "repeats, value by value, what it showed before"
    techniques = ("T0856",)
    QUIET = staticmethod(pump)
    LOUD = staticmethod(repeat)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        ring, past = ((ANCHORS,), "uint16", 0.0), ((), "uint64", 0.0)  # the last four readings, 16 bits each
        count = ((), "int8", 0.0)
        return {"past": past, "ring": ring, "place": count, "lag": count, "since": count, "run": ((), "int16", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        past: NDArray[np.uint64] = memory["past"]  # type: ignore[assignment]
        since: NDArray[np.int8] = memory["since"]  # type: ignore[assignment]
        now = row.codes.view(np.uint16)
        moved = row.seen & judged
        moved &= now != past.astype(np.uint16)
        longer = past << np.uint64(16)
        longer |= now
        put(past, longer, row)
        longer *= MIX
        since += moved.view(np.int8)
        chosen = (longer & KEPT) == 0
        chosen |= since >= AT_LEAST
        chosen &= moved
        since *= (~chosen).view(np.int8)
        kept = np.flatnonzero(chosen)
        mark = np.maximum(longer.reshape(-1).take(kept) >> np.uint64(48), np.uint64(1)).astype(np.uint16)
        _meet({name: each.reshape(len(judged) * judged.shape[1], -1) for name, each in memory.items()}, kept, mark)
        run = memory["run"].reshape(-1)
        out: Numbers = np.zeros(judged.shape, dtype=np.float32)
        counted = np.flatnonzero(run != 0)  # few: a logarithm of single numbers is slow
        out.reshape(-1)[counted] = np.log1p(run.take(counted).astype(np.float32))
        return out


def _meet(memory: Memory, kept: Ints, mark: NDArray[np.uint16]) -> None:
    """Looks for each hash `mark` (m,), never 0, of the signals `kept` (m,) among those that they keep, counts, and keeps it.

    `memory`: arrays of one row a signal. Places are taken from flat arrays, for that is several times as fast.
    """
    ring, places = memory["ring"].reshape(-1), memory["place"].reshape(-1)
    place = places.take(kept).astype(np.int64)
    found = (memory["ring"].take(kept, axis=0).reshape(-1) == np.repeat(mark, ANCHORS)).reshape(-1, ANCHORS)  # in one piece, not by rows
    told = memory["run"].reshape(-1).take(kept) != 0
    told[np.flatnonzero(found.view(np.uint32) != 0) // (ANCHORS // 4)] = True  # few are found: four are looked at as one number
    if told.any():
        _count(memory, kept[told], found[told], place[told])
    ring[kept * ANCHORS + place] = mark
    place += 1
    place[place == ANCHORS] = 0
    places[kept] = place


def _count(memory: Memory, kept: Ints, found: Bools, place: Ints) -> None:
    """Confirms or halves the counts of `kept` (m,), whose hashes were found (m, ANCHORS) in the ring; `place` (m,): of the new one."""
    first = found.argmax(axis=1)
    runs, lags, each = memory["run"].reshape(-1), memory["lag"].reshape(-1), np.arange(len(kept))
    run, lag = runs[kept].astype(np.int64), lags[kept].astype(np.int64)
    here = found[each, (place - lag) % ANCHORS] & (lag > 0)
    run = np.where(here, np.minimum(run + 1, np.iinfo(np.int16).max), run // 2)
    fresh = (run == 0) & found[each, first]
    lags[kept] = np.where(fresh, (place - first - 1) % ANCHORS + 1, lag)
    runs[kept] = np.where(fresh, 1, run)
