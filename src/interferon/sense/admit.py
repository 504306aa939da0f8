"""Admission of events, row by row in the order of the log: duplicates, unknown entities, impossible values, late and future times.

Called by `pipeline.step`. What cannot be used becomes a `DeadLetter` with the reason; nothing is dropped without a trace. The decision on
a row depends on the rows before it (and, for a leap in time, on the next of its feed), never on the borders of batches.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import repeat

import msgspec
import numpy as np
import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense.frames import ClosedFrame, Pending, add_rows, add_telemetry, close, slots
from interferon.sense.names import NameTable, decoded, dense, numbered


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How long frames are and how far times may stray, in microseconds."""

    frame_us: int = 60_000_000
    lateness_us: int = 5_000_000  # a frame stays open this long after its end
    leap_us: int = 7 * 86_400_000_000  # a row further ahead than this must be confirmed by the next row of its feed


@dataclass
class Admission:
    """State of admission; plain, so that a checkpoint can hold it."""

    settings: Settings
    entities: NameTable = field(default_factory=NameTable)
    pending: Pending = field(default_factory=Pending)
    high: dict[str, int] = field(default_factory=dict)  # feed → highest offset admitted
    newest: int | None = None  # running maximum of event time
    closed_below: int | None = None  # frames with a lower number are closed
    held: dict[str, pa.RecordBatch] = field(default_factory=dict)  # feed → one row that leapt ahead, not confirmed yet
    refused: dict[str, str] = field(default_factory=dict)  # entity reference → reason, decided once; '' is fine
    rows: int = 0
    duplicates: int = 0


def new_admission(settings: Settings) -> Admission:
    return Admission(settings)


_NEVER = -(1 << 62)
_OURS = frozenset(("feed", "offset", "seen", "trust", "raw"))  # columns that a sender does not write
_encode = msgspec.json.encode
_NOT_CONFIRMED = "its time leaps ahead and the next row of the feed does not follow"

Known = Callable[[str], str]  # entity reference → '' or the reason why it is refused


def admit(state: Admission, batch: pa.RecordBatch, known: Known) -> tuple[list[ClosedFrame], list[DeadLetter]]:
    """Takes in one batch of one family; returns the frames it closed and the rows it could not use."""
    dead: list[DeadLetter] = []
    batch = _fresh(state, batch)
    for piece in _settled(state, batch, dead):
        _take(state, piece, known, dead)
    return _closed(state), dead


def advance(state: Admission, now: int) -> list[ClosedFrame]:
    """Time has passed without events: closes what lies before `now` minus the lateness."""
    if state.newest is None or now > state.newest:
        state.newest = now
    return _closed(state)


def flush(state: Admission, known: Known) -> tuple[list[ClosedFrame], list[DeadLetter]]:
    """The log has ended: takes in held rows and closes every frame."""
    dead: list[DeadLetter] = []
    for feed in sorted(state.held):
        _take(state, state.held.pop(feed), known, dead)
    if state.newest is not None:
        state.newest += state.settings.frame_us + state.settings.lateness_us
    return _closed(state), dead


def _closed(state: Admission) -> list[ClosedFrame]:
    if state.newest is None:
        return []
    below = (state.newest - state.settings.lateness_us) // state.settings.frame_us
    if state.closed_below is not None and below <= state.closed_below:
        return []
    state.closed_below = below
    return close(state.pending, below, state.settings.frame_us)


