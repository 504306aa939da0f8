"""`interferon flow plan`, `flow contain` and `flow stress` as a person runs them: tables, JSON, files, warnings, and what is refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import interferon
from interferon.model.errors import InputError
from interferon.store import folder

Run = Callable[..., tuple[int, str, str]]
HEAD = "id,customer,product,quantity,requested,promised,priority"


def _orders(folder: Path, *rows: str) -> None:
    (folder / "orders.csv").write_text("\n".join([HEAD, *rows]) + "\n")


def test_the_plan_is_told_with_reasons(run: Run, minimal: Path) -> None:
    code, out, err = run("flow", "plan", minimal, "--close", "zone:plant-1-ops", "--until", "24h")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "minimal at 5 Jan 00:00 UTC, closed: zone:plant-1-ops, until 6 Jan 00:00"
    assert any(line.startswith("answered by the linear programme, at most 0.0") for line in lines)
    assert any(line.startswith("valid until 6 Jan 00:00 UTC, or until the tables are revised") for line in lines)
    assert any(
        line.startswith("     3  node plant-1 sends 66 of 120 a day until 6 Jan 00:00, closed with zone:plant-1-ops") for line in lines
    )
    assert any(line.startswith("  dependencies are assumed: 2 to 3 late") for line in lines)


def test_the_json_and_the_same_from_python(run: Run, minimal: Path) -> None:
    code, out, err = run(
        "flow", "plan", minimal, "--close", "node:plant-1", "--close", "zone:corp-it", "--until", "2026-01-06T00:00Z", "--json"
    )
    told = json.loads(out)
    assert (code, err, told["problems"], told["files"]) == (0, "", [], [])
    assert told["closed"] == ["node:plant-1", "zone:corp-it"]
    assert told["until"] == told["answer"]["valid_until"] == "2026-01-06T00:00:00Z"
    assert told["nominal"]["orders_late"] < told["rerouted"]["orders_late"] <= told["kept"]["orders_late"]
    late = [row for row in told["orders"] if row["late"]]
    assert len(late) == told["rerouted"]["orders_late"] == sum(len(each["orders"]) for each in told["causes"])
    assert all(row["reason"].startswith("node plant-1 sends 0 of 120 a day until 6 Jan 00:00, closed;") for row in late)
    same = interferon.flow_plan(minimal, close=["zone:corp-it", "node:plant-1"], until="1d")
    assert same.plan.rerouted.cost == told["rerouted"]["cost"]
    assert [row.reason for row in same.plan.orders if row.late] == [row["reason"] for row in late]


def test_the_files_for_people_and_partners(run: Run, minimal: Path, tmp_path: Path) -> None:
    where = tmp_path / "plan"
    _, out, _ = run("flow", "plan", minimal, "--close", "node:plant-1", "--until", "24h", "--out", where, "--json")
    told = json.loads(out)
    assert sorted(told["files"]) == sorted(map(str, where.iterdir()))
    for name in ("orders", "transfers", "shipments", "production"):
        rows = list(csv.DictReader((where / f"{name}.csv").open(newline="")))
        assert [row["mark"] for row in rows] == [row["mark"] for row in told[name]]
    for name in ("shipping.jsonld", "despatch.edi"):
        seen = json.loads(run("replay", minimal, where / name, "--json")[1])
        assert (seen["rows"] > 0, seen["dead_letters"]) == (True, 0)
    run("flow", "plan", minimal, "--out", where)
    assert not (where / "despatch.edi").exists()  # nothing changes, so nobody is told anything
    interferon.flow_plan(minimal, close=["node:plant-1"], until="24h", out=where)
    assert (where / "despatch.edi").exists()


def test_stock_where_nobody_can_use_it_is_told_with_its_line(run: Run, minimal: Path) -> None:
    with (minimal / "inventory.csv").open("a") as file:
        file.write("\ncust-1,p-1,12,2026-01-05T00:00:00Z\n")
    code, _, err = run("flow", "plan", minimal)
    line = (minimal / "inventory.csv").read_text().splitlines().index("cust-1,p-1,12,2026-01-05T00:00:00Z") + 1
    assert (code, err) == (0, f"warning: inventory.csv:{line}: 12 of p-1 lie at cust-1, which can neither send nor use it\n")


def test_fast_is_the_list_schedule(run: Run, minimal: Path) -> None:
    _, out, _ = run("flow", "plan", minimal, "--close", "node:plant-1", "--fast")
    assert "answered by the local repair, at most " in out


def test_rows_that_conflict_are_warnings_with_their_line(run: Run, minimal: Path) -> None:
    good = "o-1,cust-1,p-1,10,2026-01-04T00:00Z,2026-01-08T00:00Z,3"
    _orders(
        minimal,
        good,
        "o-2,cust-1,c-1,10,2026-01-04T00:00Z,2026-01-08T00:00Z,3",
        "",
        "o-3,cust-1,p-1,9000,2026-01-04T00:00Z,2026-01-09T00:00Z,3",
    )
    code, out, err = run("flow", "plan", minimal)
    assert code == 0
    assert err.splitlines() == [
        "warning: lanes.csv:3: orders of cust-1 ask for 9,020 in 7 days; its lanes carry 1,680 at most (lane-2)",
        "warning: orders.csv:3: order o-2 cannot be brought: none of the lanes to cust-1 (lane-2) can bring c-1; sup-1 could send it",
        "warning: products.csv:2: orders ask for 8,830 more of p-1 in 7 days than there is in stock; plant-1 can add 840 at most",
    ]
    assert "no lane brings c-1 to cust-1" in out
    told = json.loads(run("flow", "plan", minimal, "--json")[1])
    assert [(each["file"], each["line"]) for each in told["problems"]] == [("lanes.csv", 3), ("orders.csv", 3), ("products.csv", 2)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--close", "zone:plant-1-op"), "'zone:plant-1-op' is no zone in zones.csv (did you mean zone:plant-1-ops"),
        (
            ("--close", "plant-1"),
            "'plant-1' is no reference; write asset:ID, conduit:ID, lane:ID, node:ID, zone:ID (did you mean node:plant-1?)",
        ),
        (("--close", "site:plant-1"), "'site:plant-1' is no reference"),
        (("--close", "node:nothing-like-it"), "'node:nothing-like-it' is no node in nodes.csv\n"),
        (("--until", "tomorrow"), "--until 'tomorrow': write hours as 48h, days as 3d, or an ISO time"),
        (("--until", "2026-01-04"), "the closure would end before it begins"),
        (("--out", "net/orders.csv"), "net/orders.csv"),
    ],
)
def test_what_cannot_be_used_ends_with_two(
    run: Run, minimal: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str], told: str
) -> None:
    monkeypatch.chdir(minimal.parent)
    code, out, err = run("flow", "plan", minimal, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_where_nothing_can_be_planned_there_is_one_line(run: Run, minimal: Path, tmp_path: Path) -> None:
    _orders(minimal)
    for command in ("plan", "stress"):
        code, _, err = run("flow", command, minimal)
        assert code == 2
        assert "orders.csv: no open order is promised within 7 days from 2026-01-05T00:00:00Z; there is nothing to plan" in err
    _orders(minimal, "o-1,cust-1,c-1,10,2026-01-04T00:00Z,2026-01-08T00:00Z,3")
    assert "nothing can be planned: no lane brings what is ordered to any customer" in run("flow", "plan", minimal)[2]
    assert run("flow", "plan", tmp_path / "none")[0] == 2
    (minimal / "lanes.csv").write_text("id\n")
    code, _, err = run("flow", "plan", minimal)
    assert (code, err.count("\n")) == (2, 1)


def test_the_stress_test_as_table_json_and_from_python(run: Run, minimal: Path) -> None:
    code, out, err = run("flow", "stress", minimal)
    assert (code, err) == (0, "")
    report = interferon.flow_stress(minimal)
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(report.rows)]] == [row.ref for row in report.rows]
    exposed = sum(row.exposed for row in report.rows)
    assert sum(line.endswith("exposed") for line in lines) == exposed > 0
    assert f"minimal: {len(report.rows)} outages of 24 h, one at a time; costs in EUR" in lines
    told = json.loads(run("flow", "stress", minimal, "--recover", "48", "--json")[1])
    assert (told["outage_h"], told["horizon_days"], told["currency"]) == (48.0, 7, "EUR")
    assert {row["ref"] for row in told["rows"]} == {row.ref for row in report.rows}
    plant = next(row for row in told["rows"] if row["ref"] == "node:plant-1")
    assert plant["cost_per_day"] == pytest.approx(plant["cost"] / 2)
    assert plant["recover_h"] == pytest.approx(48 + 0.4 * 24)  # lane-2 takes 0.4 days
    with pytest.raises(InputError, match="--recover is 0"):
        interferon.flow_stress(minimal, recover=0.0)
    assert run("flow", "stress", minimal, "--recover", "-1")[2].startswith("interferon: --recover is -1; hours above 0 are needed")


def test_what_to_close_is_told_beside_the_plain_decisions(run: Run, minimal: Path) -> None:
    code, out, _ = run("flow", "contain", minimal, "--suspect", "zone:plant-1-control=0.9", "--held", "100000")
    assert code == 0
    assert "isolate  zone:plant-1-control" in out  # a zone is dear to lose, and isolating it costs less
    assert all(name in out for name in ("isolate nothing", "everything suspect", "the suspect sites", "expected over 16 scenarios"))


def test_a_plan_is_not_written_over_the_tables_it_is_of(run: Run, minimal: Path) -> None:
    before = (minimal / "orders.csv").read_bytes()
    code, out, err = run("flow", "plan", minimal, "--close", "node:plant-1", "--until", "24h", "--out", minimal)
    assert (code, out) == (2, "")
    assert "that is a network folder" in err
    assert (minimal / "orders.csv").read_bytes() == before


def test_where_nothing_is_held_there_is_nothing_to_close_and_nothing_to_gain(run: Run, minimal: Path) -> None:
    code, out, _ = run("flow", "contain", minimal, "--suspect", "zone:corp-it=0", "--until", "6h", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["decisions"]["nothing"]["late_share"] < 0.05  # in whole days little is late, as nothing is in half days
    assert told["decisions"]["best"]["close"] == []
    assert told["bound"] == pytest.approx(told["decisions"]["best"]["objective"])
    assert told["gap"] == pytest.approx(0.0)


def test_what_to_close_is_the_same_as_json_and_from_python(run: Run, minimal: Path) -> None:
    words = ["zone:plant-1-control=0.9", "zone:corp-it"]
    code, out, _ = run("flow", "contain", minimal, "--suspect", words[0], "--suspect", words[1], "--until", "1d", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["suspicion"] == {"zone:plant-1-control": 0.9, "zone:corp-it": 0.5}
    best = told["decisions"]["best"]
    assert best["objective"] <= min(told["decisions"][name]["objective"] for name in ("nothing", "suspect", "site"))
    assert told["bound"] <= best["objective"] + 1e-6
    found = interferon.flow_contain(minimal, words, until="1d")
    assert found.decisions["best"].objective == pytest.approx(best["objective"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing is suspected"),
        (("--suspect", "plant-1-control"), "write zone:ID or zone:ID=0.7"),
        (("--suspect", "zone:plant-1-contrl"), "did you mean zone:plant-1-control"),
        (("--suspect", "zone:plant-1-control=often"), "'often' is no probability"),
        (("--suspect", "zone:plant-1-control=1.5"), "lies between 0 and 1"),
        (("--suspect", "zone:plant-1-control", "--until", ""), "say how long"),
        (("--suspect", "zone:plant-1-control", "--late", "-5"), "--late is -5"),
        (("--suspect", "zone:plant-1-control", "--late", "nan"), "--late is nan"),
        (("--suspect", "zone:plant-1-control", "--held", "inf"), "--held is inf"),
    ],
)
def test_a_suspicion_that_cannot_be_is_told_in_a_line(run: Run, minimal: Path, words: tuple[str, ...], message: str) -> None:
    code, out, err = run("flow", "contain", minimal, *words)
    assert code == 2
    assert message in err
    assert out == ""


def test_states_of_assets_take_their_part(run: Run, minimal: Path) -> None:
    """An asset that is down takes what closing it takes; one that is being restored takes half of it; a suspect one is a range."""
    asset = "asset:" + next(row.asset for row in folder.load(minimal).dependencies if row.target == "node:plant-1")
    closed = interferon.flow_plan(minimal, close=[asset]).plan
    down = interferon.flow_plan(minimal, state=[f"{asset}=down"]).plan
    assert (down.rerouted, down.states) == (closed.rerouted, (f"{asset} down",))
    assert down.nominal.cost <= interferon.flow_plan(minimal, state=[f"{asset}=restoring:0.5"]).plan.rerouted.cost <= down.rerouted.cost
    assert interferon.flow_plan(minimal, state=[f"{asset}=suspect"]).plan.range is not None
    code, out, _ = run("flow", "plan", minimal, "--state", f"{asset}=restoring:0.5@12h")
    assert code == 0
    assert f"assets: {asset} restoring" in out
    for word, told in (("=gone", "write asset:ID=ok|suspect"), ("=down:much", "'much' is no share"), ("=down:7", "wanted a share")):
        code, _, err = run("flow", "plan", minimal, "--state", asset + word)
        assert code == 2
        assert told in err
