"""The screens' facts over a small installation: how far a plan is, what stands, timelines, what-ifs, and which words are refused."""

from dataclasses import replace

import msgspec
import pytest

from interferon.decide.approval import digest, yes
from interferon.detect.settings import LIVE
from interferon.flow.reroute import Move, Route, to_dict
from interferon.model.events import Approval, Receipted, Rerouted, Tick, Verdict
from interferon.model.records import DeadLetter, Plan
from interferon.store.examples import START
from interferon.trust.policy import builtin_policy
from interferon.web import tables
from interferon.web.live import policy_lines
from interferon.web.view import RouteView

from .attacked import HOUR, MINUTE, always, attack, ground, readings, trade
from .showing import Shown, answer, finding, shown

# ---- how far a plan is


@pytest.mark.parametrize(
    ("mode", "status"),
    [("execute_auto", "running"), ("execute_unless_vetoed", "veto"), ("execute_approved", "waiting"), ("suggest", "suggested")],
)
def test_a_new_plan_stands_as_policy_lets_it(mode: str, status: str) -> None:
    one = shown(always(mode))
    one.attacked()
    assert one.status() == status


def test_an_observing_installation_only_shows_what_it_would_do() -> None:
    one = shown(observing=True)
    plan = one.attacked()
    assert one.status() == "observing"
    assert one.source.now().observing
    assert one.source.approve(plan.id, plan.chosen, "ann", digest(plan, plan.chosen)).startswith("this installation only observes")
    assert one.said == []


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (("applied",), "running"),
        (("verified",), "verified"),
        (("verified", "due"), "verified"),
        (("failed",), "failed"),
        (("refused",), "failed"),
        (("verified", "escalated"), "failed"),
        (("verified", "undone"), "undone"),
    ],
)
def test_a_carried_plan_stands_as_its_receipts_say(told: tuple[str, ...], status: str) -> None:
    one = shown()
    one.attacked()
    one.tell(*told, detail="the switch said so")
    assert one.status() == status
    view = one.source.plan(one.plan.id)
    assert view is not None
    assert view.decision.note == ("the switch said so" if status == "failed" else "")
    assert view.decision.decided == view.receipts[0].time


def test_a_vetoed_plan_tells_who_and_when() -> None:
    one = shown(always("execute_unless_vetoed"))
    no = answer(one.attacked(), approved=False)
    one.loop.feed(no)
    (decision,) = one.source.now().decisions
    assert (decision.status, decision.person, decision.decided) == ("vetoed", "ann", no.time)


def test_a_later_plan_of_the_incident_replaces_the_one_before() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    one.run.take(msgspec.structs.replace(plan, id=f"{plan.incident}.2"))
    assert one.status() == "superseded"
    assert [decision.plan.id for decision in one.source.now().decisions] == [f"{plan.incident}.2"]


def test_a_person_may_have_chosen_another_alternative() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    other = next(place for place, way in enumerate(plan.alternatives) if way.actions and place != plan.chosen)
    one.loop.feed(yes(plan, other, "ann", START + HOUR))
    view = one.source.plan(plan.id)
    assert view is not None
    assert (view.decision.alternative, view.decision.person, view.decision.status) == (other, "ann", "running")


def test_the_policies_that_decided_are_named_with_what_they_say() -> None:
    one = shown(always("execute_approved"))
    view = one.source.plan(one.attacked().id)
    assert view is not None
    assert dict(view.policy)["all.execute_approved"] == "permit in people.cedar:4"
    lines = policy_lines(builtin_policy("demo"))
    assert (lines["limit.safety"], lines["demo.veto"]) == ("forbid in (built in) limits:4", "permit in demo.cedar:36")


# ---- now


def test_what_is_contained_outranks_what_is_abnormal() -> None:
    one = shown()
    plan = one.attacked()
    assert [(state.ref, state.state) for state in one.source.now().states] == [("asset:srv-1", "abnormal")]
    one.tell("verified")
    (state,) = [state for state in one.source.now().states if state.state == "contained"]
    assert (state.ref, state.plan, state.since, state.note) == (
        "asset:srv-1",
        plan.id,
        START + 3 * MINUTE,
        f"isolate asset by plan {plan.id}",
    )
    assert state.until == state.since + plan.ttl_s * 1_000_000
    one.tell("undone")
    assert "contained" not in {state.state for state in one.source.now().states}


