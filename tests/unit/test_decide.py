"""`decide` on a small hand-made network: the least disruptive answer that stops the attack, more evidence for what costs more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.decide import DecideState, Situation, decide, execute, overruled, solve
from interferon.decide.settings import HOUR_US
from interferon.model.network import Asset, Conduit, Dependency, Network, Node, Order, Partner, Product, Settings, Site, Zone
from interferon.model.records import Closure, Incident, Plan
from interferon.trust.policy import Decision, Policy, builtin_policy

NOW = 1_767_600_000_000_000
DEMO = builtin_policy("demo", "people")


def network() -> Network:
    """A plant (cell under control under ops under office) and a warehouse; `wms` is dear, `hist` and `wks` are not, `sis` is sacred."""
    zones = [Zone(id="cell", site="p", purdue=1, criticality=4), Zone(id="control", site="p", purdue=2, criticality=4)]
    zones += [Zone(id="ops", site="p", purdue=3, criticality=3), Zone(id="office", site="p", purdue=4, criticality=2)]
    zones += [Zone(id="safe", site="p", purdue=1, criticality=5), Zone(id="dc", site="d", purdue=3, criticality=3)]
    homes = {"plc": "cell", "robot-a": "cell", "robot-b": "cell", "hmi": "control", "hist": "ops", "mes": "ops", "wks": "office"}
    homes |= {"idp": "office", "agent": "office", "sis": "safe", "wms": "dc", "scan": "dc"}
    types = {"robot-a": "robot", "robot-b": "robot", "wks": "workstation", "hist": "historian", "agent": "ai_agent"}
    ways = [("c1", "office", "ops"), ("c2", "ops", "control"), ("c3", "control", "cell"), ("c4", "safe", "cell"), ("c5", "office", "dc")]
    dependencies = [Dependency(asset="plc", target="node:plant", share_lost=0.5), Dependency(asset="wms", target="node:dc", share_lost=0.9)]
    dependencies += [Dependency(asset=robot, target="node:plant", share_lost=0.3, group="robots") for robot in ("robot-a", "robot-b")]
    return Network(
        settings=Settings(name="small"),
        revision=1,
        sites={site: Site(id=site, name=site, country="DE", lat=0, lon=0) for site in ("p", "d")},
        zones={zone.id: zone for zone in zones},
        conduits={name: Conduit(id=name, from_zone=a, to_zone=b, protocol="tcp", port=443) for name, a, b in ways},
        assets={name: Asset(id=name, zone=zone, type=types.get(name, name)) for name, zone in homes.items()},
        partners={"acme": Partner(id="acme", name="acme", kind="supplier")},
        nodes={
            name: Node(id=name, site=site, kind=kind, capacity_per_day=100)
            for name, site, kind in (("plant", "p", "plant"), ("dc", "d", "dc"))
        },
        lanes={},
        products={"x": Product(id="x", name="x", unit="box", value=500, margin=100)},
        orders={f"o-{n}": Order(id=f"o-{n}", customer="c", product="x", quantity=20, requested=NOW, promised=NOW) for n in range(100)},
        people={},
        dependencies=tuple(dependencies),
    )


@dataclass
class Table:
    """A closure table by hand: late orders over the horizon add up, 800 each; nothing is late in the first 2 hours."""

    orders: Mapping[str, float]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def nominal(self) -> Closure:
        return self.value(())

    def value(self, refs: Sequence[str]) -> Closure:
        self.asked.append(tuple(refs))
        late = sum(self.orders.get(ref, 0.0) for ref in refs)
        return Closure(
            refs=tuple(refs),
            orders_late=late,
            orders_late_low=late * 0.8,
            orders_late_high=late * 1.2,
            otif=max(0.97 - late / 400, 0.0),
            cost=late * 800,
            co2_kg=10.0 * len(refs),
            unmet=late,
            time_to_survive_h=2.0 if late else -1.0,
        )


LATE = {
    "asset:plc": 60.0,
    "asset:wms": 150.0,
    "zone:cell": 90.0,
    "zone:ops": 40.0,
    "zone:dc": 160.0,
    "conduit:c3": 30.0,
    "conduit:c5": 40.0,
}


def incident(*suspects: tuple[str, float], p: float = 0.97, **more: Any) -> Incident:
    """An incident whose suspects have these shares of belief."""
    base = Incident(
        id="i-1",
        revision=1,
        opened=NOW,
        updated=NOW,
        status="open",
        title="t",
        severity=0.8,
        p_attack=p,
        findings=("f",),
        entities=tuple(ref for ref, _ in suspects),
        zones=(),
        sites=(),
        suspects=tuple((ref, share * p) for ref, share in suspects),
        path=(),
        techniques=(),
        families=("activity",),
    )
    return msgspec.structs.replace(base, **more)


ACTIVE = Situation(observing=False, earned_level=3, actions_left=12, assets_left=40, orders_left=200)


def plan_for(case: Incident, situation: Situation = ACTIVE, policy: Policy = DEMO, **more: Any) -> Plan | None:
    state, table = more.get("state") or DecideState(), more.get("table") or Table(LATE)
    return decide(state, case, network(), table, policy.ask, situation, more.get("now", NOW))


def planned(case: Incident, situation: Situation = ACTIVE, policy: Policy = DEMO) -> Plan:
    plan = plan_for(case, situation, policy)
    assert plan is not None
    return plan


def actions(plan: Plan) -> tuple[tuple[str, str], ...]:
    return plan.alternatives[plan.chosen].actions


@pytest.mark.parametrize(
    ("suspect", "action"),
    [
        ("identity:ann", "disable_identity"),
        ("asset:agent", "isolate_asset"),
        ("partner:acme", "hold_transaction"),
        ("order:o-3", "hold_transaction"),
        ("feed:forecast", "hold_transaction"),
        ("asset:wks", "isolate_asset"),
    ],
)
def test_answers_a_sure_attack_at_once_with_the_action_that_fits_the_suspect(suspect: str, action: str) -> None:
    plan = planned(incident((suspect, 1.0)))
    assert actions(plan) == ((action, suspect),)
    assert plan.mode == "execute_auto"
    assert plan.id == "i-1.1"


def test_locks_the_identity_and_isolates_the_machine_when_both_are_suspected() -> None:
    plan = planned(incident(("identity:ann", 1.0), ("asset:wks", 0.9)))
    assert set(actions(plan)) == {("disable_identity", "identity:ann"), ("isolate_asset", "asset:wks")}
    assert plan.mode == "execute_auto"
    assert "+" in plan.alternatives[plan.chosen].label


def test_never_lists_what_would_touch_a_safety_system() -> None:
    plan = planned(incident(("asset:sis", 1.0), ("asset:plc", 0.9), ("zone:safe", 0.8)))
    touched = {target for one in plan.alternatives for _, target in one.actions}
    assert touched.isdisjoint({"asset:sis", "zone:safe", "conduit:c4"})
    assert ("isolate_asset", "asset:plc") in actions(plan)


def test_does_not_act_alone_on_weak_evidence_and_says_nothing_below_the_threshold_or_when_closed() -> None:
    assert plan_for(incident(("asset:wms", 1.0), p=0.2)) is None
    assert plan_for(incident(("asset:wms", 1.0), status="closed")) is None
    doubtful = planned(incident(("asset:wms", 1.0), p=0.5))
    assert doubtful.mode == "execute_approved"


def test_what_came_back_a_short_while_ago_is_contained_on_less_evidence_and_policy_is_told() -> None:
    weak = incident(("asset:wks", 1.0), p=0.25)
    assert plan_for(weak) is None
    told: list[tuple[str, bool, int]] = []

    def ask(principal: str, action: str, kind: str, target: str, case: Mapping[str, Any], /) -> Decision:
        told.append((target, case["watched"], case["p_target"]))
        return Decision("execute_auto", ("all",))

    watched = msgspec.structs.replace(ACTIVE, watched=frozenset({"asset:wks"}))
    plan = decide(DecideState(), weak, network(), Table(LATE), ask, watched, NOW)
    assert plan is not None
    assert ("isolate_asset", "asset:wks") in actions(plan)
    assert {(watched, p) for target, watched, p in told if target == "asset:wks"} == {(True, 571)}
    assert not any(watched for target, watched, _ in told if target != "asset:wks")


def test_a_declared_change_is_never_contained_without_a_person() -> None:
    assert planned(incident(("asset:wks", 1.0), p=0.95, declared="WO-17")).mode == "execute_approved"


ALL = Policy({"all.cedar": '@id("all") permit (principal, action, resource);'})


def test_demands_more_evidence_for_what_costs_more() -> None:
    """With a policy that allows everything, expected loss alone decides."""

    def needed(late: float) -> float:
        for percent in range(30, 100):
            plan = plan_for(incident(("zone:ops", 1.0), p=percent / 100), policy=ALL, table=Table({"zone:ops": late, "conduit:c1": 1e6}))
            assert plan is not None
            if actions(plan):
                return percent / 100
        return 1.0

    thresholds = [needed(late) for late in (0, 5, 10, 5000)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[1] < thresholds[2] < thresholds[-1] == 1.0


def test_a_stronger_mode_goes_first_and_the_better_alternative_waits_for_a_person() -> None:
    text = """
    @id("path.auto") permit (principal, action == Action::"execute_auto", resource) when { context.action == "cut_conduit" };
    @id("rest.approved") permit (principal, action == Action::"execute_approved", resource);
    """
    plan = planned(incident(("asset:wks", 1.0)), policy=Policy({"p.cedar": text}))
    best = min(plan.alternatives, key=lambda one: one.expected_loss)
    assert plan.mode == "execute_auto"
    assert {action for action, _ in actions(plan)} == {"cut_conduit"}
    assert best.mode == "execute_approved"
    assert best.actions == (("isolate_asset", "asset:wks"),)
    assert plan.alternatives[plan.chosen].expected_loss < plan.alternatives[0].expected_loss


def test_a_combination_that_policy_does_not_allow_waits_while_its_best_part_is_done() -> None:
    text = """
    @id("one") permit (principal, action == Action::"execute_auto", resource) when { context.actions == 1 };
    @id("more") permit (principal, action == Action::"execute_approved", resource);
    """
    plan = planned(incident(("asset:wks", 1.0), ("identity:ann", 1.0), ("asset:scan", 0.9)), policy=Policy({"p.cedar": text}))
    best = min(plan.alternatives, key=lambda one: one.expected_loss)
    assert (plan.mode, len(actions(plan))) == ("execute_auto", 1)
    assert best.mode == "execute_approved"
    assert len(best.actions) == 3


def test_what_has_a_redundancy_partner_may_fail_over() -> None:
    labels = [one.label for one in planned(incident(("asset:robot-a", 1.0))).alternatives]
    assert {"isolate_asset", "fail_over"} <= set(labels)


def test_a_veto_plan_says_when_it_starts() -> None:
    text = '@id("v") permit (principal, action == Action::"execute_unless_vetoed", resource);'
    plan = planned(incident(("asset:wks", 1.0)), policy=Policy({"p.cedar": text}))
    assert (plan.mode, plan.veto_until) == ("execute_unless_vetoed", NOW + 300_000_000)
    assert plan.ttl_s == 4 * 3600


@pytest.mark.parametrize(
    ("left", "budget"),
    [
        ({"actions_left": 0}, "budget.actions_per_hour"),
        ({"assets_left": 0}, "budget.isolated_assets"),
        ({"orders_left": 0}, "budget.orders_late_per_day"),
    ],
)
def test_beyond_a_budget_a_person_decides(left: dict[str, int], budget: str) -> None:
    plan = planned(incident(("asset:plc", 1.0)), msgspec.structs.replace(ACTIVE, **left))
    isolate = next(one for one in plan.alternatives if one.actions == (("isolate_asset", "asset:plc"),))
    assert isolate.mode == "execute_approved"
    assert budget in isolate.reasons


@pytest.mark.parametrize(("level", "mode"), [(3, "execute_auto"), (2, "execute_unless_vetoed"), (1, "execute_approved"), (0, "suggest")])
def test_the_earned_level_only_lowers(level: int, mode: str) -> None:
    plan = planned(incident(("asset:wks", 1.0)), msgspec.structs.replace(ACTIVE, earned_level=level))
    assert plan.mode == mode


def test_observing_shows_what_it_would_have_done() -> None:
    plan = planned(incident(("asset:wks", 1.0)), Situation(), Policy.observing())
    assert (plan.would, plan.mode) == (True, "suggest")
    assert actions(plan) == (("isolate_asset", "asset:wks"),)
    assert all(one.mode == "suggest" for one in plan.alternatives[1:])


def test_a_failing_policy_engine_denies_everything_and_nothing_is_done() -> None:
    def broken(*question: object) -> Decision:
        return Decision("denied", ("engine.error",), "out of order")

    plan = decide(DecideState(), incident(("asset:wks", 1.0)), network(), Table(LATE), broken, ACTIVE, NOW)
    assert plan is not None
    assert (actions(plan), plan.mode) == ((), "suggest")
    assert plan.alternatives[1].mode == "denied"
    assert "engine.error" in plan.alternatives[1].reasons


def test_figures_are_what_the_option_adds_and_are_lower_for_a_short_closure() -> None:
    plan = planned(incident(("asset:wms", 1.0)))
    nothing = plan.alternatives[0]
    isolate = next(one for one in plan.alternatives if one.actions == (("isolate_asset", "asset:wms"),))
    assert (nothing.orders_late, nothing.cost, nothing.otif) == (0, 0, 0.97)
    assert 0 < isolate.orders_late_low < isolate.orders_late < isolate.orders_late_high < 1.2 * 150 * 12 / 168
    assert isolate.expected_loss == pytest.approx(isolate.cost + isolate.risk, abs=0.02)
    assert isolate.risk < nothing.risk / 5


def test_the_same_case_again_is_no_new_plan_but_new_evidence_is() -> None:
    state = DecideState()
    first = incident(("asset:wks", 1.0), p=0.92)
    assert plan_for(first, state=state) is not None
    assert plan_for(msgspec.structs.replace(first, p_attack=0.93), state=state, now=NOW + 1) is None
    held = msgspec.structs.replace(ACTIVE, in_force=(("isolate_asset", "asset:wks"),))
    later = incident(("asset:scan", 1.0), ("asset:wks", 0.6), p=0.92, revision=2)
    second = plan_for(later, held, state=state, now=NOW + 2)
    assert second is not None
    assert (second.id, actions(second)) == ("i-1.2", (("isolate_asset", "asset:scan"),))


def test_an_answer_that_did_not_take_hold_is_given_again_after_a_while() -> None:
    state = DecideState()
    case = incident(("asset:wks", 1.0))
    assert plan_for(case, state=state) is not None
    assert plan_for(case, state=state, now=NOW + HOUR_US // 10) is None
    again = plan_for(case, state=state, now=NOW + HOUR_US)
    assert again is not None
    assert (again.id, actions(again)) == ("i-1.2", (("isolate_asset", "asset:wks"),))


def test_what_a_person_overruled_is_not_given_again_but_another_answer_is() -> None:
    state = DecideState()
    case = incident(("asset:wks", 1.0), p=0.93)
    assert plan_for(case, state=state) is not None
    overruled(state, "i-1")
    overruled(state, "i-unknown")
    for hours, p in ((1, 0.93), (2, 0.99), (3, 0.999)):
        assert plan_for(msgspec.structs.replace(case, p_attack=p), state=state, now=NOW + hours * HOUR_US) is None
    other = plan_for(incident(("asset:scan", 1.0), p=0.999), state=state, now=NOW + 4 * HOUR_US)
    assert other is not None
    assert other.id == "i-1.2"


def test_a_waiting_proposal_is_repeated_to_nobody_and_taken_back_when_the_evidence_goes() -> None:
    state = DecideState()
    level = msgspec.structs.replace(ACTIVE, earned_level=1)
    assert plan_for(incident(("asset:wms", 1.0), p=0.9), level, state=state) is not None
    assert plan_for(incident(("asset:wms", 1.0), p=0.9), level, state=state, now=NOW + HOUR_US) is None
    gone = plan_for(incident(("node:n-1", 1.0), p=0.31), level, state=state, now=NOW + 2 * HOUR_US)
    assert gone is not None
    assert (gone.id, gone.chosen) == ("i-1.2", 0)
    assert plan_for(incident(("node:n-1", 1.0), p=0.6), level, state=state, now=NOW + 3 * HOUR_US) is None


def test_nothing_more_to_do_when_the_suspect_is_contained() -> None:
    state = DecideState()
    plan_for(incident(("asset:wks", 1.0)), state=state)
    held = msgspec.structs.replace(ACTIVE, in_force=(("isolate_asset", "asset:wks"), ("isolate_zone", "zone:no-longer-there")))
    assert plan_for(incident(("asset:wks", 1.0), p=0.99), held, state=state, now=NOW + HOUR_US) is None


def test_the_terrain_is_surveyed_once_a_revision() -> None:
    state, table = DecideState(), Table(LATE)
    plan_for(incident(("asset:wks", 1.0)), state=state, table=table)
    surveyed = state.terrain
    plan_for(incident(("asset:scan", 1.0), id="i-2"), state=state, table=table)
    assert state.terrain is surveyed
    assert table.asked.count(("asset:wms",)) == 1


def test_cuts_only_the_conduits_of_the_likely_path_where_that_is_enough() -> None:
    path = (("asset:wks", "asset:hist", "conduit:c1"), ("asset:hist", "asset:hmi", "conduit:c2"), ("asset:a", "asset:b", "same actor"))
    plan = planned(incident(("asset:hist", 1.0), path=path, zones=("office", "ops")))
    assert (("cut_conduit", "conduit:c1"), ("cut_conduit", "conduit:c2")) in [one.actions for one in plan.alternatives]


def test_commands_carry_the_alternative_out_and_ask_for_a_way_round() -> None:
    plan = planned(incident(("asset:wks", 1.0)))
    command = execute(plan, plan.chosen, plan.mode, NOW, plan.ttl_s)
    assert command is not None
    assert command.effects == ((f"i-1.1/{plan.chosen}.0", "isolate_asset", "asset:wks", {}),)
    assert command.ttl_s == 4 * 3600
    assert execute(plan, 0, "execute_approved", NOW, 60) is None
    question = solve(plan, (("isolate_asset", "asset:wks"), ("disable_identity", "identity:ann")), NOW)
    assert question is not None
    assert question.closed == ("asset:wks",)
    assert solve(plan, (("disable_identity", "identity:ann"),), NOW) is None


SUSPECTS = [
    "asset:plc",
    "asset:wms",
    "asset:robot-a",
    "asset:hist",
    "asset:sis",
    "identity:ann",
    "feed:f",
    "zone:ops",
    "lane:l",
    "asset:gone",
]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(SUSPECTS), st.floats(0.05, 1)), min_size=1, max_size=6, unique_by=lambda one: one[0]),
    st.floats(0.3, 0.999),
    st.integers(0, 3),
    st.integers(0, 20),
)
def test_whatever_comes_the_chosen_alternative_is_allowed_within_budget_and_beats_doing_nothing(
    suspects: list[tuple[str, float]], p: float, level: int, budget: int
) -> None:
    situation = Situation(observing=False, earned_level=level, actions_left=budget, assets_left=budget, orders_left=budget)
    plan = planned(incident(*suspects, p=p, techniques=("T0867",)), situation)
    chosen = plan.alternatives[plan.chosen]
    again = planned(incident(*suspects, p=p, techniques=("T0867",)), situation)
    assert msgspec.json.encode(plan) == msgspec.json.encode(again)
    if plan.chosen == 0:
        assert plan.mode == "suggest"
        return
    assert chosen.mode == plan.mode
    assert chosen.expected_loss < plan.alternatives[0].expected_loss
    if plan.mode in ("execute_auto", "execute_unless_vetoed"):
        assert len(chosen.actions) <= budget
        assert level >= 2
    assert all(one.risk <= plan.alternatives[0].risk + 0.01 for one in plan.alternatives)
    assert not any(target == "asset:sis" for _, target in chosen.actions)
