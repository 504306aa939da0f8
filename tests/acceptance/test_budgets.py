"""Budgets are never exceeded: 10,000 random plans from many threads at once, each moment of the ledger recounted afterwards."""

import random
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interferon.act import lifecycle
from interferon.act.budget import HOUR_US
from interferon.actions import ACTIONS
from interferon.bench.respond_journal import Memory
from interferon.model.effects import Intent, LedgerEntry, Outcome, State
from interferon.model.network import Asset, Budgets, Network, Settings
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from interferon.store.journal_ledger import verify_ledger

CALLERS, SEED = 16, 20260105
LIMITS = Budgets(actions_per_hour=240, isolated_assets=30, orders_late_per_day=50, downtime_hours=40)
STEP_US = 2_000_000  # of simulated time, from plan to plan
Told = Callable[[str, object], None]


class Unsure(Memory):
    """A world in which some things do not succeed."""

    def __init__(self) -> None:
        super().__init__()
        self._draws = random.Random(SEED + 1)

    def apply(self, effect_id: str, *rest: Any) -> Outcome:
        return super().apply(effect_id, *rest) if self._draws.random() < 0.8 else Outcome("failed", "it did not want to")


class Clock:
    """Moves on with each plan, whichever thread it comes from."""

    def __init__(self) -> None:
        self._lock, self._now = threading.Lock(), HOUR_US

    def __call__(self) -> int:
        with self._lock:
            return self._now

    def tick(self) -> int:
        with self._lock:
            self._now += STEP_US
            return self._now


def network() -> Network:
    tables = ("sites", "zones", "conduits", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    assets = {f"a{number}": Asset(id=f"a{number}", zone="z", type="host") for number in range(50)}
    return Network(settings=Settings(name="n", budgets=LIMITS), revision=1, assets=assets, **empty)


def drawn(number: int, at: int) -> list[Intent]:
    draws = random.Random(SEED + number)
    return [
        Intent(
            id=f"p{number}.{place}",
            plan=f"p{number}",
            incident=f"i{number}",
            action="isolate_asset",
            target=f"asset:a{draws.randrange(50)}",
            time=at,
            assets=draws.randrange(0, 4),
            downtime_h=draws.randrange(0, 5),
            orders_late=draws.choice((0, 0, 1, 3, 9)),
        )
        for place in range(draws.randrange(1, 4))
    ]


def recounted(rows: list[LedgerEntry]) -> Counter[str]:
    """Walks the ledger as it was written; the most that was ever taken from each budget. Nothing of the journal's own sums is believed."""
    intents: dict[str, Intent] = {}
    standing: dict[str, State] = {}
    hour: deque[int] = deque()
    taken, most = Counter[str](), Counter[str]()
    for row in rows:
        body = msgspec.json.decode(row.body)
        if "intent" in body:
            intents[row.subject] = msgspec.convert(body["intent"], Intent)
            if body["to"] != State.REFUSED:
                hour.append(row.time)
        before, after = standing.get(row.subject), State(body["to"])
        standing[row.subject] = after
        change = int(lifecycle.holds(after)) - int(before is not None and lifecycle.holds(before))
        for field in ("assets", "downtime_h", "orders_late"):
            taken[field] += change * getattr(intents[row.subject], field)
        while hour and hour[0] <= row.time - HOUR_US:
            hour.popleft()
        taken["actions"] = len(hour)
        most |= taken
    return most


@pytest.mark.parametrize(("kind", "plans"), [("sqlite", 10_000), ("postgres", 2_000)])
def test_no_moment_of_many_plans_at_once_is_beyond_a_budget(
    kind: str, plans: int, tmp_path: Path, request: pytest.FixtureRequest, record_property: Told
) -> None:
    place = tmp_path / "journal.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres").database()
    clock, told = Clock(), Counter[str]()
    with Journal(place) as journal, Effects(journal, Unsure(), ACTIONS, network(), clock, workers=CALLERS) as effects:

        def one(number: int) -> None:
            receipts = effects.submit(drawn(number, clock.tick()))
            told.update(receipt.status for receipt in receipts)
            effects.undo([receipt.effect for receipt in receipts if receipt.status is State.VERIFIED and number % 7], "over")

        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(one, range(plans)))
        rows: list[LedgerEntry] = []
        last = 0
        while more := journal.ledger(last, 20_000):
            rows, last = rows + more, more[-1].seq
    most = recounted(rows)
    for name, limit in (
        ("assets", LIMITS.isolated_assets),
        ("downtime_h", LIMITS.downtime_hours),
        ("orders_late", LIMITS.orders_late_per_day),
        ("actions", LIMITS.actions_per_hour),
    ):
        assert most[name] <= limit, name
        assert most[name] >= 0.9 * limit, f"{name} was never near its limit: this proves nothing"
        record_property(f"most {name}", f"{most[name]} of {limit}")
    assert told[State.REFUSED] > plans / 10
    assert told[State.FAILED] > plans / 100
    assert verify_ledger(place).problems == ()
