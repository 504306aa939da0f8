"""Readers of published safety-stock networks, and a drawn one. Called by `bench.flow_stock` and by tests. Reads files, writes none."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from interferon.flow.stock_model import FREE, Link, Stage, StockModel, model
from interferon.model.errors import InputError


def gsm(path: Path, rate: float, z: float | None = None) -> StockModel:
    """A network of the folder `gsm`: a CSV whose last column spills over as name, units, name, units …

    `rate`: holding rate on a stage's cost, which is what it adds itself and all that goes into it. `z`: the factor of the demand bound
    instead of the file's own.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row[0]: row for row in list(csv.reader(file))[1:] if row}
    if not rows:
        raise InputError(f"{path}: no stages below the header")
    into = {name: [(row[i], float(row[i + 1])) for i in range(8, len(row) - 1, 2) if row[i]] for name, row in rows.items()}
    costs: dict[str, float] = {}

    def cost(name: str) -> float:
        if name not in costs:
            costs[name] = float(rows[name][3]) + sum(units * cost(below) for below, units in into[name])
        return costs[name]

    stages = [
        Stage(
            name=name,
            time=int(row[1]),
            cost=rate * cost(name),
            quote=int(row[2]) if row[2] else FREE,
            mean=_number(row, 5),
            sigma=_number(row, 6),
        )
        for name, row in rows.items()
    ]
    factor = z if z is not None else max(_number(row, 7) for row in rows.values())
    return model(stages, [Link(below, name, units) for name in rows for below, units in into[name]], z=factor)


def _number(row: list[str], at: int) -> float:
    return float(row[at]) if len(row) > at and row[at] else 0.0


def stockpyl(path: Path) -> dict[str, Any]:
    """The instances of the folder `stockpyl` by name: keyword arguments, or a network as it is stored."""
    return {each["name"]: each["data"] for each in json.loads(path.read_text(encoding="utf-8"))["instances"]}


def stockpyl_tree(stored: dict[str, Any]) -> StockModel:
    """A guaranteed-service instance of it; the factor of the demand bound is the same at all its stages."""
    nodes = stored["_nodes"]
    stages = [
        Stage(
            name=str(node["_index"]),
            time=node["processing_time"] or 0,
            cost=node["local_holding_cost"],
            quote=FREE if node["external_outbound_cst"] is None else node["external_outbound_cst"],
            mean=node["demand_source"]["mean"] or 0.0,
            sigma=node["demand_source"]["standard_deviation"] or 0.0,
            inbound=node["external_inbound_cst"] or 0,
        )
        for node in nodes
    ]
    links = [Link(str(node["_index"]), str(after)) for node in nodes for after in node["_successor_indices"]]
    return model(stages, links, z=nodes[0]["demand_bound_constant"])


def drawn(count: int, seed: int, ranks: int = 6, ways: float = 2.5, longest: int = 20) -> tuple[list[Stage], list[Link]]:
    """A general network: each stage takes from some `ways` stages of the rank before; those that nobody takes from face customers."""
    draw = np.random.default_rng(seed)
    rank = np.sort(draw.integers(0, ranks, count))
    value = draw.uniform(1.0, 10.0, count)
    links: list[Link] = []
    for k in range(count):
        before = np.flatnonzero(rank == rank[k] - 1)
        if len(before):
            chosen = draw.choice(before, min(len(before), 1 + int(draw.poisson(ways - 1))), replace=False).tolist()
            value[k] += value[chosen].sum()
            links += [Link(str(tail), str(k)) for tail in chosen]
    taken = {link.tail for link in links}
    times, quotes, sigmas = draw.integers(1, longest + 1, count), draw.integers(0, 3, count), draw.uniform(10.0, 50.0, count)

    def stage(k: int) -> Stage:
        faces = str(k) not in taken
        demand = {"quote": int(quotes[k]), "mean": 100.0, "sigma": float(sigmas[k])} if faces else {}
        return Stage(str(k), int(times[k]), 0.25 * float(value[k]), **demand)  # type: ignore[arg-type]

    return [stage(k) for k in range(count)], links
