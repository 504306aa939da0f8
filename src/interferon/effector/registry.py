"""Which actuators there are: every module of `actuators/` with `Settings` (its section of the file) and `make`. Called by settings."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import cast

import msgspec

from interferon.effector import actuators
from interferon.effector.protocol import Actuator


@cache
def kinds() -> tuple[str, ...]:
    """The words that `kind` of an `[actuators.NAME]` section takes."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(actuators.__path__)))


def settings_of(kind: str) -> type[msgspec.Struct]:
    return cast("type[msgspec.Struct]", _module(kind).Settings)


def made(kind: str, settings: msgspec.Struct) -> Actuator:
    """The actuator of a section. InputError where the settings do not go together."""
    return cast(Actuator, _module(kind).make(settings))


def capabilities(kind: str, settings: msgspec.Struct) -> frozenset[str]:
    """Linux capabilities that the actuator needs: its module's `capabilities(settings)`; none where it has no such function."""
    needs = getattr(_module(kind), "capabilities", None)
    return frozenset(needs(settings)) if needs else frozenset()


def _module(kind: str) -> ModuleType:
    return importlib.import_module(f"{actuators.__name__}.{kind}")
