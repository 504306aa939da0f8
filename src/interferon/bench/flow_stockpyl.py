"""stockpyl, the textbook package of multi-echelon inventory, run on the same chain: the opponent of `bench.flow_simulate`.

It is in no lock, since it drags in an old Sphinx: where it cannot be imported, `present` says so and the bench leaves it out.
"""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interferon.flow.echelons import Chain
from interferon.flow.problem import Floats


def present() -> bool:
    """Whether it can be imported here."""
    return importlib.util.find_spec("stockpyl") is not None


def costs(chain: Chain, demand: Mapping[str, Sequence[float]]) -> list[float]:
    """The cost of each period under given demand."""
    from stockpyl.sim import simulation

    network, count = _network(chain, demand), len(next(iter(demand.values())))
    simulation(network, count, progress_bar=False, consistency_checks="N")
    return [float(sum(node.state_vars[period].total_cost_incurred for node in network.nodes)) for period in range(count)]


def replicate(chain: Chain, periods: int, replications: int, seed: int) -> tuple[Floats, float]:
    """(R,) cost per period of each replication, with its own draws, and the seconds it took."""
    from stockpyl.sim import simulation

    network, started = _network(chain, {}), time.perf_counter()
    seeds = np.random.SeedSequence(seed).generate_state(replications)
    runs = [simulation(network, periods, rand_seed=int(each), progress_bar=False, consistency_checks="N") for each in seeds]
    return np.array(runs) / periods, time.perf_counter() - started


def _network(chain: Chain, demand: Mapping[str, Sequence[float]]) -> Any:
    """It knows one lead time for all that comes into a stage, and one unit of each supplier's product in one of the stage's."""
    from stockpyl.supply_chain_network import network_from_edges

    def by_stage(name: str) -> dict[int, float]:
        return {i: getattr(stage, name) for i, stage in enumerate(chain.stages)}

    leads = {chain.index[arc.destination]: arc.lead.periods for arc in chain.arcs}
    sources = {i: stage.demand for i, stage in enumerate(chain.stages) if stage.demand is not None}
    drawn: dict[str, Any] = {
        "demand_type": {i: source.kind[0].upper() for i, source in sources.items()},
        "mean": {i: source.mean for i, source in sources.items()},
        "standard_deviation": {i: source.sd for i, source in sources.items() if source.kind == "normal"},
    }
    given: dict[str, Any] = {
        "demand_type": {chain.index[stage]: "D" for stage in demand},
        "demand_list": {chain.index[stage]: list(path) for stage, path in demand.items()},
    }
    return network_from_edges(
        edges=[(chain.index[arc.origin], chain.index[arc.destination]) for arc in chain.arcs],
        policy_type="BS",
        base_stock_level=by_stage("base_stock"),
        local_holding_cost=by_stage("holding"),
        stockout_cost=by_stage("backorder"),
        shipment_lead_time={i: leads.get(i, stage.supply.periods) for i, stage in enumerate(chain.stages)},
        **(given if demand else drawn),
    )
