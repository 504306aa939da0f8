"""From columns to an Arrow batch of one family: what a connector has collected, with the defaults of the head filled in.

Called by the connectors. A column is a list, a numpy array or an Arrow array; one that is absent is null, or its default.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from interferon.model.events import FAMILIES

Column: TypeAlias = "Sequence[Any] | np.ndarray | pa.Array"


def batch(family: str, feed: str, columns: Mapping[str, Column], *, trust: float = 1.0) -> pa.RecordBatch:
    """One batch of `family` (telemetry, activity, trade) of one feed.

    `columns` holds at least time, offset and entity, and what its family needs: signal of telemetry, kind of the others. `seen` is `time`
    and `quality` 0 where they are not given. KeyError names a column that the family does not have.
    """
    schema = FAMILIES[family]
    if unknown := set(columns) - set(schema.names):
        raise KeyError(f"{family} has no column {min(unknown)!r}")
    rows = len(columns["time"])
    given: dict[str, Column] = {"seen": columns["time"], **columns}
    if family == "telemetry":
        given.setdefault("quality", np.zeros(rows, dtype=np.uint8))
    fixed = {
        "feed": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([feed], pa.string())),
        "trust": pa.array(np.full(rows, trust, dtype=np.float32)),
    }
    arrays = [
        _array(given[field.name], field)
        if field.name in given
        else fixed[field.name]
        if field.name in fixed
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(column: Column, field: pa.Field) -> pa.Array:
    if isinstance(column, pa.Array):
        return column if column.type == field.type else column.cast(field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array(column, pa.string()).dictionary_encode()
    return pa.array(column, field.type)
