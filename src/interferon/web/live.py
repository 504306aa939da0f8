"""The screens' `Source` over a running installation: turns its facts into the view structs. Reads under the installation's lock."""

from collections.abc import Callable, Sequence
from typing import Literal

from interferon.decide.approval import digest
from interferon.decide.book import closes
from interferon.detect import stream, telemetry_state
from interferon.detect.baselines import refusal
from interferon.flow.problem import Snapshot
from interferon.flow.reroute import Route
from interferon.model.errors import InputError
from interferon.model.events import Approval, Baseline, Receipted, Switch, Verdict
from interferon.model.network import Network
from interferon.model.records import Closure, Plan
from interferon.runtime.running import Running
from interferon.trust.policy import Policy
from interferon.web import flows, life, respond, returning
from interferon.web.lanes import lane_flows
from interferon.web.timeline import FAILED, declared, timeline
from interferon.web.view import (
    AutonomyView,
    Band,
    Decision,
    Feed,
    FlowsView,
    IncidentView,
    Kpis,
    LaneFlow,
    Learning,
    LifeView,
    Move,
    Now,
    PlanView,
    RouteView,
    Status,
    ThingState,
    Waiting,
)

SHOWN_FOR_US = 48 * 3_600_000_000  # closed incidents leave the queue after this
WORTH = 0.1  # an oddity less likely to be an attack is kept, but nobody is asked to look at it
SILENT_US = 15 * 60_000_000
P99 = 2.576


