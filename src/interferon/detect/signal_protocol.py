"""What a detector of single signals is: it follows each signal of each machine by one number, and is not told what is normal.

`detect.signals` runs it and learns the range of that number per machine and signal. The detectors live in `interferon.detectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats

Numbers = NDArray[np.float32]
Kind = TypeVar("Kind", bound=np.generic)
Memory = dict[str, NDArray[np.generic]]  # arrays (n, S, …), changed in place by `update`
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """One row of n machines with S signals, and what all detectors want to know of it; made by `reading`.

    codes, seen, z (n, S): GAP where missing; whether there was a value; the value in spreads, some number where there was none. there
    (n, S): `seen` as 0 and 1, for a product costs less than a choice. gaps (m,): where in the flat array `seen` is false. rows (n,): counts
    each machine's rows from 0; calm (n,): false while the machine is in alarm. time (n,), or (1,) where it is one for all: beginning of the
    row's frame, microseconds UTC.
    """

    codes: Codes
    seen: Bools
    z: Numbers
    there: Numbers
    gaps: Ints
    rows: Ints
    calm: Bools
    time: Ints


def reading(codes: Codes, rows: Ints, calm: Bools, time: Ints) -> Reading:
    """Returns the row (n, S) of `codes` with all that follows from it."""
    seen = codes != GAP
    there, gaps = seen.astype(np.float32), np.flatnonzero(~seen)
    return Reading(codes, seen, codes * np.float32(1.0 / STEP), there, gaps, rows, calm, time)


class SignalDetector(Protocol):
    """Follows signals by a recursion. Every operation is by element, so that the result does not depend on who shares a frame.

    name: names the kind of finding, `telemetry.NAME`. both: the number is strange on both sides of its range, else only above it.
    rate: −log p gained for each spread that it lies beyond its range; chosen on quiet runs of fleets that are not scored.
    floor: the least such spread. warm: rows before the number means something. most: a signal whose number gets above this while it
    is learnt is left out. grows: the range may widen, slowly, by what was seen in quiet days. says: the finding, after the signal's name.
    techniques: ATT&CK for ICS.
    """

    name: str
    both: bool
    rate: float
    floor: float
    warm: int
    most: float
    grows: bool
    says: str
    QUIET: Callable[[], Floats]
    LOUD: Callable[[], Floats]

    @property
    def techniques(self) -> tuple[str, ...]: ...

    def memory(self) -> Mapping[str, tuple[tuple[int, ...], str, float]]:
        """Returns name → (shape for each signal, numpy type, first value) of what it remembers."""
        ...

    def learn(self, codes: Codes) -> Mapping[str, Floats]:
        """Returns what it needs to know of one machine, arrays whose first axis is S, from its training rows, codes (N, S)."""
        ...

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        """Takes one row and returns the number (n, S). What it remembers of a signal that is not `judged` (n, S) by it need not be right:
        that signal was left out when it was learnt, or never spoke. To one that is not `selective` all are given as judged."""
        ...


def selective(detector: SignalDetector) -> bool:
    """Returns whether it says, by `selective = True`, that it asks which signals are judged by it: looking that up costs a little."""
    return bool(getattr(detector, "selective", False))


def anchored(detector: SignalDetector) -> bool:
    """Whether a detector holds a signal for good to what was learnt of it: its number is 0 as long as all is well."""
    return detector.most == np.inf and not detector.grows


def within(values: Numbers, most: float) -> Numbers:
    """Returns `values` clipped at ±`most`."""
    return np.clip(values, np.float32(-most), np.float32(most))


def put(kept: NDArray[Kind], value: NDArray[Kind], row: Reading) -> None:
    """Writes `value` to `kept` (n, S), contiguous, where there was a reading. Gaps are few: to write all and take those back takes a third
    of the time of a choice for each."""
    flat = kept.reshape(-1)
    before = flat.take(row.gaps)
    kept[...] = value
    flat[row.gaps] = before


def follow(mean: Numbers, value: Numbers, there: Numbers | None, span: float) -> None:
    """Moves an exponential mean over about `span` rows to `value` where it was `there` (1, else 0), or everywhere."""
    step = value - mean
    step *= np.float32(1.0 / span)
    if there is not None:
        step *= there
    mean += step


_RUNS = np.log1p(np.arange(4096, dtype=np.float32))


def log_run(run: NDArray[np.int32]) -> Numbers:
    """Returns log(1 + `run`), which for all but the longest is looked up: no logarithm of single numbers is as fast."""
    looked: Numbers = _RUNS.take(run, mode="clip")
    longest = run >= len(_RUNS)
    if longest.any():
        looked[longest] = np.log1p(run[longest].astype(np.float32))
    return looked


def present(codes: Codes) -> Bools:
    """Returns where there was a value."""
    return np.asarray(codes != GAP)
