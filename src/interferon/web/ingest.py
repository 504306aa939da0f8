"""`POST /ingest/FEED`: events from programs that hold a token, as NDJSON or as Arrow IPC streams. Part of the application.

An answer of 200 means that all of it is in the event log, on disk. Who sends the same again is not counted twice: (feed, offset) identifies
an event. More than can be taken is answered with 429 and a time to wait. Requests of a site sensor carry its signature and a number that
rises; the newest one may come again, unchanged, for its answer may have been lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from interferon.connectors import event_lines
from interferon.model.events import ACTIVITY_KINDS, FAMILIES, TRADE_KINDS
from interferon.model.records import DeadLetter
from interferon.sense import arrow_streams
from interferon.store import sensor_keys
from interferon.store.tokens import Token, Tokens
from interferon.web.body import read_body

BODY: Final = 64 << 20  # bytes of one request
UNPACKED: Final = 256 << 20  # bytes of one request whose Arrow buffers are compressed, once they are not
IN_FLIGHT: Final = 256 << 20  # bytes of all requests that are not on disk yet, unpacked
ARROW: Final = "application/vnd.apache.arrow.stream"
NDJSON: Final = ("application/x-ndjson", "application/jsonlines", "application/json")
SEQUENCES: Final = "state/sensors.json"  # in the network folder
TOLD: Final = 20  # dead letters named in one answer
MOST: Final = 1 << 62  # times and offsets lie below
KINDS: Final = {"activity": ACTIVITY_KINDS, "trade": TRADE_KINDS}

Item: TypeAlias = "pa.RecordBatch | DeadLetter"
Intake: TypeAlias = "Callable[[Sequence[Item]], Awaitable[None]]"  # returns when the items are on disk


class Unusable(ValueError):
    """A request that cannot be taken as a whole; the text says why and what would be right."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Ingest:
    """The interface over an intake. `tokens` decides who may send what."""

    def __init__(self, tokens: Tokens, intake: Intake, most: int = IN_FLIGHT) -> None:
        self._tokens, self._intake, self._most = tokens, intake, most
        self._held = 0  # bytes in flight
        self._sequences = sensor_keys.Sequences(tokens.folder / SEQUENCES)
        self._turns: dict[str, asyncio.Lock] = {}  # of each sensor: its requests are judged one after the other

    def router(self) -> APIRouter:
        router = APIRouter()
        router.post("/ingest/{feed:path}")(self.take)
        return router

    async def take(self, feed: str, request: Request, first: int = 0) -> Response:
        """One request. `first`: offset of its first line (NDJSON whose lines name none)."""
        token = self._token(request)
        if token is None:
            return _refused(401, "send the header: Authorization: Bearer TOKEN, with a token of `interferon token add` that is in force")
        if not token.covers(feed):
            return _refused(403, f"the token {token.name} may not write the feed {feed}; it may write {', '.join(token.feeds) or 'none'}")
        size = int(request.headers.get("content-length") or BODY)
        if size > BODY:
            return _refused(413, f"{size} bytes in one request; at most {BODY} are taken, send several")
        if self._held and self._held + size > self._most:
            return _refused(429, "more is waiting than can be stored at once; send it again", {"retry-after": "1"})
        self._held += size
        try:
            return await self._taken(feed, token, request, first)
        except Unusable as error:
            return _refused(error.status, str(error), {"retry-after": "1"} if error.status == 429 else None)
        except OSError as error:
            return _refused(503, f"it cannot be stored: {error.strerror or error}; send it again later", {"retry-after": "10"})
        finally:
            self._held -= size

    async def _taken(self, feed: str, token: Token, request: Request, first: int) -> Response:
        body = await _body(request)
        if not token.key:
            return JSONResponse(await self._stored(body, feed, token, request, first))
        async with self._turns.setdefault(token.name, asyncio.Lock()):
            sequence, digest = _signed(token, feed, request, body)
            newest = self._sequences.newest(token.name)
            if (newest.sequence, newest.digest) == (sequence, digest):
                return JSONResponse({"rows": 0, "dead_letters": 0, "told": [], "repeated": True})
            if sequence <= newest.sequence:
                why = f"sequence number {sequence} does not rise above {newest.sequence}, the newest of {token.name}: was it sent before?"
                return _refused(409, why, more={"newest": newest.sequence})
            answer = await self._stored(body, feed, token, request, first)
            await asyncio.to_thread(self._sequences.keep, token.name, sequence, digest)
            return JSONResponse(answer)

    async def _stored(self, body: bytes, feed: str, token: Token, request: Request, first: int) -> dict[str, object]:
        """The answer, once all of it is on disk."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != ARROW and kind not in NDJSON:
            raise Unusable(f"content-type is {kind or 'missing'}; send {ARROW} or {NDJSON[0]}")
        grown = max(0, await asyncio.to_thread(_unpacked, body) - len(body)) if kind == ARROW else 0
        if grown and self._held + grown > self._most:
            raise Unusable("more is waiting than can be stored at once; send it again", 429)
        self._held += grown
        try:
            items = await asyncio.to_thread(_items, body, kind, feed, first, token)
            await self._intake(items)
        finally:
            self._held -= grown
        dead = [item for item in items if isinstance(item, DeadLetter)]
        rows = sum(item.num_rows for item in items if not isinstance(item, DeadLetter))
        told = [{"offset": each.offset, "reason": each.reason} for each in dead[:TOLD]]
        return {"rows": rows, "dead_letters": len(dead), "told": told}

    def _token(self, request: Request) -> Token | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        return self._tokens.find(secret.strip(), datetime.now(UTC)) if scheme.lower() == "bearer" and secret.strip() else None


def _signed(token: Token, feed: str, request: Request, body: bytes) -> tuple[int, str]:
    """Sequence number and digest of a request that the token's sensor signed. Raises Unusable, 401."""
    found = sensor_keys.read_header(request.headers.get(sensor_keys.HEADER, ""))
    if found is None:
        why = f"the token {token.name} is a sensor's: sign each request, {sensor_keys.HEADER}: seq=N, sha256=HEX, sig=BASE64"
        raise Unusable(why, 401)
    sequence, digest, signature = found
    if sensor_keys.sha256(body) != digest:
        raise Unusable("the body is not the one that was signed: its SHA-256 is another", 401)
    path = f"/ingest/{feed}" + (f"?{request.url.query}" if request.url.query else "")
    text = sensor_keys.request_text("POST", path, feed, sequence, digest)
    if not sensor_keys.verified(sensor_keys.public_key(token.key), text, signature):
        raise Unusable(f"the signature is not that of the sensor {token.name}; the token holds the public key {token.key}", 401)
    return sequence, digest


