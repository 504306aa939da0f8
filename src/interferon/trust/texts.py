"""The policies and the schema that ship with the product, as text. Package data: constants that happen to be readable files.

Read by `trust.policy`, by the store when it writes a new policy folder, and by `policy show`.
"""

from functools import cache
from importlib.resources import files
from typing import Final

BUILTIN: Final = ("demo", "limits", "observe", "people")


@cache
def builtin(name: str) -> str:
    """Text of the built-in policy file `name` (one of `BUILTIN`)."""
    return files("interferon.trust").joinpath("policies", f"{name}.cedar").read_text(encoding="utf-8")


@cache
def schema_text() -> str:
    """The Cedar schema every policy is checked against."""
    return files("interferon.trust").joinpath("policies", "schema.cedarschema").read_text(encoding="utf-8")
