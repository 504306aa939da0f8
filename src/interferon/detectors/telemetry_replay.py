"""Detector: a stretch of readings that came before, value by value: a recording is played in place of the process.

Loaded into `interferon.detectors.telemetry_signals`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interferon.detect.signal_examples import pump, repeat
from interferon.detect.signal_protocol import Ints, Memory, Numbers, present
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
        past, ring = ((EVERY - 1,), "int16", 0.0), ((ANCHORS,), "uint16", 0.0)
        return {"past": past, "ring": ring, "lag": ((), "int16", 0), "run": ((), "int16", 0)}

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        return {}

    def update(self, params: Mapping[str, Numbers], memory: Memory, codes: Codes, rows: Ints, calm: Bools) -> Numbers:
        past, ring, lag, run = memory["past"], memory["ring"], memory["lag"].astype(np.int64), memory["run"]
        held = np.where(present(codes), codes, past[..., 0]).astype(np.int16)
        mark = _hashed(held, past)
        past[..., 1:] = past[..., :-1].copy()
        past[..., 0] = held
        number = rows[:, None]
        found = ring == mark[..., None]
        here = np.take_along_axis(found, ((number - lag) // EVERY % ANCHORS)[..., None], axis=2)[..., 0]
        chance = (lag > 0) & ((number - lag) % EVERY == 0)
        run[...] = np.where(chance, np.where(here, run + 1, run // 2), run)
        newest = (number - 1) // EVERY
        place = found.argmax(axis=2)
        block = newest - (newest - place) % ANCHORS
        fresh = (run == 0) & np.take_along_axis(found, place[..., None], axis=2)[..., 0] & (block >= 1)
        memory["lag"][...] = np.where(fresh, number - EVERY * block, lag)
        run[...] = np.where(fresh, 1, run)
        kept = np.flatnonzero(rows % EVERY == 0)
        ring[kept, :, rows[kept] // EVERY % ANCHORS] = mark[kept]
        return np.log1p(run.astype(np.float32))


def _hashed(held: Codes, past: np.ndarray) -> np.ndarray:
    mark = held.astype(np.uint16) * np.uint16(_SALT[0])
    for place, salt in enumerate(_SALT[1:]):
        mark = (mark ^ (mark >> np.uint16(7))) + past[..., place].astype(np.uint16) * np.uint16(salt)
    return np.asarray(mark, dtype=np.uint16)
