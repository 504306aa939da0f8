"""The state of a scenario's steps: when each is tried, whether it can succeed, what keeps it going, what stops it. The run's ground truth.

Called by the range. What a step does and which traces it leaves is in `adversary` and `lookalikes`.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from interferon.model.network import Network
from interferon.twin.condition import Condition
from interferon.twin.draws import HOUR, pick
from interferon.twin.goods import Goods
from interferon.twin.hosts import Hosts
from interferon.twin.people import identities, staff, vendor_accounts
from interferon.twin.rows import Record
from interferon.twin.scenario import Scenario, Step
from interferon.twin.telemetry import Telemetry
from interferon.twin.vocabulary import ACTIONS

_LASTING = ("modify_setpoint", "stop_process", "encrypt_hosts", "firmware_change", "disable_logging")  # go on without the attacker
_HIDING = ("disable_logging",)  # hides what is done beside it and does nothing to the goods
_ON_GOODS = ("peak_season", "new_supplier", "poison_feed", "fake_shipment")  # act on goods and papers: need no machine at the place
NOT_HOSTS = ("plc", "robot", "agv", "telematics", "sensor_gateway", "sis", "camera", "switch", "firewall")


@dataclass
class StepState:
    """What became of a step. Times are UTC microseconds, 0: not (yet)."""

    id: str
    action: str
    target: str
    kind: str
    at: int
    tried: int = 0
    succeeded: int = 0
    stopped: int = 0
    active: bool = False
    reason: str = ""  # why it was not done, or what stopped it


@dataclass(frozen=True)
class AttackState:
    """All attack steps. `last_success` is the latest moment at which a step succeeded or, in force, hit one more target; 0: none."""

    steps: tuple[StepState, ...]
    first: int
    last_success: int
    active: bool
    compromised: tuple[str, ...]  # assets with an implant or damage now


@dataclass
class World:
    """What steps act upon. `tell` takes an event of a family; without telemetry and listeners a run is silent and fast."""

    network: Network
    seed: int
    start: int
    condition: Condition
    goods: Goods
    hosts: Hosts
    tell: Callable[[str, Record], None]
    telemetry: Telemetry | None = None
    stolen: dict[str, dict[str, float]] = field(default_factory=dict)  # lane → step → share of its shipments that vanish
    forecast: dict[str, dict[str, float]] = field(default_factory=dict)  # node → step → factor


Handler = Callable[["Campaign", Step, int, int], int]  # campaign, step, time, pulse number → time of the next pulse or 0


class Campaign:
    """Runs the steps in order of time."""

    def __init__(self, scenario: Scenario, world: World, handlers: dict[str, Handler]) -> None:
        self.scenario, self.world, self.handlers = scenario, world, handlers
        self.steps = {s.id: s for s in scenario.steps}
        self.states = {s.id: StepState(s.id, s.action, s.target, s.kind, world.start + int(s.at_h * HOUR)) for s in scenario.steps}
        self.agenda: list[tuple[int, int, str, int]] = [(self.states[s.id].at, k, s.id, 0) for k, s in enumerate(scenario.steps)]
        heapq.heapify(self.agenda)
        self.last_success = 0
        self.implants: dict[str, str] = {}  # asset → step that took it
        self.stolen_identity: dict[str, str] = {}  # step → identity

    def next(self) -> int:
        """Time of the next thing to do, or a time beyond any run."""
        return self.agenda[0][0] if self.agenda else 1 << 62

    def run(self, now: int) -> None:
        """Do everything that is due at `now`."""
        while self.agenda and self.agenda[0][0] <= now:
            when, order, ident, pulse = heapq.heappop(self.agenda)
            step, state = self.steps[ident], self.states[ident]
            if pulse == 0:
                state.tried = when
                state.reason = self._obstacle(step, state)
                if state.reason:
                    continue
                state.succeeded, state.active = when, True
            elif not state.active:
                continue
            following = self.handlers[step.action](self, step, when, pulse)
            if step.kind == "attack":
                self.last_success = max(self.last_success, when)
            if following:
                heapq.heappush(self.agenda, (following, order, ident, pulse + 1))

    def refresh(self, now: int) -> None:
        """Stop what can no longer go on: its time is over, its target is closed or held, its identity disabled."""
        for ident, state in self.states.items():
            step = self.steps[ident]
            if not state.active:
                continue
            if now >= self.ends(step):
                self._stop(step, state, now, "its time was over")
            elif step.kind == "attack" and (reason := self._closed(step)):
                self._stop(step, state, now, reason)
            elif step.kind == "attack" and step.action not in _LASTING and not self._connected(step):
                self._stop(step, state, now, "no open path was left")
        for asset in [a for a in self.implants if self.world.condition.offline(a)]:
            # an isolated host is cleaned together with its damage; without damage it is rebuilt while it is offline
            if not self.world.condition.damaged(asset) and now - self.world.condition.offline(asset) >= 2 * HOUR:
                del self.implants[asset]

    def ends(self, step: Step) -> int:
        hours = ACTIONS[step.action].hours
        if step.until_h:
            return self.world.start + int(step.until_h * HOUR)
        return self.states[step.id].at + int(hours * HOUR) if hours else 1 << 62

    def state(self) -> AttackState:
        attacks = tuple(s for s in self.states.values() if s.kind == "attack")
        tried = [s.tried for s in attacks if s.tried]
        taken = sorted(set(self.implants) | set(self.world.condition.damage))
        return AttackState(attacks, min(tried, default=0), self.last_success, any(s.active for s in attacks), tuple(taken))

    def over(self) -> bool:
        """Whether the attack has come to its end: no step of it waits or goes on, but for one that only hides the others."""
        going = any(state.active and state.kind == "attack" and state.action not in _HIDING for state in self.states.values())
        return not going and not any(pulse == 0 and self.steps[ident].kind == "attack" for _, _, ident, pulse in self.agenda)

    # who, where from

    def assets(self, step: Step) -> list[str]:
        """Assets that a step acts upon, in a fixed order: hosts or machines of a zone as the action wants them."""
        kind, _, name = step.target.partition(":")
        network = self.world.network
        if kind == "asset":
            return [name]
        if kind in ("site", "node"):
            site = name if kind == "site" else network.nodes[name].site
            return [a.id for a in network.assets.values() if network.zones[a.zone].site == site]
        found = list(network.assets_in.get(name, ()))
        machines = step.action in ("stop_process", "maintenance", "firmware_day")
        wanted = [a for a in found if (network.assets[a].type in NOT_HOSTS) == machines]
        return wanted or found

    def identity(self, step: Step) -> str:
        """Who a step is done as: the one it names, the one stolen before it, or someone of the target's site."""
        named = str(step.params.get("identity", "")).removeprefix("identity:")
        if named:
            return named
        kind, _, name = step.target.partition(":")
        if kind == "identity":
            return name
        if kind == "partner":
            return vendor_accounts(self.world.network)[name]
        for need in self._ancestors(step):
            if need in self.stolen_identity:
                return self.stolen_identity[need]
        people = staff(self.world.network).get(self.world.network.site_of(step.target), ()) or tuple(sorted(identities(self.world.network)))
        return people[pick(self.world.seed, f"who {step.id}", len(people))] if people else "guest"

    def foothold(self, step: Step) -> str:
        """Reference of the asset a step is done from: one taken before, or an address outside."""
        for need in self._ancestors(step):
            held = [a for a, by in self.implants.items() if by == need and f"asset:{a}" != step.target]
            if held:
                return f"asset:{held[-1]}"
        return self.address(step)

    def address(self, step: Step) -> str:
        """An address that nobody in the network has: from the ranges reserved for documentation (RFC 5737)."""
        k = pick(self.world.seed, f"address {step.id}", 500)
        return f"{('198.51.100', '203.0.113')[k % 2]}.{k // 2 + 2}"

    def _ancestors(self, step: Step) -> list[str]:
        found: list[str] = []
        queue = list(step.needs)
        while queue:
            need = queue.pop(0)
            if need not in found:
                found.append(need)
                queue += self.steps[need].needs
        return found

    # may it, does it go on

    def _obstacle(self, step: Step, state: StepState) -> str:
        """Why a step cannot succeed now, or ''."""
        placed = step.target.startswith(("zone:", "site:", "node:")) and step.action not in _ON_GOODS
        if placed and not self.assets(step):
            return "nothing stands there"
        if step.kind == "benign":
            return ""
        missing = [n for n in step.needs if not self.states[n].succeeded]
        if missing:
            return f"step {missing[0]} had not succeeded"
        closed = self._closed(step)
        if closed:
            return closed
        if self.world.condition.disabled(self._used(step)):
            return "the identity is disabled"
        if step.needs and not any(self._live(n) for n in step.needs):
            return "every foothold it needs is lost"
        return "" if self._connected(step) else "no open path leads there"

    def _used(self, step: Step) -> str:
        """The identity a step cannot do without: the one it names or steals, or was stolen by the step right before."""
        if step.action == "login_stolen" or step.params.get("identity"):
            return self.identity(step)
        return next((self.stolen_identity[n] for n in step.needs if n in self.stolen_identity), "")

    def _closed(self, step: Step) -> str:
        condition, (kind, _, name) = self.world.condition, step.target.partition(":")
        if condition.held("hold_transaction", step.target):
            return "it is held"
        if kind == "asset" and condition.isolated(name):
            return "the target is isolated"
        zone = self.world.network.zone_of(step.target)
        if zone and condition.detached(zone) and not any(self.world.network.zone_of(self.steps[n].target) == zone for n in step.needs):
            return "the target's zone is isolated"
        if kind == "zone" and all(condition.isolated(a) for a in self.assets(step)):
            return "every asset of the zone is isolated"
        if step.action == "poison_feed" and condition.held("hold_transaction", "feed:forecast"):
            return "the feed is held"
        if step.action == "login_stolen" and condition.disabled(self.identity(step)):
            return "the identity is disabled"
        if step.action == "fake_shipment" and any(condition.held("hold_transaction", f"partner:{c}") for c in self.carriers(step)):
            return "the carrier's shipments are held"
        return ""

    def carriers(self, step: Step) -> list[str]:
        return sorted({self.world.network.lanes[x].carrier for x in self.lanes(step)} - {""})

    def lanes(self, step: Step) -> list[str]:
        """Lanes that a step on a lane, a node or a partner acts upon."""
        kind, _, name = step.target.partition(":")
        network = self.world.network
        if kind == "lane":
            return [name]
        if kind == "node":
            return [
                x.id
                for x in network.lanes.values()
                if x.origin == name or (network.nodes[name].kind == "customer" and x.destination == name)
            ]
        carried = [x.id for x in network.lanes.values() if x.carrier == name]
        if carried or name not in network.partners:
            return carried
        suppliers = [p.id for p in network.partners.values() if p.kind == "supplier"]
        places = [n.id for n in network.nodes.values() if n.kind == "supplier"]
        served = (
            places[suppliers.index(name) % len(places)] if name in suppliers and places else ""
        )  # tables tie partner and place by their order
        return [x.id for x in network.lanes.values() if x.origin == served]

    def _live(self, need: str) -> bool:
        """True while the foothold that a step gave is still the attacker's."""
        step, condition = self.steps[need], self.world.condition
        kind, _, name = step.target.partition(":")
        if need in self.stolen_identity and condition.disabled(self.stolen_identity[need]):
            return False
        if kind == "asset":
            return not condition.isolated(name)
        if kind == "zone":
            held = [a for a, by in self.implants.items() if by == need]
            return any(not condition.isolated(a) for a in held or self.assets(step))
        return True

    def _connected(self, step: Step) -> bool:
        """Open conduits lead to the target from a foothold, or from outside for a first step. Where none leads, one enters on site."""
        zone = self.world.network.zone_of(step.target)
        if not zone:
            return True
        condition = self.world.condition
        sources = {self.world.network.zone_of(self.steps[n].target) for n in step.needs if self._live(n)} - {""}
        if not sources:
            if step.needs and not any(self._live(n) for n in step.needs):
                return False
            sources = set(condition.outside)
        if step.action == "exfiltrate" and not condition.reaches([zone], zone):
            return False
        if step.action == "exfiltrate" and not any(condition.reaches([zone], out) for out in sorted(condition.outside)):
            return False
        return condition.reaches(sources, zone) or not condition.reaches(sources, zone, ignore=True)

    def _stop(self, step: Step, state: StepState, now: int, reason: str) -> None:
        state.active, state.stopped, state.reason = False, now, reason
        world = self.world
        for table in (world.stolen, world.forecast, world.condition.withheld):
            for entry in table.values():
                entry.pop(step.id, None)
        if world.telemetry is not None:
            for fault in world.telemetry.faults:
                if fault.step == step.id:
                    fault.until = min(fault.until, now)
        if now >= self.ends(step):  # undone by its author: nothing is left to mend
            for asset in list(world.condition.damage):
                world.condition.damage[asset] = [d for d in world.condition.damage[asset] if d.step != step.id or d.impact >= 1.0]
                if not world.condition.damage[asset]:
                    del world.condition.damage[asset]
