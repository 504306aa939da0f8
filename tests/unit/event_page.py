"""The generated half of docs/events.md: every field, kind and control record as `model/events.py` has them.

`python tests/unit/event_page.py` writes it anew between its two marks; `test_docs` fails where the page is not current.
"""

import inspect
import re
from pathlib import Path
from typing import Final, get_args

import pyarrow as pa

from interferon.model import events

PAGE: Final = Path(__file__).parents[2] / "docs" / "events.md"
BEGIN: Final = "<!-- generated from model/events.py: begin -->"
END: Final = "<!-- generated from model/events.py: end -->"
FIELD: Final = re.compile(r'pa\.field\("(\w+)".*?\),?(?:\s*#\s*(.*))?$')


def generated() -> str:
    """The text between the marks, without them."""
    parts = ["### Head of every event", "", *_fields("HEAD", events.HEAD)]
    for family, kinds in (("telemetry", {}), ("activity", events.ACTIVITY_KINDS), ("trade", events.TRADE_KINDS)):
        own = list(events.FAMILIES[family])[len(events.HEAD) :]
        parts += ["", f"### {family.capitalize()}", "", *_fields(family.upper(), own)]
        if kinds:
            parts += ["", "| kind | what it says |", "| --- | --- |", *(f"| `{kind}` | {_cell(text)} |" for kind, text in kinds.items())]
    parts += ["", "### Control records", "", "| record | fields | what it says |", "| --- | --- | --- |"]
    parts += [
        f"| `{record.__name__}` | {', '.join(f'`{name}`' for name in record.__struct_fields__)} | {_cell(inspect.getdoc(record) or '')} |"
        for record in get_args(events.Control)
    ]
    return "\n".join(parts)


def page(text: str) -> str:
    """The page with its generated half replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{generated()}\n\n{END}{rest.partition(END)[2]}"


def _fields(name: str, fields: list[pa.Field]) -> list[str]:
    """Rows of the fields of one schema; the comment behind each in the source is its meaning."""
    source = inspect.getsource(events).partition(f"\n{name}: Final")[2].partition("\n]\n" if name == "HEAD" else "\n)\n")[0]
    found = (FIELD.search(line) for line in source.splitlines())
    meanings = {match[1]: match[2] or "" for match in found if match}
    rows = [f"| `{field.name}` | {_type(field)} | {_cell(meanings[field.name])} |" for field in fields]
    return ["| field | type | meaning |", "| --- | --- | --- |", *rows]


def _cell(text: str) -> str:
    return re.sub(r"^[A-Z]+_KINDS$", "one of the kinds below", text).replace("|", "\\|")


def _type(field: pa.Field) -> str:
    texts = pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
    kind = "text" if texts else "16 bytes" if pa.types.is_fixed_size_binary(field.type) else str(field.type)
    return kind if field.nullable else f"{kind}, needed"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
