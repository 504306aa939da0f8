"""Append-only tables that give every entity and signal a dense integer index, in order of first appearance in the log.

Used by `sense` alone. Never an Arrow batch's own dictionary codes: those change with the borders of batches.
"""

from dataclasses import dataclass, field
from itertools import chain, repeat

import numpy as np
import pyarrow as pa


@dataclass
class NameTable:
    """Text ↔ dense index."""

    names: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def put(self, name: str) -> int:
        """The index of `name`, given anew where it was not known."""
        found = self.index.get(name)
        if found is None:
            found = self.index[name] = len(self.names)
            self.names.append(name)
        return found


def decoded(column: pa.Array) -> tuple[np.ndarray, list[str]]:
    """Codes (n,) and their texts; null is code −1."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = column.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    return codes.to_numpy(zero_copy_only=False), column.dictionary.to_pylist()


def numbered(table: NameTable, texts: list[str]) -> np.ndarray:
    """Dense indices (m + 1,) of m texts, −1 of new ones; the last place, −1, serves code −1."""
    return np.fromiter(chain(map(table.index.get, texts, repeat(-1)), (-1,)), dtype=np.int32, count=len(texts) + 1)


def dense(table: NameTable, codes: np.ndarray, texts: list[str], numbers: np.ndarray) -> np.ndarray:
    """Dense indices (n,) for dictionary codes, whose texts have `numbers` (see `numbered`); new names are numbered by the row in which each
    first stands."""
    found: np.ndarray = numbers[codes]
    if (found < 0).any():
        present, first = np.unique(codes, return_index=True)
        for place in np.argsort(first, kind="stable"):
            code = int(present[place])
            if code >= 0:
                numbers[code] = table.put(texts[code])
        found = numbers[codes]
    return found
