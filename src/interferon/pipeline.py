"""The main path as code: `step(state, rules, item) -> outputs`, one item of the ordered log in, records and commands out.

Deterministic: no I/O, no clock, no random number; it changes only the state handed to it. Live operation, replay, the demo and a test
are this function with other executors. Batch borders, shards and restarts change nothing in what it returns (docs/architecture.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from interferon import sense
from interferon.correlate import declared, fdr, incidents, suppress
from interferon.correlate.case import IncidentState
from interferon.decide import approval, autonomy, commanded, recovery, repair, restrictions
from interferon.decide import book as ledger
from interferon.decide.plan import again, decide
from interferon.decide.release import ReleaseSettings
from interferon.decide.situation import Ask, Closures, DecideState
from interferon.detect import budget, maintenance, named, shadows, watch
from interferon.detect.settings import Settings
from interferon.model.events import Approval, Baseline, Commanded, Control, Inspected, Receipted, Rerouted, Suppressions, Tick, Verdict
from interferon.model.network import Network
from interferon.model.records import Command, DeadLetter, Finding, Incident, Plan

DAY_US = 86_400_000_000

Output = DeadLetter | Finding | Incident | Plan | Command


@dataclass(frozen=True)
class Rules:
    """What holds between two revisions of the network and of policy; the runtime hands it in, no checkpoint holds it."""

    network: Network
    closures: Closures
    ask: Ask
    portfolios: watch.Portfolios
    observing: bool = True
    earned_level: int = 3
    release: ReleaseSettings = field(default_factory=ReleaseSettings)

    def known(self, ref: str) -> str:
        """'' where an entity may speak, else why its rows are refused."""
        kind, _, name = ref.partition(":")
        tabled = kind in ("asset", "zone", "node", "lane", "partner", "site", "product")
        if tabled and name not in getattr(self.network, f"{kind}s"):
            return f"unknown entity {ref}: not in {kind}s.csv"
        return "" if name else f"entity {ref!r} is no reference; write kind:id, as in asset:plc-1"


@dataclass
class State:
    """All that the main path remembers; plain, for the checkpoint."""

    admission: sense.Admission
    watch: watch.Watch
    incidents: IncidentState
    decisions: DecideState
    book: ledger.Book
    discoveries: fdr.FdrState
    budget: budget.BudgetState
    latest: dict[str, Incident] = field(default_factory=dict)  # newest revision of each incident that is not forgotten
    verdicts: dict[str, str] = field(default_factory=dict)  # incident id → the last one people gave
    routes: dict[str, dict[str, object]] = field(default_factory=dict)  # plan id → re-route that a solver answered
    suppressions: suppress.Entries = ()  # as the newest revision in the log says


def new_state(rules: Rules, settings: Settings, *, shards: int = 1, learn_us: int = DAY_US, width: int = watch.WIDTH) -> State:
    """An empty state. `settings`: of telemetry detection; `learn_us`: how long activity and trade are only learnt."""
    timing = rules.network.settings
    admission = sense.Settings(frame_us=int(timing.frame_s * 1e6), lateness_us=int(timing.lateness_s * 1e6))
    return State(
        admission=sense.new_admission(admission),
        watch=watch.new_watch(rules.network, settings, rules.portfolios, shards=shards, learn_us=learn_us, width=width),
        incidents=incidents.new_state(),
        decisions=DecideState(),
        book=ledger.Book(),
        discoveries=fdr.new_state(),
        budget=budget.new_state(settings.alarms_per_month, settings.p_on),
    )


def step(state: State, rules: Rules, item: "pa.RecordBatch | Control") -> list[Output]:
    """Takes one item of the log; returns what it led to, in order."""
    if isinstance(item, pa.RecordBatch):
        frames, dead = sense.admit(state.admission, item, rules.known)
        return [*dead, *_frames(state, rules, frames)]
    if isinstance(item, Tick):
        return _frames(state, rules, sense.advance(state.admission, item.time)) + _on_time(state, rules, item.time)
    return _control(state, rules, item)


def finish(state: State, rules: Rules) -> list[Output]:
    """The log has ended: judges what is still waiting in open frames."""
    frames, dead = sense.flush(state.admission, rules.known)
    return [*dead, *_frames(state, rules, frames)]


def _frames(state: State, rules: Rules, frames: Sequence[sense.ClosedFrame]) -> list[Output]:
    return [told for frame in frames for told in _judge(state, rules, _observe(state, rules, frame), frame.end)]


def _observe(state: State, rules: Rules, frame: sense.ClosedFrame) -> list[Finding]:
    """Detection in every shard; telemetry alarms must pass the fleet-wide control of false discoveries, then their class's budget."""
    known, bucket = state.admission.entities, (frame.start, frame.end, frame.entities, frame.values)
    restrictions.take(state.book.readings, rules.network, known.index, state.admission.pending.slots, bucket)
    windows = maintenance.announce(state.watch, rules.network, known.index, bucket[:2])
    seen = watch.observe(state.watch, rules.portfolios, known.names, state.admission.pending.slots, bucket, frame.rows)
    for time, announced in windows + [each for each in seen.work if each[1]["ticket"] not in rules.network.maintenance]:
        declared.take(state.incidents.declared, time, **announced)
        if declared.trusted(state.incidents.declared, state.incidents.graph, announced["ticket"]):
            shadows.declare(state.watch, known.index.get(announced["target"], -1), time, announced)
    standing = fdr.admit(state.discoveries, {alarm.entity: alarm.finding for alarm in seen.alarms}, seen.judged, frame.end)
    alarms = {known.index[alarm.entity]: alarm for alarm in standing}
    found = named.by_events(rules.network, seen.findings, frame.rows)
    found += budget.admit(state.budget, alarms, seen.judged, lambda one: rules.network.class_of(known.names[one]), frame.end)
    return sorted(found, key=lambda f: (f.time, f.entity, f.detector, f.kind, f.id))


