"""What `bench.throughput` runs on: a drawn fleet whose signals follow each other, as matrices and as Arrow batches of single readings.

Called by `bench.throughput` alone. Seeded; nothing of it is learnt from.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.bench.watch_world import network
from interferon.model.events import TELEMETRY
from interferon.twin.draws import MINUTE

SIGNALS: Final = 8
SEED: Final = 5120
MISSING: Final = 0.003  # share of readings that are not there
ATTACKED: Final = 100  # of so many machines, one leaps in the timed ticks
Floats = NDArray[np.float64]


class Plant:
    """Machines whose signals are mixtures of as many slow ones and noise, rounded as instruments do."""

    def __init__(self, machines: int) -> None:
        self.network = network(machines)
        self.names = [f"asset:{asset}" for asset in self.network.assets]
        self.slots = [[f"s{signal}" for signal in range(SIGNALS)]] * machines
        self.draw = np.random.default_rng(SEED)
        self.mixture = self.draw.normal(size=(SIGNALS, SIGNALS))
        self.hidden = np.zeros((machines, SIGNALS))
        self.offset = 0

    def ticks(self, count: int) -> Floats:
        """The next readings, (count, n, S); NaN is missing."""
        found = np.empty((count, *self.hidden.shape))
        for tick in range(count):
            self.hidden = 0.9 * self.hidden + self.draw.normal(size=self.hidden.shape)
            values = np.round(50.0 + 3.0 * self.hidden @ self.mixture + self.draw.normal(size=self.hidden.shape), 2)
            found[tick] = np.where(self.draw.random(values.shape) < MISSING, np.nan, values)
        return found

    def attacked(self, ticks: Floats, rounds: int) -> Floats:
        """The same with one signal of one machine in a hundred far off in the second half of each round; of other machines in each."""
        for number, piece in enumerate(np.array_split(ticks, rounds)):  # views
            machines = np.arange(number % ATTACKED, ticks.shape[1], ATTACKED)
            piece[len(piece) // 2 :, machines, machines % SIGNALS] += 120.0
        return ticks

    def batch(self, start: int, values: Floats, *, shuffled: bool) -> pa.RecordBatch:
        """One tick (n, S) from `start`, in microseconds, as a batch of single readings in the order of arrival."""
        machine, signal = (place.ravel() for place in np.indices(values.shape))
        if shuffled:
            order = self.draw.permutation(values.size)
            machine, signal = machine[order], signal[order]
        when = start + (self.draw.integers(0, MINUTE, values.size) if shuffled else np.zeros(values.size, dtype=np.int64))
        value = values[machine, signal]
        self.offset += values.size
        columns: dict[str, pa.Array] = {
            "time": pa.array(when),
            "seen": pa.array(when + MINUTE),
            "feed": _coded(np.zeros(values.size), ["historian"]),
            "offset": pa.array(np.arange(self.offset - values.size, self.offset)),
            "entity": _coded(machine, self.names),
            "trust": pa.array(np.ones(values.size, dtype=np.float32)),
            "signal": _coded(signal, self.slots[0]),
            "value": pa.array(value, mask=np.isnan(value)),
            "quality": pa.array(np.zeros(values.size, dtype=np.uint8)),
        }
        cells = [columns[field.name] if field.name in columns else pa.nulls(values.size, field.type) for field in TELEMETRY]
        return pa.RecordBatch.from_arrays(cells, schema=TELEMETRY)


def arrays(value: Any) -> int:
    """Bytes of all numpy arrays that a state holds."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(arrays, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(arrays, value))
    if isinstance(value, msgspec.Struct):
        return sum(arrays(getattr(value, name)) for name in value.__struct_fields__)
    if dataclasses.is_dataclass(value):
        return sum(arrays(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 0


def _coded(codes: NDArray[Any], texts: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(texts))
