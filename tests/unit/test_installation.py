"""How an installation is put together: its closure table is kept for the next start, goods move only where a closure costs orders."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from interferon.flow.problem import opening
from interferon.flow.reroute import Route, from_dict
from interferon.model.records import Solve
from interferon.pipeline import Rules
from interferon.runtime import installation
from interferon.runtime.guarded import HISTORY_H, Guarded
from interferon.runtime.installation import RouteSolver, opening_time
from interferon.runtime.loop import Hooks
from interferon.store.examples import START
from interferon.twin.scenario import Scenario, parse

from .attacked import HOUR, MINUTE, always, ground

Start = Callable[[], tuple[Rules, list[tuple[int, int]]]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Puts the installation together; also tells how often the closure table said how far it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make() -> tuple[Rules, list[tuple[int, int]]]:
        told: list[tuple[int, int]] = []
        network = ground()[0]
        return installation.rules(network, always("suggest"), observing=True, now=START, progress=lambda *far: told.append(far)), told

    return make


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "interferon").glob("closures-*"))


def test_the_closure_table_is_made_once_for_one_network(start: Start, tmp_path: Path) -> None:
    first, told = start()
    assert told
    again, silent = start()
    assert silent == []
    refs = ("asset:plc-1",)
    assert again.closures.value(refs) == first.closures.value(refs)
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b"", b"not a table"])
def test_a_damaged_table_is_made_again(start: Start, tmp_path: Path, damage: bytes) -> None:
    start()
    kept(tmp_path)[0].write_bytes(damage)
    assert start()[1]
    assert start()[1] == []


def test_a_place_that_cannot_be_written_costs_only_time(start: Start, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    assert start()[1]
    assert start()[1]


def test_the_tables_begin_at_the_newest_count_else_at_the_newest_order_else_at_nothing() -> None:
    network = ground()[0]
    assert opening_time(network) == START
    uncounted = replace(network, inventory=())
    asked = max(order.requested for order in network.orders.values())
    assert opening_time(uncounted) == asked // (24 * HOUR) * 24 * HOUR
    assert opening_time(replace(uncounted, orders={})) == 0


@pytest.mark.parametrize(("closed", "moves"), [((), False), (("zone:plant-1-cell-1",), True)])
def test_goods_go_as_usual_unless_the_closure_costs_orders(closed: tuple[str, ...], moves: bool) -> None:
    network, table, base = ground()
    applied: list[Route] = []
    solver = RouteSolver(network, table, lambda now: opening(network, START), base, applied.append)
    answer = solver(Solve(START + HOUR, "p-1", closed))
    assert (answer.time, answer.plan, applied) == (START + HOUR, "p-1", [solver.route])
    assert from_dict(answer.route) == solver.route
    assert solver.route.closed == closed
    assert (solver.route.orders_late > base.orders_late) is moves
    assert moves or solver.route.sourcing == base.sourcing


# ---- a guarded range

SCENARIO = """
name = "guarded"
network = "minimal"
hours = 4
[[step]]
id = "a"
at_h = 1.0
kind = "attack"
action = "encrypt_hosts"
target = "asset:srv-1"
[[step]]
id = "b"
at_h = 1.0
until_h = 2.0
kind = "benign"
action = "pen_test"
target = "zone:plant-1-ops"
"""


@pytest.fixture(scope="module")
def script() -> Scenario:
    return parse(SCENARIO, "guarded", ground()[0])


def test_a_guarded_range_keeps_its_journal_where_it_is_told_to(script: Scenario, tmp_path: Path) -> None:
    network, table, base = ground()
    under = Rules(network, table, always("execute_auto"), installation.portfolios(), observing=False)
    looks: list[int] = []
    with Guarded(under, script, 3, START, base, folder=tmp_path) as guarded:
        begin = guarded.range.now
        guarded.advance(begin + 2 * MINUTE + 1, looks.append)
        assert looks == [begin + MINUTE, begin + 2 * MINUTE, begin + 2 * MINUTE + 1]
        assert begin == START - int(HISTORY_H * HOUR)
        snapshot = guarded.snapshot(guarded.range.now)
        assert {place for place, _ in snapshot.stock} <= set(network.nodes)
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("minutes", [90, 61.5])
def test_an_hour_at_once_is_handed_over_minute_by_minute(script: Scenario, minutes: float) -> None:
    network, table, base = ground()
    under = Rules(network, table, always("execute_auto"), installation.portfolios(), observing=False)
    told = []
    for learnt in (START, 0):  # hours at once as long as there are whole ones, single minutes
        seen: list[object] = []
        hooks = Hooks(see=lambda batch, seen=seen: seen.append(batch.to_pylist()))  # type: ignore[misc]
        with Guarded(under, script, 3, START, base, hooks) as guarded:
            guarded._learnt = learnt
            guarded.advance(guarded.range.now + int(minutes * MINUTE), seen.append)
        told.append(seen)
    assert told[0] == told[1]
    assert sum(isinstance(each, list) for each in told[0]) > minutes
