"""`interferon flow kpi` as a person runs it: the table, the JSON with every definition, and what it says of a wrong reference."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from interferon.model.kpis import kpis

Run = Callable[..., tuple[int, str, str]]


def test_every_figure_comes_with_its_unit_and_basis(run: Run, minimal: Path) -> None:
    code, out, err = run("flow", "kpi", minimal)
    assert (code, err) == (0, "")
    for row in kpis().values():
        (line,) = (line for line in out.splitlines() if line.startswith(f"{row.name}  "))
        assert row.unit.replace("currency", "EUR") in line
        assert "modelled" in line
    assert "re-routed" not in out
    assert "no source stated" in out


def test_the_json_holds_definitions_both_plans_and_every_element(run: Run, minimal: Path) -> None:
    (minimal / "emission_factors.csv").write_text("element,factor,unit,source,year\nroad,100,g/tkm,a carrier's own report,2025\n")
    code, out, err = run("flow", "kpi", minimal, "--close", "node:plant-1", "--until", "36", "--horizon", "14", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["horizon_days"], told["closed"], told["until_h"]) == (14, ["node:plant-1"], 36)
    assert told["otif"] == {"level": "order", "basis": "delivery", "late": 0, "early": None, "tolerance": 0}
    assert [row["id"] for row in told["kpis"]] == list(kpis())
    for row in told["kpis"]:
        assert (row["formula"], row["source"], row["basis"]) == (kpis()[row["id"]].formula, kpis()[row["id"]].source, "modelled")
        if row["plan"] is None or row["rerouted"] is None:
            assert row["difference"] is None
        else:
            assert row["difference"] == pytest.approx(row["rerouted"] - row["plan"])
    for plan in ("plan", "rerouted"):
        assert {each["source"] for each in told["emissions"][plan]} == {"a carrier's own report"}
        (total,) = (row[plan] for row in told["kpis"] if row["id"] == "emissions")
        assert total == pytest.approx(sum(each["kg"] for each in told["emissions"][plan]))


@pytest.mark.parametrize("table", ["inventory", "nothing"])
def test_figures_are_of_the_orders_that_the_plan_is_of(run: Run, minimal: Path, table: str) -> None:
    """Stock counted at noon, or not at all."""
    held = (minimal / "inventory.csv").read_text().replace("T00:00:00Z", "T12:00:00Z")
    (minimal / "inventory.csv").write_text(held if table == "inventory" else held.splitlines()[0] + "\n")
    plan = json.loads(run("flow", "plan", minimal, "--json")[1])
    figures = {row["id"]: row for row in json.loads(run("flow", "kpi", minimal, "--json")[1])["kpis"]}
    assert figures["otif"]["note"] == f"of {plan['nominal']['orders']} orders"
    assert figures["otif"]["plan"] == pytest.approx(plan["nominal"]["otif"])


def test_the_json_without_a_closure_is_of_the_plan_alone(run: Run, minimal: Path) -> None:
    told = json.loads(run("flow", "kpi", minimal, "--json")[1])
    assert (told["closed"], list(told["emissions"])) == ([], ["plan"])
    assert all("plan" in row and "rerouted" not in row for row in told["kpis"])


def test_the_table_shows_a_closure_beside_the_plan(run: Run, minimal: Path) -> None:
    _, out, _ = run("flow", "kpi", minimal, "--close", "node:plant-1", "--close", "lane:lane-1", "--until", "36")
    assert out.splitlines()[0].split()[2:5] == ["plan", "re-routed", "difference"]
    assert "lane:lane-1, node:plant-1 closed for 36 h" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--close", "plant-1"], "--close plant-1: write asset:ID, conduit:ID, zone:ID, node:ID, lane:ID"),
        (["--close", "node:plant-9"], "--close node:plant-9: there is no node 'plant-9' in nodes.csv"),
        (["--until", "5"], "--until says how long a closure lasts; name what is closed with --close"),
        (["--close", "node:plant-1", "--until", "inf"], "--until inf: write a number of hours"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(run: Run, minimal: Path, words: list[str], said: str) -> None:
    assert run("flow", "kpi", minimal, *words) == (2, "", f"interferon: {said}\n")
