"""The health of feeds as events of their own: heartbeat, lag, gaps, schema, clock and source of every feed, judged like any other event.

Fed by the runtime with what it hands to the pipeline, in that order; what it answers goes into the same log, as `log.status` events of
`feed:NAME` on the feed `feed-health`. Time here is the time of the log, so a recording tells what the live run told.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from interferon.sense.batches import batch
from interferon.sense.names import decoded

FEED: Final = "feed-health"
MINUTE: Final = 60_000_000  # microseconds; one heartbeat a feed and minute in which it spoke
SETTLED: Final = 30  # minutes after which a feed has a usual lag and a usual schema
STEADY: Final = 1000  # rows without a gap after which a gap is one
SKEW_US: Final = 30_000_000  # a clock that is off by less is no news
AHEAD_US: Final = 2_000_000  # an event from further in the future than this comes from a wrong clock
KEYS: Final = 256  # attribute keys of one kind that are remembered
KINDS: Final = 256  # kinds and columns of one feed that are remembered

Told = tuple[int, str, str, str, dict[str, Any]]  # time, feed, code, object, attributes


@dataclass
class Pulse:
    """What is known of one feed."""

    rows: int = 0
    newest: int = 0  # newest event time
    high: int = -1  # highest offset
    steady: int = 0  # rows in a row whose offset followed the one before
    minutes: int = 0  # in which it spoke
    lag: float = 0.0  # usual least lag of a minute, microseconds
    shifted: int = 0  # minutes in a row whose lag was another
    source: str = ""
    seen: dict[str, set[str]] = field(default_factory=dict)  # kind → attribute keys; family → columns that held something
    # the running minute
    count: int = 0
    least: int = 0
    most: int = 0
    missing: int = 0
    drift: set[str] = field(default_factory=set)


@dataclass
class Health:
    """All feeds of one installation. `offset`: of the next event; it must lie above all that the log holds of `feed-health`."""

    offset: int = 0
    feeds: dict[str, Pulse] = field(default_factory=dict)
    newest: int = 0  # of all feeds: the time of the log

    def take(self, rows: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Looks at one batch on its way in; answers with the health events that its time makes due, mostly none."""
        if not rows.num_rows:
            return []
        reached = np.maximum.accumulate(np.maximum(rows.column("time").to_numpy(), self.newest))
        minutes = reached // MINUTE
        begins = [0, *(np.flatnonzero(minutes[1:] != minutes[:-1]) + 1).tolist(), rows.num_rows]
        told: list[Told] = []
        for begin, end in pairwise(begins):  # a minute ends where the log's time passes it, in whatever batch that is
            told += self._due(int(reached[begin]))
            self._each(rows.slice(begin, end - begin))
            self.newest = int(reached[end - 1])
        return self._batch(told)

    def tick(self, now: int) -> list[pa.RecordBatch]:
        """Time has passed without events."""
        return self._batch(self._due(now))

    def comes_from(self, feed: str, source: str, now: int) -> list[pa.RecordBatch]:
        """Who sends a feed: a broker's address, a token, a certificate. Another than before is told."""
        pulse = self.feeds.setdefault(feed, Pulse())
        before, pulse.source = pulse.source, source
        return self._batch([(now, feed, "source", source, {"before": before, "after": source})]) if before and before != source else []

    def _each(self, rows: pa.RecordBatch) -> None:
        codes, names = decoded(rows.column("feed"))
        for code in np.unique(codes):
            if names[int(code)] != FEED:
                self._look(names[int(code)], rows if (codes == code).all() else rows.filter(pa.array(codes == code)))

    def _look(self, feed: str, rows: pa.RecordBatch) -> None:
        pulse = self.feeds.setdefault(feed, Pulse())
        time, seen, offset = (rows.column(name).to_numpy() for name in ("time", "seen", "offset"))
        lag = seen - time
        pulse.least = min(pulse.least, int(lag.min())) if pulse.count else int(lag.min())
        pulse.most = max(pulse.most, int(lag.max())) if pulse.count else int(lag.max())
        pulse.rows, pulse.count = pulse.rows + len(time), pulse.count + len(time)
        pulse.newest = max(pulse.newest, int(time.max()))
        self._gaps(pulse, offset)
        self._schema(pulse, rows)

    def _gaps(self, pulse: Pulse, offset: np.ndarray) -> None:
        """Missing offsets of a feed that has none otherwise. A repetition is no gap."""
        step = np.diff(offset, prepend=pulse.high)
        jumps = np.flatnonzero(step > 1) if pulse.high >= 0 else np.flatnonzero(step[1:] > 1) + 1
        if len(jumps):
            if pulse.steady + int(jumps[0]) >= STEADY:
                pulse.missing += int((step[jumps] - 1).sum())
            pulse.steady = len(offset) - int(jumps[-1])
        else:
            pulse.steady += len(offset)
        pulse.high = max(pulse.high, int(offset.max()))

    def _schema(self, pulse: Pulse, rows: pa.RecordBatch) -> None:
        """New kinds, columns that were always empty, new attribute keys; of each kind the first row of a batch is looked at."""
        family = (rows.schema.metadata or {}).get(b"family", b"").decode()
        found = {family: {name for name in rows.schema.names if rows.column(name).null_count < rows.num_rows}}
        if "kind" in rows.schema.names:
            codes, kinds = decoded(rows.column("kind"))
            for code, place in zip(*np.unique(codes, return_index=True), strict=True):
                found[kinds[int(code)]] = set(_keys(rows.column("attributes")[int(place)].as_py()))
        for name, words in found.items():
            known = pulse.seen.setdefault(name, set()) if name in pulse.seen or len(pulse.seen) < KINDS else set()
            new = words - known if len(known) < KEYS else set()
            if pulse.minutes >= SETTLED:
                pulse.drift |= {f"{name}.{word}" for word in new}
            known |= new

    def _due(self, now: int) -> list[Told]:
        """One event a feed for the minute that has ended, and one for each thing that is not as usual."""
        before, self.newest = self.newest, max(self.newest, now)
        if not before or self.newest // MINUTE == before // MINUTE:
            return []
        return [told for feed, pulse in self.feeds.items() if pulse.count for told in _ended(feed, pulse, self.newest)]

    def _batch(self, told: list[Told]) -> list[pa.RecordBatch]:
        """The events at the newest time of the log, so that none is late. Of a batch of many minutes a feed's last heartbeat is enough."""
        last = {feed: place for place, (_, feed, code, _, _) in enumerate(told) if code == "heartbeat"}
        told = [(max(each[0], self.newest), *each[1:]) for n, each in enumerate(told) if each[2] != "heartbeat" or last[each[1]] == n]
        if not told:
            return []
        times, feeds, codes, objects, facts = zip(*told, strict=True)
        columns: dict[str, Any] = {
            "time": times,
            "offset": range(self.offset, self.offset + len(told)),
            "entity": [f"feed:{feed}" for feed in feeds],
            "kind": ["log.status"] * len(told),
            "code": codes,
            "object": objects,
            "attributes": [msgspec.json.encode(fact).decode() for fact in facts],
        }
        self.offset += len(told)
        return [batch("activity", FEED, columns)]


