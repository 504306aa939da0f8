"""What the screens *Approvals* and *Autonomy* show of a running installation. Called by `live` under the installation's lock."""

from collections.abc import Iterable

from interferon.act.roster import Rung, ladder
from interferon.decide import autonomy as earned
from interferon.decide.approval import BY_PEOPLE, needed
from interferon.model.network import Network
from interferon.pipeline import may
from interferon.runtime.running import Running
from interferon.web.view import Asked, AutonomyView, Budget, Decision, Earned, Waiting

MINUTE_US = 60_000_000


def waiting(run: Running, decisions: Iterable[Decision]) -> tuple[Waiting, ...]:
    """The decisions that wait for people, the most urgent first."""
    found = [_waiting(run, decision) for decision in decisions if decision.status in ("waiting", "veto")]
    return tuple(sorted(found, key=lambda one: (one.decision.status != "veto", one.until, one.decision.plan.id)))


def _waiting(run: Running, decision: Decision) -> Waiting:
    plan, network, now = decision.plan, run.rules.network, run.clock()
    targets = [target for _, target in plan.alternatives[plan.chosen].actions]
    allowed = may(run.state, run.rules, now)(plan, plan.chosen)
    rungs = ladder(network, targets, plan.time, int(network.settings.approvals.escalate_minutes * MINUTE_US))
    return Waiting(
        decision=decision,
        incident=run.incidents[plan.incident],
        until=plan.veto_until if decision.status == "veto" else plan.approve_until,
        needed=needed(allowed.mode),
        held="" if allowed.mode in BY_PEOPLE else "; ".join(allowed.reasons) or "no policy allows it",
        asked=tuple(one for rung in rungs for one in _asked(rung, network)),
    )


def _asked(rung: Rung, network: Network) -> list[Asked]:
    people = [network.people[name] for name in rung.people if name in network.people]
    return [Asked(id=one.id, name=one.name, role=rung.role, contact=one.contact, time=rung.time, on_duty=rung.on_duty) for one in people]


def autonomy(run: Running, beyond: str) -> AutonomyView:
    """Records, budgets and the kill switch; `beyond`: what else keeps effects from beginning."""
    state, under, now = run.state, run.rules, run.clock()
    records = earned.records(state.book, state.verdicts, under.network).values()
    rows = [
        Earned(
            action=one.action,
            zone=one.zone,
            right=one.right,
            wrong=one.wrong,
            open=one.open,
            level=min(one.level, under.earned_level),
        )
        for one in records
    ]
    return AutonomyView(
        earned=tuple(sorted(rows, key=lambda row: (row.level, row.action, row.zone))),
        budgets=_budgets(run, now),
        level=0 if under.observing else under.earned_level,
        stopped=run.switch.engaged() if run.switch else "",
        beyond=beyond,
        can_stop=run.switch is not None,
    )


def _budgets(run: Running, now: int) -> tuple[Budget, ...]:
    """What is taken from each budget, as deciding counts it."""
    limits = run.rules.network.settings.budgets
    left = earned.situation(run.state.book, run.state.verdicts, run.rules, now)
    return (
        Budget(name="Actions in the last hour", held=limits.actions_per_hour - left.actions_left, limit=limits.actions_per_hour),
        Budget(name="Assets isolated now", held=limits.isolated_assets - left.assets_left, limit=limits.isolated_assets),
        Budget(
            name="Orders that containments of the last day make late",
            held=limits.orders_late_per_day - left.orders_left,
            limit=limits.orders_late_per_day,
        ),
    )
