"""Figures of the flow of goods on the medica example: closure table, re-routes against the optimum, simulations.

Called by `interferon bench flow`, which goes on with the figures of `flow_speed`, `flow_joint` and `flow_stock`. Reads the clock.
"""

import time
from collections.abc import Iterator
from typing import Any

from interferon.bench import flow_joint, flow_simulate, flow_speed, flow_stock
from interferon.flow.account import Figures, Flows, figures
from interferon.flow.capacity import lost, shares
from interferon.flow.closure import closure_table
from interferon.flow.problem import Snapshot, build, opening
from interferon.flow.reroute import Route, kept, nominal, repair, reroute
from interferon.flow.solver import Solver
from interferon.model.network import Network
from interferon.store.examples import START
from interferon.store.examples import build as example

WORTH = 1.0  # currency: a closure that costs the optimum or the kept plan less is left out


PARTS = ("closures", "simulation", "speed", "joint", "stock")


def cases(part: str = "") -> Iterator[dict[str, Any]]:
    """Rows of `interferon bench`, of all parts or of one. InputError where recorded data are not there."""
    if part in ("", "closures", "simulation"):
        network = example("medica")
        snapshot = opening(network, START)
        base = nominal(network, snapshot)
        if part != "simulation":
            yield _table(network, snapshot)
            yield from reroutes(network, snapshot, base)
        if part != "closures":
            yield from flow_simulate.cases(network, snapshot, base, _nodes(network))
    for name, suite in (("speed", flow_speed), ("joint", flow_joint), ("stock", flow_stock)):
        if part in ("", name):
            yield from suite.cases()


def _table(network: Network, snapshot: Snapshot) -> dict[str, Any]:
    started = time.perf_counter()
    table = closure_table(network, snapshot)
    seconds = time.perf_counter() - started
    return _row(
        "flow/closure_table", "seconds", seconds, 30.0, seconds <= 30.0, {"closures": len(table.singles), "solves": len(table.solved)}
    )


def reroutes(network: Network, snapshot: Snapshot, base: Route) -> list[dict[str, Any]]:
    """The rows of `flow/reroute`."""
    measured = [_measure(network, snapshot, base, ref) for ref in _closures(network)]
    return _recovered([m for m in measured if m["stake"] > WORTH])


def _closures(network: Network) -> list[str]:
    """All plants and distribution centres, and all single zones whose closure takes something from the flow of goods."""
    zones = [f"zone:{zone}" for zone in network.zones]
    return [ref for ref in zones if lost(network, (ref,)).worst] + _nodes(network)


def _nodes(network: Network) -> list[str]:
    return [f"node:{node.id}" for node in network.nodes.values() if node.kind in ("plant", "dc")]


def _measure(network: Network, snapshot: Snapshot, base: Route, ref: str) -> dict[str, float]:
    """Costs above nominal of one closure: keeping the plan, the local repair, the executable answer, and the optimum by a cold solve."""
    started = time.perf_counter()
    answer = reroute(network, snapshot, (ref,), base)
    answer_s = time.perf_counter() - started
    started = time.perf_counter()
    mended = repair(network, snapshot, (ref,), base)
    mended_s = time.perf_counter() - started
    problem = build(network, snapshot)
    optimum = figures(problem, _cold_optimum(network, snapshot, ref), shares(problem, lost(network, (ref,)).worst))
    keep: Figures = kept(network, snapshot, (ref,), base)
    along = kept(network, snapshot, (ref,), answer)
    return {
        "stake": keep.cost - optimum.cost,
        "answer": keep.cost - answer.cost,
        "mended": keep.cost - mended.cost,
        "along": keep.cost - along.cost,
        "answer_s": answer_s,
        "mended_s": mended_s,
        "late": answer.orders_late,
        "late_mended": mended.orders_late,
        "late_kept": keep.orders_late,
        "late_optimum": optimum.orders_late,
        "late_nominal": base.orders_late,
    }


def _cold_optimum(network: Network, snapshot: Snapshot, ref: str) -> Flows:
    """The optimum by another road than the answer's: interior point from nothing, no basis handed over."""
    problem = build(network, snapshot)
    return Solver(problem).cold(shares(problem, lost(network, (ref,)).worst))


def _recovered(measured: list[dict[str, float]]) -> list[dict[str, Any]]:
    stake = sum(m["stake"] for m in measured)
    late = {name: sum(m[f"late_{name}"] - m["late_nominal"] for m in measured) for name in ("kept", "optimum", "mended")}
    share, mended, along = (sum(m[name] for m in measured) / stake for name in ("answer", "mended", "along"))
    least = min(m["answer"] / m["stake"] for m in measured)
    slowest, slowest_mended = (max(m[name] for m in measured) for name in ("answer_s", "mended_s"))
    added = sum(m["late"] - m["late_nominal"] for m in measured)
    others = {"keep_nominal": 0.0, "local_repair": mended, "answer_lanes_by_simple_rule": along, "closures": float(len(measured))}
    return [
        _row("flow/reroute", "seconds_max", slowest, 10.0, slowest <= 10.0, {"local_repair": slowest_mended}),
        _row(
            "flow/reroute",
            "recovered",
            share,
            0.9,
            share >= 0.9,
            others,
        ),
        _row("flow/reroute", "recovered_min", least, 0.9, least >= 0.9, {"keep_nominal": 0.0}),
        _row(
            "flow/reroute",
            "orders_late_added",
            added,
            late["kept"],
            added <= late["kept"],
            {f"orders_late_{k}": v for k, v in late.items()},
        ),
    ]


def _row(case: str, metric: str, value: float, target: float, holds: bool, baselines: dict[str, float]) -> dict[str, Any]:
    return {"case": case, "metric": metric, "value": value, "target": target, "holds": holds, "baselines": baselines}