def test_what_a_playbook_did_in_a_case_is_told_there_without_a_plan_that_nobody_could_open() -> None:
    one = shown()
    plan = one.attacked()
    done = Receipted(START, "run:1.0", "openc2:run:1", plan.incident, "disable_client", "asset:erp-1", "verified", "it is disabled")
    one.loop.feed(done)
    (state,) = [state for state in one.source.now().states if state.state == "contained"]
    assert (state.ref, state.plan, state.note, state.incident) == ("asset:erp-1", "", "disable client by a playbook", plan.incident)
    told = one.source.incident(plan.incident)
    assert told is not None
    (entry,) = [entry for entry in told.timeline if entry.kind == "receipt"]
    assert (entry.text, entry.plan) == ("disable client on asset:erp-1: verified (it is disabled)", "")


def test_what_came_back_is_watched_for_a_while_and_waits_for_its_checks_before() -> None:
    one = shown()
    plan = one.attacked()
    one.tell("verified")
    one.now = START + 13 * HOUR
    again = msgspec.structs.replace(one.loop.state.latest[plan.incident], id="i-2", status="open")
    one.loop.state.latest["i-2"] = again
    (held,) = [state for state in one.source.now().states if state.state == "contained"]
    assert held.note == f"isolate asset by plan {plan.id}; checked before it comes back: incident i-2 on it is open"
    del one.loop.state.latest["i-2"]
    one.loop.feed(Tick(time=one.now))
    one.tell("undone")
    one.now = START + 4 * HOUR
    (back,) = one.source.now().states
    assert (back.ref, back.state, back.since, back.until) == ("asset:srv-1", "watched", START + 3 * MINUTE, START + 4 * HOUR + 3 * MINUTE)
    assert tables.back(one.source.now()) == (back,)
    assert tables.in_force(one.source.now()) == ()
    one.now += 4 * MINUTE
    assert one.source.now().states == ()


def test_an_effect_without_a_plan_is_contained_without_an_end() -> None:
    one = shown()
    one.loop.feed(Receipted(START, "e-9", "", "", "isolate_asset", "asset:hmi-1", "escalated"))
    (state,) = one.source.now().states
    assert (state.ref, state.state, state.until) == ("asset:hmi-1", "contained", 0)


def test_the_most_likely_attack_comes_first_and_closed_cases_leave_after_a_while() -> None:
    one = shown(always("suggest"))
    one.attacked()
    incident = next(iter(one.run.incidents.values()))
    likely = msgspec.structs.replace(incident, id="i-2", p_attack=1.0)
    closed = msgspec.structs.replace(incident, id="i-3", status="closed")
    oddity = msgspec.structs.replace(incident, id="i-4", p_attack=0.01)
    for other in (likely, closed, oddity):
        one.run.take(other)
    assert [case.id for case in one.source.now().incidents] == ["i-2", incident.id, "i-3"]
    one.now = START + 72 * HOUR
    assert [case.id for case in one.source.now().incidents] == ["i-2", incident.id]
    one.loop.feed(Verdict(time=START + HOUR, incident="i-4", person="ann", verdict="attack"))
    assert [case.id for case in one.source.now().incidents] == ["i-2", incident.id, "i-4"]


@pytest.mark.parametrize(("minutes", "state"), [(14, "live"), (16, "late"), (61, "silent")])
def test_a_feed_is_live_late_or_silent_by_its_newest_row(minutes: int, state: str) -> None:
    one = shown()
    one.loop.feed(readings("asset:plc-1", [1.0, 2.0]))
    one.run.take(DeadLetter(feed="historian", offset=9, time=0, family="", entity="", reason="no event"))
    one.now = START + MINUTE + minutes * MINUTE
    (feed,) = one.source.now().feeds
    assert (feed.name, feed.family, feed.rows, feed.dead_letters, feed.state) == ("historian", "telemetry", 2, 1, state)


def order(name: str, minute: int) -> dict[str, object]:
    head = {"time": START, "kind": "order.placed", "order": name, "product": "p-1", "destination": "cust-1", "quantity": 5.0}
    return {**head, "promised": START + minute * MINUTE}


def test_goods_are_counted_against_a_twin_without_response() -> None:
    one = shown()
    assert one.source.now().kpis.otif is None
    one.loop.feed(trade(order("o-1", 5), order("o-2", 6), {**order("o-1", 5), "kind": "receipt.posted"}))
    kpis = one.source.now().kpis
    assert (kpis.otif, kpis.orders_due, kpis.orders_late, kpis.otif_without) == (0.5, 2, 1, None)
    one.run.without = lambda now: (0.25, 3)
    kpis = one.source.now().kpis
    assert (kpis.otif_without, kpis.orders_late_without) == (0.25, 3)


