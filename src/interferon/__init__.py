"""The immune system of a supply network: sees, detects, contains within set limits, and routes the goods around.

For notebooks: `detect_table`, `flow_contain`, `flow_plan`, `flow_stock`, `flow_stress`, `simulate`, `simulate_chain`, and
`__version__`. Everything is loaded on first use.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from interferon.flow.basestock import ChainFigures
    from interferon.flow.contain import Containment
    from interferon.flow.echelons import Chain
    from interferon.flow.problem import Snapshot
    from interferon.flow.reroute import Route
    from interferon.flow.simulate import RouteFigures
    from interferon.flow.stock_report import Report
    from interferon.flow.stress import StressReport
    from interferon.model.network import Network
    from interferon.runtime.flow_folder import FolderPlan

__version__ = "0.1.0"
__all__ = ["__version__", "detect_table", "flow_contain", "flow_plan", "flow_stock", "flow_stress", "simulate", "simulate_chain"]


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


def flow_plan(
    folder: str | Path,
    *,
    close: Sequence[str] = (),
    until: str = "",
    fast: bool = False,
    out: str | Path = "",
    state: Sequence[str] = (),
) -> FolderPlan:
    """The way round a closure for the network in `folder`: what `interferon flow plan` does.

    `close`: references such as `zone:dc-1-ops`; `until`: `48h`, `3d` or an ISO time, '' for the whole horizon; `fast`: by local repair
    alone; `out`: a folder for the CSV files and messages; `state`: of assets,
    as `asset:ID=down` or `asset:ID=restoring:0.5@24h`. Returns a record of `plan`, `network` and `problems`, rows of the tables that
    conflict. Raises `InputError` where the folder or a reference cannot be used, or nothing can be planned. See docs/plan.md.
    """
    module = importlib.import_module("interferon.runtime.flow_folder")
    found: FolderPlan = module.plan_folder(Path(folder), close, until, fast=fast, state=state)
    if out:
        module.write(found, Path(out))
    return found


def flow_contain(
    folder: str | Path, suspect: Sequence[str], *, until: str = "48h", held: float = 0.0, late: float = 0.0, seconds: float = 20.0
) -> Containment:
    """What to isolate and to cut on a suspicion, decided with the re-route: what `interferon flow contain` does.

    `suspect`: `zone:ID` or `zone:ID=0.7`; `held`, `late`: currency, see docs/plan.md; `seconds`: improve for at most this long. Raises
    `InputError` where the folder, a zone or a number cannot be used.
    """
    prices = importlib.import_module("interferon.flow.contain").Prices(late=late, held=held)
    module = importlib.import_module("interferon.runtime.flow_folder")
    found: Containment = module.contain_folder(Path(folder), suspect, until, prices, seconds=seconds)
    return found


def flow_stress(folder: str | Path, *, recover: float = 24.0) -> StressReport:
    """Time to survive against time to recover for each node, zone and carrier in `folder`: what `interferon flow stress` does.

    `recover`: hours that each outage lasts. Raises `InputError` where the folder or the number cannot be used. See docs/plan.md.
    """
    found: StressReport = importlib.import_module("interferon.runtime.flow_folder").stress_folder(Path(folder), recover)
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


def simulate(network: Network, snapshot: Snapshot, route: Route, replications: int, seed: int, **spread: float) -> RouteFigures:
    """Plays a route to the horizon with varying quantities and lead times: OTIF, lead time, cost and CO2 with their 95 % intervals.

    `spread`: `demand_cv` (0.1: standard deviation of an order's quantity over its mean) and `lead_spread` (1.0: multiplies each lane's
    `lead_days_sd`). Raises `InputError` for fewer than 2 replications or a negative spread. See docs/simulation.md.
    """
    found: RouteFigures = importlib.import_module("interferon.flow.simulate").simulate(
        network, snapshot, route, replications, seed, **spread
    )
    return found


def simulate_chain(chain: Chain, periods: int, replications: int, seed: int, **more: Any) -> ChainFigures:
    """Simulates stages that keep base-stock levels: cost, fill rate, OTIF, waiting time and CO2 with their 95 % intervals.

    `more`: `warmup` and `window` (periods, 0), and `demand`, paths by stage id of shape (periods,) or (replications, periods) in place of
    draws. Raises `InputError` where an argument makes no sense. See docs/simulation.md.
    """
    found: ChainFigures = importlib.import_module("interferon.flow.basestock").simulate_chain(chain, periods, replications, seed, **more)
    return found
