"""The conformance kit sees each broken promise of a detector; test_plugin_check runs it on every one that ships."""

import collections
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from interferon import checks, plugins
from interferon.detect.protocol import Params
from interferon.detect.signal_examples import freeze, pump
from interferon.detect.signal_protocol import Memory, Numbers, Reading
from interferon.detect.stream_protocol import Anomaly
from interferon.detect.telemetry_examples import silence
from interferon.detect.windows import Bools, Floats, Rows, Window
from interferon.detectors import activity_logs
from interferon.detectors.telemetry_flatline import TelemetryFlatline
from interferon.detectors.telemetry_gaps import TelemetryGaps


def test_every_family_has_detectors() -> None:
    names = {name.partition("_")[0] for name, module in plugins.modules("detectors").items() if checks.detectors_in(module)}
    assert names == {"activity", "telemetry", "trade"}


def spoiled(**changes: Any) -> types.SimpleNamespace:
    """A detector that works but for the changes."""
    return types.SimpleNamespace(**{**vars(activity_logs), **changes})


def grown(memory: activity_logs.Memory, event: Any, ctx: Any, strange: bool) -> None:
    activity_logs.learn(memory, event, ctx, strange)
    memory.seen[str(event.time)] = 1.0


def impure(memory: activity_logs.Memory, event: Any, ctx: Any) -> list[Anomaly]:
    memory.missed += 1.0
    return activity_logs.score(memory, event, ctx)


def brittle(memory: activity_logs.Memory, event: Any, ctx: Any) -> list[Anomaly]:
    if not event.code:
        raise KeyError("code")
    return activity_logs.score(memory, event, ctx)


def hidden() -> activity_logs.Memory:
    seen: Any = collections.UserDict()
    return activity_logs.Memory(seen=seen)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"KINDS": ("log.sttus",)}, "KINDS names 'log.sttus'"),
        ({"FAMILY": "telemtry"}, "FAMILY is 'telemtry'"),
        ({"TECHNIQUES": ("TA0001",)}, "TECHNIQUES names 'TA0001'"),
        ({"TECHNIQUES": ()}, "TECHNIQUES is empty"),
        ({"__doc__": ""}, "no docstring"),
        ({"QUIET": activity_logs.LOUD}, "QUIET gives a finding"),
        ({"LOUD": activity_logs.QUIET}, "LOUD gives no finding"),
        ({"score": impure}, "score changes the memory"),
        ({"score": brittle}, "fails on events"),
        ({"learn": grown}, "memory grows"),
        ({"why": lambda anomaly, ctx: "two\nlines"}, "not one sentence"),
        ({"memory": hidden}, "checkpoint cannot take"),
        ({"memory": lambda: None}, "fails on its own examples: AttributeError"),
    ],
)
def test_broken_promise_is_named(changes: dict[str, Any], told: str) -> None:
    detector = spoiled(**changes)
    detector.__doc__ = changes.get("__doc__", activity_logs.__doc__)
    assert any(told in problem for problem in checks.run(detector))


def test_missing_function_is_named() -> None:
    detector = spoiled()
    del detector.why
    assert checks.run(detector)[0].startswith("has no why")


class Blind(TelemetryGaps):
    """Sees nothing at all."""

    def score(self, params: Params, window: Window) -> Floats:
        return np.zeros(len(window.mean))


class Unfair(TelemetryGaps):
    """Shares that do not add up, on recordings that are not what they say."""

    QUIET = staticmethod(silence)

    def why(self, params: Params, window: Window) -> Floats:
        return np.ones_like(window.mean)


class Torn(TelemetryGaps):
    """Says that its signals are 0 or 1, and they are not always there."""

    def derive(self, params: Params, rows: Rows) -> tuple[Floats, Bools]:
        return rows.z, rows.valid


class Broken(TelemetryGaps):
    """Cannot stand a gap."""

    def score(self, params: Params, window: Window) -> Floats:
        return np.full(len(window.mean), np.nan)


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        (Blind(), "LOUD does not stand out"),
        (Unfair(), "do not sum to 1"),
        (Unfair(), "QUIET stands out"),
        (Torn(), "not all 0 or 1"),
        (Broken(), "score is not finite on its own examples"),
    ],
)
def test_broken_promise_of_a_telemetry_detector_is_named(detector: Any, told: str) -> None:
    assert any(told in problem for problem in checks.run(detector))


class Drawn(TelemetryFlatline):
    """Says more or less as the die falls."""

    def __init__(self) -> None:
        self.draw = np.random.default_rng(1)

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        return super().update(params, memory, row, judged) + np.float32(self.draw.random())


class Crowded(TelemetryFlatline):
    """Adds up the numbers of the whole fleet."""

    def update(self, params: Mapping[str, Numbers], memory: Memory, row: Reading, judged: Bools) -> Numbers:
        number = super().update(params, memory, row, judged)
        crowd: Numbers = number + number.sum(axis=0)
        return crowd


class Torpid(TelemetryFlatline):
    """Says that the signal stands still where nobody touched it."""

    QUIET = staticmethod(freeze)
    LOUD = staticmethod(pump)


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        (Drawn, ["two runs over LOUD differ"]),
        (Crowded, ["another machine in the same frame"]),
        (Torpid, ["QUIET gives an alarm", "LOUD gives no alarm"]),
    ],
)
def test_broken_promise_of_a_detector_of_single_signals_is_named(detector: Callable[[], Any], told: list[str]) -> None:
    problems = checks.run(detector())
    assert [part for part in told if not any(part in problem for problem in problems)] == [], problems
