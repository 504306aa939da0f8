"""Telemetry of all machines: modes and shifts, physics, sensors with noise, drift and gaps, and what an adversary does to them.

Called by the range. Pure: noise is drawn per class and hour, so what was done earlier never shifts it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from interferon.model.network import Network
from interferon.twin.condition import Condition
from interferon.twin.draws import HOUR, MINUTE, draws
from interferon.twin.machines import NORMAL, SIGNALS, Drive, Machines, class_of
from interferon.twin.rows import Offsets, TelemetryNames

_SHIFT = 8 * HOUR
_MISSING = 0.004  # share of readings that never arrive
_BAD = 0.001  # share that arrives without a value
_MEMORY_H = 6  # a replay reaches this far back
Array = NDArray[np.float64]


@dataclass
class Fault:
    """Something acts on one machine's loop (`setpoint`) or on its report (`offset`, `replay`, `freeze`). Column −1: every signal."""

    step: str
    kind: str
    asset: str
    column: int
    since: int
    until: int
    size: float = 0.0
    ramp: int = 0  # microseconds to full size; for a replay the stretch


class _Group:
    """The machines of one class, with their sensors' state."""

    def __init__(self, network: Network, seed: int, name: str, assets: list[str]) -> None:
        self.name, self.assets = name, assets
        self.index = {a: k for k, a in enumerate(assets)}
        rng = draws(seed, f"machines {name}")
        n, width = len(assets), len(SIGNALS[name])
        self.machines = Machines(name, np.exp(0.08 * rng.standard_normal(n)))
        self.gain = 1.0 + 0.04 * rng.standard_normal((n, width))
        self.phase0, self.tour_h = rng.random(n), 5.0 + 4.0 * rng.random(n)
        self.normal, self.noise, self.quantum = (np.array([row[k] for row in NORMAL[name]], float) for k in range(3))
        self.drift = np.zeros((n, width))
        self.past: list[Array] = []
        self.lat = np.array([network.sites[network.zones[network.assets[a].zone].site].lat for a in assets])
        self.untouched = np.zeros((n, 8))  # what nobody does to the setpoints
        self.held: dict[tuple[str, int], float] = {}
        self.stretch: dict[str, Array] = {}


