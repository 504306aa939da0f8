"""A staged `Source` for tests of the screens: a synthetic network and a state that is told, not computed. Used by tests only.

`python -m tests.browser.staged PORT` serves it, to look at the screens without a runtime.
"""

import random
import secrets
import sys
import threading
from collections.abc import Sequence
from itertools import pairwise
from math import sin
from typing import Any, Final

from msgspec.structs import replace

from interferon.flow.problem import Snapshot, opening
from interferon.model.events import Receipted, Verdict
from interferon.model.network import Asset, Conduit, Lane, Network, Node, Product, Settings, Site, Zone
from interferon.model.records import Alternative, Closure, Finding, Incident, Plan
from interferon.web.app import create_app
from interferon.web.serve import serve
from interferon.web.view import (
    Asked,
    AutonomyView,
    Band,
    Baseline,
    Budget,
    Conversation,
    CrossingView,
    Decision,
    Declared,
    Earned,
    Entry,
    Feed,
    FeedHealth,
    FlowsView,
    IncidentView,
    Kpis,
    LaneFlow,
    Learning,
    Letters,
    LifeView,
    Move,
    Now,
    PlanView,
    RouteView,
    ThingState,
    Waiting,
)

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
START: Final = 1_773_000_000 * SECOND

PLACES: Final = (
    ("plant-a", "Plant A", "plant", "DE", 50.1, 8.7),
    ("plant-b", "Plant B", "plant", "PL", 51.1, 17.0),
    ("plant-c", "Plant C", "plant", "FR", 45.8, 4.8),
    ("dc-north", "Centre North", "dc", "NL", 52.4, 4.9),
    ("dc-south", "Centre South", "dc", "IT", 45.5, 9.2),
    ("dc-east", "Centre East", "dc", "CZ", 50.1, 14.4),
    ("dc-west", "Centre West", "dc", "ES", 41.4, 2.2),
)
PLANT_LEVELS: Final = ((4.0, "office"), (3.5, "dmz"), (3.0, "ops"), (2.0, "hmi"), (1.0, "line1"), (1.0, "line2"))
DC_LEVELS: Final = ((4.0, "office"), (3.0, "wms"))
TYPES: Final = {4.0: "erp", 3.5: "gateway", 3.0: "historian", 2.0: "hmi", 1.0: "plc"}


def staged_network(seed: int = 7) -> Network:
    """Three plants, four distribution centres, 12 suppliers, 60 customers; 28 zones, 300 assets; names say that it is made up."""
    draw = random.Random(seed)
    sites = {name: Site(id=name, name=label, country=land, lat=lat, lon=lon) for name, label, _, land, lat, lon in PLACES}
    nodes = {name: Node(id=name, site=name, kind=kind, capacity_per_day=900.0) for name, _, kind, *_ in PLACES}
    for kind, count in (("supplier", 12), ("customer", 60)):
        for at in range(count):
            name = f"{kind}-{at}"
            lat, lon = draw.uniform(39, 56), draw.uniform(-5, 22)
            sites[name] = Site(id=name, name=f"{kind.title()} {at}", country="", lat=lat, lon=lon)
            nodes[name] = Node(id=name, site=name, kind=kind, capacity_per_day=200.0)
    zones = _zones()
    conduits = _conduits(zones)
    names = list(zones)
    assets = {}
    for at in range(300):
        zone = zones[names[at % len(names)]]
        kind = TYPES[zone.purdue]
        assets[f"{kind}-{at}"] = Asset(id=f"{kind}-{at}", zone=zone.id, type=kind, vendor="Vendor", address=f"10.0.{at // 200}.{at % 200}")
    products = {f"p-{at}": Product(id=f"p-{at}", name=f"Product {at}", unit="box", value=20.0, margin=5.0) for at in range(6)}
    settings = Settings(name="Staged network", timezone="Europe/Berlin")
    return Network(settings, 3, sites, zones, conduits, assets, {}, nodes, _lanes(draw), products, {}, {})


