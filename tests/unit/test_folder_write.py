"""Writing a network and reading it back is the identity, for any valid network."""

import shutil
import string
from dataclasses import fields, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interferon.model import tables
from interferon.model.errors import InputError
from interferon.model.network import ROWS, Budgets, Finance, Network, Settings
from interferon.model.tables import Column, singular
from interferon.store import examples, folder, folder_write

WORD: dict[str, Any] = {"categories": ("L", "N")}
IDS = st.builds(  # as `[\w][\w.-]{0,12}`, drawn in a fraction of the time
    str.__add__,
    st.text(st.characters(**WORD, include_characters="_"), min_size=1, max_size=1),
    st.text(st.characters(**WORD, include_characters="_.-"), max_size=12),
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip) | st.sampled_from(
    ['say "so"', "a,b", "two\nlines", "é ü"]
)
TIMES = st.integers(0, 7_000_000_000_000_000)
CODES = {"country": st.text(string.ascii_uppercase, min_size=2, max_size=2)}


def value(column: Column, known: dict[str, list[str]]) -> st.SearchStrategy[Any]:
    """Any value that a column takes, given the ids there are."""
    low, _, high = column.allowed.lstrip(">").partition("..")
    match column.type:
        case "number":
            return st.floats(float(low or -1e12), float(high or 1e12), exclude_min=column.allowed.startswith(">"))
        case "integer":
            return st.integers(int(low), int(high or 10**9))
        case "time":
            return TIMES
        case "text":
            return TEXT.filter(bool) if column.must else TEXT
        case "choice":
            return st.sampled_from(column.choices)
        case "ref":
            return st.sampled_from(known[column.ref] if column.must else [*known[column.ref], ""])
        case "pattern":
            tabled = {kind: f"{kind}s" for kind in column.kinds if f"{kind}s" in known}
            return st.sampled_from([f"{kind}:{name}" for kind, table in tabled.items() for name in ("*", *known[table])])
        case "action":
            return st.sampled_from(["*", "isolate_asset"] if column.must else ["", "*", "isolate_asset"])
        case "target":
            return st.sampled_from([f"{singular(table)}:{name}" for table in column.refs for name in known[table]])
        case _:
            return CODES[column.type]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Networks with a few rows in every table; what rules across columns ask for is set right afterwards."""
    known = {
        name: draw(st.lists(IDS, min_size=2, max_size=3, unique=True)) for name, table in tables.tables().items() if table.key == ("id",)
    }
    built: dict[str, Any] = {}
    for name, table in tables.tables().items():
        cells = {column.column: value(column, known) for column in table.columns if column.type != "id"}
        if name in known:
            made = [draw(st.fixed_dictionaries({"id": st.just(row), **cells})) for row in known[name]]
            built[name] = {row["id"]: msgspec.convert(mended(name, row, known), ROWS[name]) for row in made}
        else:
            unique = st.lists(st.fixed_dictionaries(cells), max_size=2, unique_by=itemgetter(*table.key))
            built[name] = tuple(msgspec.convert(mended(name, row, known), ROWS[name]) for row in draw(unique))
    name = draw(TEXT.filter(bool))
    built["settings"] = Settings(
        name=name,
        otif_window_h=draw(st.floats(0, 100)),
        otif_early_h=draw(st.none() | st.floats(0, 100)),
        budgets=Budgets(isolated_assets=draw(st.integers(0, 99))),
        finance=Finance(ebitda=draw(st.none() | st.floats(-1e9, 1e9))),
    )
    return Network(revision=1, **built)


def mended(table: str, row: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """The row, with its columns in keeping with each other."""
    pairs_of = {"conduits": "zones", "lanes": "nodes", "bom": "products", "alternates": "products"}
    first, second = (known[pairs_of.get(table, "zones")] * 2)[:2]
    match table:
        case "conduits":
            return row | {"from_zone": first, "to_zone": second}
        case "lanes":
            return row | {"from": first, "to": second, "carrier": ""}
        case "bom":
            return row | {"parent": first, "child": second}
        case "alternates":
            return row | {"product": first, "alternate": second}
        case "nodes":
            return row | {"kind": "customer"}
        case "orders":
            return row | {"promised": row["requested"] + 1}
        case "processes":
            return row | {"executable": "/opt/p", "sha256": "0a" * 32}
        case "emission_factors":
            return row | {"element": f"lane:{known['lanes'][0]}", "unit": "g/tkm"}
        case "rosters":
            return row | {"person": known["people"][0], "until": row["from"] + 1}
        case "interlocks":
            return row | ({"signal": ""} if row["test"] == "in_service" else {"signal": row["signal"] or "flow"})
        case "maintenance":
            return row | {"until": row["from"] + 1, "planner": known["people"][0], "approver": known["people"][1]}
    return row


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(network=networks())
def test_what_is_written_reads_back_the_same(network: Network, tmp_path: Path) -> None:
    # two rows would have one key
    network = replace(network, bom=network.bom[:1], alternates=network.alternates[:1], emission_factors=network.emission_factors[:1])
    where = tmp_path / "net"
    shutil.rmtree(where, ignore_errors=True)
    folder_write.write(network, where)
    again, problems = folder.read(where)
    assert [problem for problem in problems if problem.fatal] == []
    assert again == network


@pytest.mark.parametrize("name", ["minimal", "medica"])
def test_examples_read_back_the_same_in_the_same_order(name: str, tmp_path: Path) -> None:
    network = examples.build(name)
    folder_write.write(network, tmp_path)
    again = folder.load(tmp_path)
    assert again == network
    for field in fields(Network):
        if isinstance(rows := getattr(network, field.name), dict):
            assert list(getattr(again, field.name)) == list(rows)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cannot write .*: Not a directory$"):
        folder_write.write(examples.build("minimal"), tmp_path / "file" / "net")