async def _body(request: Request) -> bytes:
    found = await read_body(request, BODY)
    if found is None:
        raise Unusable(f"more than {BODY} bytes in one request; send several")
    return found


def _items(body: bytes, kind: str, feed: str, first: int, token: Token) -> list[Item]:
    """The batches of one request, all of them checked. Raises Unusable."""
    if not 0 <= first < MOST:
        raise Unusable(f"first is {first}; it is the offset of the first line, 0 or more")
    read = _arrow(body) if kind == ARROW else event_lines.normalise(body.splitlines(), feed, first)
    return [item if isinstance(item, DeadLetter) else _checked(item, feed, token) for item in read]


def _unpacked(body: bytes) -> int:
    """Bytes of an Arrow body once its buffers are unpacked. Raises Unusable where that is too much, or cannot be told."""
    if not body:
        raise Unusable("not an Arrow IPC stream: the body is empty")
    try:
        size = arrow_streams.unpacked(body)
    except arrow_streams.BROKEN as error:
        raise Unusable(f"not an Arrow IPC stream: {error}") from None
    if size > UNPACKED:
        raise Unusable(f"{size} bytes once unpacked in one request; at most {UNPACKED} are taken, send several", 413)
    return size


def _arrow(body: bytes) -> Iterator[pa.RecordBatch]:
    """The batches of one IPC stream, or of several one after the other: a feed may hold events of several families."""
    try:
        yield from arrow_streams.batches(body)
    except arrow_streams.BROKEN as error:
        raise Unusable(f"not an Arrow IPC stream: {error}") from None


def _checked(batch: pa.RecordBatch, feed: str, token: Token) -> pa.RecordBatch:
    """The batch where it is one of a family, of this feed alone, within the token's scope."""
    try:
        columns = batch.schema.names
    except UnicodeDecodeError as error:
        raise Unusable(f"a column's name is no UTF-8 text: {error}") from None
    family = next((name for name, schema in FAMILIES.items() if columns == schema.names), "")
    if not family:
        raise Unusable(f"the columns are {', '.join(columns)}; a batch has those of one family in docs/events.md, in that order")
    if family not in token.families:
        raise Unusable(f"the token {token.name} may not send {family}; it may send {', '.join(token.families)}")
    batch = _typed(batch, FAMILIES[family])
    if any(batch.column(field.name).null_count for field in batch.schema if not field.nullable):
        empty = next(field.name for field in batch.schema if not field.nullable and batch.column(field.name).null_count)
        raise Unusable(f"the column {empty} holds nulls; every event has one")
    if (strange := _values(batch.column("feed")) - {feed}) and batch.num_rows:
        raise Unusable(f"the column feed holds {min(strange)!r}; this request is for {feed!r}")
    if family in KINDS and (strange := _values(batch.column("kind")) - KINDS[family].keys()):
        raise Unusable(f"the column kind holds {min(strange)!r}; kinds of {family} are {', '.join(KINDS[family])}")
    for name in ("time", "seen", "offset"):
        _within(batch, name)
    return _bounded(batch, token.trust)


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    try:
        return pa.RecordBatch.from_arrays(
            [column if column.type == field.type else column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)],
            schema=schema,
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unusable(f"a column has another type than docs/events.md says: {error}") from None


def _values(column: pa.DictionaryArray) -> set[str]:
    """The values that rows use; a dictionary may hold more."""
    words = column.dictionary.to_pylist()
    used = np.flatnonzero(np.bincount(column.indices.to_numpy(), minlength=len(words))) if len(column) else ()
    return {words[int(code)] for code in used}


def _within(batch: pa.RecordBatch, name: str) -> None:
    if batch.num_rows:
        least, most = (int(value.as_py()) for value in pc.min_max(batch.column(name)).values())
        if least < 0 or most >= MOST:
            raise Unusable(f"the column {name} holds {least if least < 0 else most}; it lies between 0 and 2^62")


def _bounded(batch: pa.RecordBatch, trust: float) -> pa.RecordBatch:
    """No event is trusted more than the token of its sender."""
    given = batch.column("trust").to_numpy()
    if not batch.num_rows or (given.max() <= trust and given.min() >= 0):
        return batch
    kept = pa.array(np.clip(np.nan_to_num(given), 0, np.float32(trust)), pa.float32())
    return batch.set_column(batch.schema.get_field_index("trust"), batch.schema.field("trust"), kept)


def _refused(status: int, why: str, headers: dict[str, str] | None = None, more: dict[str, object] | None = None) -> JSONResponse:
    return JSONResponse({"error": why, **(more or {})}, status, headers)