def _zones() -> dict[str, Zone]:
    zones = {}
    for site, _, kind, *_ in PLACES:
        for level, part in PLANT_LEVELS if kind == "plant" else DC_LEVELS:
            zones[f"{site}-{part}"] = Zone(id=f"{site}-{part}", site=site, purdue=level, criticality=3)
    for at, site in enumerate(("dc-north", "dc-south")):
        zones[f"{site}-robots"] = Zone(id=f"{site}-robots", site=site, purdue=1.0, criticality=2 + at)
    return zones


def _conduits(zones: dict[str, Zone]) -> dict[str, Conduit]:
    names = list(zones)
    pairs = [(a, b) for a, b in pairwise(names) if zones[a].site == zones[b].site]
    pairs += [("plant-a-office", f"{site}-office") for site, *_ in PLACES[1:]]
    return {f"c-{at}": Conduit(id=f"c-{at}", from_zone=a, to_zone=b, protocol="https", port=443) for at, (a, b) in enumerate(pairs)}


def _lanes(draw: random.Random) -> dict[str, Lane]:
    pairs = [(f"supplier-{at}", f"plant-{'abc'[at % 3]}") for at in range(12)]
    pairs += [(plant, centre) for plant in ("plant-a", "plant-b", "plant-c") for centre in ("dc-north", "dc-south", "dc-east", "dc-west")]
    pairs += [(draw.choice(["dc-north", "dc-south", "dc-east", "dc-west"]), f"customer-{at}") for at in range(60)]
    common = {"mode": "road", "carrier": "carrier-1", "capacity_per_day": 300.0, "lead_days_mean": 2.0, "lead_days_sd": 0.5}
    money = {"cost_per_unit": 1.2, "distance_km": 500.0, "gco2e_tkm": 60.0}
    return {
        f"l-{at}": Lane(id=f"l-{at}", origin=start, destination=end, **common, **money)  # type: ignore[arg-type]  # two kinds of value in one dict
        for at, (start, end) in enumerate(pairs)
    }


REROUTED: Final = {"l-12": (120.0, 0.0), "l-16": (80.0, 150.0), "l-20": (0.0, 50.0)}  # lane → usual, now

INCIDENT: Final = Incident(
    id="i-1",
    revision=2,
    opened=START + HOUR,
    updated=START + HOUR + 900 * SECOND,
    status="open",
    title="Set point drifts on plc-4 after a first-seen connection from erp-0",
    severity=0.8,
    p_attack=0.93,
    findings=("f-1", "f-2"),
    entities=("asset:erp-0", "asset:plc-4"),
    zones=("plant-a-office", "plant-a-dmz", "plant-a-line1"),
    sites=("plant-a",),
    suspects=(("asset:plc-4", 0.71), ("zone:plant-a-line1", 0.2), ("asset:erp-0", 0.09)),
    path=(
        ("zone:plant-a-office", "zone:plant-a-dmz", "conduit:c-0"),
        ("zone:plant-a-dmz", "zone:plant-a-line1", ""),
        ("zone:plant-a-line1", "asset:plc-4", ""),
    ),
    techniques=("T0836", "T0859"),
    families=("activity", "telemetry"),
)
OTHER: Final = replace(
    INCIDENT,
    id="i-2",
    title="Unusual hours of work on hmi-15",
    severity=0.2,
    p_attack=0.3,
    findings=(),
    path=(),
    zones=("plant-c-hmi",),
    entities=("asset:hmi-15",),
    suspects=(),
)
FINDINGS: Final = (
    Finding(
        id="f-1",
        time=START + HOUR,
        entity="asset:erp-0",
        detector="first_seen",
        family="activity",
        kind="conversation.first_seen",
        p=1e-5,
        score=11.5,
        why=(("target", 0.7), ("port", 0.3)),
        summary="erp-0 spoke to plc-4 on port 502 for the first time",
        related=("asset:plc-4",),
        evidence=("flows@1882",),
        techniques=("T0859",),
    ),
    Finding(
        id="f-2",
        time=START + HOUR + 600 * SECOND,
        entity="asset:plc-4",
        detector="pattern",
        family="telemetry",
        kind="telemetry.pattern",
        p=2e-6,
        score=13.0,
        why=(("level", 0.62), ("valve", 0.28), ("flow", 0.1)),
        summary="level and valve of plc-4 no longer move together",
        evidence=("historian@99120", "historian@99121"),
        nearest=(START - 30 * HOUR, 3.4),
    ),
)


