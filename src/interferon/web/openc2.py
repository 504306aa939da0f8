"""`POST /.well-known/openc2`: commands of other organisations' programs, by OpenC2 over HTTPS 1.1 and 1.0. Part of the application.

Who commands is told by a token with a right to command; what it may lead to is the pipeline's to decide. Every refusal is a response of
OpenC2 too. A status of 102 comes with HTTP 200, for 102 of HTTP is no last answer (RFC 2518, 10.1); the others come with their own number.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, Protocol

from fastapi import APIRouter, Request
from fastapi import Response as HttpResponse

from interferon.model.errors import InputError, JournalError
from interferon.openc2.inbound import replies
from interferon.openc2.message import MEDIA_COMMAND, PATH, Transfer, read_request, reply
from interferon.openc2.records import Command, Response
from interferon.runtime.openc2_consumer import RATE
from interferon.store.tokens import Token, Tokens
from interferon.web.body import read_body

BODY: Final = 256 << 10  # bytes of one command
ID: Final = 128  # characters of a request's id
AT_ONCE: Final = 8  # commands that are waited for at the same time; more are asked to come again
MEDIA: Final = ("application/openc2+json", "application/openc2-cmd+json")
MINUTE_S: Final = 60.0


class Answers(Protocol):
    """`runtime.openc2_consumer.Consumer` is one."""

    def respond(self, command: Command, request_id: str, token: Token) -> Response: ...


class OpenC2:
    """The interface over a consumer. `tokens` decides who may command what; `clock` gives seconds that only pass."""

    def __init__(self, tokens: Tokens, consumer: Answers, clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens, self._consumer, self._clock = tokens, consumer, clock
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="openc2")
        self._waiting = 0
        self._came: dict[str, deque[float]] = {}  # of each producer: when its commands of the last minute came

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route(PATH, self.take, methods=["POST"], response_model=None)
        return router

    async def take(self, request: Request) -> HttpResponse:
        """One command."""
        kind, header_id = _media(request), _header_id(request)
        transfer: Transfer = "1.0" if kind == MEDIA_COMMAND.partition(";")[0] else "1.1"
        try:
            token = self._token(request)
        except InputError:  # not told to whoever asks: it names a file of ours
            why = "the tokens of this installation cannot be read now; send it again later"
            return _sent(Response(status=503, status_text=why), header_id, transfer)
        if token is None:
            why = "send the header Authorization: Bearer TOKEN, with a token of `interferon token add --action` that is in force"
            return _sent(Response(status=401, status_text=why), header_id, transfer)
        if refused := self._refusal(token, kind):
            return _sent(refused, header_id, transfer)
        try:
            command, request_id, transfer = read_request(await _body(request), header_id)
        except InputError as error:
            return _sent(Response(status=400, status_text=str(error)), header_id, transfer)
        if not _fit(request_id) or not _fit(command.command_id or ""):
            why = f"the id of the request or the command is not up to {ID} printable ASCII characters: a UUID would be right"
            return _sent(Response(status=400, status_text=why), "", transfer)
        found = await self._responded(command, request_id, token)
        return _sent(found, request_id, transfer) if replies(command) else HttpResponse(headers=_headers(request_id))

    def _refusal(self, token: Token, kind: str) -> Response | None:
        """Why nothing more of the request is read, or None."""
        if not token.actions:
            return Response(status=403, status_text=f"the token {token.name} may not command anything")
        if kind not in MEDIA:
            return Response(status=400, status_text=f"content-type is {kind or 'missing'}: {MEDIA[0]};version=1.0 would be right")
        if self._too_many(token.name):
            return Response(status=503, status_text=f"more than {RATE} commands a minute; send it again later")
        return None

    async def _responded(self, command: Command, request_id: str, token: Token) -> Response:
        if self._waiting >= AT_ONCE:
            return Response(status=503, status_text=f"{AT_ONCE} commands are being waited for; send it again later")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._consumer.respond, command, request_id, token)
        except JournalError as error:
            return Response(status=503, status_text=f"the effect journal does not answer: {error}")
        finally:
            self._waiting -= 1

    def _token(self, request: Request) -> Token | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        return self._tokens.find(secret.strip(), datetime.now(UTC)) if scheme.lower() == "bearer" and secret.strip() else None

    def _too_many(self, producer: str) -> bool:
        """Whether this one is beyond what a producer may send in a minute; those that are do not count."""
        came, now = self._came.setdefault(producer, deque()), self._clock()
        while came and now - came[0] >= MINUTE_S:
            came.popleft()
        if len(came) >= RATE:
            return True
        came.append(now)
        return False


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _header_id(request: Request) -> str:
    """Of the request, as the HTTP headers of 1.1 or those of 1.0 tell it."""
    told: str = request.headers.get("x-request-id") or request.headers.get("x-correlation-id") or ""
    return told.strip()


def _fit(request_id: str) -> bool:
    return len(request_id) <= ID and request_id.isascii() and request_id.isprintable()


async def _body(request: Request) -> bytes:
    found = await read_body(request, BODY)
    if found is None:
        raise InputError(f"OpenC2 message: more than {BODY} bytes: one command would be right")
    return found


def _sent(found: Response, request_id: str, transfer: Transfer) -> HttpResponse:
    told = request_id if _fit(request_id) else ""
    body, headers = reply(found, told, time.time_ns() // 1_000_000, transfer)
    more = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "10"}}.get(found.status, {})
    return HttpResponse(body, 200 if found.status == 102 else found.status, headers | _headers(told) | more)


def _headers(request_id: str) -> dict[str, str]:
    """Of every answer: the id of the request where it has one (HTTPS 1.1, 3.3.3)."""
    return {"cache-control": "no-cache"} | ({"x-request-id": request_id} if request_id else {})
