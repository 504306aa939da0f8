"""What the audit logs of the clouds have in common: who calls, from where, and the record as rules read it. Pure.

Called by `cloud_aws`, `cloud_azure`, `cloud_gcp` and `cloud_kubernetes`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from interferon.sense.record_rows import flat, text

_ADDRESS: Final = re.compile(r"\[?([0-9A-Fa-f:.]*[0-9A-Fa-f])\]?(?::\d{1,5})?")
_V4: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+")


def address(value: Any) -> str | None:
    """An IP address without its port, or a host name; None for words such as `private` or `AWS Internal`."""
    return _address(value) if value.__class__ is str else None


@lru_cache(4096)
def _address(value: str) -> str | None:
    said = value.strip()
    if found := _V4.fullmatch(said):
        return found.group(1)
    if said.count(":") > 1 and (found := _ADDRESS.fullmatch(said)):
        return found.group(1).removeprefix("::ffff:")
    return said.lower() if _HOST.fullmatch(said) else None


def caller(*names: Any) -> str:
    """`identity:NAME` of the first that says something; `identity:unknown` where none does."""
    return f"identity:{first_text(*names) or 'unknown'}"


def attributes(record: Mapping[str, Any], log: Mapping[str, str], more: Mapping[str, Any]) -> dict[str, Any]:
    """The record on one level beside its log source, as rules read it, and what the kinds name, which goes first."""
    found = flat(record)
    found["logsource"] = log
    for key, value in more.items():
        if value is not None and value != "":
            found[key] = value
    return found


def first_text(*values: Any) -> str:
    """The first that says something, as text."""
    for each in values:
        if said := text(each):
            return said
    return ""


def truth(value: Any) -> bool | None:
    """A flag that may be written as a word; None where it is not said."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(text(value).lower())
