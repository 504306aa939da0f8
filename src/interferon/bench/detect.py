"""Recorded telemetry and records: how well `interferon detect` judges them, beside the trivial answers and the opponents.

Run by `interferon bench detect`. Reads the data folder named by INTERFERON_DATA (default `../shared/data` beside the checkout); writes
nothing. Everyone gets the same rows and the same training; no setting and no threshold of ours is chosen on rows that are scored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interferon.bench import detect_drawn, detect_skab, detect_tep, progress
from interferon.bench.opponents import missing


def cases() -> Iterator[dict[str, Any]]:
    """Every figure about detection, each with its target and baselines. Raises InputError where there is no data."""
    if absent := missing():
        left_out = ", ".join(name for names in absent.values() for name in names)
        progress(f"not installed: {' and '.join(absent)}; left out: {left_out} (`make bench` has them)")
    yield from detect_skab.cases(folder() / "skab")
    yield from detect_tep.cases(folder() / "tep")
    yield from detect_drawn.cases()


def folder() -> Path:
    """The public data."""
    return Path(os.environ.get("INTERFERON_DATA", Path(__file__).parents[3].parent / "shared/data"))
