"""Carries what a site sensor logged to its upstream: over HTTP and answered, or as files towards a data diode. A thread, beside `Service`.

Reads the event log and the findings behind the pipeline's back. What is on its way lies in one file together with the place that follows
from it, before it is sent: after a crash the same bytes go again under the same number, which the receiver knows. What upstream does not
want is put aside with its reason.
"""

import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interferon.connectors.sensor_segment import streams
from interferon.model.errors import InputError
from interferon.model.records import Finding
from interferon.runtime.sensor_settings import SensorSettings
from interferon.sense.batches import batch
from interferon.sense.health import FEED as HEALTH
from interferon.store import checkpoint, log
from interferon.store.log import Place
from interferon.store.log_tail import stands, tailed

KEPT: Final = "forward"  # the file of what is on its way
REFUSED: Final = "forward-refused"  # folder of what upstream did not want, with an index
INDEX: Final = "index.ndjson"
PAUSE_S: Final = 1.0  # between two looks at the log
LONGEST_S: Final = 60.0  # between tries while upstream does not answer
TIDY_S: Final = 3600.0
ROUND_RECORDS, ROUND_BYTES = 4096, 8 << 20  # of the log in one go
LARGEST: Final = 32 << 20  # bytes of one message
MINUTE_US: Final = 60_000_000  # rows of one minute may go feed by feed: upstream's frames wait that long
FINDINGS: Final = "findings"
FINDING_BYTES: Final = 1 << 20
_finding = msgspec.json.Decoder(Finding)
_encode = msgspec.json.Encoder(order="deterministic").encode


class Refusal(Exception):
    """Upstream does not want this message, now or ever."""


class Unreached(Exception):
    """Upstream did not answer, asked to wait, or lets nothing in at all; `wait_s` is what it asked for."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Behind(Exception):
    """Upstream has seen higher sequence numbers under this name; `newest` is the last."""

    def __init__(self, newest: int) -> None:
        super().__init__(str(newest))
        self.newest = newest


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far forwarding is: upstream has all of the log before a place, and all findings before a byte of theirs."""

    segment: int = -1
    byte: int = 0
    crc: int = 0  # CRC-32 of the record before: a power cut may have taken it from the log, and another may stand there now
    finding_byte: int = 0  # in findings.ndjson
    finding_shift: int = 0  # added to the byte for the offset: the file is written anew at each start
    finding_last: str = ""  # SHA-256 of the last line that was sent

    @property
    def place(self) -> Place:
        return Place(self.segment, self.byte, self.crc)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be sent and the position that follows from it. `feed` is '' of a diode's file, which holds several."""

    sequence: int
    feed: str
    body: bytes
    at: int  # when it was made, microseconds
    first: int  # times of its earliest and latest event, 0 where there is none
    last: int
    rows: int
    then: Position


class Way(Protocol):
    """How messages leave. Raises Unreached, Refusal, Behind or OSError."""

    whole: bool  # all feeds of a round in one message
    idle_s: float  # after which an empty message is sent; 0: none is
    begin: Callable[[], int]  # the first sequence number where none is kept

    def send(self, message: Message) -> None: ...

    def close(self) -> None: ...


