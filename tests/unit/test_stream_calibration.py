"""`p` means what it says: over ordinary life, about a share p of entity-days, or fewer, show a kind of finding that strange."""

import math
from functools import cache
from typing import Any

import pytest

from interferon.detectors import (
    activity_agents,
    activity_beacons,
    activity_commands,
    activity_data,
    activity_lineage,
    activity_logins,
    activity_templates,
    trade_duplicates,
    trade_leadtimes,
    trade_orders,
)

from .quiet_life import (
    ALPHA,
    Life,
    accesses,
    calls_without_clock,
    commands,
    logins,
    messages,
    orders,
    processes,
    shares_below,
    shipments,
    tool_calls,
)

measured = cache(shares_below)  # two lives are asked about twice

LIVES: list[tuple[Any, Life, int, int]] = [
    (activity_agents, tool_calls, 20, 30),
    (activity_beacons, calls_without_clock, 12, 12),
    (activity_commands, commands, 20, 30),
    (activity_data, accesses, 40, 40),
    (activity_lineage, processes, 20, 40),
    (activity_logins, logins, 60, 40),
    (activity_templates, messages, 10, 20),
    (trade_duplicates, shipments, 20, 40),
    (trade_leadtimes, shipments, 20, 40),
    (trade_orders, orders, 20, 40),
]


@pytest.mark.parametrize(("detector", "life", "entities", "days"), LIVES, ids=lambda value: getattr(value, "NAME", ""))
def test_ordinary_days_are_no_stranger_than_p_says(detector: Any, life: Life, entities: int, days: int) -> None:
    """Half as many again are allowed, and three standard errors: the laws of these lives are not the detectors' own."""
    for kind, shares in measured(detector, life, entities=entities, days=days).items():
        for level in (ALPHA, 0.02, 0.1):
            limit = 1.5 * level + 3 * math.sqrt(level / (entities * (days - 1)))
            assert shares[level] <= limit, (kind, shares)


def test_what_is_judged_by_rank_or_tail_is_not_merely_silent() -> None:
    """Uniform, not only conservative: where every value is judged, the tail is about as long as it says."""
    quantities = measured(trade_orders, orders, entities=20, days=40)["order.quantity"]
    tokens = measured(activity_agents, tool_calls, entities=20, days=30)["agent.tokens"]
    assert 0.03 <= quantities[0.1] <= 0.15
    assert 0.03 <= tokens[0.1] <= 0.15