def _judge(state: State, rules: Rules, findings: Sequence[Finding], now: int) -> list[Output]:
    acted = (ref for one in state.latest.values() if ledger.in_force(state.book, one.id) for ref in one.entities)
    told = suppress.marked(findings, state.suppressions, rules.network, acted)
    found: list[Output] = [*told]
    for incident in incidents.update(state.incidents, rules.network, [one for one in told if not one.suppressed], now):
        found += _decide(state, rules, incident, now)
    return found + _on_time(state, rules, now)


def _decide(state: State, rules: Rules, incident: Incident, now: int) -> list[Output]:
    state.latest[incident.id] = incident
    standing = autonomy.situation(state.book, state.verdicts, rules, now)
    plan = decide(state.decisions, incident, rules.network, rules.closures, rules.ask, standing, now)
    return [incident] if plan is None else [incident, plan, *ledger.enter(state.book, plan, now)]


def may(state: State, rules: Rules, now: int) -> approval.May:
    """Policy and budgets as they stand, about alternatives of plans that were made before."""
    return approval.asking(state.decisions, state.book, state.verdicts, state.latest, rules, now)


def _on_time(state: State, rules: Rules, now: int) -> list[Output]:
    """What happens because time has passed: commands that are over, plans nobody vetoed, containments that may end."""
    found: list[Output] = [*commanded.over(state.book, state.latest, now)]
    found += approval.due(state.decisions, state.book, now, may(state, rules, now))
    for case in again(state.decisions, state.latest.values(), now):
        found += _decide(state, rules, case, now)[1:]  # it itself is no news
    names = dict.fromkeys(effect.incident for effect in state.book.effects.values())
    return found + [told for name in names for told in _release(state, rules, name, now)]


def _release(state: State, rules: Rules, name: str, now: int) -> list[Output]:
    if name not in state.latest:
        return []
    case, verdict = state.latest[name], state.verdicts.get(name, "")
    for undo in (undone := recovery.ready(state.decisions, state.book, state.latest, case, verdict, now, rules.release)):
        incidents.note_released(state.incidents, name, [state.book.effects[effect].target for effect in undo.effects])
    return [ledger.take_back(state.book, undo) for undo in undone]


def _control(state: State, rules: Rules, item: Control) -> list[Output]:
    """A person's word, an executor's receipt or a solver's answer."""
    match item:
        case Approval():
            return [*approval.answered(state.decisions, state.book, item, may(state, rules, item.time))]
        case Verdict():
            if not item.finding:
                state.verdicts[item.incident] = item.verdict
            revised = incidents.verdict(state.incidents, item.incident, item.verdict, item.finding)
            found = _decide(state, rules, revised, item.time) if revised else []
            return found + _release(state, rules, item.incident, item.time)
        case Receipted():
            return _received(state, rules, item)
        case Rerouted():
            state.routes[item.plan] = item.route
        case Suppressions():
            state.suppressions = item.entries
        case Baseline():
            shadows.take(state.watch, state.admission.entities.index.get(item.entity, -1), item)
        case Commanded():
            return [*commanded.heard(state.decisions, state.book, state.verdicts, state.latest, rules, item)]
        case Inspected():
            return [*repair.inspected(state.decisions, state.book, state.verdicts, state.latest, rules, item)]
        case Tick():
            raise AssertionError("ticks move time, they are not for the judge")
    return []


def _received(state: State, rules: Rules, receipt: Receipted) -> list[Output]:
    found: list[Output] = [*ledger.received(state.book, receipt)]
    incident = state.latest.get(receipt.incident)
    if receipt.status == "verified" and receipt.action not in ledger.PUT_RIGHT:
        incident = incidents.note_contained(state.incidents, receipt.incident, [receipt.target], receipt.time)
        if incident is not None:
            state.latest[incident.id] = incident
            found.append(incident)
    if receipt.status == "due" and incident is not None:
        found += commanded.due(state.decisions, state.book, state.latest, incident, receipt, rules.network, rules.release)
    return found
