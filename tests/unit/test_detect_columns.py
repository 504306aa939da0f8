"""Columns become signals: numbers, categories, and what is left out; and the report on a whole table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interferon.detect.columns import Part, matrix, merged, plan
from interferon.detect.recorded import learn, notes, reasons, report
from interferon.detect.settings import FILE
from interferon.detect.windows import Floats
from interferon.detectors.telemetry_portfolio import FILES
from interferon.model.errors import InputError


@dataclass(frozen=True)
class Memory:
    """A table in memory: lists of floats are numbers, lists of str are texts."""

    columns: dict[str, NDArray[Any]]

    @property
    def names(self) -> Sequence[str]:
        return list(self.columns)

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def is_number(self, name: str) -> bool:
        return self.columns[name].dtype != object

    def numbers(self, name: str) -> Floats:
        return np.asarray(self.columns[name], dtype=np.float64)

    def texts(self, name: str) -> NDArray[np.object_]:
        return self.columns[name]


def texts(*values: str) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


def normal(rows: int = 400, seed: int = 1) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    load = np.convolve(random.normal(size=rows + 3), np.full(4, 0.5), mode="valid")  # each row goes on from the one before
    valve = np.where(load > 0.3, "open", "shut").astype(object)
    return {
        "load": load,
        "flow": 2 * load + 0.3 * random.normal(size=rows),
        "still": np.full(rows, 7.0),
        "valve": valve,
        "state": np.array(["run"] * rows, dtype=object),
    }


def test_categories_get_their_surprise_and_their_own_signals() -> None:
    table = Memory({"mode": texts(*["a"] * 90, *["b"] * 10)})
    columns = plan([table], [])
    assert columns[0].own == ("b",)
    found = matrix(columns, Memory({"mode": texts("a", "b", "never", "")}))
    assert found[0, 0] < found[1, 0] < found[2, 0]
    assert found[:3, 1].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(found[3]).all()


def test_clocks_and_names_are_left_out() -> None:
    table = Memory({"row": np.arange(50.0), "id": texts(*(f"batch {n}" for n in range(50))), "x": np.sin(np.arange(50.0))})
    columns = plan([table], ["unwanted"])
    assert [(column.name, column.signals) for column in columns] == [("row", 0), ("id", 0), ("x", 1)]
    learnt = learn([table], [], FILE, FILES)
    found = notes(learnt, Memory({"x": np.zeros(3), "new": np.zeros(3)}), [])
    assert "column 'row' is left out: it only counts the rows" in found
    assert "column 'new' was not trained: it is ignored" in found


def test_a_column_that_went_away_counts_as_missing() -> None:
    learnt = learn([Memory(normal())], [], FILE, FILES)
    later = normal(300, seed=2)
    del later["flow"]
    found = report(learnt, Memory(later))
    assert found.judged.alarm[-1]
    assert found.names[int(found.shares[-1].argmax())] == "flow"
    assert "column 'flow' was trained but is not there: it counts as missing" in notes(learnt, Memory(later), [])


def test_normal_rows_are_quiet_and_a_broken_relation_is_named() -> None:
    learnt = learn([Memory(normal())], [], FILE, FILES)
    quiet = report(learnt, Memory(normal(600, seed=3)))
    assert quiet.judged.alarm.mean() < 0.05
    odd = normal(600, seed=4)
    odd["flow"] = -odd["flow"]
    loud = report(learnt, Memory(odd))
    assert loud.judged.alarm[60:].mean() > 0.9
    assert loud.shares[-1][:2].sum() > 0.8


def test_a_state_never_seen_is_strange() -> None:
    learnt = learn([Memory(normal())], [], FILE, FILES)
    odd = normal(200, seed=5)
    odd["state"] = np.array(["run"] * 100 + ["program"] * 100, dtype=object)
    found = report(learnt, Memory(odd))
    assert found.judged.score[-1] > found.judged.score[:100].max()
    assert found.names[int(found.shares[-1].argmax())] == "state"


def test_reasons_sum_to_one_exactly() -> None:
    learnt = learn([Memory(normal())], [], FILE, FILES)
    for text in reasons(report(learnt, Memory(normal(50, seed=6)))):
        shares = [round(1000 * float(part.split("=")[1])) for part in text.split(";")]
        assert sum(shares) == 1000
        assert shares == sorted(shares, reverse=True)


def test_a_part_is_a_table() -> None:
    part = Part(Memory(normal()), 10, 30)
    assert part.rows == 20
    assert len(part.numbers("load")) == len(part.texts("valve")) == 20
    assert not part.is_number("valve")


def test_shares_are_added_up_by_column() -> None:
    table = Memory({"mode": texts(*"abc" * 10), "x": np.sin(np.arange(30.0))})
    names, shares = merged(plan([table], []), np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert names == ["mode", "x"]
    np.testing.assert_allclose(shares, [[0.6, 0.4]])


def test_nothing_to_learn_from_is_told() -> None:
    with pytest.raises(InputError, match="no column is left to learn from: 'row': it only counts"):
        learn([Memory({"row": np.arange(50.0)})], [], FILE, FILES)
    learnt = learn([Memory(normal())], [], FILE, FILES)
    with pytest.raises(InputError, match="none of the trained columns is there"):
        report(learnt, Memory({"other": np.zeros(5)}))


def sizes(rows: int = 600, seed: int = 7) -> dict[str, NDArray[Any]]:
    """Two services, each with its own size, as connection records have them."""
    random = np.random.default_rng(seed)
    service = random.choice(np.array(["mail", "name", "web"], dtype=object), rows)
    usual = np.where(service == "name", 60.0, 6000.0)
    return {"service": service, "bytes": usual * random.lognormal(0, 0.3, rows), "rate": random.pareto(1.0, rows)}


def test_a_number_is_also_judged_within_the_category_that_explains_it() -> None:
    columns = plan([Memory(sizes())], [])
    assert [(column.name, column.given, column.signals) for column in columns] == [
        ("service", "", 3),
        ("bytes", "service", 2),
        ("rate", "", 1),
    ]
    found = matrix(columns, Memory({"service": texts("name", "web", "never", ""), "bytes": np.full(4, 6000.0), "rate": np.ones(4)}))
    assert found[0, 4] > 10 > abs(found[1, 4])
    assert found[2, 4] == found[3, 4]
    names, shares = merged(columns, np.full((1, 6), 1 / 6))
    assert names == ["service", "bytes", "rate"]
    np.testing.assert_allclose(shares, [[0.5, 1 / 3, 1 / 6]])


def test_a_number_whose_category_is_not_there_is_judged_overall() -> None:
    columns = plan([Memory(sizes())], [])
    found = matrix(columns, Memory({"bytes": np.array([6000.0, 60.0]), "rate": np.ones(2)}))
    assert np.isnan(found[:, :3]).all()
    assert np.isfinite(found[:, 3:]).all()


def test_a_number_and_a_category_that_never_met_have_nothing_to_do_with_each_other() -> None:
    one, other = Memory({"service": sizes()["service"]}), Memory({"bytes": sizes()["bytes"]})
    assert [column.given for column in plan([one, other], [])] == ["", ""]


def test_heavy_tails_are_bent_and_modes_are_not() -> None:
    random = np.random.default_rng(8)
    table = {"sizes": random.lognormal(6, 1.5, 2000), "plain": random.normal(size=2000), "few": (random.random(2000) < 0.01) * 1.0}
    table["modes"] = np.where(random.random(2000) < 0.3, 50.0, 0.0) + random.normal(0, 0.1, 2000)
    columns = {column.name: column for column in plan([Memory(table)], [])}
    assert [name for name, column in columns.items() if column.bent] == ["sizes"]
    bent = matrix(list(columns.values()), Memory(table))[:, 0]
    assert np.abs(bent).max() < 8
    np.testing.assert_array_equal(np.argsort(bent), np.argsort(table["sizes"]))


def test_of_many_levels_the_common_ones_have_signals_of_their_own() -> None:
    levels = texts(*["http"] * 500, *["smtp"] * 60, *["ssh"] * 30, *(f"port {number}" for number in range(10)))
    (column,) = plan([Memory({"service": levels})], [])
    assert column.own == ("smtp", "ssh")