def test_who_still_learns_and_until_when() -> None:
    one = shown()
    assert one.source.now().learning.entities == 0
    one.loop.feed(readings("asset:plc-1", [1.0, 2.0]))
    one.attacked()
    one.loop.finish()
    learning = one.source.now().learning
    assert (learning.entities, learning.learnt) == (2, 0)
    assert learning.ready_at == one.now + (LIVE.learn_rows - 2) * MINUTE
    one.now = learning.ready_at
    one.loop.feed(attack("wks-1", START + 26 * HOUR, first=10))  # a day later: srv-1 is learnt, and so is wks-1, whose feed spoke of others
    one.loop.finish()
    assert (one.source.now().learning.entities, one.source.now().learning.learnt) == (3, 2)


# ---- goods on lanes, and the route of a plan


def rerouted(one: Shown, plan: Plan) -> Route:
    base = ground()[2]
    pair = ("cust-1", "p-1")
    moved = (Move(*pair, before=("lane-2",), after=(), orders=4),)
    route = replace(
        base, sourcing={**base.sourcing, pair: ()}, orders_late=2, orders_late_kept=5, moved=moved, cost_kept=1500.0, co2_kg_kept=20.0
    )
    one.loop.feed(Rerouted(time=START + 4 * MINUTE, plan=plan.id, route=to_dict(route)))
    return route


def test_lanes_show_the_route_in_force() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    assert not any(flow.rerouted for flow in one.source.now().flows)
    rerouted(one, plan)
    (flow,) = [flow for flow in one.source.now().flows if flow.rerouted]
    assert (flow.lane, flow.now) == ("lane-2", 0.0)
    one.run.base = None
    assert one.source.now().flows == ()


def route_of(one: Shown, plan: Plan) -> RouteView | None:
    view = one.source.plan(plan.id)
    assert view is not None
    return view.route


def test_a_plan_shows_what_its_route_moves_and_what_that_costs() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    assert route_of(one, plan) is None
    route = rerouted(one, plan)
    view = route_of(one, plan)
    assert view is not None
    (move,) = view.moves
    assert (move.node, move.product, move.after, move.orders) == ("cust-1", "p-1", (), 4)
    assert move.before[0][0] == "lane-2"
    assert (view.orders_late, view.orders_late_without, view.in_force) == (2, 5, True)
    assert (view.cost, view.co2_kg) == (route.cost - 1500.0, route.co2_kg - 20.0)


def test_a_route_that_moves_nothing_is_not_shown_as_a_reroute() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    route = rerouted(one, plan)
    one.run.hear(Rerouted(time=START + 5 * MINUTE, plan=plan.id, route=to_dict(replace(route, moved=()))))
    assert route_of(one, plan) is None
    incident = one.source.incident(plan.incident)
    assert incident is not None
    assert "reroute" not in [entry.kind for entry in incident.timeline]


def test_a_route_that_a_later_one_replaced_is_not_in_force() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    route = rerouted(one, plan)
    one.run.hear(Rerouted(time=START + 5 * MINUTE, plan="later", route=to_dict(route)))
    one.run.base = None
    view = route_of(one, plan)
    assert view is not None
    assert (view.in_force, view.moves[0].before) == (False, ())


# ---- one incident


def test_the_timeline_tells_what_was_found_done_and_said_and_what_became_of_the_goods() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    one.loop.feed(answer(plan, approved=True))
    one.tell("verified", "escalated", detail="it does not answer")
    rerouted(one, plan)
    one.loop.feed(Verdict(time=START + 50 * MINUTE, incident=plan.incident, person="bob", verdict="unsure", note="looks odd"))
    sent = {"time": START + 9 * MINUTE, "kind": "shipment.departed", "order": "o-1", "product": "p-1", "quantity": 5.0}
    one.loop.feed(
        trade(
            order("o-1", 5),
            {**sent, "origin": "plant-1", "destination": "cust-1", "lane": "lane-2"},
            {**sent, "kind": "shipment.arrived", "origin": "plant-1", "destination": "cust-1"},
            {**sent, "origin": "sup-9", "destination": "cust-9"},
        )
    )
    view = one.source.incident(plan.incident)
    assert view is not None
    assert [entry.time for entry in view.timeline] == sorted(entry.time for entry in view.timeline)
    told = {(entry.side, entry.kind) for entry in view.timeline}
    assert told == {
        *(("cyber", kind) for kind in ("finding", "plan", "receipt")),
        *(("person", kind) for kind in ("approved", "verdict")),
        *(("goods", kind) for kind in ("order_late", "reroute", "shipment")),
    }
    texts = [entry.text for entry in view.timeline]
    assert f"ann approved plan {plan.id}" in texts
    assert "bob judged this unsure: looks odd" in texts
    assert "Order o-1 for cust-1 missed its promise" in texts
    assert "Goods re-routed: 1 supplies moved, 2 orders late expected" in texts
    assert "isolate asset on asset:srv-1: escalated (it does not answer)" in texts
    assert "Departed: 5 of p-1, plant-1 to cust-1" in texts
    assert [entry.ref for entry in view.timeline if entry.kind == "shipment"] == ["lane:lane-2", ""]
    assert [entry.alarm for entry in view.timeline if entry.kind == "receipt"] == [False, True]
    assert (len(view.receipts), len(view.verdicts), len(view.decisions)) == (2, 1, 1)


