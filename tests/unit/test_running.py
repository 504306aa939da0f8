"""What a running installation keeps for its screens: everything told, feeds counted, the last day of telemetry."""

import pytest

from interferon.decide.approval import yes
from interferon.flow.problem import Snapshot
from interferon.flow.reroute import to_dict
from interferon.model.errors import InputError
from interferon.model.events import Approval, Receipted, Rerouted, Tick, Verdict
from interferon.model.records import DeadLetter, Finding, Incident, Plan, Solve, Undo
from interferon.runtime.installation import opening_time
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.recent import DAY_US
from interferon.runtime.running import Running
from interferon.store.examples import START

from .attacked import HOUR, MINUTE, always, attack, fresh, ground, readings, rules, trade


@pytest.fixture
def run() -> Running:
    """An installation that saw the attack and waits for a person."""
    under = rules(always("execute_approved"))
    state = fresh(under)
    run = Running(under, state, ground()[2], clock=lambda: START + HOUR, say=lambda word: None)
    loop = Loop(state, under, hooks=Hooks(see=run.see, heard=run.hear, sink=run.take))
    loop.feed(attack())
    loop.finish()
    return run


def test_findings_incidents_and_plans_are_kept_by_id(run: Running) -> None:
    (incident,), (plan,) = run.incidents.values(), run.plans.values()
    assert set(incident.findings) == set(run.findings)
    assert plan.incident == incident.id
    assert all(isinstance(one, Finding) for one in run.findings.values())
    assert isinstance(incident, Incident)
    assert isinstance(plan, Plan)


def test_every_word_and_receipt_is_kept_in_order_and_counts_as_a_change(run: Running) -> None:
    before = run.changed
    agreed = Approval(time=START, plan="p", person="ann", alternative=0, approved=True)
    no = Approval(time=START + 1, plan="p", person="ann", alternative=0, approved=False)
    judged = Verdict(time=START, incident="i", person="ann", verdict="unsure")
    receipt = Receipted(START, "e", "p", "i", "isolate_asset", "asset:srv-1", "verified")
    for one in (agreed, judged, receipt, no):
        run.hear(one)
    assert (run.approvals, run.verdicts, run.receipts) == ([agreed, no], [judged], [receipt])
    assert run.changed == before + 4


def test_a_plan_begins_now_or_where_the_tables_begin_or_with_the_books(run: Running) -> None:
    """Tables whose orders are all promised before now would leave nothing to plan."""
    now = run.snapshot()
    assert (now.now, bool(now.open_orders)) == (START + HOUR, True)
    run.clock = lambda: START + 400 * DAY_US
    then = run.snapshot()
    assert (then.now, bool(then.open_orders)) == (opening_time(run.rules.network), True)
    run.books = lambda time: Snapshot(time, {}, ())
    assert run.snapshot() == Snapshot(START + 400 * DAY_US, {}, ())


def test_a_tick_is_no_change(run: Running) -> None:
    before = run.changed
    run.hear(Tick(time=START + HOUR))
    assert run.changed == before


def test_a_route_is_kept_with_the_time_of_its_answer(run: Running) -> None:
    base = ground()[2]
    run.hear(Rerouted(time=START + MINUTE, plan="p", route=to_dict(base)))
    assert run.routes == {"p": (START + MINUTE, base)}


def test_what_is_no_route_is_refused(run: Running) -> None:
    with pytest.raises(InputError, match="not a route"):
        run.hear(Rerouted(time=START, plan="p", route={"a": 1}))


def test_dead_letters_are_counted_by_feed_and_undos_are_kept(run: Running) -> None:
    for offset in range(3):
        run.take(DeadLetter(feed="edr", offset=offset, time=0, family="", entity="", reason="no event"))
    undo = Undo(START, "p", "i", ("e",), "judged benign")
    run.take(undo)
    run.take(Solve(START, "p", ()))
    assert (run.dead, run.undone) == ({"edr": 3}, [undo])


def test_feeds_are_counted_over_batches_and_the_newest_row_wins(run: Running) -> None:
    run.see(readings("asset:plc-1", [1.0, 2.0]))
    run.see(readings("asset:plc-1", [3.0], START - HOUR, first=2))
    assert (run.feeds["edr"].family, run.feeds["edr"].rows) == ("activity", 3)
    historian = run.feeds["historian"]
    assert (historian.family, historian.rows, historian.last) == ("telemetry", 3, START + MINUTE)


def test_an_empty_batch_leaves_no_trace(run: Running) -> None:
    before = set(run.feeds)
    run.see(readings("asset:plc-1", []))
    assert set(run.feeds) == before
    assert not run.recent.parts


def test_trade_goes_to_the_goods(run: Running) -> None:
    order = {"kind": "order.placed", "order": "o-1", "product": "p", "destination": "cust-1", "quantity": 5.0}
    run.see(trade({"time": START, "promised": START + MINUTE, **order}))
    assert run.goods.due(START + HOUR)[0] == 1


def test_a_series_holds_one_signal_of_one_entity_over_the_last_day_by_time(run: Running) -> None:
    run.see(readings("asset:plc-1", [9.0], START - DAY_US))
    run.see(readings("asset:plc-1", [3.0, None], START + 2 * MINUTE, first=1))
    run.see(readings("asset:plc-1", [1.0, 2.0], START, first=3))
    run.see(readings("asset:plc-2", [7.0], START, first=5))
    run.see(readings("asset:plc-1", [8.0], START, signal="flow", first=6))
    minutes = [START + minute * MINUTE for minute in range(4)]
    assert run.series("asset:plc-1", "level") == list(zip(minutes, [1.0, 2.0, 3.0, None], strict=True))
    assert run.series("asset:plc-1", "flow") == [(START, 8.0)]
    assert run.series("asset:plc-1", "none") == []
    run.see(readings("asset:plc-1", [4.0], START + 4 * MINUTE, first=7))
    run.recent.parts = [run.recent.parts[0], *run.recent.parts[2:]]
    assert run.series("asset:plc-1", "level") == [(START, 1.0), (START + MINUTE, 2.0), (START + 4 * MINUTE, 4.0)]
    assert run.series("asset:plc-2", "level") == [(START, 7.0)]


@pytest.mark.parametrize(("plan", "alternative", "why"), [("none", 0, "there is no plan none"), ("", 99, "has no alternative 99")])
def test_a_word_that_cannot_be_taken_is_refused_with_the_reason(run: Running, plan: str, alternative: int, why: str) -> None:
    name = plan or next(iter(run.plans))
    refusal = run.refusal(Approval(time=START, plan=name, person="ann", alternative=alternative, approved=True))
    assert why in refusal


def test_a_word_that_can_be_taken_is_not_refused(run: Running) -> None:
    (plan,) = run.plans.values()
    assert run.refusal(yes(plan, plan.chosen, "ann", START)) == ""
