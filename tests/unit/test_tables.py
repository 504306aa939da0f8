"""The table data, the row structs and the documentation say the same."""

from pathlib import Path

import msgspec
import pytest

from interferon.model import tables
from interferon.model.network import ROWS, Approvals, Budgets, Finance, Network, Recovery, Settings
from interferon.model.tables import Column
from interferon.store import folder_docs
from interferon.store.cells import convert

DOCS = Path(__file__).parents[2] / "docs" / "network.md"
EMPTY = {"text": "", "ref": "", "time": 0, "action": ""}


@pytest.mark.parametrize("name", list(ROWS))
def test_columns_are_the_fields_of_the_row(name: str) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(ROWS[name])}
    columns = {column.column: column for column in tables.tables()[name].columns}
    assert list(columns) == list(fields)
    for column in columns.values():
        default = fields[column.column].default
        if default is not msgspec.NODEFAULT:
            assert not column.must
            assert (convert(column, column.default) if column.default else EMPTY[column.type]) == default, column.column


def test_every_table_is_described_and_part_of_a_network() -> None:
    assert list(tables.tables()) == list(ROWS)
    assert set(tables.tables()) < set(Network.__dataclass_fields__)
    for table in tables.tables().values():
        assert table.key, table.name
        assert all(column.description and set(column.refs) <= set(ROWS) for column in table.columns)


def test_settings_data_match_the_struct_and_its_defaults() -> None:
    fields = {
        field.name: field for field in msgspec.structs.fields(Settings) if field.name not in ("budgets", "approvals", "recovery", "finance")
    }
    fields |= {f"budgets.{field.name}": field for field in msgspec.structs.fields(Budgets)}
    fields |= {f"approvals.{field.name}": field for field in msgspec.structs.fields(Approvals)}
    fields |= {f"recovery.{field.name}": field for field in msgspec.structs.fields(Recovery)}
    fields |= {f"finance.{field.name}": field for field in msgspec.structs.fields(Finance)}
    columns = {column.column: column for column in tables.settings()}
    assert set(columns) == set(fields)
    for name, column in columns.items():
        if not column.must:
            assert (convert(column, column.default) if column.default else None) == fields[name].default, name


def test_docs_are_what_the_tables_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == folder_docs.render(), "run: interferon check --columns > docs/network.md"


def test_docs_describe_each_column() -> None:
    page = folder_docs.render()
    columns: list[Column] = [*tables.settings(), *(column for table in tables.tables().values() for column in table.columns)]
    for column in columns:
        assert f"| `{column.column}` |" in page
        assert column.description in page
