"""The range: determinism, shared draws, traces of every action, effects of containment, and goods that neither appear nor vanish."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interferon.model.network import Network
from interferon.store import examples, folder
from interferon.twin.machines import signals_of
from interferon.twin.range import Range
from interferon.twin.scenario import Scenario, Step, known
from interferon.twin.vocabulary import ACTIONS, ATTACKS, BENIGN

START = 1_767_571_200_000_000
HOUR = 3_600_000_000
TARGETS = {
    "modify_setpoint": "asset:plc-28",
    "spoof_signal": "asset:plc-1",
    "replay_signal": "asset:plc-1",
    "freeze_signal": "asset:plc-1",
    "rogue_command": "asset:plc-1",
    "stop_process": "zone:dc-1-floor",
    "encrypt_hosts": "zone:dc-1-ops",
    "spread": "zone:corp-servers",
    "login_stolen": "asset:wks-60",
    "exfiltrate": "asset:srv-24",
    "poison_feed": "asset:agent-1",
    "change_bank_details": "partner:carrier-1",
    "fake_shipment": "node:dc-1",
    "disable_logging": "asset:srv-24",
    "firmware_change": "asset:truck-1",
    "maintenance": "asset:plc-1",
    "firmware_day": "zone:plant-1-cell-1",
    "peak_season": "node:dc-1",
    "new_supplier": "partner:supplier-1",
    "shift_change": "zone:dc-1-floor",
    "sensor_swap": "asset:plc-1",
    "pen_test": "zone:dc-1-ops",
    "outage": "zone:dc-1-floor",
}


@pytest.fixture(scope="module")
def medica(tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("medica") / "net"
    examples.write("medica", path, START)
    return folder.load(path)


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("minimal") / "net"
    examples.write("minimal", path, START)
    return folder.load(path)


def play(network: Network, *steps: Step, hours: float = 6.0, emit: bool = True, history_h: float = 2.0, seed: int = 1) -> Range:
    return Range(network, Scenario("s", "medica", hours, steps), seed, START, history_h=history_h, emit=emit, telemetry_s=300)


def step(action: str, target: str = "", at_h: float = 1.0, ident: str = "s1", needs: tuple[str, ...] = (), **params: Any) -> Step:
    return Step(ident, at_h, ACTIONS[action].kind, action, target or TARGETS[action], needs, params=params)


def joined(batches: list[pa.RecordBatch], family: str) -> pa.Table:
    return pa.Table.from_batches([b for b in batches if b.schema.metadata[b"family"] == family.encode()]).combine_chunks()


def rows(batches: list[pa.RecordBatch], family: str) -> list[dict[str, Any]]:
    return [row for b in batches if b.schema.metadata[b"family"] == family.encode() for row in b.to_pylist()]


def untimed(batches: list[pa.RecordBatch]) -> set[tuple[Any, ...]]:
    """Events, as the cells of their rows, without their offsets, which move when one more event comes before."""
    cells = (batch.drop_columns(["offset"]).columns for batch in batches)
    return {row for columns in cells for row in zip(*(column.to_pylist() for column in columns), strict=True)}


def test_the_same_seed_gives_the_same_bytes_whatever_the_stretches(medica: Network) -> None:
    one, other, third = (play(medica, hours=2.0, seed=s) for s in (1, 1, 2))
    whole = one.advance(one.end)
    parts: list[pa.RecordBatch] = []
    while other.now < other.end:
        parts += other.advance(min(other.end, other.now + 7 * 60_000_000))
    one_by_one = {family: joined(whole, family) for family in ("telemetry", "activity", "trade")}
    assert all(table.num_rows for table in one_by_one.values())
    assert one_by_one == {family: joined(parts, family) for family in one_by_one}
    others = third.advance(third.end)
    assert one_by_one != {family: joined(others, family) for family in one_by_one}


def test_offsets_count_up_by_one_in_each_feed_and_time_never_falls(medica: Network) -> None:
    run = play(medica, hours=2.0)
    batches = run.advance(START) + run.advance(run.end)
    for family in ("telemetry", "activity", "trade"):
        by_feed: dict[str, list[tuple[int, int]]] = {}
        for row in rows(batches, family):
            by_feed.setdefault(row["feed"], []).append((row["offset"], row["time"]))
        for seen in by_feed.values():
            assert [o for o, _ in seen] == list(range(len(seen)))
            assert [t for _, t in seen] == sorted(t for _, t in seen)


def test_silent_and_emitting_runs_and_arms_share_the_draws(medica: Network) -> None:
    loud, silent, acted = play(medica, hours=24), play(medica, hours=24, emit=False), play(medica, hours=24, emit=False)
    acted.advance(START + HOUR)
    assert acted.apply("e1", "isolate_asset", "asset:cam-1", {}) == ""
    for run in (loud, silent, acted):
        run.advance(run.end)
    assert loud.outcome() == silent.outcome() == acted.outcome()


def test_a_run_that_is_silenced_half_way_comes_to_the_same(medica: Network) -> None:
    steps = (step("modify_setpoint", at=1.0), step("peak_season", "node:dc-1", 3.0, "b1"))
    loud, silenced = play(medica, *steps, hours=24), play(medica, *steps, hours=24)
    silenced.advance(START + 5 * HOUR + HOUR // 9)
    silenced.silence()
    assert silenced.advance(silenced.end) == []
    assert loud.advance(loud.end)
    assert loud.outcome() == silenced.outcome()


def test_an_attack_is_settled_when_nothing_waits_goes_on_or_is_in_force(medica: Network) -> None:
    run = play(medica, step("encrypt_hosts", "asset:wms-1", 1.0), step("disable_logging", "asset:hist-1", 2.0, "s2"), hours=60, emit=False)
    assert not run.settled(), "its steps wait"
    run.advance(START + 3 * HOUR)
    assert run.campaign.states["s2"].active
    assert not run.settled(), "the hosts are encrypted"
    assert run.apply("e1", "isolate_asset", "asset:wms-1", {}) == ""
    run.advance(run.end)
    assert not run.settled(), "the host is still isolated"
    run.undo("e1")
    assert run.settled()


@pytest.fixture(scope="module")
def quiet(medica: Network) -> set[tuple[Any, ...]]:
    run = play(medica, hours=4.0)
    return untimed(run.advance(run.end))


@pytest.mark.parametrize("action", [a.name for a in (*ATTACKS, *BENIGN)])
def test_every_action_leaves_traces_and_no_ground_truth(medica: Network, quiet: set[tuple[Any, ...]], action: str) -> None:
    run = play(medica, step(action), hours=4.0)
    new = untimed(run.advance(run.end)) ^ quiet
    assert new
    assert run.campaign.states["s1"].succeeded
    text = json.dumps(list(new))
    assert not [name for name in ACTIONS if f'"{name}"' in text if name != "maintenance"]  # a work order may say maintenance
    assert '"attack"' not in text
    assert "benign" not in text


@pytest.mark.parametrize("action", [a.name for a in (*ATTACKS, *BENIGN)])
def test_every_action_can_be_played_on_every_target_it_takes(minimal: Network, action: str) -> None:
    targets = [f"{kind}:{name}" for kind in ACTIONS[action].targets for name in sorted(known(minimal)[kind])]
    if ACTIONS[action].needs_signals:
        targets = [ref for ref in targets if signals_of(minimal.assets[ref.partition(":")[2]])]
    run = play(minimal, *(step(action, ref, 0.2 + k / 100, f"s{k}") for k, ref in enumerate(targets)), hours=4.0, history_h=0.0)
    run.advance(run.end)
    left_out = [s.target for s in run.campaign.states.values() if s.reason == "nothing stands there"]
    assert all(s.tried for s in run.campaign.states.values())
    assert left_out == [r for r in left_out if r.startswith(("site:", "node:")) and not run.campaign.assets(step(action, r))]


@pytest.mark.parametrize("action", [a.name for a in ATTACKS])
def test_an_attack_stops_when_its_target_is_closed_and_is_not_possible_afterwards(medica: Network, action: str) -> None:
    attack = step(action)
    kind = attack.target.partition(":")[0]
    effect = {"asset": "isolate_asset", "zone": "isolate_zone"}.get(kind, "hold_transaction")
    during, before = play(medica, attack, emit=False), play(medica, attack, emit=False)
    during.advance(START + 2 * HOUR)
    assert during.apply("e", effect, attack.target, {}) == ""
    before.advance(START)
    assert before.apply("e", effect, attack.target, {}) == ""
    for run in (during, before):
        run.advance(run.end)
    assert during.attack().steps[0].stopped == START + 2 * HOUR
    assert not during.attack().active
    assert before.attack().steps[0].tried
    assert not before.attack().steps[0].succeeded


def test_a_cut_path_stops_the_next_hop(medica: Network) -> None:
    steps = (step("login_stolen", "asset:wks-56", 0.5, "s1"), step("encrypt_hosts", "zone:dc-1-ops", 2.0, "s2", ("s1",)))
    run = play(medica, *steps, emit=False)
    run.advance(START + HOUR)
    for k, conduit in enumerate(medica.conduits_of["corp-it"]):
        assert run.apply(f"e{k}", "cut_conduit", f"conduit:{conduit}", {}) == ""
    run.advance(run.end)
    assert run.attack().steps[1].reason == "no open path leads there"


def test_a_disabled_identity_loses_the_foothold(medica: Network) -> None:
    login = step("login_stolen", "identity:engineer.dc-1", 0.5, "s1")
    run = play(medica, login, step("spread", "zone:dc-1-ops", 2.0, "s2", ("s1",)), emit=False)
    run.advance(START + HOUR)
    assert run.apply("e", "disable_identity", "identity:engineer.dc-1", {}) == ""
    run.advance(run.end)
    assert run.attack().steps[1].reason == "the identity is disabled"


def test_damage_is_mended_only_while_offline_and_capacity_returns_after_undo(medica: Network) -> None:
    run = play(medica, step("encrypt_hosts", "asset:wms-1"), hours=30, emit=False)
    run.advance(START + 3 * HOUR)
    assert run.snapshot()["capacity"]["node:dc-1"] < 0.3
    assert run.snapshot()["down"] == ("wms-1",)
    assert run.apply("e", "isolate_asset", "asset:wms-1", {}) == ""
    run.advance(START + 8 * HOUR)
    assert run.snapshot()["restored"] == ()
    run.advance(START + 10 * HOUR)
    assert run.snapshot()["restored"] == ("wms-1",)
    assert run.undo("e") == ""
    run.advance(START + 11 * HOUR)
    assert run.snapshot()["capacity"]["node:dc-1"] == pytest.approx(1.0)


def test_isolation_costs_after_the_tolerance_and_the_fallback_brings_its_share_back(medica: Network) -> None:
    row = medica.depends["wms-1"][0]
    run = play(medica, hours=30, emit=False)
    run.advance(START)
    run.apply("e", "isolate_asset", "asset:wms-1", {})
    shares = []
    for hours in (0.5 * row.tolerance_h, row.tolerance_h + 0.1, row.fallback_delay_h + 0.1):
        run.advance(START + int(hours * HOUR))
        shares.append(run.snapshot()["capacity"]["node:dc-1"])
    assert shares == pytest.approx([1.0, 1.0 - row.share_lost, 1.0 - row.share_lost * (1.0 - row.fallback_share)])


def test_effects_are_idempotent_and_refuse_what_cannot_be(medica: Network) -> None:
    run = play(medica, emit=False)
    assert run.apply("e", "isolate_asset", "asset:plc-1", {}) == ""
    assert run.apply("e", "isolate_asset", "asset:plc-1", {}) == ""
    assert "already in force" in run.apply("e", "isolate_asset", "asset:plc-2", {})
    assert run.in_force() == {"e": ("isolate_asset", "asset:plc-1")}
    assert run.verify("e")
    assert run.undo("e") == run.undo("e") == ""
    assert not run.verify("e")
    assert "unknown action" in run.apply("f", "reboot", "asset:plc-1", {})
    assert "takes zone" in run.apply("f", "isolate_zone", "asset:plc-1", {})
    assert "unknown target" in run.apply("f", "isolate_zone", "zone:nowhere", {})


def test_an_isolated_controller_is_not_heard(medica: Network) -> None:
    run = play(medica)
    run.advance(START)
    run.apply("e", "isolate_asset", "asset:plc-1", {})
    heard = {row["entity"] for row in rows(run.advance(START + HOUR), "telemetry")}
    assert "asset:plc-1" not in heard
    assert "asset:plc-2" in heard


def test_a_new_route_moves_orders_that_have_not_shipped(medica: Network) -> None:
    run = play(medica, hours=30, emit=False)
    run.advance(START)
    lanes = {}
    for lane in medica.lanes.values():
        if medica.nodes[lane.destination].kind == "customer" and lane.origin != "dc-1":
            lanes[lane.destination] = lane.id
    run.route({(c, p): ((lane, 1.0),) for c, lane in lanes.items() for p in medica.products})
    run.advance(run.end)
    sent = {medica.lanes[x.lane].origin for x in run._lines() if x.shipped > START and x.customer in lanes}
    by_lane = [x for x in run._lines() if x.shipped > START and x.lane == lanes.get(x.customer)]
    assert len(sent) > 1
    assert len(by_lane) > 0.6 * sum(x.shipped > START for x in run._lines())


def test_without_an_attack_nearly_all_orders_are_on_time_and_an_attack_costs(medica: Network) -> None:
    hits = [step("encrypt_hosts", f"zone:dc-{k}-ops", 8.0 + k, f"s{k}") for k in (1, 2, 3)]
    calm, hit = play(medica, hours=72, emit=False, history_h=48), play(medica, *hits, hours=72, emit=False, history_h=48)
    calm.advance(calm.end)
    hit.advance(hit.end)
    assert 0.92 <= calm.outcome().otif <= 0.99
    assert hit.outcome().otif < calm.outcome().otif - 0.03


def _signals(network: Network, asset: str, *steps: Step) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    run = play(network, *steps, hours=8.0)
    run.advance(START)
    told = joined(run.advance(run.end), "telemetry")
    own = told.filter(pc.equal(told["entity"], f"asset:{asset}")).to_pylist()
    return {name: np.array([r["value"] for r in own if r["signal"] == name], float) for name in {r["signal"] for r in own}}


@pytest.fixture(scope="module")
def calm(medica: Network) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """What plc-1 tells where nothing happens."""
    return _signals(medica, "plc-1")


def test_a_moved_setpoint_moves_level_and_flow_by_physics(medica: Network, calm: dict[str, Any]) -> None:
    moved = _signals(medica, "plc-1", step("modify_setpoint", "asset:plc-1", signal="level", drift=0.3))
    assert np.nanmean(moved["level"][-12:]) > np.nanmean(calm["level"][-12:]) + 5.0
    assert np.nanmax(np.abs(calm["flow"] - moved["flow"])) > 0.3


def test_a_spoofed_signal_leaves_the_others_alone_and_a_frozen_one_is_constant(medica: Network, calm: dict[str, Any]) -> None:
    spoofed = _signals(medica, "plc-1", step("spoof_signal", "asset:plc-1", signal="temperature"))
    assert all(np.array_equal(calm[name], spoofed[name], equal_nan=True) == (name != "temperature") for name in calm)
    assert np.nanmax(spoofed["temperature"] - calm["temperature"]) > 5.0
    frozen = _signals(medica, "plc-1", step("freeze_signal", "asset:plc-1", signal="flow"))["flow"]
    assert len(np.unique(frozen[14:][~np.isnan(frozen[14:])])) == 1


def test_a_replay_repeats_an_earlier_stretch(medica: Network) -> None:
    seen = _signals(medica, "plc-1", step("replay_signal", "asset:plc-1", at_h=2.0, stretch_h=1.0))["motor_current"]
    steps = seen[~np.isnan(seen)]
    tail = steps[-36:]
    assert len(np.unique(tail)) <= 13


def test_the_manifest_holds_the_truth(medica: Network) -> None:
    run = play(medica, step("spread"), step("outage", ident="b1"), emit=False)
    run.advance(run.end)
    told = {s["id"]: s for s in run.manifest()["steps"]}
    assert told["s1"]["succeeded"] == START + HOUR
    assert told["b1"]["kind"] == "benign"
    assert run.attack().first == START + HOUR
    assert run.attack().last_success > run.attack().first


def test_any_network_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("minimal") / "net"
    examples.write("minimal", path, START)
    run = Range(folder.load(path), Scenario("s", "minimal", 48.0, ()), 1, START)
    batches = run.advance(run.end)
    assert {b.schema.metadata[b"family"] for b in batches} == {b"telemetry", b"activity", b"trade"}
    assert run.outcome().otif > 0.9


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), closed=st.sets(st.sampled_from(["wms-1", "plc-1", "tms-1", "mes-2", "agv-3"])), hit=st.booleans())
def test_goods_neither_appear_nor_vanish(medica: Network, seed: int, closed: set[str], hit: bool) -> None:
    attacks = (step("fake_shipment"), step("poison_feed", ident="s2", at_h=2.0)) if hit else ()
    run = play(medica, *attacks, hours=30, emit=False, history_h=24, seed=seed)
    goods = run.goods
    before = goods.stock.sum(axis=0).copy()
    run.advance(START)
    for k, asset in enumerate(sorted(closed)):
        run.apply(f"e{k}", "isolate_asset", f"asset:{asset}", {})
    run.advance(run.end)
    moving = np.zeros(len(goods.products))
    for line in goods.moving:
        moving[goods.p[line.product]] += line.quantity
    for _, _, k, quantity, _ in goods.transit:
        moving[k] += quantity
    books = goods.books
    assert np.allclose(before + books.made, books.used + books.delivered + books.lost + goods.stock.sum(axis=0) + moving, atol=1e-6)
    assert goods.stock.min() >= -1e-6