class Forwarder:
    """Entering starts its thread; leaving stops it after the message in hand."""

    def __init__(self, settings: SensorSettings, state: Path, way: Way, tell: Callable[[str], None], clock: Callable[[], int]) -> None:
        """`state`: of the installation, whose service has run its log again by now. InputError: the file `forward` is damaged."""
        self._settings, self._state, self._way, self._tell, self._clock = settings, state, way, tell, clock
        self._stopped = threading.Event()
        self._waiting: deque[tuple[str, list[pa.RecordBatch], Position]] = (
            deque()
        )  # messages of this round; the last one moves the position
        self._last: Message | None = _kept(state / KEPT)
        self._position = self._begin(self._last.then if self._last else Position())
        if self._last is not None:
            self._last = msgspec.structs.replace(self._last, then=self._position)
        self._unsent = self._last is not None  # whether upstream took the last one is not known
        self._sent_at = self._tidied = time.monotonic()
        self.trouble = ""  # why it does not get through, while it does not
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)

    def __enter__(self) -> "Forwarder":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._way.close()

    def _run(self) -> None:
        wait = delay = PAUSE_S
        while not self._stopped.wait(wait):
            try:
                self._once()
                wait = delay = PAUSE_S
                if self.trouble:
                    self._tell(f"upstream {self._settings.name}: it gets through again")
                self.trouble = ""
            except (Unreached, InputError, OSError) as error:
                delay = min(delay * 2, LONGEST_S)
                asked = error.wait_s if isinstance(error, Unreached) else 0.0
                wait = max(asked, delay * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all sensors come back at once
                self._report(str(error))

    def _report(self, why: str) -> None:
        if not self.trouble:
            self._tell(f"upstream {self._settings.name}: {why}; tried again until it gets through, nothing is lost")
        self.trouble = why

    def _once(self) -> None:
        """Everything that is new."""
        self._deliver()
        while not self._stopped.is_set() and (self._waiting or self._round() or self._findings()):
            if self._waiting:
                self._make(*self._waiting[0])
                self._waiting.popleft()
                self._deliver()
        if self._way.idle_s and time.monotonic() - self._sent_at >= self._way.idle_s:
            self._make("", [], self._position)
            self._deliver()
        if time.monotonic() - self._tidied >= TIDY_S:
            self._tidied = time.monotonic()
            tidy(self._state / "log", self._position.segment, self._settings.keep_days)

    def _round(self) -> bool:
        """The next records of the log. False where there are none."""
        at = self._position
        found, end = gathered(self._state / "log", at.place, self._tell)
        if end == (at.segment, at.byte, at.crc):
            return False
        wanted = [each for each in found if _family(each) in self._settings.forward]
        messages = list(_messages(by_feed(wanted, self._settings.name), self._way.whole))
        after = msgspec.structs.replace(at, segment=end.segment, byte=end.byte, crc=end.crc)
        if not messages:
            self._position = after
        for place, (feed, batches) in enumerate(messages, 1):  # one that is stopped in between is begun anew: upstream knows what it has
            self._waiting.append((feed, batches, after if place == len(messages) else at))
        return True

    def _findings(self) -> bool:
        """The next lines of the findings. False where there are none."""
        at = self._position
        path = self._state / "records" / "findings.ndjson"
        lines = list(whole_lines(path, at.finding_byte)) if "findings" in self._settings.forward else []
        if not lines:
            return False
        after = msgspec.structs.replace(
            at, finding_byte=lines[-1][0] + len(lines[-1][1]), finding_last=hashlib.sha256(lines[-1][1]).hexdigest()
        )
        self._waiting.append(
            (f"{self._settings.name}/{FINDINGS}", [told(lines, self._settings.name, at.finding_shift, self._clock())], after)
        )
        return True

    def _make(self, feed: str, batches: Sequence[pa.RecordBatch], then: Position) -> None:
        """The next message. Returns when it is on disk."""
        times = [each.as_py() for part in batches if part.num_rows for each in pc.min_max(part.column("time")).values()]
        self._save(
            Message(
                sequence=self._last.sequence + 1 if self._last else self._way.begin(),
                feed=feed,
                body=streams(batches),
                at=self._clock(),
                first=min(times, default=0),
                last=max(times, default=0),
                rows=sum(part.num_rows for part in batches),
                then=then,
            )
        )

    def _deliver(self) -> None:
        """Returns when upstream has the message on disk, or it is put aside."""
        message = self._last
        if message is None or not self._unsent:
            return
        try:
            self._way.send(message)
        except Behind as error:
            self._save(msgspec.structs.replace(message, sequence=error.newest + 1))
            raise Unreached(f"it knows numbers up to {error.newest} under this name; going on above them") from None
        except Refusal as error:
            self._put_aside(message, str(error))
        self._unsent, self._position, self._sent_at = False, message.then, time.monotonic()
        if self._settings.max_mb_per_s:
            self._stopped.wait(len(message.body) / self._settings.max_mb_per_s / 1e6)

    def _save(self, message: Message) -> None:
        checkpoint.save(self._state / KEPT, message)
        self._last, self._unsent = message, True

    def _put_aside(self, message: Message, reason: str) -> None:
        folder = self._state / REFUSED
        folder.mkdir(exist_ok=True)
        name = f"{message.sequence:013d}.arrow"
        (folder / name).write_bytes(message.body)
        row = {"file": name, "feed": message.feed, "rows": message.rows, "first": message.first, "last": message.last, "reason": reason}
        with (folder / INDEX).open("ab") as out:
            out.write(_encode(row) + b"\n")
        self._tell(
            f"upstream {self._settings.name}: {message.rows} events of {message.feed} were refused and put aside in {folder}: {reason}"
        )

    def _begin(self, position: Position) -> Position:
        """The position, where the log and the findings still are as it says; else the last one before it from which nothing is left out."""
        numbers = {int(path.stem.split("-")[1]): path for path in log.segments(self._state / "log")}
        if numbers and not (position.segment in numbers and stands(numbers[position.segment], position.place)):
            later = [each for each in numbers if each >= position.segment]
            position = msgspec.structs.replace(position, segment=min(later or numbers), byte=0, crc=0)
        path = self._state / "records" / "findings.ndjson"
        place, known = place_behind(path, position.finding_byte, position.finding_last)
        if not known:
            self._tell(f"{path}: the finding that was forwarded last is not there; only those after byte {place} are forwarded")
        shift = position.finding_shift + position.finding_byte - place
        return msgspec.structs.replace(position, finding_byte=place, finding_shift=shift)


def _kept(path: Path) -> Message | None:
    if not path.is_file():
        return None
    found = checkpoint.load(path.read_bytes())
    if not isinstance(found, Message):
        raise InputError(f"{path}: not what a sensor keeps there; without it forwarding begins anew, and upstream knows what came before")
    return found


def gathered(folder: Path, begin: Place, torn: Callable[[str], None]) -> tuple[list[pa.RecordBatch], Place]:
    """Batches of the log from a place on, and the place behind them: as many as lie in one minute, up to the limits of a round.

    Control records and dead letters are passed over. `torn` is told of bytes that are no whole record.
    """
    found: list[pa.RecordBatch] = []
    reached, minute, size = begin, -1, 0
    for item, place in tailed(folder, begin, torn):
        if isinstance(item, pa.RecordBatch) and item.num_rows:
            new = _minute(item)
            full = size + item.nbytes > ROUND_BYTES or len(found) >= ROUND_RECORDS
            if found and (full or new is None or new != minute):
                break
            found.append(item)
            minute, size = -1 if new is None else new, size + item.nbytes
        reached = place
    return found, reached


def _minute(item: pa.RecordBatch) -> int | None:
    """The minute in which all rows lie, or None where they lie in several."""
    times = item.column("time").to_numpy()
    low, high = int(times.min()) // MINUTE_US, int(times.max()) // MINUTE_US
    return low if low == high else None


def by_feed(batches: Sequence[pa.RecordBatch], sensor: str) -> dict[str, list[pa.RecordBatch]]:
    """The rows of each feed in their order, under the name `SENSOR/FEED`; neighbours of one family become one batch.

    The health of the feeds stays: the receiver judges what it hears itself.
    """
    found: dict[str, list[pa.RecordBatch]] = {}
    for each in batches:
        column = each.column("feed")
        codes = column.indices.to_numpy()
        for code in np.unique(codes):
            name = column.dictionary[int(code)].as_py()
            if name == HEALTH:
                continue
            rows = each if (codes == code).all() else each.filter(pa.array(codes == code))
            feed = f"{sensor}/{name}"
            named = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows.num_rows, np.int32)), pa.array([feed], pa.string()))
            found.setdefault(feed, []).append(rows.set_column(each.schema.get_field_index("feed"), each.schema.field("feed"), named))
    return {feed: list(_joined(parts)) for feed, parts in found.items()}


