"""What to close when it is suspected, not known, what an intruder holds: `joint` on a network's goods, told in plain figures. Pure.

Called by `runtime.flow_folder` for `interferon flow contain` and `interferon.flow_contain`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from interferon.flow.grid import DAY_US, days
from interferon.flow.joint import Answer, Decision, Joint, Weights
from interferon.flow.problem import Snapshot, build
from interferon.flow.threat import draw
from interferon.model.errors import InputError
from interferon.model.network import Network

NAMES = {"best": "this decision", "nothing": "isolate nothing", "suspect": "everything suspect", "site": "the suspect sites"}


@dataclass(frozen=True)
class Prices:
    """In currency: `late` all goods not in time, in the worst tenth of scenarios; `held` each zone that he comes to hold."""

    late: float = 0.0
    held: float = 0.0


@dataclass(frozen=True)
class Containment:
    """`decisions` by NAMES: what each comes to, expected over the scenarios. `gap`: share by which the best could still be beaten."""

    network: str
    currency: str
    time: int  # microseconds UTC
    until: int  # of what is isolated and cut
    suspicion: dict[str, float]
    scenarios: int
    undisturbed: tuple[float, float]  # cost and share of goods not in time with no intruder and nothing closed, in the same few buckets
    decisions: dict[str, Decision]
    bound: float
    gap: float
    rounds: int


def contain(
    network: Network,
    snapshot: Snapshot,
    suspicion: Mapping[str, float],
    until_h: float,
    prices: Prices,
    *,
    scenarios: int = 16,
    seed: int = 1,
    go_on: Callable[[Answer], bool] = lambda _: True,
) -> Containment:
    """The decision for zones suspected with the probabilities in `suspicion`, closed for `until_h` hours.

    The goods are looked at in days, from a week on in weeks.
    InputError where nothing is suspected or can be planned, or for a number out of its range.
    """
    if not suspicion:
        raise InputError("nothing is suspected: name a zone with --suspect zone:ID or --suspect zone:ID=0.5")
    for zone, chance in suspicion.items():
        if not 0 <= chance <= 1:
            raise InputError(f"--suspect zone:{zone}={chance:g}: a probability lies between 0 and 1")
    for name, price in (("held", prices.held), ("late", prices.late)):
        if not 0 <= price < float("inf"):
            raise InputError(f"--{name} is {price:g}; an amount of 0 or more is needed")
    problem = build(network, snapshot, days(float(network.settings.horizon_days), until_h))
    if not len(problem.ship_lane):
        raise InputError("nothing can be planned: no lane brings what is ordered to any customer")
    threat = draw(network, suspicion, until_h, count=scenarios, seed=seed)
    joint = Joint(network, problem, threat, Weights(late=prices.late, held=prices.held))
    answer = joint.solve(go_on)
    return Containment(
        network=network.settings.name,
        currency=network.settings.currency,
        time=snapshot.now,
        until=snapshot.now + round(until_h * DAY_US / 24),
        suspicion=dict(suspicion),
        scenarios=scenarios,
        undisturbed=(joint.undisturbed.cost, joint.undisturbed.late),
        decisions={"best": answer.best, **answer.plain},
        bound=answer.bound if np.isfinite(answer.bound) else 0.0,
        gap=answer.gap,
        rounds=answer.rounds,
    )


def as_json(found: Containment) -> dict[str, Any]:
    """The containment as plain lists, numbers and text."""
    return {
        "network": found.network,
        "currency": found.currency,
        "suspicion": {f"zone:{zone}": chance for zone, chance in found.suspicion.items()},
        "scenarios": found.scenarios,
        "undisturbed": {"cost": found.undisturbed[0], "late_share": found.undisturbed[1]},
        "bound": found.bound,
        "gap": found.gap,
        "decisions": {name: _plain(decision) for name, decision in found.decisions.items()},
    }


def _plain(decision: Decision) -> dict[str, Any]:
    closed = [f"zone:{zone}" for zone in sorted(decision.isolated)] + [f"conduit:{name}" for name in sorted(decision.cut)]
    return {
        "close": closed,
        "objective": decision.objective,
        "cost": decision.cost,
        "late_share": decision.late,
        "late_share_at_risk": decision.late_at_risk,
        "zones_held": decision.held,
    }