def _alternative(label: str, actions: tuple[tuple[str, str], ...], late: float, risk: float, mode: str) -> Alternative:
    return Alternative(
        label=label,
        actions=actions,
        orders_late=late,
        orders_late_low=late * 0.6 if late > 20 else late,
        orders_late_high=late * 1.5 if late > 20 else late,
        otif=0.97 - late / 400,
        cost=late * 310.0,
        co2_kg=late * 12.5,
        unmet=late * 2,
        risk=risk,
        expected_loss=late * 310.0 + risk,
        mode=mode,  # type: ignore[arg-type]  # one of the literals below
        reasons=("ot-writes-need-approval",) if mode == "execute_approved" else ("zones-only-suggested",),
    )


PLAN: Final = Plan(
    id="p-1",
    incident="i-1",
    incident_revision=2,
    network_revision=3,
    time=START + HOUR + 910 * SECOND,
    alternatives=(
        _alternative("do_nothing", (), 4.0, 96_000.0, "execute_auto"),
        _alternative("isolate_asset", (("isolate_asset", "asset:plc-4"),), 11.0, 9_000.0, "execute_approved"),
        _alternative("cut_conduits", (("cut_conduit", "conduit:c-0"), ("cut_conduit", "conduit:c-1")), 2.0, 31_000.0, "execute_approved"),
        _alternative("isolate_zone", (("isolate_zone", "zone:plant-a-line1"),), 64.0, 2_000.0, "suggest"),
    ),
    chosen=1,
    mode="execute_approved",
    ttl_s=14_400,
)
ROUTE: Final = RouteView(
    time=PLAN.time + 40 * SECOND,
    network_revision=3,
    moves=(
        Move(node="dc-north", product="p-0", before=(("l-12", 1.0),), after=(("l-16", 0.6), ("l-20", 0.4)), orders=14),
        Move(node="dc-north", product="p-3", before=(("l-12", 0.5), ("l-16", 0.5)), after=(("l-16", 1.0),), orders=4),
    ),
    orders_late=3.0,
    orders_late_without=11.0,
    otif=0.962,
    cost=4_310.0,
    co2_kg=812.0,
    unmet=0.0,
    gap=0.004,
    in_force=True,
)


