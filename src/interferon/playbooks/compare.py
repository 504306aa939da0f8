"""What is different between two playbooks, by meaning: steps, variables, commands, who does them.

Called by `interferon respond diff`. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from interferon.playbooks.problems import short
from interferon.playbooks.records import Playbook

SIGNED = frozenset({"signatures", "modified"})  # a signature is no change of the playbook; a change has a new time anyway
GROUPS = {
    "workflow": "step",
    "playbook_variables": "variable",
    "agent_definitions": "agent",
    "target_definitions": "target",
    "authentication_info_definitions": "authentication",
    "data_marking_definitions": "marking",
    "extension_definitions": "extension",
}


class Change(msgspec.Struct, frozen=True):
    """One difference. `change` is added, removed or changed; `where` names the object, and the property where that is known."""

    change: str
    kind: str
    where: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        values = f": {short(self.before)} → {short(self.after)}" if self.change == "changed" else ""
        return f"{self.kind} {self.change}: {self.where}{values}"


def compare(one: Playbook, other: Playbook) -> list[Change]:
    """The changes that make `other` of `one`; none where they mean the same."""
    return list(_properties(msgspec.to_builtins(one), msgspec.to_builtins(other)))


def _properties(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for name in before:
        if name in GROUPS:
            yield from _members(GROUPS[name], before[name], after[name])
        elif name not in SIGNED and before[name] != after[name]:
            yield Change("changed", "property", name, before[name], after[name])


def _members(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    yield from (Change("removed", kind, name, before=each) for name, each in before.items() if name not in after)
    yield from (Change("added", kind, name, after=each) for name, each in after.items() if name not in before)
    for name, each in before.items():
        if name in after:
            yield from _fields(kind, name, each, after[name])


def _fields(kind: str, where: str, before: Any, after: Any) -> Iterator[Change]:
    """Goes down to the property that differs; lists of the same length member by member."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _fields(kind, f"{where}.{name}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _fields(kind, f"{where}[{place}]", one, other)
    elif before != after:
        yield Change("changed", kind, where, before, after)