class Telemetry:
    """Generator of a network's telemetry; `run` must be called over adjacent stretches of time, from the first on."""

    def __init__(self, network: Network, seed: int, period_s: int) -> None:
        self.network, self.seed, self.period = network, seed, period_s * 1_000_000
        by_class: dict[str, list[str]] = {name: [] for name in SIGNALS}
        for asset in network.assets.values():
            if class_of(asset):
                by_class[class_of(asset)].append(asset.id)
        self.groups = [_Group(network, seed, name, assets) for name, assets in by_class.items() if assets]
        self.assets = [a for g in self.groups for a in g.assets]
        sites = [network.site_of(f"asset:{a}") for a in self.assets]
        feeds = sorted(set(sites))
        signals = sorted({s for names in SIGNALS.values() for s in names})
        self.names = TelemetryNames(tuple(f"historian.{s}" for s in feeds), tuple(f"asset:{a}" for a in self.assets), tuple(signals))
        self.feed = np.array([feeds.index(s) for s in sites], np.int32)
        self.signal = np.full((len(self.assets), 8), -1, np.int32)
        at = 0
        for g in self.groups:
            for k, s in enumerate(SIGNALS[g.name]):
                self.signal[at : at + len(g.assets), k] = signals.index(s)
            at += len(g.assets)
        self.faults: list[Fault] = []
        self._noise: dict[tuple[str, int], tuple[Array, Array, Array]] = {}
        self._modes: dict[tuple[str, int], tuple[Array, Array]] = {}

    def run(
        self, begin: int, end: int, condition: Condition, drive: Callable[[Sequence[str], int], Array], offsets: Offsets
    ) -> pa.RecordBatch | None:
        """Samples in [begin, end). `drive(assets, time)` are the shares of their lines that run. None when no sample falls in."""
        first = -(-begin // self.period) * self.period
        times = np.arange(first, end, self.period, dtype=np.int64)
        if not len(times) or not self.assets:
            return None
        heard = np.ones(len(self.assets), bool)
        if condition.effects or condition.dark:
            heard = np.array([not condition.offline(a) and condition.dark.get(a, 0) <= begin for a in self.assets])
        running = drive(self.assets, begin)
        values = np.full((len(times), len(self.assets), 8), np.nan)
        keep = np.zeros(values.shape, bool)
        for k, time in enumerate(times):
            at = 0
            for g in self.groups:
                n, width = len(g.assets), len(SIGNALS[g.name])
                row, dropped = self._sample(g, int(time), running[at : at + n])
                values[k, at : at + n, :width] = row
                keep[k, at : at + n, :width] = ~dropped & heard[at : at + n, None]
                at += n
        ts, es, cs = np.nonzero(keep)
        value = values[keep]
        quality = np.isnan(value).astype(np.uint8) * np.uint8(2)
        return self.names.batch(times[ts], self.feed[es], es.astype(np.int32), self.signal[es, cs], value, quality, offsets)

    def _drawn(self, g: _Group, hour: int) -> tuple[Array, Array, Array]:
        """Noise of the physics, of the sensors, and the uniform draws of gaps, for an hour of samples."""
        key = (g.name, hour)
        if key not in self._noise:
            for old in [k for k in self._noise if k[0] == g.name]:
                del self._noise[old]
            rng, samples, n = draws(self.seed, f"telemetry {g.name}", 0, hour), max(1, HOUR // self.period), len(g.assets)
            self._noise[key] = (rng.standard_normal((samples, n, 8)), rng.standard_normal((samples, n, 8)), rng.random((samples, n, 8)))
        return self._noise[key]

    def _mode(self, g: _Group, time: int) -> Array:
        """1 running, 0 idle: the handover at the start of a shift, and one changeover a shift at its own time."""
        shift = time // _SHIFT
        key = (g.name, shift)
        if key not in self._modes:
            rng = draws(self.seed, f"changeover {g.name}", 0, shift)
            self._modes = {k: v for k, v in self._modes.items() if k[0] != g.name}
            self._modes[key] = (40 + 380 * rng.random(len(g.assets)), 12 + 28 * rng.random(len(g.assets)))
        start, length = self._modes[key]
        minute = (time % _SHIFT) / MINUTE
        return np.where((minute < 5) | ((minute >= start) & (minute < start + length)), 0.0, 1.0)

    def _sample(self, g: _Group, time: int, running: Array) -> tuple[Array, NDArray[np.bool_]]:
        process, sensor, gaps = self._drawn(g, time // HOUR)
        k = (time % HOUR) // self.period
        width, minutes = len(SIGNALS[g.name]), self.period / MINUTE
        hour = (time / HOUR) % 24
        day = 1.0 + 0.05 * np.sin(2 * np.pi * (hour - 9) / 24)
        ambient = 24 - 0.15 * np.abs(g.lat) + 3 * np.sin(2 * np.pi * (hour - 9) / 24)
        push = g.untouched
        for f in self.faults:
            if f.kind == "setpoint" and f.asset in g.index and f.since <= time < f.until:
                push = push.copy() if push is g.untouched else push
                push[g.index[f.asset], f.column] += f.size * min(1.0, (time - f.since) / max(f.ramp, 1))
        phase = (g.phase0 + time / HOUR / g.tour_h) % 1.0
        always = self._mode(g, time) if g.name in ("process", "robot") else 1.0
        truth = g.machines.step(Drive(always * day * running, process[k], ambient, push, minutes, phase)) * g.gain
        noise = sensor[k, :, :width]
        g.drift = 0.999 * g.drift + 0.02 * noise[:, ::-1]
        measured = truth + g.noise * (noise + g.drift)
        measured = np.rint(measured / g.quantum) * g.quantum
        measured = self._falsify(g, time, measured)
        g.past.append(measured)
        if len(g.past) > _MEMORY_H * HOUR // self.period:
            del g.past[0]
        lost = gaps[k, :, :width]
        shown = np.where((lost > _MISSING) & (lost < _MISSING + _BAD), np.nan, measured)
        return shown, lost <= _MISSING

    def _falsify(self, g: _Group, time: int, measured: Array) -> Array:
        """What the report is turned into; the process is untouched."""
        for f in self.faults:
            if f.kind == "setpoint" or f.asset not in g.index or not f.since <= time < f.until:
                continue
            k = g.index[f.asset]
            columns = range(measured.shape[1]) if f.column < 0 else (f.column,)
            for c in columns:
                if f.kind == "offset":
                    measured[k, c] += f.size * max(abs(g.normal[c]), 1e-3) * min(1.0, (time - f.since) / max(f.ramp, 1))
                elif f.kind == "freeze":
                    measured[k, c] = g.held.setdefault((f.step, c), float(g.past[-1][k, c]) if g.past else float(measured[k, c]))
            if f.kind == "replay" and g.past:
                stretch = g.stretch.setdefault(f.step, np.stack(g.past[-max(2, f.ramp // self.period) :])[:, k].copy())
                at = ((time - f.since) // self.period) % len(stretch)
                for c in columns:
                    measured[k, c] = stretch[at, c]
        return measured
