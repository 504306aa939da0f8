"""What every table and column of a network folder means, as Markdown, from the same data that drive reading and checks.

Called by `interferon check --columns`, whose output is `docs/network.md`. Pure.
"""

from typing import Final

from interferon.model import tables
from interferon.model.tables import Column, singular
from interferon.store.cells import range_words

_INTRO: Final = """\
# The network folder

A network is a folder of plain CSV tables and one `network.toml`, kept in git. `interferon init DIR` writes an example,
`interferon check DIR` names every problem as `file:line: message`. This page is what `interferon check --columns` prints.

- Files are UTF-8, comma-separated, with a header; columns may stand in any order. An empty cell takes the default.
- Numbers are plain: a point for decimals, no thousands separators, no units. Each column has the one unit written here.
- Times are ISO 8601 (`2026-01-05T08:00:00Z`); without an offset they are UTC.
- Ids are letters, digits, `-`, `_` and `.`. A reference is `kind:ID`, as in `node:dc-1`.
- A pattern is a reference in which `*` stands for any characters, as in `asset:press-*`.
- A folder also holds `policy/`, `rules/`, `accounts.toml`, `playbooks/` and `mappings/`; other pages describe them.
"""


def render() -> str:
    """The whole page."""
    parts = [_INTRO, "## network.toml\n\n" + _table(tables.settings())]
    for table in tables.tables().values():
        need = "Needed." if table.required else "May be left out."
        parts.append(f"## {table.file}\n\n{table.description}. {need}\n\n{_table(table.columns)}")
    return "\n".join(parts)


def _table(columns: tuple[Column, ...]) -> str:
    rows = ["| column | value | unit | default | meaning |", "| --- | --- | --- | --- | --- |"]
    rows += [f"| `{column.column}` | {_value(column)} | {column.unit} | {_default(column)} | {column.description} |" for column in columns]
    return "\n".join(rows) + "\n"


def _value(column: Column) -> str:
    match column.type:
        case "choice":
            return ", ".join(f"`{choice}`" for choice in column.choices)
        case "ref":
            return f"id in {column.ref}.csv"
        case "target":
            return " or ".join(f"`{singular(table)}:ID`" for table in column.refs)
        case "pattern":
            return "pattern: " + ", ".join(f"`{kind}:ID`" for kind in column.kinds)
        case "action":
            return "name of an action, or `*`"
        case "number" | "integer":
            words = "whole number" if column.type == "integer" else "number"
            return f"{words}, {range_words(column)}" if column.allowed else words
        case _:
            return {"country": "country code", "currency": "currency code", "timezone": "time zone"}.get(column.type, column.type)


def _default(column: Column) -> str:
    if column.must:
        return "needed, part of the key" if column.key else "needed"
    return f"`{column.default}`" if column.default else "empty"