def test_an_incident_names_its_bands_and_the_work_that_was_announced() -> None:
    one = shown()
    plan = one.attacked()
    incident = one.run.incidents[plan.incident]
    announced = finding("f-b", START + 3, family="trade", declared="T-7")
    for told in (announced, finding("f-a", START + 2)):
        one.run.take(told)
    one.run.take(msgspec.structs.replace(incident, findings=("f-b", "f-a", "f-gone")))
    view = one.source.incident(plan.incident)
    assert view is not None
    assert [found.id for found in view.findings] == ["f-a", "f-b"]
    assert view.bands == (("asset:plc-1", "level"), ("asset:plc-1", "flow"), ("asset:plc-1", "speed"))
    (work,) = view.declared
    assert (work.ticket, work.target, work.starts) == ("T-7", "asset:plc-1", START + 3)


def test_what_is_not_there_is_none() -> None:
    one = shown()
    assert (one.source.plan("p"), one.source.incident("i"), one.source.band("asset:plc-1", "level")) == (None, None, None)


def test_the_version_moves_with_every_fact() -> None:
    one = shown()
    before = one.source.version
    one.attacked()
    assert one.source.version > before
    assert one.source.network is one.run.rules.network


# ---- a person's word


def test_a_word_that_can_be_taken_waits_for_the_loop() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    assert one.source.approve(plan.id, plan.chosen, "ann", digest(plan, plan.chosen)) == ""
    assert one.source.veto(plan.id, "bob") == ""
    assert one.source.verdict(plan.incident, "ann", "benign", "a drill") == ""
    assert one.said == [
        yes(plan, plan.chosen, "ann", one.now),
        Approval(time=one.now, plan=plan.id, person="bob", alternative=0, approved=False),
        Verdict(time=one.now, incident=plan.incident, person="ann", verdict="benign", note="a drill"),
    ]


def test_a_word_that_cannot_be_taken_is_refused_in_one_sentence_and_not_said() -> None:
    one = shown(always("execute_approved"))
    plan = one.attacked()
    nothing = next(place for place, way in enumerate(plan.alternatives) if not way.actions)
    one.loop.feed(answer(plan, approved=True))
    assert one.source.approve("none", 0, "ann", "") == "there is no plan none"
    assert one.source.approve(plan.id, 99, "ann", "").startswith(f"plan {plan.id} has no alternative 99")
    assert one.source.approve(plan.id, nothing, "ann", "") == "doing nothing needs no approval; veto the plan instead"
    assert one.source.approve(plan.id, plan.chosen, "ann", digest(plan, plan.chosen)) == f"plan {plan.id} has been started already"
    assert one.source.veto(plan.id, "ann") == f"plan {plan.id} has been started already; take its effects back instead"
    assert one.source.verdict("none", "ann", "benign", "") == "there is no incident none"
    assert one.source.verdict(plan.incident, "ann", "maybe", "") == "a verdict is attack, benign or unsure, not 'maybe'"
    assert one.said == []


def test_policy_may_keep_people_from_approving() -> None:
    one = shown(always("suggest"))
    plan = one.attacked()
    acting = next(place for place, way in enumerate(plan.alternatives) if way.actions)
    assert one.source.approve(plan.id, acting, "ann", digest(plan, acting)).startswith("policy does not let a person approve")


# ---- what if


def test_a_what_if_asks_the_closure_table_and_begins_with_the_stock_of_now() -> None:
    found = shown()
    (ref, *_) = found.run.rules.closures.value(("node:plant-1",)).refs
    assert found.source.closure((ref,)) == found.run.rules.closures.value((ref,))
    assert found.source.closure(()).orders_late == 0
    assert found.source.snapshot() == found.run.snapshot()
