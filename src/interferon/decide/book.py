"""What was planned, what waits for a person and what is in force: the judge's book. Called by the pipeline. Pure; the state is plain.

Everything here follows from plans, approvals and receipts in the log, so a replay of the log gives the same book.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from interferon.decide.commands import execute, solve
from interferon.decide.release import InForce, Renewal
from interferon.decide.restrictions import Reading, Signal
from interferon.decide.settings import CLASSES, HOUR_US, TTL_H
from interferon.decide.situation import CLOSING, Situation, Under
from interferon.model.effects import State
from interferon.model.events import Commanded, Inspected, Receipted
from interferon.model.network import Network
from interferon.model.records import Execute, Plan, Solve, Undo

IN_FORCE: Final = frozenset({State.VERIFIED, State.DUE, State.UNDOING, State.ESCALATED, State.ORPHAN})
SHOWN: Final = frozenset({State.VERIFIED, State.DUE})  # the world has shown it, and nobody takes it back
ASKED: Final = "asked"  # commanded, no receipt yet
PUT_RIGHT: Final = frozenset({"roll_back_config", "roll_back_setpoint"})
"""Actions that shut nothing off: taking them back would bring back what the attacker had set. Only a benign verdict, or a person, does."""
FINAL: Final = frozenset(name for name, known in CLASSES.items() if known.kind == "irreversible")
"""Actions that nothing brings back."""
UNPLANNED_H: Final = 4.0  # hours for which an effect is renewed that a person asked for and no plan proposes
DAY_US: Final = 24 * HOUR_US


class Standing(msgspec.Struct, frozen=True):
    """One effect, as far as receipts have told."""

    plan: str
    incident: str
    action: str
    target: str
    status: str
    since: int  # of being asked for, and then of being in force or of having ended; renewing it changes nothing
    orders_late: float
    told: int = 0  # time of the newest receipt


@dataclass
class Book:
    """Plans by id, plans that start by themselves unless vetoed, and effects by id."""

    plans: dict[str, Plan] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  # plan id → when it starts unless vetoed
    effects: dict[str, Standing] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)  # times of actions in the last hour
    carried: dict[str, int] = field(default_factory=dict)  # plan id → alternative that was commanded
    given: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)  # plan id → digest approved → by whom
    vetoed: set[str] = field(default_factory=set)  # plans that a person said no to
    returned: dict[str, int] = field(default_factory=dict)  # reference → since when it is back after a containment
    readings: dict[Signal, Reading] = field(default_factory=dict)  # newest ones of the signals that interlocks look at
    lapsed: dict[str, str] = field(default_factory=dict)  # plan id → why it did not start when its time for a veto was over
    inspected: dict[str, Inspected] = field(default_factory=dict)  # reference → what was last seen of it before its return
    offered: dict[str, tuple[str, str]] = field(default_factory=dict)  # reference → the plan against its drift, and what had drifted
    asked: dict[str, Commanded] = field(default_factory=dict)  # incident id → the producer's command that it is of


def situation(book: Book, under: Under, now: int) -> Situation:
    """Which containments stand, and what is left of the budgets."""
    network = under.network
    budgets = network.settings.budgets
    standing = [effect for effect in book.effects.values() if stands(effect)]
    assets = sum(_assets(network, effect) for effect in standing)
    late = sum(effect.orders_late for effect in book.effects.values() if now - effect.since < DAY_US)
    book.started = [at for at in book.started if now - at < HOUR_US]
    return Situation(
        observing=under.observing,
        earned_level=under.earned_level,
        actions_left=max(budgets.actions_per_hour - len(book.started), 0),
        assets_left=max(budgets.isolated_assets - assets, 0),
        orders_left=max(int(budgets.orders_late_per_day - late), 0),
        readings=book.readings,
        in_force=tuple(sorted({(effect.action, effect.target) for effect in standing})),
        frozen=frozenset(effect.target for effect in standing if effect.action == "freeze_process" and effect.status in SHOWN),
    )


def under_command(book: Book, incident: str, standing: Situation) -> Situation:
    """How things stand for a producer's command: no more is done on its word than its token allows, and policy hears whose it is."""
    asked = book.asked.get(incident)
    if asked is None:
        return standing
    return msgspec.structs.replace(standing, earned_level=min(standing.earned_level, asked.level), asked_by=asked.producer)


