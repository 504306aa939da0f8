"""Values of Zeek's fields, decoded part by part, to Arrow columns: times, names that come again and again, and the rest.

Called by `sense.zeek_json`. Pure. Names become numbers while they are read: to look one up costs less than to copy it into a column.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from interferon.sense.zeek_kinds import FIRST, JSON
from interferon.sense.zeek_rows import LATEST, MILLIS, Ints, column_type

FEW: Final = 4  # a field whose first part has that many values for each distinct one holds names
DAY: Final = 86_400_000_000  # microseconds
_SHAPE: Final = b"0000-00-00T00:00:00.000000Z\n"  # of Zeek's ISO 8601, one a line
_DIGITS: Final = [place for place, each in enumerate(_SHAPE) if each == ord("0")]
_MOST: Final = np.array([9 if place in _DIGITS else 0 for place in range(len(_SHAPE))], np.uint8)
_MOST[[14, 17]] = 5  # minutes and seconds end at 59
_WEIGHTS: Final = np.zeros((len(_SHAPE), 3))  # to the date as a number of eight digits, the hour, and the microseconds in all
_WEIGHTS[_DIGITS[:8], 0] = [10.0**power for power in range(7, -1, -1)]
_WEIGHTS[_DIGITS[8:10], 1] = [10, 1]
_WEIGHTS[_DIGITS[8:], 2] = [36e9, 36e8, 6e8, 6e7, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1]


class Words(dict[str | None, int]):
    """Numbers of names, in the order in which they were first seen; no name is -1."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, name: str | None) -> int:
        self[name] = number = len(self) - 1
        return number

    def array(self, numbers: np.ndarray[Any, Any]) -> pa.Array:
        """The names of these numbers."""
        unnamed = numbers < 0
        indices = pa.array(numbers, mask=unnamed) if unnamed.any() else pa.array(numbers)
        return pa.DictionaryArray.from_arrays(indices, pa.array(list(self)[1:], pa.string()))


class Column:
    """A field of the records of a block. `named`: of its values, few are expected to be distinct."""

    def __init__(self, name: str, named: bool) -> None:
        self._name, self._parts = name, list[Any]()
        self._words = Words() if named else None

    def add(self, values: Sequence[Any]) -> None:
        """Values of the next part. ArrowException or ValueError where one does not fit."""
        if self._name in FIRST:
            values = [value if value is None or isinstance(value, str) else (value or (None,))[0] for value in values]
        if self._words is not None and not self._parts and FEW * len(set(values)) > len(values):
            self._words = None
        if self._words is None:
            self._parts.append(_plain(self._name, values))
        elif _untold(values):
            self._parts.append(np.full(len(values), -1, np.int32))
        else:
            self._parts.append(np.fromiter(map(self._words.__getitem__, values), np.int32, len(values)))

    def whole(self) -> pa.Array:
        return pa.concat_arrays(self._parts) if self._words is None else self._words.array(np.concatenate(self._parts))


def _untold(values: Sequence[Any]) -> bool:
    """Whether no record has the field: told at once, as each log lists some that only few sensors write."""
    return values[0] is None and values.count(None) == len(values)


def _plain(name: str, values: Sequence[Any]) -> pa.Array:
    if _untold(values):
        return pa.nulls(len(values), column_type(name))
    if name in JSON:
        values = [bytes(value).decode() or None for value in values]
    return pa.array(values, column_type(name))


def times(values: Sequence[Any]) -> Ints:
    """Microseconds of times that are all ISO 8601 in UTC, or all numbers. ArrowException or ValueError where one is not."""
    if isinstance(values[0], str):
        found = _shaped(values)
        if found is None:
            found = pa.array(values, pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        return found
    numbers = np.array(values, np.float64)
    if not (np.abs(numbers) < LATEST).all():
        raise ValueError("a time is missing or no number")
    return np.rint(np.where(numbers > MILLIS, numbers * 1e3, numbers * 1e6)).astype(np.int64)


def _shaped(values: Sequence[Any]) -> Ints | None:
    """The same of texts as Zeek writes them, all at once; None where one is written in another way."""
    try:
        text = "\n".join(values).encode() + b"\n"
    except (TypeError, UnicodeEncodeError):
        return None
    if len(text) != len(values) * len(_SHAPE):
        return None
    # each row has one line's end, its last byte; so none is inside of a text, and the rows are the texts
    digits = np.frombuffer(text, np.uint8).reshape(-1, len(_SHAPE)) - np.frombuffer(_SHAPE, np.uint8)
    if (digits > _MOST).any():
        return None
    dates, hours, micros = (digits.astype(np.float64) @ _WEIGHTS).T  # exact: below 2 to the power of 53
    if (hours > 23).any():
        return None
    found: Ints = micros.astype(np.int64)
    if (dates == dates[0]).all():
        found += _midnight(int(dates[0]))
    else:
        distinct, which = np.unique(dates, return_inverse=True)
        found += np.array([_midnight(int(each)) for each in distinct], np.int64)[which]
    return found


@lru_cache(maxsize=1024)
def _midnight(day: int) -> int:
    """Microseconds of a date such as 20240131. ValueError where there is no such day."""
    return (date(day // 10_000, day // 100 % 100, day % 100) - date(1970, 1, 1)).days * DAY
