"""Keeps the live feeds listening: one thread with one asyncio loop for all of them. Started by `Service`, which stores what they take.

A feed whose connection is lost is tried again, later each time. A feed has at most one take on its way to the pipeline and waits until it
is on disk, so what is under way is bounded and a slow disk holds back the sources.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.runtime.feed_settings import Feed
from interferon.sense.live import Item, Lost, Place

FIRST_S, LONGEST_S = 1.0, 60.0  # between two attempts
STOP_S: Final = 15.0  # for the sources to let go
_decode = msgspec.json.Decoder(dict[str, Any])


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """One live feed, for people: how it is, since when, and what came."""

    name: str
    kind: str
    state: Literal["connecting", "connected", "stale", "retrying"]
    since: int  # microseconds
    error: str  # why it was lost the last time; '' where it never was
    rows: int
    dead: int  # what could not be read
    last_event: int | None  # time of the newest event
    lag_s: float | None  # how far it was behind the clock when it came


@dataclass(frozen=True)
class Taking:
    """What a feed took. `done` is called once the items and the place are on disk."""

    feed: str
    items: Sequence[Item]
    place: bytes  # JSON
    done: Callable[[], None]


@dataclass
class _Seen:
    state: Literal["connecting", "connected", "retrying"] = "connecting"
    since: int = 0
    error: str = ""
    rows: int = 0
    dead: int = 0
    last_event: int | None = None
    lag_s: float | None = None
    moved: float = 0.0  # monotonic: when the last event came, or the connection was made
    delay: float = FIRST_S
    waiting: "asyncio.Future[None] | None" = field(default=None, repr=False)


class Feeds:
    """All live feeds of an installation. `offer` hands a taking to the pipeline's thread; `tell` takes a line for people."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        places: dict[str, bytes],
        offer: Callable[[Taking], None],
        tell: Callable[[str], None],
        clock: Callable[[], int],
    ) -> None:
        """`places`: feed → the JSON of where it stood, as the last `Taking` had it."""
        self._feeds, self._places, self._offer, self._tell, self._clock = tuple(feeds), dict(places), offer, tell, clock
        self._seen = {feed.name: _Seen(since=clock()) for feed in feeds}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="feeds", daemon=True)

    def start(self) -> None:
        if self._feeds:
            self._thread.start()
            self._ready.wait()

    def stop(self) -> None:
        """Lets go of every source. What is not acknowledged will be sent again."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_S)

    def states(self) -> list[FeedState]:
        """Every feed in the order of the settings. Any thread may ask."""
        return [self._state(feed) for feed in self._feeds]

    def _state(self, feed: Feed) -> FeedState:
        seen = self._seen[feed.name]
        quiet = seen.state == "connected" and time.monotonic() - seen.moved > feed.settings.stale_after_s
        return FeedState(
            name=feed.name,
            kind=feed.settings.kind,
            state="stale" if quiet else seen.state,
            since=seen.since,
            error=seen.error,
            rows=seen.rows,
            dead=seen.dead,
            last_event=seen.last_event,
            lag_s=seen.lag_s,
        )

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        listening = [asyncio.create_task(self._keep(feed)) for feed in self._feeds]
        await self._stop.wait()
        for task in listening:
            task.cancel()
        await asyncio.wait(listening, timeout=STOP_S)

    async def _keep(self, feed: Feed) -> None:
        """Listens for good."""
        seen = self._seen[feed.name]
        while True:
            error = await self._listen(feed)
            if seen.waiting is not None:  # the place is known only once what is under way is on disk
                await asyncio.wait([seen.waiting])
            if error != seen.error or seen.state == "connected":
                self._tell(f"feed {feed.name}: {error}; trying again")
            self._turn(seen, "retrying", error)
            await asyncio.sleep(seen.delay * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all feeds come back at once
            seen.delay = min(seen.delay * 2, LONGEST_S)

    async def _listen(self, feed: Feed) -> str:
        """Why it ended."""

        async def take(items: Sequence[Item], place: Place) -> None:
            await self._take(feed, items, place)

        try:
            await feed.connector.listen(feed.settings, feed.name, _decode.decode(self._places.get(feed.name, b"{}")), take)
        except (Lost, InputError) as error:
            return str(error)
        except TimeoutError:
            return "no answer in time"
        except OSError as error:
            return error.strerror or str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - a mistake in one connector must not stop the other feeds
            return f"unexpected {type(error).__name__}: {error}"
        return "the source ended"

    async def _take(self, feed: Feed, items: Sequence[Item], place: Place) -> None:
        """Returns when the pipeline has it on disk."""
        seen, encoded = self._seen[feed.name], msgspec.json.encode(place)
        if seen.state != "connected":
            seen.delay, seen.moved = FIRST_S, time.monotonic()
            self._turn(seen, "connected", seen.error)
        if not items and encoded == self._places.get(feed.name, b"{}"):
            return
        loop = asyncio.get_running_loop()
        waiting = seen.waiting = loop.create_future()
        self._offer(Taking(feed.name, items, encoded, lambda: _resolve(loop, waiting)))
        waiting.add_done_callback(lambda _: self._taken(feed, items, encoded))
        await asyncio.shield(waiting)

    def _taken(self, feed: Feed, items: Sequence[Item], place: bytes) -> None:
        seen = self._seen[feed.name]
        seen.waiting, self._places[feed.name] = None, place
        batches = [item for item in items if isinstance(item, pa.RecordBatch) and item.num_rows]
        seen.dead += sum(isinstance(item, DeadLetter) for item in items)
        if batches:
            seen.rows += sum(item.num_rows for item in batches)
            newest = max(pc.max(item.column("time")).as_py() for item in batches)
            seen.last_event = max(newest, seen.last_event or newest)
            seen.lag_s, seen.moved = (self._clock() - newest) / 1e6, time.monotonic()

    def _turn(self, seen: _Seen, state: Literal["connected", "retrying"], error: str) -> None:
        if seen.state != state:
            seen.state, seen.since = state, self._clock()
        seen.error = error


def _resolve(loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[None]") -> None:
    """From the pipeline's thread. A loop that is closed by now has nobody who waits."""

    def resolve() -> None:
        if not waiting.done():
            waiting.set_result(None)

    try:
        loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        if not loop.is_closed():
            raise
