"""The bench of live telemetry: a small fleet is played through, attacks are counted by the manifest, rows are complete."""

from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest

from interferon.bench import watch
from interferon.bench.watch import Scale, Told, localised, recall
from interferon.bench.watch_world import ON_TELEMETRY, SLOTS, Attack, Fleet, attacks, everyday, network
from interferon.store.examples import START
from interferon.twin.draws import HOUR
from interferon.twin.scenario import Step

MANIFEST = [Attack("freeze_signal", "plc", 3, 100, 460, 1), Attack("stop_process", "agv", 4, 100, 460, -1)]


def test_an_attack_is_found_by_an_alarm_of_its_machine_while_it_lasts() -> None:
    assert recall(MANIFEST, [Told(200, 3, (1,)), Told(460, 4, (0,))]) == 0.5
    assert recall(MANIFEST, [Told(200, 3, (1,), explained=True)]) == 0.0
    assert recall(MANIFEST, [Told(99, 3, (1,)), Told(200, 5, (0,))]) == 0.0


@pytest.mark.parametrize(("leading", "share"), [((1, 0), 1.0), ((0, 2, 1), 1.0), ((0, 2, 3, 1), 0.0)])
def test_the_signal_must_be_among_the_first_three(leading: tuple[int, ...], share: float) -> None:
    assert localised(MANIFEST, [Told(200, 3, leading), Told(200, 4, (2,))]) == share


def test_the_fleet_plays_every_kind_of_attack_on_its_own_machine() -> None:
    net = network(12)
    steps = attacks(net, 1.0, 10.0, 12, 7)
    assert {step.action for step in steps} == set(ON_TELEMETRY)
    fleet = Fleet(net, everyday(12, 1, 7) + steps, 1, 7)
    values = np.concatenate(list(fleet.hours()))
    assert values.shape == (1440, 12, SLOTS)
    frozen = [attack for attack in fleet.manifest() if attack.action == "freeze_signal"]
    assert len(frozen) == 2
    for attack in frozen:
        reading = values[attack.begin + 2 : attack.end - 2, attack.entity, attack.slot]
        assert len(np.unique(reading[~np.isnan(reading)])) == 1


def test_work_orders_are_handed_over_once_and_in_time() -> None:
    fleet = Fleet(network(6), [Step("m-0", 0.5, "benign", "maintenance", "asset:m-2")], 1, 7)
    handed = []
    for hour, _ in zip(range(2), fleet.hours(), strict=False):
        handed += [(hour, batch.column("entity").to_pylist()) for batch in fleet.work(START + (hour + 1) * HOUR)]
    assert handed == [(0, ["asset:m-2"])]


def test_every_row_has_its_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUIET_SEED", 6009)
    monkeypatch.setattr(watch, "ATTACK_SEED", 6010)
    monkeypatch.setattr(watch.Watcher, "__init__", partialmethod(watch.Watcher.__init__, settings=replace(watch.SETTINGS, learn_rows=480)))
    rows = list(watch.cases(Scale(machines=12, quiet_days=1, attack_days=1, attacks=12, first_h=8.5)))
    assert [row["metric"] for row in rows[:2]] == ["alarms", "recall"]
    assert all(set(row) == {"case", "metric", "value", "target", "holds", "baselines"} and row["baselines"] for row in rows)
    assert rows[1]["value"] > rows[1]["baselines"]["the quiet run's alarms at random hours"]
    assert rows[1]["value"] >= 0.5