def _ended(feed: str, pulse: Pulse, now: int) -> Iterator[Told]:
    """What the minute that ended says of a feed; begins the next one."""
    facts = {"rows": pulse.count, "lag_s": round(pulse.least / 1e6, 3), "worst_lag_s": round(pulse.most / 1e6, 3)}
    yield now, feed, "heartbeat", "feed", facts
    if pulse.missing:
        yield now, feed, "gap", "feed", {"missing": pulse.missing, **facts}
    if pulse.drift:
        yield now, feed, "schema", ", ".join(sorted(pulse.drift)[:8]), {"new": sorted(pulse.drift)[:64]}
    if _clock(pulse):
        yield now, feed, "skew", "feed", {"before_s": round(pulse.lag / 1e6, 3), **facts}
        pulse.lag = float(pulse.least)
    pulse.minutes += 1
    pulse.count = pulse.missing = 0
    pulse.drift = set()


def _clock(pulse: Pulse) -> bool:
    """Whether the clock of the source has moved: its least lag is another for three minutes, or it speaks from the future."""
    off = abs(pulse.least - pulse.lag) > SKEW_US or (pulse.least < -AHEAD_US and pulse.lag >= -AHEAD_US)
    if pulse.minutes >= SETTLED and off:
        pulse.shifted += 1
        if pulse.shifted >= 3:
            pulse.shifted = 0
            return True
        return False
    pulse.shifted = 0
    pulse.lag += (pulse.least - pulse.lag) / min(pulse.minutes + 1, SETTLED)
    return False


def _keys(attributes: str | None) -> Iterable[str]:
    try:
        found = msgspec.json.decode(attributes) if attributes else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    return found if isinstance(found, dict) else ()
