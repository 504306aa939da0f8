"""How well detection does, beside the trivial answers and the opponents: tables, live telemetry and its speed, activity and trade, rules.

Run by `interferon bench detect`. Reads the data folder named by INTERFERON_DATA (default `../shared/data` beside the checkout); writes
nothing. Everyone gets the same rows and the same training; no setting and no threshold of ours is chosen on rows that are scored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from interferon.bench import (
    JOINED,
    detect_drawn,
    detect_skab,
    detect_tep,
    plants,
    poison,
    progress,
    rules,
    start,
    stream,
    throughput,
    watch,
)
from interferon.bench.opponents import missing

PARTS: Final = ("tables", *JOINED)  # all but the first are suites of their own, too


def cases(part: str = "") -> Iterator[dict[str, Any]]:
    """Every figure about detection, with its target and baselines, or those of one of PARTS. Raises InputError where data are missing."""
    suites = {suite.__name__.rpartition(".")[2]: suite.cases for suite in (watch, plants, start, poison, throughput, stream, rules)}
    for name in [part] if part else PARTS:
        yield from tables() if name == "tables" else suites[name]()


def tables() -> Iterator[dict[str, Any]]:
    """What `interferon detect` says of recorded and of drawn tables."""
    if absent := missing():
        left_out = ", ".join(name for names in absent.values() for name in names)
        progress(f"not installed: {' and '.join(absent)}; left out: {left_out} (`make bench` has them)")
    yield from detect_skab.cases(folder() / "skab")
    yield from detect_tep.cases(folder() / "tep")
    yield from detect_drawn.cases()


def folder() -> Path:
    """The public data."""
    return Path(os.environ.get("INTERFERON_DATA", Path(__file__).parents[3].parent / "shared/data"))
