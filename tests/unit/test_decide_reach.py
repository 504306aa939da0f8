"""Exposure and price: what the attacker can still reach, and what closing costs beside what is closed already."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.decide import DecideState, Situation, closed
from interferon.decide.options import Act, Option, options
from interferon.decide.price import Priced, Pricing
from interferon.decide.reach import blocks, exposure, footholds, money_at_stake, speed
from interferon.decide.settings import DecideSettings
from interferon.decide.terrain import Terrain, lasting, survey
from interferon.model.network import Asset, Conduit, Dependency, Network, Order, Product, Settings, Site, Zone
from interferon.model.records import Closure, Incident
from interferon.store import checkpoint

SETTINGS = DecideSettings()
CLOSURE = Closure(refs=(), orders_late=0, orders_late_low=0, orders_late_high=0, otif=1, cost=0, co2_kg=0, unmet=0, time_to_survive_h=-1)


class Free:
    """A closure table of a network whose goods need no machine."""

    nominal = CLOSURE

    def value(self, refs: Sequence[str]) -> Closure:
        return CLOSURE


def network(zones: dict[str, float], ways: list[tuple[str, str]], assets: dict[str, str], orders: int = 50) -> Network:
    return Network(
        settings=Settings(name="n"),
        revision=1,
        sites={"s": Site(id="s", name="s", country="DE", lat=0, lon=0)},
        zones={zone: Zone(id=zone, site="s", purdue=purdue, criticality=3) for zone, purdue in zones.items()},
        conduits={f"{a}-{b}": Conduit(id=f"{a}-{b}", from_zone=a, to_zone=b, protocol="tcp", port=1) for a, b in ways},
        assets={name: Asset(id=name, zone=zone, type="server") for name, zone in assets.items()},
        partners={},
        nodes={},
        lanes={},
        products={"x": Product(id="x", name="x", unit="box", value=100, margin=10)},
        orders={f"o{n}": Order(id=f"o{n}", customer="c", product="x", quantity=10, requested=0, promised=0) for n in range(orders)},
        people={},
    )


CHAIN = network(
    {"office": 4, "ops": 3, "cell": 1}, [("office", "ops"), ("ops", "cell")], {"wks": "office", "mes": "ops", "plc": "cell", "lost": "?"}
)
GROUND = survey(CHAIN, Free(), SETTINGS)


def incident(*refs: str, **more: object) -> Incident:
    base = Incident(
        id="i",
        revision=1,
        opened=0,
        updated=0,
        status="open",
        title="",
        severity=0.5,
        p_attack=0.5,
        findings=(),
        entities=refs,
        zones=(),
        sites=(),
        suspects=tuple((ref, 0.5) for ref in refs),
        path=(),
        techniques=(),
        families=(),
    )
    return msgspec.structs.replace(base, **more)


def exposed(case: Incident, *acts: Act, ground: Terrain = GROUND, net: Network = CHAIN) -> float:
    return exposure(footholds(case, net, ground, SETTINGS), ground, blocks(acts, ground, SETTINGS.leak), speed(case, SETTINGS), SETTINGS)


def test_nobody_suspected_exposes_nothing() -> None:
    assert exposed(incident()) == 0


def test_the_farther_the_less_and_against_the_conduit_less_still() -> None:
    places = footholds(incident("asset:wks"), CHAIN, GROUND, SETTINGS)
    assert places[0].share == 1
    down, up = exposed(incident("asset:wks")), exposed(incident("asset:plc"))
    assert down > up > SETTINGS.recovery_h * SETTINGS.hour_rate
    assert exposed(incident("asset:lost")) == pytest.approx(SETTINGS.recovery_h * SETTINGS.hour_rate)


def test_lateral_movement_makes_the_attacker_faster() -> None:
    assert exposed(incident("asset:wks", techniques=("T0867",))) > exposed(incident("asset:wks"))


def test_an_identity_acts_where_it_was_seen_else_in_the_offices() -> None:
    (seen,) = footholds(incident("identity:ann", zones=("cell", "gone")), CHAIN, GROUND, SETTINGS)
    (unseen,) = footholds(incident("identity:ann"), CHAIN, GROUND, SETTINGS)
    assert (seen.zones, unseen.zones) == ((GROUND.zones["cell"],), (GROUND.zones["office"],))
    assert exposed(incident("identity:ann"), ("disable_identity", "identity:ann")) < 0.05 * exposed(incident("identity:ann"))


@pytest.mark.parametrize("ref", ["order:o1", "order:unknown", "shipment:s", "payment:p", "partner:acme", "feed:f"])
def test_a_forged_transaction_puts_money_at_stake_until_it_is_held(ref: str) -> None:
    assert money_at_stake(ref, CHAIN, GROUND, SETTINGS) > 0
    assert exposed(incident(ref), ("hold_transaction", ref)) == pytest.approx(SETTINGS.leak * exposed(incident(ref)))


def test_no_exposure_is_greater_than_what_is_at_stake() -> None:
    poor = network({"z": 3}, [], {f"a{n}": "z" for n in range(200)}, orders=1)
    ground = survey(poor, Free(), SETTINGS)
    limit = GROUND.at_stake / 50 + SETTINGS.recovery_h * SETTINGS.hour_rate
    assert exposed(incident("asset:a1"), ground=ground, net=poor) == pytest.approx(limit)


def test_cutting_the_way_in_ends_part_of_the_harm_and_isolating_most_of_it() -> None:
    case = incident("asset:plc")
    cut, isolated = exposed(case, ("cut_conduit", "conduit:ops-cell")), exposed(case, ("isolate_asset", "asset:plc"))
    assert isolated < cut < exposed(case)
    assert exposed(case, ("isolate_zone", "zone:cell")) == pytest.approx(cut)


ACTS: list[Act] = [
    ("isolate_asset", "asset:wks"),
    ("fail_over", "asset:mes"),
    ("isolate_zone", "zone:ops"),
    ("cut_conduit", "conduit:office-ops"),
    ("disable_identity", "identity:ann"),
    ("isolate_asset", "asset:unknown"),
]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["asset:wks", "asset:mes", "asset:plc", "identity:ann", "zone:ops", "lane:x"]), unique=True),
    st.sets(st.sampled_from(ACTS)),
)
def test_closing_more_never_exposes_more(refs: list[str], acts: set[Act]) -> None:
    case = incident(*refs)
    values = [exposed(case, *sorted(acts)[:n]) for n in range(len(acts) + 1)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(values))


@settings(deadline=None)
@given(st.integers(2, 20))
def test_a_ring_of_zones_settles(size: int) -> None:
    names = [f"z{n}" for n in range(size)]
    ring = network(
        dict.fromkeys(names, 3.0), [(names[n], names[(n + 1) % size]) for n in range(size)], {f"a{n}": names[n] for n in range(size)}
    )
    ground = survey(ring, Free(), SETTINGS)
    value = exposed(incident("asset:a0", techniques=("T0867",)), ground=ground, net=ring)
    assert 0 < value <= ground.loss.sum()
    assert np.all(np.diff(ground.way_to) >= 0)


def test_an_asset_of_an_unlisted_zone_can_only_be_isolated() -> None:
    found = options(incident("asset:lost", "node:n"), CHAIN, SETTINGS, ())
    assert [one.label for one in found] == ["do_nothing", "isolate_asset"]


def test_a_suspected_zone_is_cut_off_or_closed_and_an_unknown_one_is_neither() -> None:
    assert [one.label for one in options(incident("zone:ops", "zone:gone"), CHAIN, SETTINGS, ())] == [
        "do_nothing",
        "cut_conduits",
        "isolate_zone",
    ]
    assert [one.label for one in options(incident("asset:gone"), CHAIN, SETTINGS, ())] == ["do_nothing"]


def test_a_path_names_each_conduit_once() -> None:
    path = (("asset:wks", "asset:mes", "conduit:office-ops"), ("asset:mes", "asset:wks", "conduit:office-ops"))
    cuts = [one.actions for one in options(incident("asset:mes", path=path), CHAIN, SETTINGS, ()) if one.label == "cut_conduits"]
    assert (("cut_conduit", "conduit:office-ops"),) in cuts


def test_a_short_closure_costs_less_and_a_stock_that_lasts_less_still() -> None:
    bites = msgspec.structs.replace(CLOSURE, time_to_survive_h=0.0)
    lasts = msgspec.structs.replace(CLOSURE, time_to_survive_h=10.0)
    assert lasting(bites, 168, 168) == lasting(lasts, 400, 168) == 1
    assert lasting(lasts, 12, 168) < lasting(bites, 12, 168) == pytest.approx(12 / 168)
    assert lasting(lasts, 5, 168) == pytest.approx(0.25 * 5 / 168)


class Group(Free):
    """Two machines of one redundancy group: the first one costs nothing, both together 70 late orders."""

    def value(self, refs: Sequence[str]) -> Closure:
        late = 70.0 if {"asset:mes", "asset:wks"} <= set(refs) else 0.0
        otif = 0.9 if late else 1.0
        return msgspec.structs.replace(CLOSURE, orders_late=late, orders_late_low=late, orders_late_high=late, cost=late * 500, otif=otif)


def priced(values: dict[tuple[str, ...], Closure], *in_force: Act) -> Priced:
    rows = tuple(Dependency(asset=asset, target="node:n", share_lost=0.5, group="pair") for asset in ("mes", "wks"))
    net = replace(CHAIN, dependencies=rows)
    pricing = Pricing(incident("asset:mes"), net, GROUND, Group(), Situation(in_force=in_force), SETTINGS, values)
    return pricing.price(Option("isolate_asset", (("isolate_asset", "asset:mes"),)))


def test_the_last_of_a_redundancy_group_costs_what_the_group_is_worth() -> None:
    assert priced({}).orders_late == priced({}, ("isolate_asset", "asset:plc"), ("isolate_zone", "zone:cell")).orders_late == 0
    assert priced({}, ("isolate_asset", "asset:wks")).orders_late == pytest.approx(70 * 12 / 168)
    assert priced({}, ("isolate_zone", "zone:ops"), ("isolate_asset", "asset:mes")).assets == 1


def test_what_is_in_force_already_makes_nothing_more_late() -> None:
    rows = tuple(Dependency(asset=asset, target="node:n", share_lost=0.5, group="pair") for asset in ("mes", "wks"))
    found = closed.Closed(replace(CHAIN, dependencies=rows), Group(), {})
    mes, wks, gone = ("isolate_asset", "asset:mes"), ("isolate_asset", "asset:wks"), ("isolate_asset", "asset:gone")
    late = [
        closed.expected_late(found, acts, in_force, SETTINGS)
        for acts, in_force in (([mes, wks], ()), ([mes, gone], (wks,)), ([mes], (mes,)))
    ]
    assert late == [pytest.approx(70 * 12 / 168), pytest.approx(70 * 12 / 168), 0.0]


def test_closures_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed, "REMEMBERED", 2)
    values: dict[tuple[str, ...], Closure] = {}
    first = priced(values, ("isolate_asset", "asset:wks"), ("isolate_asset", "asset:plc"))
    assert len(values) == 2
    assert priced(values, ("isolate_asset", "asset:wks"), ("isolate_asset", "asset:plc")) == first


def test_the_memory_of_decisions_survives_a_checkpoint() -> None:
    state = DecideState(terrain=GROUND, values={("asset:a",): CLOSURE}, renewals={"e": 2})
    again = checkpoint.load(checkpoint.dump(state))
    assert checkpoint.dump(again) == checkpoint.dump(state)
    assert np.array_equal(again.terrain.loss, GROUND.loss)
    assert again.values == state.values
