"""Physics of the machines: the mass balance closes, the controller holds its level, a stopped drive draws no current."""

import numpy as np
import pytest

from interferon.twin.machines import SIGNALS, Drive, Machines

N = 5


def drive(run: float, rng: np.random.Generator, setpoint: float = 0.0) -> Drive:
    push = np.zeros((N, 8))
    push[:, 0] = setpoint
    return Drive(np.full(N, run), rng.standard_normal((N, 8)), np.full(N, 18.0), push, 1.0, np.full(N, 0.3))


def column(name: str) -> int:
    return SIGNALS["process"].index(name)


def test_what_flows_in_less_what_the_pump_takes_is_the_change_of_level() -> None:
    rng, unit = np.random.default_rng(1), Machines("process", np.linspace(0.9, 1.1, N))
    for _ in range(300):
        before = unit.state["level"].copy()
        row = unit.step(drive(1.0, rng))
        outflow = 20 * unit.scale * unit.state["speed"] * (1 + 0.25 * unit.state["load"])
        assert row[:, column("level")] - before == pytest.approx((row[:, column("flow")] - outflow) / (12 * unit.scale))


def test_the_controller_brings_the_level_to_its_setpoint() -> None:
    rng, unit = np.random.default_rng(2), Machines("process", np.ones(N))
    for setpoint in (0.0, 0.3):
        for _ in range(400):
            row = unit.step(drive(1.0, rng, setpoint))
        assert row[:, column("level")] == pytest.approx(50 * (1 + setpoint), abs=2.0)


def test_a_stopped_drive_draws_no_current_and_cools_down() -> None:
    rng, unit = np.random.default_rng(3), Machines("process", np.ones(N))
    warm = [unit.step(drive(1.0, rng)) for _ in range(100)][-1]
    cold = [unit.step(drive(0.0, rng)) for _ in range(200)][-1]
    assert np.all(cold[:, column("motor_current")] < 0.05 * warm[:, column("motor_current")])
    assert np.all(cold[:, column("temperature")] < warm[:, column("temperature")] - 20)


@pytest.mark.parametrize("name", list(SIGNALS))
def test_every_class_stays_finite_for_a_week(name: str) -> None:
    rng, unit = np.random.default_rng(4), Machines(name, np.linspace(0.85, 1.15, N))
    rows = np.array([unit.step(drive(float(k % 480 > 20), rng)) for k in range(7 * 1440)])
    assert rows.shape == (7 * 1440, N, len(SIGNALS[name]))
    assert np.all(np.isfinite(rows))
    assert np.all(np.abs(rows) < 5000)