def _joined(parts: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    run: list[pa.RecordBatch] = []
    for part in parts:
        if run and part.schema.metadata != run[-1].schema.metadata:
            yield _one(run)
            run = []
        run.append(part)
    if run:
        yield _one(run)


def _one(run: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(run) == 1:
        return run[0]
    table = pa.Table.from_batches(run).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]


def _messages(feeds: dict[str, list[pa.RecordBatch]], whole: bool) -> Iterator[tuple[str, list[pa.RecordBatch]]]:
    """What goes into each message: a feed, or all of them; never more than `LARGEST` bytes where rows can be parted."""
    parts = [("", [each for batches in feeds.values() for each in batches])] if whole and feeds else list(feeds.items())
    for feed, batches in parts:
        yield from ((feed, each) for each in _parted(batches))


def _parted(batches: list[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    rows = sum(each.num_rows for each in batches)
    if sum(each.nbytes for each in batches) <= LARGEST or rows == 1:
        yield batches
    elif len(batches) > 1:
        yield from _parted(batches[: len(batches) // 2])
        yield from _parted(batches[len(batches) // 2 :])
    else:
        yield from _parted([batches[0].slice(0, rows // 2)])
        yield from _parted([batches[0].slice(rows // 2)])


def told(lines: Sequence[tuple[int, bytes]], sensor: str, shift: int, now: int) -> pa.RecordBatch:
    """Findings as events: `log.message` of the entity, object `interferon`; attributes are the finding's fields. Offset: byte and shift."""
    found = [(place + shift, _finding.decode(line)) for place, line in lines]
    columns = {
        "time": [finding.time for _, finding in found],
        "seen": [now] * len(found),
        "offset": [offset for offset, _ in found],
        "entity": [finding.entity for _, finding in found],
        "kind": ["log.message"] * len(found),
        "object": ["interferon"] * len(found),
        "code": [finding.kind for _, finding in found],
        "attributes": [_encode({"message": finding.summary, **msgspec.to_builtins(finding)}).decode() for _, finding in found],
    }
    return batch("activity", f"{sensor}/{FINDINGS}", columns)


def whole_lines(path: Path, place: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from a place on, each with the place where it begins, up to `FINDING_BYTES`."""
    if not path.is_file():
        return
    begin = place
    with path.open("rb") as source:
        source.seek(place)
        for line in source:
            if not line.endswith(b"\n") or place - begin > FINDING_BYTES:
                return
            yield place, line
            place += len(line)


def place_behind(path: Path, place: int, digest: str) -> tuple[int, bool]:
    """Where the line of that digest ends, and whether it is there: at `place` or elsewhere; else the file's end; 0 where none was sent.

    The file is written anew at each start, and is the same again as long as the whole log is there.
    """
    if not digest or not path.is_file():
        return 0, not digest
    end = behind = 0
    with path.open("rb") as source:
        for line in source:
            end += len(line)
            if hashlib.sha256(line).hexdigest() == digest:
                behind = end
                if end >= place:
                    break
    return behind or end, behind > 0


def tidy(folder: Path, reached: int, keep_days: int) -> list[Path]:
    """Deletes segments that were forwarded completely and not written to for so many days. Answers with them."""
    oldest = time.time() - keep_days * 86_400
    gone = [path for path in log.segments(folder)[:-1] if int(path.stem.split("-")[1]) < reached and path.stat().st_mtime < oldest]
    for path in gone:
        path.unlink()
    return gone


def _family(found: pa.RecordBatch) -> str:
    return str((found.schema.metadata or {}).get(b"family", b"").decode())
