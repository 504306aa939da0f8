"""What a baseline leaves when another takes its place, and how it comes back: all that the detectors hold of one entity.

Called by `baselines`. It walks the states instead of naming what they hold, so that a detector that remembers more is rolled back whole.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fleet import Rings
from interferon.detect.fleet_bits import Bits

Held = NDArray[np.generic] | dict[int, Any]
Kept = dict[str, Any]  # where it was → what one entity had there
# what belongs to the entity or to its learning, whichever baseline is in force
APART: Final = frozenset({"status", "seen", "slot", "waiting", "when"})


def taken(state: object, entity: int, name: str) -> Kept:
    """Returns copies of what `entity` has in every array and mapping of a state, under names that begin with `name`."""
    kept: Kept = {}
    for place, held in _places(state, name):
        if isinstance(held, dict):
            kept |= {place: copy.deepcopy(held[entity])} if entity in held else {}
        elif entity < len(held):
            kept[place] = np.array(held[entity])
    return kept


def put_back(state: object, entity: int, name: str, kept: Kept) -> None:
    """Writes them back. An array that is not among what was kept stays as it is; a mapping then holds nothing of the entity."""
    for place, held in _places(state, name):
        if isinstance(held, dict):
            held.pop(entity, None)
        if place in kept and (isinstance(held, dict) or entity < len(held)):
            held[entity] = kept[place]


def _places(value: object, name: str) -> Iterator[tuple[str, Held]]:
    """Every array with one row an entity, every mapping by entity, and where it is."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _places(item, f"{name}.{place}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, f"{name}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            held = getattr(value, field.name)
            if isinstance(value, (Rings, Bits)) and field.name == "ring":
                held = held.swapaxes(0, 1)  # the entity comes second there
            if str(field.type).startswith("dict[int, "):
                yield f"{name}.{field.name}", held
            elif field.name not in APART:
                yield from _places(held, f"{name}.{field.name}")
