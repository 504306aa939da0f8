"""The nearest normal example: which learnt rows are kept, which one is named, and how little that weighs."""

import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes
from jinja2 import Environment, PackageLoader

from interferon.detect import telemetry, telemetry_state
from interferon.detect.examples import CELLS, LEAST, MOST, Examples, keep, nearest, nearests
from interferon.detect.settings import LIVE
from interferon.detect.windows import GAP, STEP, encode
from interferon.model.records import Finding
from interferon.store.examples import START
from interferon.web.figures import filters

MINUTE = 60_000_000
TABLES = shapes.arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 5)), elements=st.floats(-12, 12))


def kept(values: np.ndarray) -> Examples:
    examples = Examples()
    keep(examples, 0, encode(values, ~np.isnan(values)), np.arange(len(values)) * MINUTE)
    return examples


def named(examples: Examples, *values: float) -> tuple[int, float] | None:
    row = np.array(values)
    return nearest(examples, 0, encode(row, ~np.isnan(row)))


def modes(rows: int = 400) -> np.ndarray:
    """Two modes of a machine, the second one rare: from row 300 to 319."""
    values = np.random.default_rng(1).normal(0, 0.2, (rows, 3))
    values[300:320] += [4.0, -4.0, 2.0]
    return values


def test_a_rare_mode_is_kept_and_named() -> None:
    examples = kept(modes())
    time, away = named(examples, 4.1, -3.9, 2.0) or (0, 9.0)
    assert 300 <= time / MINUTE < 320
    assert away < 0.6
    ordinary, near = named(examples, 0.0, 0.0, 0.0) or (0, 9.0)
    assert not 300 <= ordinary / MINUTE < 320
    assert near < 0.6
    assert (named(examples, 4.0, 4.0, 2.0) or (0, 0.0))[1] > 2.0


def test_missing_values_are_compared_with_nothing() -> None:
    values = np.array([[0.0, np.nan], [3.0, np.nan], [np.nan, np.nan], [np.nan, 5.0]])
    examples = kept(values)
    assert named(examples, 3.0, 1.0) == (MINUTE, 0.0)
    assert named(examples, np.nan, 4.0) == (3 * MINUTE, 1.0)
    assert named(examples, np.nan, np.nan) is None
    assert nearest(examples, 1, np.zeros(2, dtype=np.int16)) is None
    assert kept(np.full((3, 2), np.nan)) == Examples()


def test_what_is_asked_of_many_at_once_is_what_each_alone_is_told() -> None:
    draw, examples = np.random.default_rng(3), Examples()
    for machine in (0, 2, 5):
        values = draw.normal(size=(machine + 2, 8))
        keep(examples, machine, encode(values, ~np.isnan(values)), np.arange(len(values)) * MINUTE)
    rows = encode(draw.normal(size=(4, 8)), draw.random((4, 8)) > 0.2)
    rows[3] = GAP  # of the last nothing is known
    asked = [0, 1, 2, 5]
    assert nearests(examples, asked, rows) == [nearest(examples, machine, row) for machine, row in zip(asked, rows, strict=True)]
    assert [found is None for found in nearests(examples, asked, rows)] == [False, True, False, True]
    assert nearests(examples, [], rows[:0]) == []


@given(TABLES)
def test_no_learnt_row_is_farther_from_its_example_than_the_examples_from_each_other(values: np.ndarray) -> None:
    examples = kept(values)
    rows = examples.rows[0].astype(np.float64)
    assert len(rows) <= MOST
    fine = np.rint(encode(values, ~np.isnan(values)) / STEP * 10.0)
    away = np.sqrt(((fine[:, None] - rows) ** 2).sum(axis=2)).min(axis=1).max()
    if len(rows) == MOST:
        between = np.sqrt(((rows[:, None] - rows) ** 2).sum(axis=2))[~np.eye(len(rows), dtype=bool)]
        assert away <= between.min() + 1e-9
    else:
        assert away == 0.0


@given(TABLES)
def test_a_kept_row_is_its_own_example(values: np.ndarray) -> None:
    examples = kept(values)
    for row, time in zip(examples.rows[0], examples.times[0].tolist(), strict=True):
        found = nearest(examples, 0, (row.astype(np.float64) / 10 * STEP).round().astype(np.int16))
        assert found is not None
        assert found[1] == 0.0
        assert found[0] <= time


@pytest.mark.parametrize("signals", [1, 5, 16, 40, 80])
def test_a_machine_costs_less_than_a_kilobyte(signals: int) -> None:
    values = np.random.default_rng(2).normal(0, 3, (1440, signals))
    examples = kept(values)
    rows, times = examples.rows[0], examples.times[0]
    assert LEAST <= len(rows) == len(times) <= MOST
    assert rows.size <= max(CELLS, LEAST * signals)
    held = sum(sys.getsizeof(part) for part in (rows, times))  # with the arrays' own heads; two entries of a dict are 2 × 100 at most
    assert rows.base is None
    assert times.base is None
    assert held + 200 <= 1024


def test_the_code_of_a_gap_is_no_value() -> None:
    assert encode(np.array([-63.0]), np.array([True]))[0] != GAP
    assert named(kept(np.array([[-63.0], [63.0]])), -63.0) == (0, 0.0)


def test_the_times_of_collected_rows_follow_them_round_the_ring() -> None:
    settings = replace(LIVE, learn_rows=60).for_rows(60)
    state = telemetry_state.new_state(settings, 2, ())
    for minute in range(70):
        values = np.array([[float(minute), 1.0], [0.0, minute + 0.5]])
        telemetry.observe(state, telemetry.Frame(minute * MINUTE, np.array([0, 3], dtype=np.int32), values), ())
    for entity, column in ((0, 0), (3, 1)):
        rows, times = telemetry_state.collected(state, entity), telemetry_state.collected_at(state, entity)
        assert times.tolist() == [minute * MINUTE for minute in range(10, 70)]
        assert np.array_equal(np.floor(rows[:, column]), times / MINUTE)


def test_the_screens_say_when_it_looked_most_like_this_and_link_to_the_signals() -> None:
    told = Finding(
        id="f-1",
        time=START,
        entity="asset:plc-1",
        detector="telemetry",
        family="telemetry",
        kind="telemetry.pattern",
        p=1e-6,
        score=9.0,
        why=(("level", 1.0),),
        summary="plc-1 does not move as it does in normal life",
        nearest=(START - 3600 * 1_000_000, 3.14),
        suppressed="s-1",
    )
    page = Environment(loader=PackageLoader("interferon.web"), autoescape=True)
    page.filters.update(filters("UTC"))
    shown = page.from_string("{% import '_parts.html' as parts %}{{ parts.finding(told, true, '', '', false, '') }}")
    text = shown.render(told=told)
    assert "Most alike when learnt" in text
    assert "3.1 spreads away" in text
    assert 'href="/life/asset:plc-1#h-bands"' in text
    assert "s-1: not correlated" in text
    without = shown.render(told=msgspec.structs.replace(told, nearest=None, suppressed="", family="trade"))
    assert not any(words in without for words in ("Most alike", "#h-bands", "not correlated"))
