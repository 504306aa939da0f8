"""Figures about safety stock: published totals, textbook answers, and large general networks beside what planners do without a model.

Called by `bench.flow`. Data: the folders `gsm` and `stockpyl` of INTERFERON_DATA. Reads the clock of the processor.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

from interferon.bench.flow_stock_data import drawn, gsm, stockpyl, stockpyl_tree
from interferon.bench.measures import row
from interferon.flow.stock_model import StockModel, all_zero, model, only_customer_facing
from interferon.flow.stock_single import base_stock
from interferon.flow.stock_solve import solve
from interferon.model.errors import InputError

PUBLISHED: Final = {"battery": (0.25, 852_992.0), "bulldozer": (0.30, 632_720.0)}  # holding rate, total a year
Z: Final = NormalDist().inv_cdf(0.95)  # with 1.645, to which the files round it, both totals come out 0.01 % higher
ROUNDED: Final = 2e-5  # the published totals add up rounded stage costs
TEXTBOOK: Final = {  # Snyder and Shen, Fundamentals of Supply Chain Theory: cost of the best committed service times
    "example_6_3": 2.8284271,
    "example_6_5": 8.2779169,
    "problem_6_7": 357.7708764,
    "problem_6_8": 1378.3020369,
    "problem_6_9": 15.6495302,
    "figure_6_14": 18.8240045,
}
LEVELS: Final = {  # the same book: best base-stock level, cost of a period
    "example_4_1": (56.6039559, 1.9976052),
    "example_4_3": (56.6039559, 1.9976052),
    "problem_4_1": (922.7214038, 2718.1967818),
    "example_4_4": (264.7668944, 4.4667810),
}
LARGE: Final = 2_000


def cases() -> Iterator[dict[str, Any]]:
    """Every figure about safety stock. Raises InputError where there is no data."""
    data = Path(os.environ.get("INTERFERON_DATA", "../shared/data"))
    for name in ("gsm", "stockpyl"):
        if not (data / name).is_dir():
            raise InputError(f"{data / name}: bench flow reads published networks of safety stock; INTERFERON_DATA names their folder")
    yield from published(data / "gsm")
    yield from textbook(data / "stockpyl" / "stockpyl_instances.json")
    yield from large()


def published(folder: Path) -> Iterator[dict[str, Any]]:
    """The totals that were published, and how many of the folder's networks, general ones among them, are solved to proven optimality."""
    for name, (rate, total) in PUBLISHED.items():
        built = gsm(folder / f"{name}.txt", rate, Z)
        found = solve(built)
        off = abs(found.policy.total / total - 1)
        beside = {"total": found.policy.total, "published": total, **_baselines(built)}
        yield row(f"flow/stock {name}", "off published total", off, beside, ("<=", ROUNDED))
    networks = [path for path in sorted(folder.glob("*.txt")) if path.name != "LICENCE_NOTE.txt"]
    built_all = [gsm(path, 0.25) for path in networks]
    proven = sum(solve(built).gap == 0 for built in built_all)
    general = sum(len(built.tail) >= built.size for built in built_all)
    yield row("flow/stock gsm", "proven optimal", proven, {"networks": len(networks), "surely not trees": general}, (">=", len(networks)))


def textbook(path: Path) -> Iterator[dict[str, Any]]:
    """The instances of guaranteed service and of base stock."""
    instances = stockpyl(path)
    worst = 0.0
    for name, cost in TEXTBOOK.items():
        worst = max(worst, abs(solve(stockpyl_tree(instances[name])).policy.total / cost - 1))
    yield row("flow/stock textbook", "guaranteed service off", worst, {"instances": len(TEXTBOOK)}, ("<=", 1e-6))
    worst = 0.0
    for name, (level, cost) in LEVELS.items():
        given = instances[name]
        found = base_stock(
            given["demand_mean"], given["demand_sd"], given["holding_cost"], given["stockout_cost"], given.get("lead_time", 0)
        )
        worst = max(worst, abs(found[0] / level - 1), abs(found[1] / cost - 1))
    yield row("flow/stock textbook", "base stock off", worst, {"instances": len(LEVELS)}, ("<=", 1e-6))


def large() -> Iterator[dict[str, Any]]:
    """Drawn general networks: seconds of the processor from the list of stages on, and the gap that is left."""
    solve(model(*drawn(50, 1), z=Z))  # the solver's library is loaded once
    for seed in (1, 2, 3):
        stages, links = drawn(LARGE, seed)
        started = time.process_time()
        built = model(stages, links, z=Z)
        found = solve(built)
        seconds = time.process_time() - started
        case = f"flow/stock general network {seed}"
        yield row(case, "processor seconds", seconds, {"stages": LARGE, "links": len(links)}, ("<", 2.0))
        beside = {"total": found.policy.total, "bound": found.bound, **_baselines(built)}
        yield row(case, "gap", found.gap, beside, ("<=", 0.1))


def _baselines(built: StockModel) -> dict[str, float]:
    return {"every stage quotes zero": all_zero(built).total, "only customer-facing stages hold": only_customer_facing(built).total}
