"""Hooks: where detectors, connectors, actions and scenarios are found. Our own are plugins like anyone's.

A kind of plugin is a package of ours, one module a plugin, plus the entry points of the same name that other distributions declare
(`interferon.connectors`, `interferon.detectors`, `interferon.actions`). Called by the runtime and the conformance kit at start.
"""

import importlib
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType
from typing import Final

from interferon.model.errors import InputError

KINDS: Final = ("connectors", "detectors", "actions")


def modules(kind: str) -> dict[str, ModuleType]:
    """Every plugin module of one kind by name, ours first, each group in alphabetical order. InputError where two take one name."""
    package = importlib.import_module(f"interferon.{kind}")
    found = {
        name: importlib.import_module(f"interferon.{kind}.{name}")
        for _, name, _ in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name)
    }
    for entry in sorted(entry_points(group=f"interferon.{kind}"), key=lambda e: e.name):
        if entry.name in found:
            raise InputError(f"two plugins of kind {kind} are named {entry.name!r}; rename the one in {entry.value}")
        found[entry.name] = entry.load()
    return found
