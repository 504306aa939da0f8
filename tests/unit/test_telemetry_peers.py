"""Cold start: who borrows from whom and when, that it sees attacks and says so, and that shards, restarts and slots change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.detect import (
    baselines,
    misfit,
    signal_state,
    signals_learn,
    signals_peers,
    telemetry,
    telemetry_peers,
    telemetry_state,
    watch,
)
from interferon.detect import signals as single
from interferon.detect.fit import fit
from interferon.detect.fleet import grow, new_rings, prime, push, window_of
from interferon.detect.settings import LIVE
from interferon.detect.telemetry_kin import kin, scale
from interferon.detect.telemetry_state import LEARNING, PROVISIONAL, WATCHING
from interferon.detect.windows import GAP, STEP, Floats, encode
from interferon.detectors.telemetry_level import TelemetryLevel
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.model.events import Baseline
from interferon.model.network import Network
from interferon.store import checkpoint
from interferon.store.examples import START
from interferon.store.examples import build as example

DAY, EARLY, MINUTE = 400, 20, 60_000_000
NAMES = ("flow", "pressure", "heat")
PORTFOLIOS = watch.Portfolios(TELEMETRY, (), (TelemetryLevel(3), TelemetryLevel(20)))


def pump(seed: int, rows: int = 2 * DAY, away: float = 0.0) -> Floats:
    """(rows, 3) readings of one pump of a kind: load and daylight move all of them alike, gains differ a little."""
    draw, kind = np.random.default_rng([seed, 9]), np.random.default_rng(2)
    hours = np.sin(np.arange(rows) * 2 * np.pi / DAY)
    load = np.convolve(draw.normal(0, 1, rows + 30), np.ones(30) / 8, "valid")[:rows] + 0.5 * hours
    levels = kind.uniform(10, 50, 3) * (1 + 0.03 * draw.normal(0, 1, 3)) + away
    return np.asarray((levels + np.outer(load, [1.0, 2.0, -1.5]) + draw.normal(0, 0.3, (rows, 3))).astype(np.float32).astype(np.float64))


@pytest.fixture(scope="module")
def network() -> Network:
    return example("minimal")


class Plant:
    """Pumps that come at a row each; `play` shows them to a watch, minute by minute."""

    def __init__(self, network: Network, since: list[int], shards: int = 1) -> None:
        self.names, self.since = [f"asset:pump-{k}" for k in range(len(since))], np.array(since)
        self.slots = [list(NAMES) for _ in since]
        self.watch = watch.new_watch(network, replace(LIVE, learn_rows=DAY), PORTFOLIOS, shards=shards, learn_us=0, width=4)
        self.alarms: list[watch.Alarm] = []
        self.judged: list[list[tuple[int, float]]] = []

    def play(self, values: Floats, first: int = 0, last: int | None = None) -> None:
        for at in range(first, len(values) if last is None else last):
            here, start = np.flatnonzero(self.since <= at), START + at * MINUTE
            seen = watch.observe(self.watch, PORTFOLIOS, self.names, self.slots, (start, start + MINUTE, here, values[at, here]), ())
            self.alarms += seen.alarms
            self.judged.append(list(zip(*(part.tolist() for part in seen.judged), strict=True)))

    def status(self, entity: int) -> int:
        return int(self.watch.shards[self.watch.home[entity]].telemetry.status[self.watch.local[entity]])

    @property
    def state(self) -> telemetry_state.TelemetryState:
        return self.watch.shards[0].telemetry


def pumps(count: int, rows: int = 2 * DAY) -> Floats:
    return np.stack([pump(k, rows) for k in range(count)], axis=1)


def test_a_newcomer_is_answered_for_by_its_peers_until_it_is_learnt(network: Network) -> None:
    values, plant = pumps(4), Plant(network, [0, 0, 0, DAY])
    plant.play(values, 0, DAY + EARLY - 1)
    assert plant.status(3) == LEARNING
    plant.play(values, DAY + EARLY - 1, 2 * DAY - 1)
    assert [plant.status(k) for k in range(4)] == [WATCHING, WATCHING, WATCHING, PROVISIONAL]
    assert [len(judged) for judged in plant.judged[DAY + EARLY - 1 : DAY + EARLY + 1]] == [3, 4]
    assert telemetry.why(plant.state, 3, TELEMETRY)
    assert telemetry_state.silent(plant.state, START + 4 * DAY * MINUTE) == [0, 1, 2, 3]
    plant.play(values, 2 * DAY - 1, 2 * DAY)
    assert plant.status(3) == WATCHING
    own = fit([np.column_stack([values[DAY:, 3], np.full(DAY, np.nan)])], TELEMETRY, plant.state.settings)
    np.testing.assert_array_equal(plant.state.centre[3], own.centre)
    np.testing.assert_array_equal(plant.state.tails[3], own.tails)
    assert (plant.state.rows[3], plant.state.slot[3]) == (0, -1)
    assert not plant.alarms


def test_what_is_lent_is_no_version_and_its_own_model_is_the_first(network: Network) -> None:
    values, plant = pumps(4), Plant(network, [0, 0, 0, DAY])
    plant.play(values, 0, 2 * DAY - 1)
    lives, word = plant.watch.lives, Baseline(time=START, entity=plant.names[3], person="ann", verb="relearn", reason="odd")
    assert plant.status(3) == PROVISIONAL
    assert 3 not in lives.versions
    assert baselines.refusal(lives, 3, word) == "asset:pump-3 has no learnt baseline"
    assert plant.watch.fitting.count[3:].sum() == 0  # nor is it asked whether it still fits
    assert plant.watch.fitting.count[0] == (DAY - 1) % misfit.BLOCK
    plant.play(values, 2 * DAY - 1)
    (version,) = lives.versions[3]
    assert (version.number, version.rows, version.time, version.why) == (1, DAY, START + (2 * DAY - 1) * MINUTE, "first rows")
    assert baselines.refusal(lives, 3, word) == ""


def test_an_attack_on_a_newcomer_is_told_as_the_peers_answer(network: Network) -> None:
    values, plant = pumps(4), Plant(network, [0, 0, 0, DAY])
    values[DAY + 100 : DAY + 130, 3, 0] += 30.0
    plant.play(values, 0, DAY + 130)
    assert {alarm.entity for alarm in plant.alarms} == {3}
    finding = plant.alarms[0].finding
    assert finding.summary.endswith(telemetry_peers.TOLD)
    assert (finding.why[0][0], finding.nearest) == ("flow", None)


@pytest.mark.parametrize(("since", "slots"), [([0, DAY], {}), ([0, 0, 0], {}), ([0, 0, DAY], {2: ["flow", "pressure", "speed"]})])
def test_without_two_learnt_peers_of_its_kind_it_only_learns(network: Network, since: list[int], slots: dict[int, list[str]]) -> None:
    plant = Plant(network, since)
    for entity, names in slots.items():
        plant.slots[entity] = names
    plant.play(pumps(len(since)), 0, since[-1] + DAY - 1)
    assert plant.status(len(since) - 1) == LEARNING
    assert len(plant.judged[-1]) == sum(one < since[-1] for one in since)


def test_a_machine_unlike_its_peers_learns_alone(network: Network) -> None:
    values, plant = pumps(4), Plant(network, [0, 0, 0, DAY])
    values[:, 3] *= np.array([4.0, -3.0, 8.0])
    plant.play(values, 0, 2 * DAY - 1)
    assert plant.status(3) == LEARNING
    plant.play(values, 2 * DAY - 1)
    assert plant.status(3) == WATCHING
    assert not plant.alarms


def test_peers_that_come_late_answer_at_the_next_twentieth(network: Network) -> None:
    values, plant = pumps(3), Plant(network, [0, 0, 50])
    plant.play(values, 0, 50 + 360)
    assert plant.status(2) == PROVISIONAL
    assert [len(judged) for judged in plant.judged[50 + 359 - 1 :]] == [2, 2]  # asked in the last of these rows


def test_signals_may_come_in_another_order(network: Network) -> None:
    values, order = pumps(4), [2, 0, 1]
    plain, mixed = Plant(network, [0, 0, 0, DAY]), Plant(network, [0, 0, 0, DAY])
    plain.play(values, 0, DAY + 200)
    values[:, 3] = values[:, 3, order]
    mixed.slots[3] = [NAMES[k] for k in order]
    mixed.play(values, 0, DAY + 200)
    assert mixed.status(3) == PROVISIONAL
    for one, other in zip(plain.judged, mixed.judged, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(("shards", "restart"), [(2, DAY - 7), (3, DAY + EARLY), (4, DAY + 90)])
def test_shards_and_restarts_change_nothing(network: Network, shards: int, restart: int) -> None:
    values = pumps(4, DAY + 100)
    values[DAY + 60 :, 3, 1] += 20.0
    one, many = Plant(network, [0, 0, 0, DAY]), Plant(network, [0, 0, 0, DAY], shards)
    one.play(values)
    many.play(values, 0, restart)
    many.watch = checkpoint.load(checkpoint.dump(many.watch))
    many.play(values, restart)
    assert one.judged == many.judged
    assert one.alarms == many.alarms
    assert one.alarms


def test_machines_judged_in_blocks_are_as_machines_judged_at_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    values, one, many = pumps(5, DAY + 60), Plant(network, [0, DAY, 0, 0, DAY]), Plant(network, [0, DAY, 0, 0, DAY])
    one.play(values)
    for module in (telemetry, single, signals_learn):
        monkeypatch.setattr(module, "BLOCK", 2)
    many.play(values)
    assert [many.status(k) for k in range(5)] == [WATCHING, PROVISIONAL, WATCHING, WATCHING, PROVISIONAL]
    assert one.judged == many.judged


def test_a_newcomer_changes_nothing_for_the_others(network: Network) -> None:
    values, alone, joined = pumps(4, DAY + 60), Plant(network, [0, 0, 0]), Plant(network, [0, 0, 0, DAY])
    alone.play(values[:, :3])
    joined.play(values)
    assert joined.status(3) == PROVISIONAL
    assert alone.judged == [[one for one in judged if one[0] < 3] for judged in joined.judged]


def test_the_table_is_bounded() -> None:
    peers, codes = telemetry_peers.Peers(), np.zeros((2000, 4), dtype=np.int16)
    codes[-1] = 7
    for number in range(telemetry_peers.GROUPS + 3):
        for _ in range(telemetry_peers.MOST + 2):
            telemetry_peers.take(peers, f"kind-{number}", ("b", "a"), (codes, np.arange(2000)), (np.ones(4), np.ones(4)))
    assert len(peers.groups) == telemetry_peers.GROUPS
    assert ("kind-2", "a", "b") not in peers.groups
    records = peers.groups["kind-3", "a", "b"]
    assert [record.codes.shape for record in records] == [(telemetry_peers.ROWS, 2)] * telemetry_peers.MOST
    assert (records[0].codes[-1].tolist(), int(records[0].times[-1])) == ([7, 7], 1999)


def peers_of(count: int = 5) -> tuple[Floats, Floats, Floats]:
    days = np.stack([pump(k, DAY) for k in range(count)])
    return days, np.median(days, axis=1), np.std(days, axis=1)


def test_a_scale_is_guessed_nearer_than_by_the_peers_or_the_stretch_alone() -> None:
    days, centres, spreads = peers_of()
    known, errors = kin(days, centres, spreads, EARLY), []
    for seed in range(50, 90):
        day = pump(seed, DAY)
        guess, _ = scale(known, day[:EARLY])
        errors.append(np.abs(np.stack([guess, centres.mean(axis=0), np.median(day[:EARLY], axis=0)]) - np.median(day, axis=0)))
    guessed, peers, stretch = np.mean(errors, axis=0)
    assert (guessed < stretch).all()
    assert guessed.sum() < 0.8 * peers.sum()


@given(factor=st.floats(0.01, 100.0), moved=st.floats(-1e3, 1e3), missing=st.sampled_from([(), (0,), (1, 2), (0, 1, 2)]))
def test_a_scale_follows_the_unit_of_the_signals(factor: float, moved: float, missing: tuple[int, ...]) -> None:
    days, centres, spreads = peers_of(3)
    own = pump(77, EARLY)
    own[:, list(missing)] = np.nan
    centre, spread = scale(kin(days, centres, spreads, EARLY), own)
    other = scale(kin(factor * days + moved, factor * centres + moved, factor * spreads, EARLY), factor * own + moved)
    np.testing.assert_allclose(other[0], factor * centre + moved, rtol=1e-6, atol=1e-6 * factor)
    np.testing.assert_allclose(other[1], factor * spread, rtol=1e-6)
    for signal in missing:  # nothing told of it: the peers' mean
        assert spread[signal] == pytest.approx(np.exp(np.log(spreads[:, signal]).mean()))


def test_a_number_beyond_the_peers_range_for_long_is_not_judged() -> None:
    codes = np.stack([encode(np.random.default_rng(k).normal(0, 1, (600, 2)), np.ones((600, 2), dtype=np.bool_)) for k in range(3)], axis=1)
    when = np.arange(600) * MINUTE
    common = signals_peers.common(codes, when, SIGNALS)
    state = signal_state.new_state(2, SIGNALS)
    own = codes[:60, 1:2].copy()
    own[:, 0, 1] += np.int16(20 * STEP)
    signals_peers.lend(state, np.array([3]), common, (own, when[:60, None]), LIVE, SIGNALS)
    names = [detector.name for detector in SIGNALS]
    assert np.isfinite(state.high[3, names.index("level_3")]).tolist() == [True, False]
    assert state.loud[3] < 10
    assert state.rows[3] == 600


@given(row=st.integers(0, 100), count=st.integers(1, 30))
def test_a_ring_goes_on_from_any_row(row: int, count: int) -> None:
    codes = np.random.default_rng(row).integers(-900, 900, (40 + count, 2)).astype(np.int16)
    codes[::7] = GAP
    first, other, one = new_rings(15, 2), new_rings(15, 2), np.array([0])
    for rings, at in ((first, 0), (other, row)):
        grow(rings, 1)
        prime(rings, 0, codes[:40], at)
        for place, new in enumerate(codes[40:]):
            push(rings, one, np.array([at + place]), new[None])
    np.testing.assert_array_equal(window_of(first, one, 0.03).mean, window_of(other, one, 0.03).mean)
    np.testing.assert_array_equal(window_of(first, one, 0.03).spread, window_of(other, one, 0.03).spread)
