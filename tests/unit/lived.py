"""Two machines of the minimal example, watched row by row, for tests of the life of their baselines. Imported by them; holds no test."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from interferon.detect import shadows, watch
from interferon.detect.settings import LIVE
from interferon.detect.windows import Floats
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.model.events import Baseline
from interferon.store.examples import START, build

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NAMES = ("asset:plc-1", "asset:plc-2")
SLOTS = (("level", "flow", "valve"),) * 2
ALONE = watch.Portfolios(TELEMETRY, ())
WHOLE = watch.Portfolios(TELEMETRY, (), SIGNALS)


def life(rows: int, seed: int = 3) -> Floats:
    """(rows, 2 machines, 3 signals): levels that follow a slow load, in numbers that a float32 holds exactly."""
    draw = np.random.default_rng(seed)
    load = np.cumsum(draw.normal(size=(rows, 2, 1)), axis=0)
    load = np.sin(load * 0.5) * np.array([1.0, 2.0, -1.0]) + 5.0 + draw.normal(size=(rows, 2, 3)) * 0.2
    return np.asarray(load.astype(np.float32).astype(np.float64))


class Lived:
    """A watch over them; `p` and `rising` of each row that was taken, by machine."""

    def __init__(self, learn_rows: int = 240, portfolios: watch.Portfolios = ALONE, shards: int = 1) -> None:
        self.portfolios = portfolios
        settings = replace(LIVE, learn_rows=learn_rows)
        self.watch = watch.new_watch(build("minimal"), settings, portfolios, shards=shards, learn_us=0, width=3)
        self.row, self.p, self.rising = 0, list[dict[int, float]](), list[list[int]]()

    @property
    def now(self) -> int:
        return START + self.row * MINUTE

    def take(self, values: Floats, work: Sequence[pa.RecordBatch] = ()) -> "Lived":
        """Rows (N, 2, 3), one a minute; `work` comes with the first."""
        for place, row in enumerate(values):
            frame = (self.now, self.now + MINUTE, np.arange(2), row)
            seen = watch.observe(self.watch, self.portfolios, NAMES, SLOTS, frame, work if place == 0 else ())
            self.p.append(dict(zip(*(part.tolist() for part in seen.judged), strict=True)))
            self.rising.append([alarm.entity for alarm in seen.alarms])
            self.row += 1
        return self

    def say(self, verb: str, version: int = 0, entity: int = 0, reason: str = "new pump") -> None:
        shadows.take(self.watch, entity, Baseline(self.now, NAMES[entity], "ann", verb, version, reason))

    def versions(self, entity: int = 0) -> list[int]:
        return [version.number for version in self.watch.lives.versions.get(entity, [])]