class Staged:
    """The staged state. `approve` contains plc-4 and re-routes three lanes; `worsen` is something new for an open page to learn of."""

    def __init__(self, observing: bool = False, quiet: bool = False) -> None:
        self.lock = threading.Lock()
        self.version = 1
        self.network = staged_network()
        digests = tuple(f"d-{place}" for place in range(len(PLAN.alternatives)))
        self.decision = Decision(plan=PLAN, status="observing" if observing else "waiting", alternative=1, digests=digests)
        self.stopped = ""
        self.observing = observing
        self.quiet = quiet
        self.verdicts: list[Verdict] = []
        self.words: list[tuple[str, str, str, int, str]] = []
        self.notes: dict[int, str] = {}
        self.force = 2
        self.receipts: list[Receipted] = []
        self.late = 12
        self.retried = False

    def _changed(self) -> None:
        self.version += 1

    def worsen(self) -> None:
        with self.lock:
            self.late += 29
            self._changed()

    @property
    def contained(self) -> bool:
        return self.decision.status == "verified"

    def now(self) -> Now:
        with self.lock:
            return Now(
                time=START + 2 * HOUR,
                speed=1.0,
                observing=self.observing,
                kpis=Kpis(otif=0.961, orders_due=340, orders_late=self.late, otif_without=0.874, orders_late_without=43),
                learning=Learning(entities=300, learnt=234, ready_at=START + 16 * HOUR),
                feeds=(
                    Feed(name="historian", family="telemetry", rows=1_204_331, dead_letters=3, last=START + 2 * HOUR, state="live"),
                    Feed(name="flows", family="activity", rows=88_120, dead_letters=0, last=START + 2 * HOUR, state="live"),
                    Feed(name="erp", family="trade", rows=5_310, dead_letters=0, last=START + HOUR, state="late"),
                ),
                states=() if self.quiet else self._states(),
                flows=self._flows(),
                incidents=() if self.quiet else (self._incident(), OTHER),
                decisions=() if self.quiet else (self.decision,),
            )

    def flows(self) -> FlowsView:
        historian, traffic, erp = self.now().feeds
        pulse = tuple(40 + minute % 7 for minute in range(60))
        stranger = CrossingView(
            source="",
            target="plant-a-line1",
            service="tcp/502",
            conduit="",
            news=True,
            events=3,
            bytes=1800,
            last=START + 2 * HOUR,
            example=("203.0.113.9", "asset:plc-4"),
            minutes=(0,) * 57 + (1, 0, 2),
        )
        usual = CrossingView(
            source="plant-a-ops",
            target="plant-a-line1",
            service="tcp/4840",
            conduit="c-1",
            events=2601,
            bytes=8_120_044,
            last=START + 2 * HOUR,
            example=("asset:scada-1", "asset:plc-4"),
            minutes=pulse,
        )
        unknown = Letters(
            key="k1",
            feed="historian",
            reason="unknown entity asset:plc-99: not in assets.csv",
            count=3,
            newest=START + HOUR,
            sample='{"family":"telemetry","entity":"asset:plc-99"}',
        )
        silent = "The log of erp has been silent for 62 minutes; it usually speaks every 1.0"
        return FlowsView(
            feeds=(
                FeedHealth(feed=erp, trouble=silent, lag_s=12.0),
                FeedHealth(feed=traffic, lag_s=0.4),
                FeedHealth(feed=historian, kind="mqtt", connection="connected", lag_s=0.4),
            ),
            crossings=(stranger, usual),
            letters=() if self.retried else (unknown,),
            letters_in_all=3,
            can_retry=True,
        )

    def closure(self, refs: Sequence[str]) -> Closure:
        late = 3.0 * len(refs)
        return Closure(
            refs=tuple(refs),
            orders_late=late,
            orders_late_low=late,
            orders_late_high=2 * late,
            otif=0.97 - late / 100,
            cost=late * 310,
            co2_kg=0.0,
            unmet=0.0,
            time_to_survive_h=20.0 if refs else -1.0,
        )

    def snapshot(self) -> Snapshot:
        return opening(self.network, START)

    def retry(self, key: str, person: str) -> str:
        with self.lock:
            self.retried = self.retried or key == "k1"
            self._changed()
        return "3 of 3 were given in again."

    def _incident(self) -> Incident:
        return replace(INCIDENT, status="contained" if self.contained else "open")

    def _states(self) -> tuple[ThingState, ...]:
        since = START + HOUR
        odd = [
            ThingState(ref="asset:erp-0", state="abnormal", since=since, note="first-seen connection", incident="i-1"),
            ThingState(ref="asset:hmi-15", state="abnormal", since=since, note="unusual hours", incident="i-2"),
            ThingState(ref="conduit:c-0", state="abnormal", since=since, note="carries the likely path", incident="i-1"),
        ]
        if not self.contained:
            return (*odd, ThingState(ref="asset:plc-4", state="abnormal", since=since, note="level drifts", incident="i-1"))
        held = {"state": "contained", "since": PLAN.time, "until": PLAN.time + 4 * HOUR, "incident": "i-1", "plan": "p-1"}
        return (
            *odd,
            ThingState(ref="asset:plc-4", note="isolated", **held),  # type: ignore[arg-type]  # several kinds of value in one dict
            ThingState(ref="node:plant-a", state="degraded", since=PLAN.time, note="70 % of capacity", incident="i-1"),
        )

    def _flows(self) -> tuple[LaneFlow, ...]:
        return tuple(
            LaneFlow(lane=lane, usual=REROUTED[lane][0], now=REROUTED[lane][1], rerouted=True)
            if self.contained and lane in REROUTED
            else LaneFlow(lane=lane, usual=REROUTED.get(lane, (90.0,))[0], now=REROUTED.get(lane, (90.0,))[0])
            for lane in self.network.lanes
        )

    def incident(self, name: str) -> IncidentView | None:
        if name != "i-1":
            return IncidentView(incident=OTHER, findings=(), timeline=()) if name == "i-2" else None
        at = START + HOUR
        timeline = [
            Entry(time=at, side="cyber", kind="finding", text=FINDINGS[0].summary, ref="asset:erp-0", alarm=True),
            Entry(time=at + 600 * SECOND, side="cyber", kind="finding", text=FINDINGS[1].summary, ref="asset:plc-4", alarm=True),
            Entry(time=at + 700 * SECOND, side="goods", kind="order_late", text="Order o-881 will leave Plant A late", alarm=True),
            Entry(time=PLAN.time, side="cyber", kind="plan", text="Proposed to isolate plc-4", plan="p-1"),
        ]
        if self.contained:
            timeline += [
                Entry(time=PLAN.time + 20 * SECOND, side="person", kind="approval", text=f"Approved by {self.decision.person}", plan="p-1"),
                Entry(time=PLAN.time + 22 * SECOND, side="cyber", kind="receipt", text="plc-4 is isolated, verified"),
                Entry(
                    time=ROUTE.time, side="goods", kind="reroute", text="Goods for Centre North now come from Plants B and C", plan="p-1"
                ),
            ]
        work = Declared(
            ticket="WO-17", text="Calibration of line 2", target="zone:plant-a-line2", starts=at, ends=at + HOUR, approved_by="planner"
        )
        bands = (("asset:plc-4", "level"), ("asset:plc-4", "valve"))
        return IncidentView(
            incident=self._incident(),
            findings=FINDINGS,
            timeline=tuple(timeline),
            decisions=(self.decision,),
            receipts=tuple(self.receipts),
            declared=(work,),
            verdicts=tuple(verdict for verdict in self.verdicts if not verdict.finding),
            judged=self._judged(),
            bands=bands,
        )

    def _judged(self) -> dict[str, str]:
        return {verdict.finding: verdict.verdict for verdict in self.verdicts if verdict.finding}

    def life(self, entity: str) -> LifeView | None:
        name = entity.removeprefix("asset:")
        if name not in self.network.assets:
            return None
        found = tuple(finding for finding in FINDINGS if entity in (finding.entity, *finding.related))
        talks = [("in", "asset:hmi-15", "modbus/502"), ("out", "10.0.0.9", "ntp/123")] if name == "plc-4" else []
        return LifeView(
            entity=entity,
            telemetry="watched for 3 d",
            activity="being learnt: ready in 5 h",
            bands=("level", "valve") if name == "plc-4" else (),
            conversations=tuple(Conversation(direction=d, peer=p, service=s, last=START) for d, p, s in talks),
            findings=found[::-1],
            incident_of={finding.id: "i-1" for finding in found},
            judged=self._judged(),
            **self._baselines(name),
        )

    def _baselines(self, name: str) -> dict[str, Any]:
        if name != "plc-4":
            return {}
        told = {1: "first rows", 2: "after declared work: recipe W4711"}
        versions = tuple(
            Baseline(
                number=number,
                learnt=START + number * HOUR,
                rows=1440,
                why=why,
                note=self.notes.get(number, ""),
                in_force=number == self.force,
            )
            for number, why in reversed(told.items())
        )
        return {
            "baselines": versions,
            "fits": "no longer fits, for 9 h now",
            "next": "by hand, ann: new pump: being learnt, 300 frames of 1440",
        }

    def plan(self, name: str) -> PlanView | None:
        if name != "p-1":
            return None
        policy = (("ot-writes-need-approval", "Anything that touches a controller needs the process owner's approval."),)
        route = ROUTE if self.contained else None
        return PlanView(decision=self.decision, incident=self._incident(), receipts=tuple(self.receipts), route=route, policy=policy)

    def band(self, entity: str, signal: str) -> Band | None:
        if entity != "asset:plc-4" or signal not in {"level", "valve"}:
            return None
        draw = random.Random(signal)
        count, start = 360, START - 4 * HOUR
        mid = [50 + 8 * sin(at / 25) for at in range(count)]
        drift = [max(0.0, at - 300) * 0.35 if signal == "level" else 0.0 for at in range(count)]
        values = [round(m + draw.gauss(0, 1.1) + d, 3) for m, d in zip(mid, drift, strict=True)]
        return Band(
            entity=entity,
            signal=signal,
            times=tuple(start + at * 60 * SECOND for at in range(count)),
            values=tuple(None if at in range(120, 130) else value for at, value in enumerate(values)),
            low=tuple(m - 4 for m in mid),
            mid=tuple(mid),
            high=tuple(m + 4 for m in mid),
            alarms=tuple(at for at in range(count) if values[at] > mid[at] + 4 and signal == "level"),
            unit="%",
            width="99 % of learnt frames",
        )

    def approvals(self) -> tuple[Waiting, ...]:
        with self.lock:
            if self.decision.status != "waiting":
                return ()
            asked = (
                Asked(id="omar", name="Omar", role="operator", contact="+49 30 5550100", time=PLAN.time, on_duty=True),
                Asked(id="olga", name="Olga", role="owner", contact="", time=PLAN.time + 900 * SECOND, on_duty=False),
            )
            until = PLAN.time + 8 * HOUR
            return (Waiting(decision=self.decision, incident=self._incident(), until=until, needed=1, asked=asked),)

    def autonomy(self) -> AutonomyView:
        with self.lock:
            return AutonomyView(
                earned=(
                    Earned(action="isolate_asset", zone="plant-a-line1", right=7, wrong=1, open=0, level=2),
                    Earned(action="disable_identity", zone="", right=3, wrong=0, open=1, level=3),
                ),
                budgets=(
                    Budget(name="Actions in the last hour", held=3, limit=12),
                    Budget(name="Assets isolated now", held=40, limit=40),
                ),
                level=0 if self.observing else 3,
                stopped=self.stopped,
                can_stop=not self.observing,
            )

    def stop(self, person: str, reason: str) -> str:
        with self.lock:
            self.stopped = f"stopped by {person}: {reason}"
            self._changed()
            return ""

    def go_on(self, person: str, reason: str) -> str:
        with self.lock:
            self.stopped = ""
            self._changed()
            return ""

    def approve(self, plan: str, alternative: int, person: str, digest: str) -> str:
        with self.lock:
            if digest != self.decision.digests[alternative]:
                return f"What was approved is not what plan {plan} holds."
            if self.decision.status != "waiting":
                return f"The plan is already {self.decision.status}."
            self.decision = replace(
                self.decision, status="verified", alternative=alternative, person=person, decided=PLAN.time + 20 * SECOND
            )
            self.receipts.append(Receipted(PLAN.time + 22 * SECOND, "e-1", plan, "i-1", "isolate_asset", "asset:plc-4", "verified"))
            self._changed()
            return ""

    def veto(self, plan: str, person: str) -> str:
        with self.lock:
            if self.decision.status != "waiting":
                return f"The plan is already {self.decision.status}."
            self.decision = replace(self.decision, status="vetoed", person=person, decided=PLAN.time + 20 * SECOND)
            self._changed()
            return ""

    def verdict(self, incident: str, person: str, verdict: str, note: str) -> str:
        with self.lock:
            self.verdicts.append(Verdict(START + 2 * HOUR, incident, person, verdict, note))
            self._changed()
            return ""

    def judge(self, finding: str, person: str, verdict: str) -> str:
        with self.lock:
            if finding not in {known.id for known in FINDINGS}:
                return f"there is no finding {finding} in any incident"
            self.verdicts.append(Verdict(START + 2 * HOUR, "i-1", person, verdict, finding=finding))
            self._changed()
            return ""

    def baseline(self, entity: str, person: str, verb: str, version: int, reason: str) -> str:
        with self.lock:
            if version == self.force and verb == "rollback":
                return f"version {version} of {entity} is in force already"
            self.words.append((entity, person, verb, version, reason))
            self.force = version if verb == "rollback" else self.force
            self.notes[version] = f"{verb} by {person}: {reason}"
            self._changed()
            return ""


class StagedAccounts:
    """Two accounts, `vera` (viewer) and `omar` (operator), with fixed passwords."""

    def __init__(self, some: bool = True) -> None:
        self.some = some

    def exists(self) -> bool:
        return self.some

    def role(self, name: str) -> str | None:
        return {"vera": "viewer", "omar": "operator"}.get(name)

    def verify(self, name: str, password: str) -> str | None:
        return {("vera", "look-only-1"): "viewer", ("omar", "may-approve-2"): "operator"}.get((name, password))


if __name__ == "__main__":
    serve(create_app(Staged(), None, secrets.token_bytes(32)), "127.0.0.1", int(sys.argv[1]))
