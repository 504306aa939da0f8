"""What a detector of single signals is: it follows each signal of each machine by one number, and is not told what is normal.

`detect.signals` runs it and learns the range of that number per machine and signal. The detectors live in `interferon.detectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from interferon.detect.windows import GAP, STEP, Bools, Codes, Floats

Numbers = NDArray[np.float32]
Memory = dict[str, NDArray[np.generic]]  # arrays (n, S, …), changed in place by `update`
Ints = NDArray[np.int64]


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

    def update(self, params: Mapping[str, Numbers], memory: Memory, codes: Codes, rows: Ints, calm: Bools) -> Numbers:
        """Takes one row (n, S) of codes, GAP where missing; returns the number (n, S). `rows` (n,) counts each machine's rows from 0;
        `calm` (n,) is false while the machine is in alarm."""
        ...


def deviations(codes: Codes, most: float) -> Numbers:
    """Returns codes as deviations, clipped at ±`most`; a gap is some number."""
    return np.asarray(np.clip(codes.astype(np.float32) / np.float32(STEP), -most, most), dtype=np.float32)


def follow(mean: Numbers, value: Numbers, seen: Bools, span: float) -> None:
    """Moves an exponential mean over about `span` rows to `value` where it was `seen`."""
    weight = np.float32(1.0 / span)
    mean += np.where(seen, (value - mean) * weight, np.float32(0.0))


def present(codes: Codes) -> Bools:
    """Returns where there was a value."""
    return np.asarray(codes != GAP)
