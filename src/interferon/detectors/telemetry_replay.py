"""Detector: a stretch of readings that came before, value by value: a recording is played in place of the process.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interferon.detect.signal_examples import pump, repeat
from interferon.detect.signal_protocol import Ints, Memory, Numbers, Reading
from interferon.detect.windows import Bools, Codes, Floats

EVERY, ANCHORS = 4, 48  # a hash of the last four readings is kept every fourth row, 48 of them: lags up to 192 rows
_SALT = (40503, 30011, 51787, 21269)


class TelemetryReplay:
    """log(1 + number of times in a row that the last four readings were found again at one and the same distance in the past).

    Noise never repeats itself, so a handful of finds at one lag is proof. The last `EVERY` readings are hashed to 16 bits and compared
    with the hashes kept; a find sets the lag, and from then on every fourth row has one chance to confirm or to halve the count. Signals
    that take few values repeat themselves; one that did so while it was learnt is left out.
    """

    name, both, rate, floor, warm, most, grows = "replay", False, 1.8, 0.2, 5, 2.2, False
    says = "repeats, value by value, what it showed before"
    techniques = ("T0856",)
    QUIET = staticmethod(pump)
    LOUD = staticmethod(repeat)

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        ring = ((ANCHORS,), "uint16", 0.0)
        return {"past": ((), "uint64", 0), "ring": ring, "lag": ((), "int16", 0), "run": ((), "int16", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        past: NDArray[np.uint64] = memory["past"]  # type: ignore[assignment]  # the last four readings, 16 bits each
        ring, lag = memory["ring"], memory["lag"]
        run: Codes = memory["run"]  # type: ignore[assignment]
        held = past.astype(np.uint16)
        np.copyto(held, row.codes.view(np.uint16), where=row.seen)
        past <<= np.uint64(16)
        past |= held
        mark = _hashed(past)
        where = np.nonzero((_any(ring == mark[..., None]) | (run > 0)) & judged)  # of all others, nothing changes
        out: Numbers = np.zeros(held.shape, dtype=np.float32)
        if len(where[0]):
            now = _followed(ring[where] == mark[where][:, None], lag[where].astype(np.int64), run[where], row.rows[where[0]])
            lag[where], run[where] = now
            out[where] = np.log1p(now[1].astype(np.float32))
        kept = np.flatnonzero(row.rows % EVERY == 0)
        ring[kept, :, row.rows[kept] // EVERY % ANCHORS] = mark[kept]
        return out


def _any(found: Bools) -> Bools:
    """Whether any of the last axis is true: eight at a time, for a search along a short axis is slow."""
    eights = found.view(np.uint64)
    return np.asarray(np.bitwise_or.reduce([eights[..., place] for place in range(eights.shape[-1])]), dtype=np.bool_)


def _followed(found: Bools, lag: Ints, run: np.ndarray, number: Ints) -> tuple[Ints, np.ndarray]:
    """Lag and run (m,) after row `number`, where `found` (m, ANCHORS) are the hashes that are met again."""
    each = np.arange(len(found))
    here = found[each, (number - lag) // EVERY % ANCHORS]
    chance = (lag > 0) & ((number - lag) % EVERY == 0)
    run = np.where(chance, np.where(here, run + 1, run // 2), run)
    newest = (number - 1) // EVERY
    place = found.argmax(axis=1)
    block = newest - (newest - place) % ANCHORS
    fresh = (run == 0) & found[each, place] & (block >= 1)
    return np.where(fresh, number - EVERY * block, lag), np.where(fresh, 1, run)


def _hashed(past: NDArray[np.uint64]) -> NDArray[np.uint16]:
    mark = past.astype(np.uint16) * np.uint16(_SALT[0])
    for place, salt in enumerate(_SALT[1:], 1):
        mark = (mark ^ (mark >> np.uint16(7))) + (past >> np.uint64(16 * place)).astype(np.uint16) * np.uint16(salt)
    return np.asarray(mark, dtype=np.uint16)
