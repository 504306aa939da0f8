"""What a baseline leaves when another takes its place, and how it comes back: all that the detectors hold of one entity.

Called by `baselines`. It walks the states instead of naming their arrays, so that a detector that remembers more is rolled back whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from interferon.detect.fleet import Rings
from interferon.detect.fleet_bits import Bits

Kept = dict[str, NDArray[np.generic]]  # where it was → what one entity had there
# what belongs to the entity or to its learning, whichever baseline is in force; `few` is no array: `telemetry_few` takes it
APART: Final = frozenset({"status", "seen", "slot", "waiting", "when", "few"})


def taken(state: object, entity: int, name: str) -> Kept:
    """Returns copies of what `entity` has in every array of a state, under names that begin with `name`."""
    return {place: np.array(array[entity]) for place, array in _arrays(state, name) if entity < len(array)}


def put_back(state: object, entity: int, name: str, kept: Kept) -> None:
    """Writes them back. An array that is not among what was kept stays as it is."""
    for place, array in _arrays(state, name):
        if place in kept and entity < len(array):
            array[entity] = kept[place]


def _arrays(value: object, name: str) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Every array with one row an entity, and where it is."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _arrays(item, f"{name}.{place}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _arrays(item, f"{name}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            array = getattr(value, field.name)
            if isinstance(value, (Rings, Bits)) and field.name == "ring":
                array = array.swapaxes(0, 1)  # the entity comes second there
            if field.name not in APART:
                yield from _arrays(array, f"{name}.{field.name}")
