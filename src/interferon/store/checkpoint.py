"""Writes and reads pipeline state: dataclasses, structs, numpy arrays and containers to MessagePack and back.

Called by the runtime between batches. A value it does not know is an error at writing time, never a loss. Classes are named by module and
looked up among ours alone, so a file cannot name foreign code.
"""

import dataclasses
import gc
import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from interferon.model.errors import InputError

VERSION = 1


def dump(value: Any) -> bytes:
    """The bytes of `value`; equal values give equal bytes."""
    with _uncollected():
        return msgspec.msgpack.encode([VERSION, _plain(value)])


def load(data: bytes) -> Any:
    """What `dump` was given. InputError where the bytes are no checkpoint of this version."""
    try:
        with _uncollected():
            version, body = msgspec.msgpack.decode(data)
            if version != VERSION:
                raise InputError(f"checkpoint is of version {version}, this program reads version {VERSION}")
            return _value(body)
    except (msgspec.DecodeError, LookupError, ValueError, TypeError, AttributeError, ModuleNotFoundError) as error:
        raise InputError(f"not a checkpoint of this program: {error}") from None


def save(path: Path, value: Any) -> None:
    """Replaces `path` in one step: a crash or a full disk leaves the old checkpoint or the new one."""
    write(path, dump(value))


def write(path: Path, content: bytes) -> None:
    """The same of what `dump` gave."""
    draft = path.with_suffix(".draft")
    try:
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hundreds of thousands of small lists that all stay in use: looking for garbage among them would take most of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


_SCALARS = (type(None), bool, int, float, str)  # as they are; also their subclasses, such as enumerations of text
_EXACT = frozenset(_SCALARS)
_MANY: dict[Any, str] = {list: "l", tuple: "t", deque: "q"}


@cache
def _record(kind: Any) -> tuple[str, tuple[str, ...], Callable[[Any], Sequence[Any]]] | None:
    """Name and fields of a class of records, and what gets their values; None of anything else."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    if issubclass(kind, msgspec.Struct):
        fields: tuple[str, ...] = kind.__struct_fields__
    elif dataclasses.is_dataclass(kind):
        fields = tuple(field.name for field in dataclasses.fields(kind))
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields = kind._fields
    else:
        return None
    return name, fields, attrgetter(*fields) if len(fields) > 1 else lambda value: [getattr(value, field) for field in fields]


def _plain(value: Any) -> Any:
    """What MessagePack can hold. Containers of nothing but scalars, which most are, take no call an item."""
    kind: Any = type(value)
    if kind in _EXACT:
        return value
    if isinstance(value, dict):
        keys, items = list(value), list(value.values())
        keys = keys if _EXACT.issuperset(map(type, keys)) else [_plain(key) for key in keys]
        items = items if _EXACT.issuperset(map(type, items)) else [_plain(item) for item in items]
        return ["d", list(zip(keys, items, strict=True))]
    if kind in _MANY:
        return [_MANY[kind], list(value) if _EXACT.issuperset(map(type, value)) else [_plain(item) for item in value]]
    if isinstance(value, _SCALARS):
        return value
    record = _record(kind)
    if record is not None:
        name, _, get = record
        cells = get(value)
        return ["o", name, cells if _EXACT.issuperset(map(type, cells)) else [_plain(cell) for cell in cells]]
    if kind is np.ndarray:
        return ["a", value.dtype.str, list(value.shape), np.ascontiguousarray(value).reshape(-1).view(np.uint8).data]
    if isinstance(value, np.generic):
        return ["g", value.dtype.str, value.tobytes()]
    if isinstance(value, bytes):
        return ["b", value]
    if isinstance(value, pa.RecordBatch):
        return ["r", _batch_bytes(value)]
    if isinstance(value, set | frozenset):
        return ["s" if isinstance(value, set) else "f", [_plain(item) for item in sorted(value)]]
    raise TypeError(f"{kind.__name__} cannot go into a checkpoint")


def _batch_bytes(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _value(body: Any) -> Any:
    if not isinstance(body, list):
        return body
    tag = body[0]
    if tag == "d":
        return {_value(key): _value(item) for key, item in body[1]}
    if tag == "o":
        return _made(body[1])([_value(item) for item in body[2]])
    if tag in _KINDS:
        return _KINDS[tag](map(_value, body[1]))
    if tag == "a":
        return np.frombuffer(body[3], dtype=np.dtype(body[1])).reshape(body[2]).copy()
    if tag == "g":
        return np.frombuffer(body[2], dtype=np.dtype(body[1]))[0]
    if tag == "b":
        return body[1]
    if tag == "r":
        return pa.ipc.open_stream(body[1]).read_next_batch()
    raise InputError(f"a checkpoint holds nothing of kind {tag!r}")


_KINDS: dict[str, Callable[[Iterable[Any]], Any]] = {"l": list, "t": tuple, "q": deque, "s": set, "f": frozenset}


@cache
def _made(name: str) -> Callable[[list[Any]], Any]:
    """What makes an object of a class of ours from its fields' values in their order."""
    module, _, qualified = name.partition(":")
    if module.split(".")[0] != "interferon":
        raise InputError(f"a checkpoint may not name {name}")
    kind: Any = importlib.import_module(module)
    for part in qualified.split("."):
        kind = getattr(kind, part)
    record = _record(kind)
    if record is None:
        raise InputError(f"a checkpoint may not name {name}")
    fields = record[1]
    if issubclass(kind, msgspec.Struct):
        return lambda values: kind(**dict(zip(fields, values, strict=True)))
    if issubclass(kind, tuple):
        return lambda values: kind(*values)

    def filled(values: list[Any]) -> Any:
        if len(values) != len(fields):
            raise InputError(f"checkpoint holds {qualified} as another version of this program keeps it; begin anew without it")
        made = object.__new__(kind)
        for field, item in zip(fields, values, strict=True):
            object.__setattr__(made, field, item)
        return made

    return filled
