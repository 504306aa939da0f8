"""Rolling windows are exact, ignore gaps and do not depend on how the rows arrive; scales are robust."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interferon.detect.fleet import Rings, grow, new_rings, prime, push, room, window_of
from interferon.detect.fleet_bits import Bits
from interferon.detect.windows import GAP, LIMIT, STEP, encode, hold, robust_scale, rolling, times

codes = arrays(
    np.int16, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.sampled_from([int(GAP), -32000, -512, 0, 1, 700, 32000])
)


@given(codes, st.integers(2, 9))
def test_rolling_features_are_those_of_the_values_there(table: np.ndarray, window: int) -> None:
    found = rolling(table, window, 0.1)
    for row in range(len(table)):
        for signal in range(table.shape[1]):
            part = table[max(0, row - window + 1) : row + 1, signal]
            values = part[part != GAP] / STEP
            if len(values) < max(2, window // 4):
                assert np.isnan(found.mean[row, signal])
                assert np.isnan(found.spread[row, signal])
            else:
                assert found.mean[row, signal] == pytest.approx(values.mean(), abs=1e-12)
                assert found.spread[row, signal] == pytest.approx(0.5 * np.log(values.var() + 0.01), abs=1e-9)


@given(codes, st.integers(2, 9))
def test_a_ring_holds_exactly_what_the_block_computes(table: np.ndarray, window: int) -> None:
    signals = table.shape[1]
    rings = new_rings(window, signals)
    assert isinstance(rings, Rings)
    grow(rings, 3)
    prime(rings, 1, np.full((1, signals), GAP, dtype=np.int16))
    expected = rolling(table, window, 0.1, single=True)
    for number, row in enumerate(table):
        push(rings, np.array([1]), np.array([number]), row[None])
        found = window_of(rings, np.array([1]), 0.1)
        np.testing.assert_array_equal(found.mean[0], expected.mean[number])
        np.testing.assert_array_equal(found.spread[0], expected.spread[number])
    assert (rings.count[[0, 2]] == 0).all()


bits = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 17)))


@given(bits, st.integers(2, 9))
def test_bits_say_exactly_what_a_ring_of_noughts_and_ones_says(table: np.ndarray, window: int) -> None:
    codes, signals = (table * int(STEP)).astype(np.int16), table.shape[1]
    kept = [new_rings(window, signals), new_rings(window, signals, bits=True)]
    for rings in kept:
        grow(rings, 3)
        prime(rings, 1, np.zeros((window, signals), dtype=np.int16))
        prime(rings, 2, codes)
    for number, row in enumerate(codes):
        for rings in kept:
            push(rings, np.array([1]), np.array([number]), row[None])
        whole, short = (window_of(rings, np.array([1]), 0.1) for rings in kept)
        np.testing.assert_array_equal(whole.mean, short.mean)
        np.testing.assert_array_equal(whole.spread, short.spread)
    repeated = table[np.arange(-window, 0) % len(table)]
    ones = np.array([0, table[-window:].sum(), repeated.sum()])
    assert isinstance(kept[1], Bits)
    assert kept[1].total.sum(axis=1).tolist() == np.unpackbits(kept[1].ring, axis=-1).sum(axis=(0, 2)).tolist() == ones.tolist()


@given(st.integers(1, 1 << 20))
def test_arrays_have_room_for_an_eighth_more_at_the_most(entities: int) -> None:
    assert entities <= room(entities) <= max(entities * 9 / 8, entities + 15)


def test_values_far_away_are_clipped_and_gaps_marked() -> None:
    found = encode(np.array([[1e300, -1e300, 0.5]]), np.array([[True, True, False]]))
    assert found.tolist() == [[int(LIMIT * STEP), int(-LIMIT * STEP), int(GAP)]]


def test_gaps_hold_the_last_value() -> None:
    table = np.array([[GAP, 5], [7, GAP], [GAP, GAP]], dtype=np.int16)
    assert hold(table, np.array([1, 2], dtype=np.int16)).tolist() == [[1, 5], [7, 5], [7, 5]]


def test_scale_ignores_a_few_wild_values() -> None:
    values = np.linspace(-1.0, 1.0, 101)[:, None].copy()
    values[:5] = 9.0
    centre, spread = robust_scale(values)
    assert abs(centre[0]) < 0.15
    assert 0.5 < spread[0] < 1.2


def test_scale_of_a_still_and_of_an_empty_column() -> None:
    centre, spread = robust_scale(np.array([[50.0, np.nan, 0.0]] * 30))
    assert centre.tolist() == [50.0, 0.0, 0.0]
    assert spread.tolist() == [10.0, 1.0, 0.2]


@given(arrays(np.float64, (7, 5), elements=st.floats(-9, 9)), arrays(np.float64, (5, 3), elements=st.floats(-9, 9)))
def test_product_does_not_depend_on_the_number_of_rows(rows: np.ndarray, matrix: np.ndarray) -> None:
    whole = times(rows, matrix[None])
    np.testing.assert_array_equal(whole[3:4], times(rows[3:4], matrix[None]))
    np.testing.assert_array_equal(whole, times(rows, np.repeat(matrix[None], 7, axis=0)))
    np.testing.assert_allclose(whole, rows @ matrix, atol=1e-9)