def lasting_s(book: Book, plan: Plan, now: int) -> int:
    """Seconds from now until the plan's effects are decided again: never beyond the end that a producer told."""
    asked = book.asked.get(plan.incident)
    if asked is None or not asked.ends:
        return plan.ttl_s
    return min(plan.ttl_s, max(1, -((now - asked.ends) // 1_000_000)))


def _assets(network: Network, effect: Standing) -> int:
    kind, _, name = effect.target.partition(":")
    if effect.action == "isolate_zone":
        return len(network.assets_in.get(name, ()))
    return int(effect.action in ("isolate_asset", "fail_over") and kind == "asset")


def enter(book: Book, plan: Plan, now: int) -> list[Execute | Undo | Solve]:
    """Takes in a new plan; commands what policy lets happen at once. A newer plan of the incident ends the wait of an older one."""
    for name in [name for name in book.waiting if book.plans[name].incident == plan.incident]:
        del book.waiting[name]
    book.plans[plan.id] = plan
    if plan.would or not plan.alternatives[plan.chosen].actions:
        return []
    if plan.mode == "execute_auto":
        return carry_out(book, plan, plan.chosen, "execute_auto", now)
    if plan.mode == "execute_unless_vetoed":
        book.waiting[plan.id] = plan.veto_until
    return []


def carry_out(book: Book, plan: Plan, alternative: int, mode: str, now: int) -> list[Execute | Undo | Solve]:
    """Commands one alternative: its effects, and a re-route around what it closes."""
    book.waiting.pop(plan.id, None)
    book.carried[plan.id] = alternative
    command = execute(plan, alternative, mode, now, lasting_s(book, plan, now))
    if command is None:
        return []
    late = plan.alternatives[alternative].orders_late
    for name, action, target, _ in command.effects:
        book.effects[name] = Standing(plan.id, plan.incident, action, target, ASKED, now, late)
        book.started.append(now)
        late = 0.0  # the plan's cost counts once
    reroute = solve(plan, ((e.action, e.target) for e in book.effects.values() if stands(e)), now)
    return [command] if reroute is None else [command, reroute]


def stands(effect: Standing) -> bool:
    """Whether the effect is in force or on its way. What nothing brings back has happened once its time is over: what returns is new."""
    if effect.action in FINAL and effect.status in (State.DUE, State.ESCALATED):
        return False
    return effect.status == ASKED or effect.status in IN_FORCE


def closes(effect: Standing) -> bool:
    """Whether it keeps its target contained, or is on its way to."""
    return stands(effect) and effect.action not in PUT_RIGHT


def received(book: Book, receipt: Receipted) -> list[Undo | Solve]:
    """Notes how an effect stands. Once the last one that was being taken back has been looked at, the goods' way is asked for anew.

    Once a process has ended nothing of it stands still any more: what froze it is taken back.
    """
    known = book.effects.get(receipt.effect)
    if receipt.status == State.UNDONE and receipt.target in book.returned and receipt.action not in PUT_RIGHT:
        book.returned[receipt.target] = receipt.time
    if receipt.status == State.VERIFIED and receipt.action not in PUT_RIGHT:
        book.returned.pop(receipt.target, None)  # contained again
    if receipt.status == State.VERIFIED or receipt.action in PUT_RIGHT:
        _unseen(book, receipt.target)  # contained again, or another configuration than the one that was seen
    late = known.orders_late if known else 0.0
    stayed = known is not None and known.status in IN_FORCE and receipt.status in IN_FORCE
    since = known.since if known is not None and stayed else receipt.time
    book.effects[receipt.effect] = Standing(
        receipt.plan, receipt.incident, receipt.action, receipt.target, receipt.status, since, late, receipt.time
    )
    if receipt.action == "kill_process" and receipt.status == State.VERIFIED and not stayed:
        return [*_thawed(book, receipt)]
    if known is None or known.status != State.UNDOING or receipt.status == State.UNDOING:
        return []
    if any(e.plan == receipt.plan and e.status == State.UNDOING for e in book.effects.values()):
        return []
    closed = {e.target for e in book.effects.values() if e.action in CLOSING and stands(e)}
    return [Solve(time=receipt.time, plan=receipt.plan, closed=tuple(sorted(closed)))]


def _thawed(book: Book, receipt: Receipted) -> list[Undo]:
    frozen = [
        (name, effect)
        for name, effect in book.effects.items()
        if (effect.action, effect.target) == ("freeze_process", receipt.target) and effect.status in SHOWN
    ]
    return [
        take_back(book, Undo(receipt.time, each.plan, each.incident, (name,), f"{receipt.target} has been ended")) for name, each in frozen
    ]


def _unseen(book: Book, ref: str) -> None:
    """What was seen of a thing, or of one in it, counts no more."""
    for name in [name for name, seen in book.inspected.items() if ref in (name, *(check.ref for check in seen.checks))]:
        del book.inspected[name]


def in_force(book: Book, incident: str) -> list[InForce]:
    """The effects of an incident that receipts say are in force."""
    return [
        InForce(effect=name, plan=e.plan, act=(e.action, e.target), since=e.since)
        for name, e in book.effects.items()
        if e.incident == incident and e.status in (State.VERIFIED, State.DUE, State.ESCALATED)
    ]


def ttl_s(book: Book, of: Renewal, now: int) -> int:
    """Seconds for which effects in force are renewed: the rest of their plan's time, or their actions' where a person asked for them."""
    plan = book.plans.get(of.plan)
    if plan is not None:
        return lasting_s(book, plan, now)
    return int(min(TTL_H.get(book.effects[name].action, UNPLANNED_H) for name in of.effects) * 3600)


def take_back(book: Book, undo: Undo) -> Undo:
    """Notes that effects are being taken back. The thing comes back first, the goods' way after it: see `received`."""
    for name in undo.effects:
        book.effects[name] = msgspec.structs.replace(book.effects[name], status=str(State.UNDOING))
    return undo