def _pulse(quiet_us: int, pause_us: int) -> Literal["live", "late", "silent"]:
    """How a feed is that has said nothing for so long: a feed that speaks once a day is not late after a quarter of an hour."""
    usual = max(SILENT_US, 3 * pause_us // 2)
    return "live" if quiet_us < usual else "late" if quiet_us < 4 * usual else "silent"


class LiveSource:
    """`web.view.Source` over `Running`."""

    def __init__(
        self,
        running: Running,
        policy_texts: dict[str, str],
        connections: Callable[[], Sequence[flows.Connection]] = lambda: (),
        outlets: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """`connections`: how each live feed is; `outlets`: those that do not get through, and why."""
        self._run, self._connections, self._outlets = running, connections, outlets
        self._policy = policy_texts  # policy id → what it says, in a line

    @property
    def version(self) -> int:
        return self._run.changed

    @property
    def network(self) -> Network:
        return self._run.rules.network

    # ---- Now

    def now(self) -> Now:
        run = self._run
        with run.lock:
            now = run.clock()
            newest = {plan.incident: plan for plan in run.plans.values()}
            worth = [i for i in run.incidents.values() if i.p_attack >= WORTH or i.id in newest or i.id in run.state.verdicts]
            recent = [i for i in worth if i.status != "closed" or now - i.updated < SHOWN_FOR_US]
            shown = sorted(recent, key=lambda i: (i.status == "closed", -i.p_attack, -i.updated, i.id))
            return Now(
                time=now,
                speed=run.speed,
                observing=run.rules.observing,
                kpis=self._kpis(now),
                learning=self._learning(now),
                feeds=self._feeds(now),
                states=self._states(now),
                flows=self._flows(),
                incidents=tuple(shown),
                decisions=tuple(self._decision(newest[i.id]) for i in shown if i.id in newest),
            )

    def _kpis(self, now: int) -> Kpis:
        due, late = self._run.goods.due(now)
        without = self._run.without(now)
        return Kpis(
            otif=1 - len(late) / due if due else None,
            orders_due=due,
            orders_late=len(late),
            otif_without=without[0] if without else None,
            orders_late_without=without[1] if without else None,
        )

    def _learning(self, now: int) -> Learning:
        total = learnt = lent = 0
        ready = 0
        frame_us = int(self.network.settings.frame_s * 1e6)
        for shard in self._run.state.watch.shards:
            state, members = shard.telemetry, len(shard.members)
            total += members
            watching = state.status[:members] == telemetry_state.WATCHING
            learnt += int(watching.sum())
            lent += int((state.status[:members] == telemetry_state.PROVISIONAL).sum())
            if not watching.all():
                left = state.settings.learn_rows - int(state.rows[:members][~watching].min())
                ready = max(ready, now + max(left, 0) * frame_us)
            young = stream.learning(shard.stream, now)
            total += len(shard.stream.first)
            learnt += len(shard.stream.first) - len(young)
            if young:
                left_share = 1 - min(young.values())
                ready = max(ready, now + int(left_share * shard.stream.settings.learn_us))
        return Learning(entities=total, learnt=learnt, lent=lent, ready_at=ready if learnt < total else 0)

    def _feeds(self, now: int) -> tuple[Feed, ...]:
        run = self._run
        return tuple(
            Feed(
                name=name,
                family=seen.family,
                rows=seen.rows,
                dead_letters=run.dead.get(name, 0),
                last=seen.last,
                state=_pulse(now - seen.last, seen.pause),
            )
            for name, seen in sorted(run.feeds.items())
        )

    def _states(self, now: int) -> tuple[ThingState, ...]:
        run = self._run
        found = returning.back(run, now)
        for incident in run.incidents.values():
            if incident.status == "open" and incident.p_attack >= 0.3:
                for ref in incident.entities:
                    found[ref] = ThingState(ref=ref, state="abnormal", since=incident.opened, note=incident.title, incident=incident.id)
        for effect in run.state.book.effects.values():
            if effect.status in ("verified", "due", "escalated", "undoing") and closes(effect):
                plan = run.plans.get(effect.plan)
                until = effect.told + plan.ttl_s * 1_000_000 if plan and plan.ttl_s else 0
                asked = f"by plan {plan.id}" if plan else "by a playbook"
                note = f"{effect.action.replace('_', ' ')} {asked}{returning.checking(run, effect.target, now)}"
                found[effect.target] = ThingState(
                    ref=effect.target,
                    state="contained",
                    since=effect.since,
                    until=until,
                    note=note,
                    incident=effect.incident,
                    plan=plan.id if plan else "",  # what a playbook did has no plan that could be shown
                )
        return tuple(found[ref] for ref in sorted(found))

    def _flows(self) -> tuple[LaneFlow, ...]:
        base = self._run.base
        return lane_flows(base, self._route_in_force() or base, self.network) if base else ()

    def _route_in_force(self) -> Route | None:
        routes = list(self._run.routes.values())
        return routes[-1][1] if routes else None

    # ---- Flows

    def flows(self) -> FlowsView:
        with self._run.lock:
            return flows.view(self._run, self._feeds(self._run.clock()), self._connections(), self._outlets())

    def retry(self, key: str, person: str) -> str:
        with self._run.lock:
            high = self._run.state.admission.high.get(flows.AGAIN, -1)
            return flows.retried(self._run, key, high + 1)

    # ---- Approvals, Autonomy

    def approvals(self) -> tuple[Waiting, ...]:
        run = self._run
        with run.lock:
            newest = {plan.incident: plan for plan in run.plans.values()}
            return respond.waiting(run, [self._decision(plan) for plan in newest.values()])

    def autonomy(self) -> AutonomyView:
        beyond = self._run.beyond()
        with self._run.lock:
            return respond.autonomy(self._run, beyond)

    # ---- what if

    def closure(self, refs: Sequence[str]) -> Closure:
        return self._run.rules.closures.value(refs)

    def snapshot(self) -> Snapshot:
        with self._run.lock:
            return self._run.snapshot()

    # ---- one plan

    def _decision(self, plan: Plan) -> Decision:
        run = self._run
        carried = run.state.book.carried.get(plan.id)
        answers = [answer for answer in run.approvals if answer.plan == plan.id]
        person, decided = (answers[-1].person, answers[-1].time) if answers else ("", 0)
        receipts = self._receipts(plan)
        failed = [receipt.detail for receipt in receipts if receipt.status in FAILED]
        return Decision(
            plan=plan,
            status=self._status(plan, carried, receipts),
            alternative=plan.chosen if carried is None else carried,
            person=person,
            decided=decided or (receipts[0].time if receipts else 0),
            note=failed[0] if failed else run.state.book.lapsed.get(plan.id, ""),
            digests=tuple(digest(plan, place) for place in range(len(plan.alternatives))),
            given=run.state.book.given.get(plan.id, {}).get(digest(plan, plan.chosen), ()) if carried is None else (),
        )

    def _status(self, plan: Plan, carried: int | None, receipts: list[Receipted]) -> Status:
        if plan.would:
            return "observing"
        if carried is not None:
            now = {receipt.effect: receipt.status for receipt in receipts}
            if any(status in FAILED for status in now.values()):
                return "failed"
            if now and all(status == "undone" for status in now.values()):
                return "undone"
            return "verified" if now and all(status in ("verified", "due") for status in now.values()) else "running"
        if plan.id in self._run.state.book.vetoed:
            return "vetoed"
        if [other for other in self._run.plans.values() if other.incident == plan.incident][-1].id != plan.id:
            return "superseded"
        if plan.id in self._run.state.book.waiting:
            return "veto"
        if plan.id not in self._run.state.book.lapsed and plan.mode not in ("execute_approved", "execute_approved_by_two"):
            return "suggested"
        return "waiting" if self._run.clock() <= plan.approve_until else "lapsed"

    def _receipts(self, plan: Plan) -> list[Receipted]:
        return [receipt for receipt in self._run.receipts if receipt.plan == plan.id]

    def plan(self, name: str) -> PlanView | None:
        run = self._run
        with run.lock:
            plan = run.plans.get(name)
            if plan is None:
                return None
            named = {reason for alternative in plan.alternatives for reason in alternative.reasons}
            return PlanView(
                decision=self._decision(plan),
                incident=run.incidents[plan.incident],
                receipts=tuple(self._receipts(plan)),
                route=self._route(plan),
                policy=tuple((reason, self._policy.get(reason, "")) for reason in sorted(named)),
            )

    def _route(self, plan: Plan) -> RouteView | None:
        if plan.id not in self._run.routes:
            return None
        time, route = self._run.routes[plan.id]
        if not route.moved:  # goods go as usual: the figures of a route nobody changed say nothing about this plan
            return None
        before = self._run.base.sourcing if self._run.base else {}
        moves = tuple(
            Move(
                node=move.destination,
                product=move.product,
                before=before.get((move.destination, move.product), ()),
                after=route.sourcing.get((move.destination, move.product), ()),
                orders=move.orders,
            )
            for move in route.moved
        )
        return RouteView(
            time=time,
            network_revision=plan.network_revision,
            moves=moves,
            orders_late=route.orders_late,
            orders_late_without=route.orders_late_kept,
            otif=route.otif,
            cost=route.cost - route.cost_kept,
            co2_kg=route.co2_kg - route.co2_kg_kept,
            unmet=route.unmet,
            in_force=self._route_in_force() is route,
        )

    # ---- one incident

    def incident(self, name: str) -> IncidentView | None:
        run = self._run
        with run.lock:
            incident = run.incidents.get(name)
            if incident is None:
                return None
            findings = sorted((run.findings[f] for f in incident.findings if f in run.findings), key=lambda f: (f.time, f.id))
            plans = [plan for plan in run.plans.values() if plan.incident == name]
            receipts = [receipt for receipt in run.receipts if receipt.incident == name]
            verdicts = [verdict for verdict in run.verdicts if verdict.incident == name and not verdict.finding]
            return IncidentView(
                incident=incident,
                findings=tuple(findings),
                timeline=tuple(sorted(timeline(run, incident, findings, plans, receipts, verdicts), key=lambda entry: entry.time)),
                decisions=tuple(self._decision(plan) for plan in plans),
                receipts=tuple(receipts),
                declared=declared(findings),
                verdicts=tuple(verdicts),
                judged=life.judged(run, findings),
                returning=returning.returning(run, name, run.clock()),
                bands=tuple(dict.fromkeys((f.entity, signal) for f in findings if f.family == "telemetry" for signal, _ in f.why[:3])),
            )

    # ---- one entity

    def life(self, entity: str) -> LifeView | None:
        with self._run.lock:
            return life.life(self._run, entity)

    def band(self, entity: str, signal: str) -> Band | None:
        run = self._run
        with run.lock:
            series = run.series(entity, signal)
            alarms = [f.time for f in run.findings.values() if f.entity == entity and f.family == "telemetry"]
            limits = self._limits(entity, signal)
        if not series:
            return None
        step = max(1, len(series) // 1500)
        series = series[::step]
        times = tuple(time for time, _ in series)
        low, mid, high = limits if limits else (None, None, None)
        marked = [index for index, time in enumerate(times) if any(0 <= alarm - time < step * 60_000_000 for alarm in alarms)]
        n = len(times)
        return Band(
            entity=entity,
            signal=signal,
            times=times,
            values=tuple(value for _, value in series),
            low=(low,) * n,
            mid=(mid,) * n,
            high=(high,) * n,
            alarms=tuple(marked),
            width="99 % of learnt readings of this signal alone" if limits else "not learnt yet",
        )

    def _limits(self, entity: str, signal: str) -> tuple[float, float, float] | None:
        state = self._run.state
        whole = state.admission.entities.index.get(entity)
        if whole is None or whole >= len(state.watch.home) or signal not in state.admission.pending.slots[whole]:
            return None
        slot, shard = state.admission.pending.slots[whole].index(signal), state.watch.shards[state.watch.home[whole]].telemetry
        local = int(state.watch.local[whole])
        if local >= len(shard.status) or shard.status[local] != telemetry_state.WATCHING or slot >= shard.signals:
            return None
        spread = float(shard.spread[local, slot])
        mid = float(shard.centre[local, slot]) + float(shard.shift[local, slot]) * spread
        return mid - P99 * spread, mid, mid + P99 * spread

    # ---- a person's word

    def approve(self, plan: str, alternative: int, person: str, digest: str) -> str:
        return self._answer(plan, alternative, person, approved=True, digest=digest)

    def veto(self, plan: str, person: str) -> str:
        return self._answer(plan, 0, person, approved=False)

    def _answer(self, plan: str, alternative: int, person: str, *, approved: bool, digest: str = "") -> str:
        run = self._run
        with run.lock:
            word = Approval(run.clock(), plan, person, alternative, approved, digest)
            why = run.refusal(word)
            if not why:
                run.say(word)
            return why

    def stop(self, person: str, reason: str) -> str:
        return self._switched(Switch(self._run.clock(), person, True, reason))

    def go_on(self, person: str, reason: str) -> str:
        return self._switched(Switch(self._run.clock(), person, False, reason))

    def _switched(self, word: Switch) -> str:
        """At once, without waiting for the pipeline: only the record of it goes that way."""
        run = self._run
        if run.switch is None:
            return "nothing is carried out here: there is nothing to stop"
        try:
            run.switch.set(word)
        except (InputError, OSError) as error:
            return f"the kill switch cannot be set: {error}"
        run.say(word)
        return ""

    def verdict(self, incident: str, person: str, verdict: str, note: str) -> str:
        run = self._run
        with run.lock:
            if incident not in run.incidents:
                return f"there is no incident {incident}"
            if verdict not in ("attack", "benign", "unsure"):
                return f"a verdict is attack, benign or unsure, not {verdict!r}"
            run.say(Verdict(time=run.clock(), incident=incident, person=person, verdict=verdict, note=note))
            return ""

    def judge(self, finding: str, person: str, verdict: str) -> str:
        run = self._run
        with run.lock:
            told = run.findings.get(finding)
            incident = life.incidents_of(run, [told]).get(finding, "") if told is not None else ""
            if not incident:
                return f"there is no finding {finding} in any incident"
            run.say(Verdict(time=run.clock(), incident=incident, person=person, verdict=verdict, finding=finding))
            return ""

    def baseline(self, entity: str, person: str, verb: str, version: int, reason: str) -> str:
        run = self._run
        with run.lock:
            word = Baseline(run.clock(), entity, person, verb, version, reason)
            refused = refusal(run.state.watch.lives, run.state.admission.entities.index.get(entity, -1), word)
            if not refused:
                run.say(word)
            return refused


def policy_lines(policy: Policy) -> dict[str, str]:
    """Policy id → where it stands, e.g. `demo.cedar:5`."""
    return {rule.id: f"{rule.effect} in {rule.file}:{rule.line}" for rule in policy.rules}
