"""Which zones to isolate, which conduits to cut, and how the goods go round it: one decision, with a bound on how good it is.

A two-stage stochastic programme. First it is decided what is closed; then a scenario of what the intruder truly held comes true, he goes
on over what was left open, zones he struck are down until they are recovered, and the goods are re-routed round all of that. Minimised
are expected cost, a price on each zone that he comes to hold, and the conditional value at risk (Rockafellar and Uryasev 2000) of the
share of goods not in time.

Solved by Benders' decomposition (Benders 1962; Van Slyke and Wets 1969 for scenarios): a small mixed-integer programme proposes closures,
the flow programme (`recourse`) prices them and answers with cuts. A cost that never falls when more is closed also gives cuts that are
exact at every proposal (Laporte and Louveaux 1993), so that the bound meets the answer. Anytime: the best answer so far and its gap are
there after each round. Called by `plan` and the bench. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from interferon.flow.capacity import Exposure, exposure, left, shares
from interferon.flow.joint_master import Cut, Master
from interferon.flow.limits import capacity_limits
from interferon.flow.problem import Floats, Problem
from interferon.flow.recourse import Outcome, Recourse
from interferon.flow.threat import Scenario, Threat, reached
from interferon.model.network import Network

GAP = 0.01
ROUNDS = 200
TINY = 1e-9


@dataclass(frozen=True)
class Weights:
    """What counts beside cost, in currency.

    `late`: all goods late, on the mean of the worst `1 − level` of scenarios; `held`: each zone that the intruder comes to hold, times its
    criticality over 3; `act`: each zone isolated and each conduit cut.
    """

    late: float = 0.0
    held: float = 0.0
    level: float = 0.9
    act: float = 1.0


@dataclass(frozen=True)
class Decision:
    """What is closed, and what it comes to: expected cost, share of goods not in time (expected and at risk), zones held, the objective."""

    isolated: frozenset[str]
    cut: frozenset[str]
    objective: float
    cost: float
    late: float
    late_at_risk: float
    held: float


@dataclass(frozen=True)
class Answer:
    """The best decision so far. No decision has an objective below `bound`."""

    best: Decision
    bound: float
    rounds: int
    plain: Mapping[str, Decision]  # isolating nothing, everything suspect, the suspect sites

    @property
    def gap(self) -> float:
        """Share of the objective by which the best could still be beaten."""
        return max(self.best.objective - self.bound, 0.0) / max(abs(self.best.objective), TINY)


class Joint:
    """The joint decision for one network, one problem and one threat."""

    def __init__(self, network: Network, problem: Problem, threat: Threat, weights: Weights) -> None:
        problem = replace(problem, transit=())  # goods under way go on as planned: what they would do hangs on closures, not on capacity
        self._network, self._problem, self._threat, self._weights = network, problem, threat, weights
        self._known = exposure(network)
        self._limits = capacity_limits(problem, None)
        self.zones, self.conduits = _reach(network, threat)
        self._surcharge = weights.late / max(1.0 - weights.level, TINY)
        self._recourse = {0.0: Recourse(problem, 0.0)} | ({self._surcharge: Recourse(problem, self._surcharge)} if weights.late > 0 else {})
        self._solved: dict[tuple[float, bytes], Outcome] = {}
        self._losses = _Losses(problem, self._known, threat, self._limits)
        self._floor = {m: self._outcome(m, self._limits).value for m in self._recourse}

    @property
    def undisturbed(self) -> Outcome:
        """What the goods come to with no intruder and nothing closed."""
        return self._outcome(0.0, self._limits)

    def at(self, weights: Weights) -> "Joint":
        """The same decision at other prices of `held` and `act`, sharing what has been solved. ValueError for another `late`, `level`."""
        if (weights.late, weights.level) != (self._weights.late, self._weights.level):
            raise ValueError("lateness is priced in what has been solved: begin anew")
        other = copy(self)
        other._weights = weights
        return other

    def solve(self, go_on: Callable[[Answer], bool] = lambda _: True, gap: float = GAP) -> Answer:
        """The answer when its gap is at most `gap`, when `go_on` says to stop, or after ROUNDS proposals, whichever is first."""
        return list(self.improve(go_on, gap))[-1]

    def improve(self, go_on: Callable[[Answer], bool] = lambda _: True, gap: float = GAP) -> Iterator[Answer]:
        """Answers, each at least as good as the one before."""
        master = Master(self._network, self._threat, self.zones, self.conduits, self._weights, self._floor)
        plain = {name: self.weigh(*closed, master) for name, closed in self._plain().items()}
        best = min(plain.values(), key=lambda decision: decision.objective)
        answer = Answer(best, -np.inf, 0, plain)
        for number in range(1, ROUNDS + 1):
            isolated, cut, bound = master.propose()
            proposed = self.weigh(isolated, cut, master)
            best = min(answer.best, proposed, key=lambda decision: decision.objective)
            answer = Answer(best, min(max(bound, answer.bound), best.objective), number, plain)
            yield answer
            if answer.gap <= gap or not go_on(answer):
                return

    def _plain(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        none: frozenset[str] = frozenset()
        suspect = self._threat.suspect
        sites = {self._network.zones[zone].site for zone in suspect}
        return {
            "nothing": (none, none),
            "suspect": (suspect, none),
            "site": (frozenset(zone.id for zone in self._network.zones.values() if zone.site in sites), none),
        }

    def weigh(self, isolated: frozenset[str], cut: frozenset[str], master: Master | None = None) -> Decision:
        """What a decision comes to over all scenarios; what is learnt on the way goes to `master` as cuts."""
        closed = capacity_limits(self._problem, shares(self._problem, left(self._known, _refs(isolated, cut), self._threat.until_h).worst))
        held = [reached(self._network, scenario, isolated, cut) for scenario in self._threat.scenarios]
        limits = [closed * self._losses.after(scenario, zones) for scenario, zones in zip(self._threat.scenarios, held, strict=True)]
        outcomes = [self._outcome(0.0, limit) for limit in limits]
        chance = np.array([scenario.probability for scenario in self._threat.scenarios])
        chosen = list(outcomes)
        if self._surcharge:
            for i in _tail(np.array([outcome.late for outcome in outcomes]), chance, self._weights.level):
                chosen[i] = self._outcome(self._surcharge, limits[i])
        felt = self._felt(isolated, cut, closed) if master is not None else []
        for i, scenario in enumerate(self._threat.scenarios if master is not None else ()):
            for surcharge, outcome in {0.0: outcomes[i], (self._surcharge if chosen[i] is not outcomes[i] else 0.0): chosen[i]}.items():
                master.learn(self._cuts(i, scenario, felt, held[i], limits[i], surcharge, outcome))  # type: ignore[union-attr]
        harm = sum(p * sum(_weight(self._network, zone) for zone in zones) for p, zones in zip(chance.tolist(), held, strict=True))
        options = [_decision(isolated, cut, rows, chance, self._weights, harm, held) for rows in (outcomes, chosen)]
        return min(options, key=lambda decision: decision.objective)

    def _outcome(self, surcharge: float, limits: Floats) -> Outcome:
        key = (surcharge, limits.round(9).tobytes())
        if key not in self._solved:
            self._solved[key] = self._recourse[surcharge].solve(limits)
        return self._solved[key]

    def _felt(self, isolated: frozenset[str], cut: frozenset[str], closed: Floats) -> list[tuple[str, str]]:
        """What is closed that takes anything. Members of a redundancy group take nothing but together: then all that is closed."""
        causes = [("zone", zone) for zone in sorted(isolated)] + [("conduit", name) for name in sorted(cut)]
        felt = [cause for cause in causes if self._losses.of(self._threat.scenarios[0], cause).any()]
        alone = capacity_limits(self._problem, shares(self._problem, left(self._known, map(_ref, felt), self._threat.until_h).worst))
        return felt if np.array_equal(alone, closed) else causes

    def _cuts(
        self,
        number: int,
        scenario: Scenario,
        felt: list[tuple[str, str]],
        held: frozenset[str],
        limits: Floats,
        surcharge: float,
        found: Outcome,
    ) -> Iterator[Cut]:
        """By the slope (valid for every decision), and by the sum of what was on (exact for this one)."""
        struck = frozenset(zone for zone in held if self._losses.of(scenario, ("held", zone)).any())
        if not np.array_equal(self._losses.after(scenario, struck), self._losses.after(scenario, held)):
            struck = held
        felt = felt + [("held", zone) for zone in sorted(struck)]
        rise = max(found.value - self._floor[surcharge], 0.0)
        yield Cut(number, surcharge, self._floor[surcharge] + rise * (1 - len(felt)), {cause: rise for cause in felt})
        rate = -found.slope * self._limits
        constant = found.value - float(-found.slope @ (self._limits - limits))
        yield Cut(number, surcharge, constant, self._slopes(scenario, felt, rate))

    def _slopes(self, scenario: Scenario, felt: Sequence[tuple[str, str]], rate: Floats) -> dict[tuple[str, str], float]:
        """Each row of capacity that has a price is charged to what takes most of it: of what is on, else of all that could be.

        A zone's isolation and its being held exclude each other, so that both may be charged with the same row.
        """
        owner = self._losses.owners(scenario, felt, self.zones)
        slopes: dict[tuple[str, str], float] = {}
        for cause, rows in owner.items():
            charge = float(rate[rows] @ self._losses.of(scenario, cause)[rows])
            if charge > TINY:
                slopes[cause] = charge
        return slopes


class _Losses:
    """Share (rows,) of each capacity that one cause takes: ("zone", id) isolated, ("conduit", id) cut, ("held", id) struck."""

    def __init__(self, problem: Problem, known: Exposure, threat: Threat, limits: Floats) -> None:
        self._problem, self._known, self._threat, self._limits = problem, known, threat, limits
        self._found: dict[tuple[tuple[str, ...], float], Floats] = {}

    def of(self, scenario: Scenario, cause: tuple[str, str]) -> Floats:
        if cause[0] == "held":
            return self._taken((_ref(cause),), scenario.recovery_h) * self._threat.damage
        return self._taken((_ref(cause),), self._threat.until_h)

    def after(self, scenario: Scenario, held: frozenset[str]) -> Floats:
        """(rows,) share that the zones he holds leave; a redundancy group is lost where they hold all of it."""
        refs = tuple(_ref(("held", zone)) for zone in sorted(held))
        return 1.0 - self._taken(refs, scenario.recovery_h) * self._threat.damage

    def _taken(self, refs: tuple[str, ...], until: float) -> Floats:
        if (refs, until) not in self._found:
            kept = capacity_limits(self._problem, shares(self._problem, left(self._known, refs, until).worst))
            share = np.ones(len(kept))
            np.divide(kept, self._limits, out=share, where=self._limits > 0)
            self._found[refs, until] = 1.0 - share
        return self._found[refs, until]

    def owners(self, scenario: Scenario, felt: Sequence[tuple[str, str]], zones: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
        """Causes → rows (a mask) charged to them."""
        most, who = np.zeros(len(self._limits)), np.full(len(self._limits), -1)
        causes = [*felt, *(("zone", zone) for zone in zones)]
        for i, cause in enumerate(felt):
            loss = self.of(scenario, cause)
            who[loss > most] = i
            most = np.maximum(most, loss)
        free = who < 0
        for i, zone in enumerate(zones, len(felt)):
            loss = np.where(free, np.maximum(self.of(scenario, ("zone", zone)), self.of(scenario, ("held", zone))), 0.0)
            who[loss > most] = i
            most = np.maximum(most, loss)
        owner: dict[tuple[str, str], np.ndarray] = {}
        for i, (kind, name) in enumerate(causes):
            rows = who == i
            if rows.any():
                for cause in ((kind, name),) if kind == "conduit" else (("zone", name), ("held", name)):
                    owner[cause] = owner.get(cause, np.zeros(len(rows), bool)) | rows
        return owner


def _reach(network: Network, threat: Threat) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Zones that he can come to hold in some scenario, and the conduits among them that are open to him in some."""
    none: frozenset[str] = frozenset()
    zones = frozenset().union(*(reached(network, scenario, none, none) for scenario in threat.scenarios))
    ways = frozenset().union(*(scenario.open_to_him for scenario in threat.scenarios))
    inside = [name for name in sorted(ways) if {network.conduits[name].from_zone, network.conduits[name].to_zone} <= zones]
    return tuple(sorted(zones)), tuple(inside)


