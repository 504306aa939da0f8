"""The immune system of a supply network: sees, detects, contains within set limits, and routes the goods around.

For notebooks: `detect_table`, `flow_stock`, and `__version__`. Everything is loaded on first use.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from interferon.flow.stock_report import Report

__version__ = "0.1.0"
__all__ = ["__version__", "detect_table", "flow_stock"]


def detect_table(train: Any, test: Any, *, time: str = "", drop: Sequence[str] = ()) -> pa.Table:
    """Judges the rows of `test` against normal ones: what `interferon detect` does, for tables in memory.

    `train`: normal rows, one table or a list of them, oldest first; or a number: so many first rows of `test` train and are not scored.
    A table is a `pyarrow.Table` or `RecordBatch`, a data frame that speaks Arrow (pandas, polars), or a mapping of names to arrays.
    `time`: the column with the time, which is not judged; `drop`: columns to leave out.

    Returns a `pyarrow.Table` of `row` (of `test`, from 0), `score` (higher is stranger), `p` (calibrated tail probability), `alarm` and
    `why` (`signal=share;…`, shares sum to 1). Notes on columns are warnings. Raises `InputError` where a table cannot be used.
    """
    found: pa.Table = importlib.import_module("interferon.runtime.detect_table").detect_table(train, test, time=time, drop=drop)
    return found


def flow_stock(folder: str | Path, *, service: float = 0.95, holding: float = 0.25, quote_days: int = 0, make_days: int = 1) -> Report:
    """Where the network in `folder` should hold safety stock: what `interferon flow stock` does.

    `service`: share of days on which stock covers demand; `holding`: cost of a year as a share of value; `quote_days`: how long customers
    may wait before their goods leave; `make_days`: time to make a product whose components are there. Raises `InputError` where the folder
    or a number cannot be used.
    """
    terms = importlib.import_module("interferon.flow.stock_places").Terms(service, holding, quote_days, make_days)
    network = importlib.import_module("interferon.store.folder").load(Path(folder))
    found: Report = importlib.import_module("interferon.flow.stock_report").report(network, terms)
    return found
