"""Grouping admitted rows into frames, and handing out those that are closed.

A frame is one time bucket over the whole fleet: a matrix of telemetry (last value per entity and signal wins) and the activity and
trade rows in the order of the log. Used by `sense.admit` and read by `pipeline`.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from interferon.sense.names import NameTable


@dataclass(frozen=True)
class ClosedFrame:
    """One bucket, complete. `end` is its exclusive end in microseconds."""

    start: int
    end: int
    entities: np.ndarray  # int32[n], dense, ascending
    values: np.ndarray  # float64[n, S]; NaN is missing
    rows: tuple[pa.RecordBatch, ...]  # activity and trade, in the order of the log


@dataclass
class Pending:
    """Rows of frames that are still open."""

    signals: NameTable = field(default_factory=NameTable)
    slots: list[list[str]] = field(default_factory=list)  # entity index → its signals by slot
    slot_of: np.ndarray = field(default_factory=lambda: np.full((64, 64), -1, dtype=np.int16))  # [entity, signal] → slot
    width: int = 0  # most slots of any entity
    frame: list[np.ndarray] = field(default_factory=list)  # int64 frame numbers, one array per admitted piece
    time: list[np.ndarray] = field(default_factory=list)
    entity: list[np.ndarray] = field(default_factory=list)
    slot: list[np.ndarray] = field(default_factory=list)
    value: list[np.ndarray] = field(default_factory=list)
    rows: list[tuple[int, pa.RecordBatch]] = field(default_factory=list)  # (frame number, rows) in the order of the log


def slots(pending: Pending, entity: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Slot (n,) of each (entity, signal) pair; a new pair takes its entity's next slot, by order of the rows."""
    need_e, need_s = int(entity.max(initial=-1)) + 1, len(pending.signals.names)
    have_e, have_s = pending.slot_of.shape
    if need_e > have_e or need_s > have_s:
        wider = np.full(
            (max(2 * have_e, need_e) if need_e > have_e else have_e, max(2 * have_s, need_s) if need_s > have_s else have_s), -1, np.int16
        )
        wider[:have_e, :have_s] = pending.slot_of
        pending.slot_of = wider
    while len(pending.slots) < need_e:
        pending.slots.append([])
    found: np.ndarray = pending.slot_of.reshape(-1).take(entity.astype(np.int64) * pending.slot_of.shape[1] + signal)
    if (found < 0).any():
        for row in np.flatnonzero(found < 0):
            e, s = int(entity[row]), int(signal[row])
            if pending.slot_of[e, s] < 0:
                pending.slot_of[e, s] = len(pending.slots[e])
                pending.slots[e].append(pending.signals.names[s])
                pending.width = max(pending.width, len(pending.slots[e]))
        found = pending.slot_of[entity, signal]
    return found


def add_telemetry(pending: Pending, frame: np.ndarray, time: np.ndarray, entity: np.ndarray, slot: np.ndarray, value: np.ndarray) -> None:
    pending.frame.append(frame)
    pending.time.append(time)
    pending.entity.append(entity)
    pending.slot.append(slot)
    pending.value.append(value)


def add_rows(pending: Pending, frame: np.ndarray, batch: pa.RecordBatch) -> None:
    """Files rows of an activity or trade batch under their frames, keeping the order of the log inside each."""
    order = np.argsort(frame, kind="stable")
    numbers, starts = np.unique(frame[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    for number, begin, end in zip(numbers.tolist(), starts, ends, strict=True):
        piece = batch if end - begin == batch.num_rows else batch.take(pa.array(order[begin:end]))
        pending.rows.append((number, piece))


def close(pending: Pending, below: int, width_us: int) -> list[ClosedFrame]:
    """Takes out every frame with a number under `below`, oldest first."""
    telemetry = _take_telemetry(pending, below)
    rows: dict[int, list[pa.RecordBatch]] = {}
    if any(number < below for number, _ in pending.rows):
        for number, piece in pending.rows:
            if number < below:
                rows.setdefault(number, []).append(piece)
        pending.rows = [item for item in pending.rows if item[0] >= below]
    closed = []
    empty = (np.zeros(0, dtype=np.int32), np.zeros((0, pending.width)))
    for number in sorted(telemetry.keys() | rows.keys()):
        entities, values = telemetry.get(number, empty)
        closed.append(ClosedFrame(number * width_us, (number + 1) * width_us, entities, values, tuple(rows.get(number, ()))))
    return closed


def _take_telemetry(pending: Pending, below: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    if not any((piece < below).any() for piece in pending.frame):
        return {}
    frame, time, entity, slot, value = (
        np.concatenate(parts) if len(parts) > 1 else parts[0]
        for parts in (pending.frame, pending.time, pending.entity, pending.slot, pending.value)
    )
    ready = frame < below
    pending.frame, pending.time, pending.entity, pending.slot, pending.value = [], [], [], [], []
    if not ready.all():
        rest = ~ready
        pending.frame, pending.time = [frame[rest]], [time[rest]]
        pending.entity, pending.slot, pending.value = [entity[rest]], [slot[rest]], [value[rest]]
        frame, time, entity, slot, value = frame[ready], time[ready], entity[ready], slot[ready], value[ready]
    if frame.min() == frame.max():
        return {int(frame[0]): _matrix(pending.width, time, entity, slot, value)}
    order = np.argsort(frame, kind="stable")
    numbers, starts = np.unique(frame[order], return_index=True)
    pieces = zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)
    return {number: _matrix(pending.width, time[take], entity[take], slot[take], value[take]) for number, take in pieces}


def _matrix(width: int, time: np.ndarray, entity: np.ndarray, slot: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entities (n,) of one frame's readings (m,), ascending, and their values (n, width); of several the last by time counts, then by
    place in the log."""
    there = np.zeros(int(entity.max()) + 1, dtype=bool)
    there[entity] = True
    present = np.flatnonzero(there)
    cell = (np.cumsum(there) - 1)[entity] * width + slot
    values = np.full(len(present) * width, np.nan)
    filled = np.zeros(len(values), dtype=bool)
    filled[cell] = True
    if np.count_nonzero(filled) < len(cell) and (np.diff(time) < 0).any():  # else no two compete, or the later ones come later
        order = np.argsort(time, kind="stable")
        cell, value = cell[order], value[order]
    values[cell] = value
    return present.astype(np.int32), values.reshape(-1, width)
