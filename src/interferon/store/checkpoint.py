"""Writes and reads pipeline state: dataclasses, structs, numpy arrays and containers to MessagePack and back.

Called by the runtime between batches. A value it does not know is an error at writing time, never a loss. Classes are named by module and
looked up among ours alone, so a file cannot name foreign code.
"""

import dataclasses
import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from interferon.model.errors import InputError

VERSION = 1


def dump(value: Any) -> bytes:
    """The bytes of `value`; equal values give equal bytes."""
    return msgspec.msgpack.encode([VERSION, _plain(value)])


def load(data: bytes) -> Any:
    """What `dump` was given. InputError where the bytes are no checkpoint of this version."""
    try:
        version, body = msgspec.msgpack.decode(data)
        if version != VERSION:
            raise InputError(f"checkpoint is of version {version}, this program reads version {VERSION}")
        return _value(body)
    except (msgspec.DecodeError, LookupError, ValueError, TypeError, AttributeError, ModuleNotFoundError) as error:
        raise InputError(f"not a checkpoint of this program: {error}") from None


def save(path: Path, value: Any) -> None:
    """Replaces `path` in one step: a crash or a full disk leaves the old checkpoint or the new one."""
    draft = path.with_suffix(".draft")
    try:
        with draft.open("wb") as out:
            out.write(dump(value))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


_SCALARS = (type(None), bool, int, float, str)  # as they are; also their subclasses, such as enumerations of text
_MANY: dict[Any, str] = {list: "l", tuple: "t", deque: "q"}


@cache
def _record(kind: Any) -> tuple[str, tuple[str, ...]] | None:
    """Name and fields of a class of records, None of anything else."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    if issubclass(kind, msgspec.Struct):
        return name, kind.__struct_fields__
    if dataclasses.is_dataclass(kind):
        return name, tuple(field.name for field in dataclasses.fields(kind))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return name, kind._fields
    return None


def _plain(value: Any) -> Any:
    kind: Any = type(value)
    if isinstance(value, _SCALARS):
        return value
    if kind in _MANY:
        return [_MANY[kind], [_plain(item) for item in value]]
    if isinstance(value, dict):
        return ["d", [[_plain(key), _plain(item)] for key, item in value.items()]]
    record = _record(kind)
    if record is not None:
        name, fields = record
        return ["o", name, [_plain(getattr(value, field)) for field in fields]]
    if kind is np.ndarray:
        return ["a", value.dtype.str, list(value.shape), np.ascontiguousarray(value).tobytes()]
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
