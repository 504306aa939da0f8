"""`interferon flow stock` as a person runs it: the table, the JSON, the same from Python, and what it says of tables it cannot use."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import interferon
from interferon.store import examples

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def medica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("flow") / "medica"
    examples.write("medica", where)
    return where


def test_the_json_holds_every_place_and_both_baselines(run: Run, medica: Path) -> None:
    code, out, err = run("flow", "stock", medica, "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["total"] <= min(told["baselines"].values())
    assert told["total"] == pytest.approx(sum(row["holding_cost"] for row in told["stages"]))
    assert 0 <= told["gap"] < 0.02
    assert told["exposed"] == sum(row["exposed"] for row in told["stages"]) > 0
    assert {row["node"] for row in told["stages"]} == {"dc-1", "dc-2", "dc-3", "dc-4", "plant-1", "plant-2", "plant-3"}
    for row in told["stages"]:
        assert row["exposed"] == (row["survive_days"] is not None and row["survive_days"] < row["recover_days"])
        assert row["target"] >= row["safety_stock"] >= 0
        assert 0 <= row["quoted_days"] <= row["recover_days"]


def test_the_same_from_python_and_in_the_table(run: Run, medica: Path) -> None:
    report = interferon.flow_stock(medica, service=0.98)
    _, out, _ = run("flow", "stock", medica, "--service", "0.98")
    assert f"safety stock costs {report.total:,.0f} EUR a year" in out
    first = out.splitlines()[1].split()
    assert first[:2] == [report.rows[0].node, report.rows[0].product]
    assert len(out.splitlines()) == 1 + len(report.rows) + 6


def test_better_service_costs_more_and_patient_customers_less(medica: Path) -> None:
    usual = interferon.flow_stock(medica)
    assert interferon.flow_stock(medica, service=0.99).bound > usual.total
    assert interferon.flow_stock(medica, quote_days=2).total < usual.bound
    assert interferon.flow_stock(medica, holding=0.5).total == pytest.approx(2 * usual.total, rel=1e-6)


def test_a_plant_alone_by_hand(minimal: Path) -> None:
    """Two customers' days of 10 and 20 units: mean 15, standard deviation √50; the plant makes in a day, its component comes in a day."""
    orders = [("o-1", 10, "2026-01-05T08:00Z"), ("o-2", 20, "2026-01-06T09:00Z")]
    rows = [f"{name},cust-1,p-1,{units},{when},2026-01-09T00:00Z,3" for name, units, when in orders]
    (minimal / "orders.csv").write_text("\n".join(["id,customer,product,quantity,requested,promised,priority", *rows]) + "\n")
    report = interferon.flow_stock(minimal)
    assert report.days == 2
    assert report.gap == 0
    made = next(row for row in report.rows if row.product == "p-1")
    assert made.quoted_days == 0
    assert made.target - made.safety_stock == pytest.approx(15 * made.recover_days)
    assert made.safety_stock == pytest.approx(1.6448536 * 50**0.5 * made.recover_days**0.5)
    assert made.survive_days == pytest.approx(made.on_hand / 15)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--service", "1.2"), "service is 1.2; a share from 0.5 to below 1 is needed"),
        (("--service", "nan"), "service is nan"),
        (("--holding", "-1"), "holding is -1; a share of value a year is needed"),
        (("--quote-days", "-1"), "days to quote and days to make must be 0 or more"),
        (("--service", "high"), "Invalid value for '--service'"),
    ],
)
def test_numbers_out_of_range_end_with_two(run: Run, minimal: Path, words: tuple[str, str], told: str) -> None:
    code, out, err = run("flow", "stock", minimal, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def _write(folder: Path, table: str, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / f"{table}.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def test_no_order_and_one_day_are_told(run: Run, minimal: Path) -> None:
    _write(minimal, "orders", lambda lines: lines[:2])
    assert "within one day; two days or more are needed" in run("flow", "stock", minimal)[2]
    _write(minimal, "orders", lambda lines: lines[:1])
    code, _, err = run("flow", "stock", minimal)
    assert (code, err) == (2, "interferon: orders.csv: there is no order; safety stock is sized by the demand that orders show\n")


def test_a_cycle_of_recipes_names_the_row(run: Run, minimal: Path) -> None:
    _write(minimal, "bom", lambda lines: [*lines, ",".join({"parent": "c-1", "child": "p-1"}.get(c, "1") for c in lines[0].split(","))])
    code, _, err = run("flow", "stock", minimal)
    assert code == 2
    assert "bom.csv:3: cycle in the bill of materials" in err


def test_a_component_that_nothing_brings_is_told(run: Run, minimal: Path) -> None:
    _write(minimal, "lanes", lambda lines: [line for line in lines if not line.startswith("lane-1,")])
    code, _, err = run("flow", "stock", minimal)
    assert code == 2
    assert "lanes.csv: no lane brings c-1 to plant-1" in err
    assert err.count("\n") == 1


def test_a_loop_of_lanes_that_nothing_feeds_is_named(run: Run, minimal: Path) -> None:
    """Two distribution centres that only feed each other, and serve the customer."""
    site = (minimal / "sites.csv").read_text().splitlines()[1].split(",")[0]
    nodes = {"id": "", "site": site, "kind": "dc", "capacity_per_day": "100"}

    def with_centres(lines: list[str]) -> list[str]:
        head = lines[0].split(",")
        return [*lines, *(",".join((nodes | {"id": name}).get(column, "") for column in head) for name in ("dc-a", "dc-b"))]

    def with_lanes(lines: list[str]) -> list[str]:
        head, kept = lines[0].split(","), [line for line in lines if not line.startswith("lane-2,")]
        ways = (("loop-1", "dc-a", "dc-b"), ("loop-2", "dc-b", "dc-a"), ("last", "dc-a", "cust-1"))
        row = {"mode": "road", "capacity_per_day": "100", "lead_days_mean": "1"}
        return [*kept, *(",".join((row | {"id": i, "from": a, "to": b}).get(column, "") for column in head) for i, a, b in ways)]

    _write(minimal, "nodes", with_centres)
    _write(minimal, "lanes", with_lanes)
    _write(minimal, "inventory", lambda lines: [*lines, "dc-a,p-1,5,2026-01-05T00:00:00Z"])
    code, _, err = run("flow", "stock", minimal)
    assert code == 2
    assert "loop-1, loop-2 go round in a loop" in err or "loop-2, loop-1 go round in a loop" in err
    assert "order o-1 needs a way in" in err