def _fresh(state: Admission, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without rows that came before: offsets of a feed rise, so a row at or below the highest one is a repetition."""
    codes, feeds = decoded(batch.column("feed"))
    offsets = batch.column("offset").to_numpy()
    state.rows += batch.num_rows
    if _all_new(state, codes, feeds, offsets):
        return batch
    keep = np.ones(batch.num_rows, dtype=bool)
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        feed = feeds[int(code)]
        before = np.maximum.accumulate(np.concatenate(([state.high.get(feed, -1)], offsets[mine])))
        keep[mine] = offsets[mine] > before[:-1]
        state.high[feed] = int(before[-1])
    state.duplicates += int((~keep).sum())
    return batch.filter(pa.array(keep))


def _all_new(state: Admission, codes: np.ndarray, feeds: list[str], offsets: np.ndarray) -> bool:
    """Whether the offsets of every feed rise above all that it had, as they nearly always do; if so, notes the highest of each."""
    if not len(codes):
        return True
    order = np.argsort(codes, kind="stable")
    by, rising = codes[order], offsets[order]
    begins = np.concatenate(([0], np.flatnonzero(by[1:] != by[:-1]) + 1))
    present = [feeds[code] for code in by[begins].tolist()]
    before = np.concatenate(([0], rising[:-1]))
    before[begins] = [state.high.get(feed, -1) for feed in present]
    if len(set(present)) < len(present) or not (rising > before).all():  # a dictionary may hold a name twice
        return False
    ends = np.append(begins[1:], len(by)) - 1
    state.high.update(zip(present, rising[ends].tolist(), strict=True))
    return True


def _settled(state: Admission, batch: pa.RecordBatch, dead: list[DeadLetter]) -> list[pa.RecordBatch]:
    """The batch with leaps in time resolved: a leap waits for the next row of its feed and stays only if that stands near it.

    One wrong clock would otherwise move the watermark years ahead and make every honest row late. A row that waits takes its place right
    before the row that confirms it, in this batch or a later one.
    """
    pieces: list[pa.RecordBatch] = []
    if state.held and batch.num_rows:
        batch = _with_held(state, batch, dead)
    newest = _NEVER if state.newest is None else state.newest  # even the first row of all must be confirmed
    while batch.num_rows:
        time = batch.column("time").to_numpy()
        before = np.maximum.accumulate(np.concatenate(([newest], time)))[:-1]
        leaps = np.flatnonzero(time - state.settings.leap_us > before)
        row = int(leaps[0]) if len(leaps) else batch.num_rows
        if row:
            pieces.append(batch.slice(0, row))
            newest = max(newest, int(time[:row].max()))
        if row == batch.num_rows:
            break
        codes, feeds = decoded(batch.column("feed"))
        after = np.flatnonzero(codes[row + 1 :] == codes[row])
        if not len(after):
            state.held[feeds[int(codes[row])]] = batch.slice(row, 1)
            batch = batch.slice(row + 1)
        elif time[row + 1 + after[0]] < time[row] - state.settings.leap_us:
            dead += _dead(batch, np.array([row]), [_NOT_CONFIRMED])
            batch = batch.slice(row + 1)
        elif after[0] == 0:
            pieces.append(batch.slice(row, 1))
            newest = int(time[row])
            batch = batch.slice(row + 1)
        else:
            places = [*range(row + 1, row + 1 + int(after[0])), row, *range(row + 1 + int(after[0]), batch.num_rows)]
            batch = batch.take(pa.array(places))
    return pieces


def _with_held(state: Admission, batch: pa.RecordBatch, dead: list[DeadLetter]) -> pa.RecordBatch:
    """Puts each held row back right before the next row of its feed, if that confirms it.

    That it leapt was decided where it stood: rows of other feeds may have moved the watermark meanwhile.
    """
    time = batch.column("time").to_numpy()
    codes, feeds = decoded(batch.column("feed"))
    places = sorted((int(np.argmax(codes == code)), feeds[int(code)]) for code in np.unique(codes) if feeds[int(code)] in state.held)
    parts, begin = [], 0
    for place, feed in places:
        held = state.held[feed]
        if held.schema.metadata != batch.schema.metadata:
            continue  # the same feed name in another family: wait for its own
        del state.held[feed]
        if time[place] < held.column("time")[0].as_py() - state.settings.leap_us:
            dead += _dead(held, np.array([0]), [_NOT_CONFIRMED])
            continue
        parts += [batch.slice(begin, place - begin), held]
        begin = place
    if not parts:
        return batch
    table = pa.Table.from_batches([*parts, batch.slice(begin)]).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]


def _take(state: Admission, batch: pa.RecordBatch, known: Known, dead: list[DeadLetter]) -> None:
    """Late rows and unknown entities to the dead letters, the rest into their frames."""
    family = (batch.schema.metadata or {}).get(b"family", b"").decode()
    time = batch.column("time").to_numpy()
    frame = time // state.settings.frame_us
    good = np.ones(len(time), dtype=bool)
    _refuse_late(state, batch, time, frame, good, dead)
    codes, texts = decoded(batch.column("entity"))
    numbers = numbered(state.entities, texts)
    present = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
    for code in present[numbers[present] < 0].tolist():  # whoever has a number was not refused
        reason = _refusal(state, texts[code], known)
        if reason:
            dead += _dead(batch, np.flatnonzero((codes == code) & good), repeat(reason))
            good &= codes != code
    if family == "telemetry":
        _take_telemetry(state, batch, (time, frame, codes), (texts, numbers), good, dead)
    elif good.any():
        rows = batch if good.all() else batch.filter(pa.array(good))
        add_rows(state.pending, frame[good], rows)


def _refuse_late(
    state: Admission, batch: pa.RecordBatch, time: np.ndarray, frame: np.ndarray, good: np.ndarray, dead: list[DeadLetter]
) -> None:
    """A row is late when the rows before it have already closed its frame. Moves the watermark."""
    newest = int(time[0]) if state.newest is None else state.newest
    latest = max(newest, int(time.max()))
    if frame.min() >= (latest - state.settings.lateness_us) // state.settings.frame_us:  # none is, whatever their order
        state.newest = latest
        return
    before = np.maximum.accumulate(np.concatenate(([newest], time)))
    state.newest = int(before[-1])
    late = frame < (before[:-1] - state.settings.lateness_us) // state.settings.frame_us
    rows = np.flatnonzero(late)
    behind = ((before[rows] - time[rows]) / 1e6).tolist()
    dead += _dead(batch, rows, (f"late: {each:.0f} s behind the newest event, its frame is closed" for each in behind))
    good &= ~late


def _refusal(state: Admission, entity: str, known: Known) -> str:
    reason = state.refused.get(entity)
    if reason is None:
        reason = state.refused[entity] = known(entity)
    return reason


def _take_telemetry(
    state: Admission,
    batch: pa.RecordBatch,
    places: tuple[np.ndarray, np.ndarray, np.ndarray],
    entities: tuple[list[str], np.ndarray],
    good: np.ndarray,
    dead: list[DeadLetter],
) -> None:
    time, frame, codes = places
    value = batch.column("value").to_numpy(zero_copy_only=False)
    infinite = np.isinf(value) & good
    if infinite.any():
        dead += _dead(batch, np.flatnonzero(infinite), repeat("its value is infinite"))
        good &= ~infinite
    if not good.any():
        return
    signal_codes, signals = decoded(batch.column("signal"))
    if not good.all():
        time, frame, codes, signal_codes, value = time[good], frame[good], codes[good], signal_codes[good], value[good]
    entity = dense(state.entities, codes, *entities)
    signal = dense(state.pending.signals, signal_codes, signals, numbered(state.pending.signals, signals))
    add_telemetry(state.pending, frame, time, entity, slots(state.pending, entity, signal), value)


def _dead(batch: pa.RecordBatch, rows: np.ndarray, reasons: Iterable[str]) -> list[DeadLetter]:
    """Dead letters whose raw text is the event as NDJSON writes it, so that it can be read once more."""
    family = (batch.schema.metadata or {}).get(b"family", b"").decode()
    found = []
    for row, reason in zip(batch.take(pa.array(rows)).to_pylist(), reasons, strict=False):
        kept = {name: value for name, value in row.items() if value is not None and name not in _OURS}
        found.append(
            DeadLetter(
                feed=row["feed"],
                offset=row["offset"],
                time=row["time"],
                family=family,
                entity=row["entity"],
                reason=reason,
                raw=_encode({"family": family, **kept}).decode()[:2000],
            )
        )
    return found
