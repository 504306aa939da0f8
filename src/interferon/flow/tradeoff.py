"""How much risk is left for how much lateness: answers of `joint` from no weight on what the intruder holds to all of it. Pure.

Called by the screen *Plan*. Between two answers the next weight is the one at which both are worth the same, so that each solve either
finds an answer between them or shows that there is none on the convex part of the trade-off (Aneja and Nair 1979).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from interferon.flow.joint import GAP, Answer, Decision, Joint, Weights
from interferon.flow.problem import Problem
from interferon.flow.threat import Threat, reached
from interferon.model.network import Network

SOLVES = 8  # of the joint decision, at most


@dataclass(frozen=True)
class Point:
    """An answer and what it leaves. `weight`: currency a zone held at which it is the best; inf: at whatever price.

    `risk`: expected zones held, each times its criticality over 3, as `joint` weighs them; `gap`: share of the objective by which it
    could still be beaten at this weight.
    """

    weight: float
    decision: Decision
    risk: float
    gap: float


@dataclass(frozen=True)
class Tradeoff:
    """`points` from the most risk to the least, none beaten by another in cost and risk; `plain`: nothing, everything suspect, its site.

    The objective of each is that at its own weight, of `plain` without the risk.
    """

    points: tuple[Point, ...]
    plain: Mapping[str, Decision]
    whole: bool  # False: stopped before all that lies between the points was looked for

    @property
    def gap(self) -> float:
        """The largest of any point."""
        return max(point.gap for point in self.points)


def tradeoff(
    network: Network, problem: Problem, threat: Threat, go_on: Callable[[Answer], bool] = lambda _: True, gap: float = GAP
) -> Tradeoff:
    """The points for one threat, with at most SOLVES joint decisions. `go_on` is asked after each proposal and ends all when it says no."""
    desk = _Desk(network, problem, threat, go_on, gap)
    least = desk.point(0.0)
    # Nothing is held exactly when every zone that is suspect in some scenario is isolated, and isolating more costs no less.
    most = desk.placed(np.inf, desk.plain["suspect"], 0.0)
    points, spans = [least, most], [(least, most)]
    while spans and desk.solves < SOLVES and desk.running:
        spans.sort(key=lambda span: span[0].risk - span[1].risk)
        left, right = spans.pop()
        found = desk.between(left, right)
        if found is not None:
            points.append(found)
            spans += [(left, found), (found, right)]
    return Tradeoff(_unbeaten(points), desk.plain, not spans and desk.running)


class _Desk:
    """The joint decision with what it has solved so far, at one weight after another."""

    def __init__(self, network: Network, problem: Problem, threat: Threat, go_on: Callable[[Answer], bool], gap: float) -> None:
        self._network, self._threat, self._go_on, self._gap = network, threat, go_on, gap
        self._joint = Joint(network, problem, threat, Weights())
        self.plain: Mapping[str, Decision] = {}
        self.solves, self.running = 0, True

    def point(self, weight: float) -> Point:
        answer = self._joint.at(Weights(held=weight)).solve(self._asked, self._gap)
        self.plain, self.solves = self.plain or answer.plain, self.solves + 1
        self.running = self.running and self._go_on(answer)
        return self.placed(weight, answer.best, answer.gap)

    def placed(self, weight: float, decision: Decision, gap: float) -> Point:
        return Point(weight, decision, self._risk(decision), gap)

    def between(self, left: Point, right: Point) -> Point | None:
        """What is worth more than both where both are worth the same. None: there is nothing, or both leave the same risk."""
        if left.risk - right.risk <= self._gap or _price(right) <= _price(left):
            return None
        weight = (_price(right) - _price(left)) / (left.risk - right.risk)
        found = self.point(weight)
        worth, before = (_price(point) + weight * point.risk for point in (found, left))
        inside = right.risk < found.risk < left.risk
        return found if inside and before - worth > self._gap * abs(before) * 0.1 else None

    def _asked(self, answer: Answer) -> bool:
        self.running = self._go_on(answer)
        return self.running

    def _risk(self, decision: Decision) -> float:
        zones = self._network.zones
        return sum(
            scenario.probability
            * sum(zones[zone].criticality / 3 for zone in reached(self._network, scenario, decision.isolated, decision.cut))
            for scenario in self._threat.scenarios
        )


def _price(point: Point) -> float:
    """All that the answer costs but the risk."""
    return point.decision.cost + Weights().act * (len(point.decision.isolated) + len(point.decision.cut))


def _unbeaten(points: list[Point]) -> tuple[Point, ...]:
    """By risk, the most first; of what costs no less and leaves no less than another only the other."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.risk, _price(point))):
        if not kept or _price(point) < _price(kept[-1]):
            kept.append(point)
    return tuple(reversed(kept))
