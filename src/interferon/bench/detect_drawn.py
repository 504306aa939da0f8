"""Detection on tables that our own seeded code draws: a plant with actuators, connection records, hourly loads.

Part of `interferon bench detect`. The seeds here are for scoring alone: while detection was built, seeds 1 and 2 were looked at. Every
figure is a mean over the seeds. F1 of ours is of the alarms as they ship; that of the others is at the best threshold there is, labels in
sight. The others get columns encoded as ours are, categories and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from interferon.bench import progress
from interferon.bench.drawn import Case
from interferon.bench.drawn.connections import connections
from interferon.bench.drawn.loads import loads
from interferon.bench.drawn.tanks import tanks
from interferon.bench.measures import Floats, auroc, best, quality, row
from interferon.bench.opponents import AVERAGED, averaged, present, scaled
from interferon.detect.columns import matrix
from interferon.detect.recorded import learn, report
from interferon.detect.settings import FILE
from interferon.detectors.telemetry_portfolio import FILES

SEEDS = (11, 12)
Draw = Callable[[int], Case]
DRAWN: tuple[Draw, ...] = (tanks, connections, loads)


def cases() -> Iterator[dict[str, Any]]:
    """The figures of each kind of table."""
    for draw in DRAWN:
        found = [_scored(draw(seed)) for seed in SEEDS]
        name = draw(SEEDS[0]).name
        mean = {who: np.mean([scores[who] for scores in found], axis=0) for who in found[0]}
        ranked, f1 = mean.pop("ours")
        beside = {who: float(pair[0]) for who, pair in mean.items()}
        yield row(name, "AUROC", ranked, beside, (">=", max(beside.values())))
        yield row(name, "F1 of the alarms", f1, {f"{who}, best threshold": float(pair[1]) for who, pair in mean.items()}, None)


def _scored(case: Case) -> dict[str, tuple[float, float]]:
    """AUROC and F1 of ours and of each other answer."""
    clocks = [table.clock for table in case.train if table.clock is not None]
    learnt = learn(case.train, (), FILE, FILES, clocks)
    judged = report(learnt, case.test, case.test.clock).judged
    train, rows = scaled(np.concatenate([matrix(learnt.columns, table) for table in case.train]), matrix(learnt.columns, case.test))
    others: dict[str, Floats] = {"mean absolute z-score": np.abs(rows).mean(axis=1)}
    for name, opponent in present().items():
        progress(f"{case.name}: {name}")
        others[name] = opponent(train, rows)[1]
    others |= {f"{name}, {AVERAGED}-row mean": averaged(scores) for name, scores in others.items()}
    found = {name: (auroc(case.labels, scores), best(case.labels, scores)[1].f1) for name, scores in others.items()}
    return {"ours": (auroc(case.labels, judged.score), quality(case.labels, judged.alarm).f1), **found}