def _refs(isolated: frozenset[str], cut: frozenset[str]) -> list[str]:
    return [f"zone:{zone}" for zone in sorted(isolated)] + [f"conduit:{name}" for name in sorted(cut)]


def _ref(cause: tuple[str, str]) -> str:
    return f"{'conduit' if cause[0] == 'conduit' else 'zone'}:{cause[1]}"


def _weight(network: Network, zone: str) -> float:
    return network.zones[zone].criticality / 3


def _tail(late: Floats, chance: Floats, level: float) -> list[int]:
    """Scenarios that lie wholly or in part in the worst `1 − level`."""
    order = np.argsort(-late, kind="stable")
    before = np.cumsum(chance[order]) - chance[order]
    return [int(i) for i in order[before < 1 - level - TINY]]


def at_risk(late: Floats, chance: Floats, level: float) -> float:
    """Mean of the worst `1 − level` of a discrete distribution: its conditional value at risk."""
    order = np.argsort(-late, kind="stable")
    mass = 1.0 - level
    share = np.clip(mass - (np.cumsum(chance[order]) - chance[order]), 0.0, chance[order])
    return float(share @ late[order]) / max(mass, TINY)


def _decision(
    isolated: frozenset[str],
    cut: frozenset[str],
    outcomes: Sequence[Outcome],
    chance: Floats,
    weights: Weights,
    harm: float,
    held: Sequence[frozenset[str]],
) -> Decision:
    late = np.array([outcome.late for outcome in outcomes])
    cost = float(chance @ np.array([outcome.cost for outcome in outcomes]))
    risk = at_risk(late, chance, weights.level)
    return Decision(
        isolated=isolated,
        cut=cut,
        objective=cost + weights.late * risk + weights.held * harm + weights.act * (len(isolated) + len(cut)),
        cost=cost,
        late=float(chance @ late),
        late_at_risk=risk,
        held=float(chance @ np.array([len(zones) for zones in held], float)),
    )
