"""Tables of ERP systems and CMDBs: a declared mapping makes trade events, or rows of the network's own tables."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import erp_tables
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense.table_mapping import Mapping

ORDERS = (
    "Auftragsübersicht;;;;\r\n"
    "Beleg;Datum;Material;Menge;Werk;Preis\r\n"
    'PO-17;05.01.2026 09:00;Pumpe "groß";1.234,5;W1;2,50\r\n'
    '"PO-18";06.01.2026;"Ventil;\nmit Flansch";3-;W2;\r\n'
    "PO-19;bald;Pumpe;1;W1;1\r\n"
    "PO-20;07.01.2026;Pumpe;viele;W1;1\r\n"
    "PO-21;07.01.2026;Pumpe\r\n"
)
MAPPING = """
kind = "order.placed"
skip = 1
date = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
zone = "Europe/Berlin"
decimal = ","
[columns]
Beleg = "order"
Datum = "time"
Material = "product"
Menge = "quantity"
Werk = "destination"
Preis = "attributes.price"
[constants]
partner = "acme"
[values.destination]
W1 = "plant-1"
"""
JAN_5 = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z


def told(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    found: list[dict[str, Any]] = []
    dead = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            found += item.to_pylist()
    return found, dead


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "feeds").mkdir()
    (tmp_path / "mappings/orders.toml").write_text(MAPPING, encoding="utf-8")
    path = tmp_path / "feeds/orders.csv"
    path.write_bytes(ORDERS.encode("cp1252"))
    return path


def test_a_mapping_says_what_the_columns_are(orders: Path) -> None:
    found, _ = told(erp_tables.read(orders))
    first, second = found
    assert (first["kind"], first["order"], first["product"], first["quantity"]) == ("order.placed", "PO-17", 'Pumpe "groß"', 1234.5)
    assert (first["time"], first["entity"], first["destination"], first["partner"]) == (JAN_5, "node:plant-1", "plant-1", "acme")
    assert json.loads(first["attributes"]) == {"price": 2.5}
    assert (second["product"], second["quantity"], second["destination"]) == ("Ventil;\nmit Flansch", -3, "W2")
    assert second["attributes"] is None
    assert [row["offset"] for row in found] == [2, 3]


def test_each_row_that_cannot_be_used_is_told_with_its_line_and_column(orders: Path) -> None:
    _, dead = told(erp_tables.read(orders))
    assert [letter.reason for letter in dead] == [
        "line 6: column 'Datum' is 'bald', no time; it would be as %d.%m.%Y %H:%M or %d.%m.%Y",
        "line 7: column 'Menge' is 'viele', no number; it would be as 1.234,5",
        "line 8: has 3 cells; the header names 6 columns",
    ]
    assert dead[2].raw == "PO-21;07.01.2026;Pumpe"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(orders: Path, codec: str) -> None:
    orders.write_bytes(gzip.compress(ORDERS.encode(codec)))
    assert [row["product"] for row in told(erp_tables.read(orders))[0]] == ['Pumpe "groß"', "Ventil;\nmit Flansch"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_guessed(separator: str) -> None:
    lines = erp_tables.EXAMPLE.replace(b";", separator.encode()).splitlines(keepends=True)
    found, dead = told(erp_tables.normalise(lines, "f"))
    assert not dead
    assert [(row["kind"], row["entity"]) for row in found] == [("order.placed", "node:plant-1"), ("stock.counted", "node:plant-1")]


def test_kinds_may_be_told_by_a_column() -> None:
    mapping = Mapping(
        columns={"t": "time", "what": "kind", "who": "partner"}, values={"kind": {"RE": "invoice.received", "": "order.placed"}}
    )
    found, dead = told(
        erp_tables.normalise([b"t,what,who\n", b"2026-01-05,RE,acme\n", b"2026-01-05,,acme\n", b"2026-01-05,XX,acme\n"], "f", 0, mapping)
    )
    assert [(row["kind"], row["entity"]) for row in found] == [("invoice.received", "partner:acme"), ("order.placed", "partner:acme")]
    assert dead[0].reason.startswith("line 4: column 'what' is 'XX'; it would be one of order.placed")


def test_an_entity_may_be_composed() -> None:
    mapping = Mapping(
        kind="shipment.departed", columns={"t": "time", "a": "origin", "b": "destination"}, entity="lane:{origin}-{destination}"
    )
    found, dead = told(erp_tables.normalise([b"t,a,b\n", b"2026-01-05,x,y\n", b"2026-01-05,x,\n"], "f", 0, mapping))
    assert [row["entity"] for row in found] == ["lane:x-y"]
    assert "names a field that is empty" in dead[0].reason


def test_rows_of_a_cmdb_are_rows_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "cmdb.csv"
    path.write_text("CI Name,Class,Vendor\nplc-1,PLC,Siemens\n,PLC,Siemens\n", encoding="utf-8")
    columns = '[columns]\n"CI Name" = "id"\nClass = "type"\nVendor = "vendor"\n'
    mapping = f'table = "assets"\n{columns}[values.type]\nPLC = "plc"\n[constants]\nzone = "cell-1"'
    path.with_suffix(".toml").write_text(mapping, encoding="utf-8")
    items = list(erp_tables.rows_for_tables(path))
    assert items[0] == ("assets", {"zone": "cell-1", "id": "plc-1", "type": "plc", "vendor": "Siemens"})
    assert isinstance(items[1], DeadLetter)
    assert items[1].reason == "line 3: column 'CI Name' is empty; assets need id of every row"
    with pytest.raises(InputError, match="holds no events"):
        list(erp_tables.read(path))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("kind = 3", "a mapping has kind, table"),
        ('kind = "order.placd"', "is no kind of trade"),
        ('table = "asets"', "is no table"),
        ('[columns]\nA = "amount"', "'amount' is no field; it would be one of time"),
        ('decimal = ";"', "it would be . or ,"),
        ('zone = "Berlin"', "is no time zone"),
        ("kind = ", "not valid TOML"),
        ('colums = "x"', "unknown field"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_one_clear_line(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"m\.toml") as raised:
        erp_tables.load_mapping(path)
    assert wrong in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_column_that_is_not_there_is_named(orders: Path) -> None:
    orders.write_text(ORDERS.replace("Menge", "Anzahl"), encoding="utf-8")
    with pytest.raises(InputError, match="no column 'Menge'; the columns are Beleg"):
        list(erp_tables.read(orders))


def test_a_table_without_a_mapping_is_told() -> None:
    _, dead = told(erp_tables.normalise([b"a,b\n", b"1,2\n"], "f"))
    assert dead[0].reason == "line 1: names no columns kind and time, and there is no mapping that says which they are"


def test_a_stray_quotation_mark_costs_its_own_line_alone() -> None:
    lines = [b"kind,time,product\n", b'order.placed,2026-01-05,"open\n', *[b"order.placed,2026-01-05,pump\n"] * 100]
    found, dead = told(erp_tables.normalise(lines, "f"))
    assert len(found) == 100
    assert [letter.reason for letter in dead] == ["line 2: has a cell in quotation marks that does not end"]


def test_sniffing() -> None:
    assert erp_tables.sniff(erp_tables.EXAMPLE)
    assert not erp_tables.sniff(b"time;value\n2026-01-05;3\n")
    assert not erp_tables.sniff(b"kind;time\nfruit;2026-01-05\n")
    assert not erp_tables.sniff(b"kind;time")


def test_absent_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(erp_tables.read(tmp_path / "absent.csv"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_told(data: bytes, headed: bool) -> None:
    lines = (b"kind;time;product\n" * headed + data).splitlines(keepends=True)
    found, dead = told(erp_tables.normalise(lines, "f", 5))
    offsets = [*(row["offset"] for row in found), *(letter.offset for letter in dead)]
    assert len(set(offsets)) == len(offsets)
    assert all(5 <= offset < 5 + len(lines) for offset in offsets)
    erp_tables.sniff(data)
