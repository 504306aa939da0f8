"""Strongly connected components: those that the definition gives, on any graph."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from interferon.flow.circles import components

PLACES = 12


@given(st.lists(st.tuples(st.integers(0, PLACES - 1), st.integers(0, PLACES - 1)), max_size=40))
def test_two_places_are_of_one_component_where_each_leads_to_the_other(arcs: list[tuple[int, int]]) -> None:
    start, end = np.array(arcs, np.int64).reshape(-1, 2).T
    part = components(PLACES, start, end)
    leads = np.eye(PLACES, dtype=bool)
    leads[start, end] = True
    for _ in range(PLACES):
        leads |= leads @ leads
    assert np.array_equal(part[:, None] == part, leads & leads.T)


@pytest.mark.parametrize(("places", "arcs"), [(1, 0), (5000, 4000), (5000, 7000), (3000, 30_000)])
def test_large_graphs_are_as_scipy_says(places: int, arcs: int) -> None:
    start, end = np.random.default_rng(5).integers(0, places, (2, arcs))
    count, part = connected_components(coo_matrix((np.ones(arcs), (start, end)), shape=(places, places)), connection="strong")
    own = components(places, start, end)
    assert len(np.unique(own)) == count
    assert len(np.unique(own * places + part)) == count


def test_a_long_line_needs_no_deep_recursion() -> None:
    line = np.arange(20_000)
    assert len(np.unique(components(20_001, line, line + 1))) == 20_001
    assert len(np.unique(components(20_001, np.append(line, 20_000), np.append(line + 1, 0)))) == 1
