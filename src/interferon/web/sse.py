"""`/events`: tells an open page, by server-sent events, that something changed; the page then fetches what it shows.

Sends the version alone, so that a slow reader misses nothing and no fact leaves by a second way.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from interferon.web.gate import Gate
from interferon.web.view import Source

LOOK_S: Final = 0.25
BEAT_S: Final = 10.0  # a sign of life, by which the page knows that the line still stands


class Changed:
    """The event stream of every open page."""

    def __init__(self, source: Source, gate: Gate) -> None:
        self.source = source
        self.gate = gate

    async def events(self, request: Request) -> Response:
        self.gate.enter(request, "view")
        return StreamingResponse(self.told(request), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def told(self, request: Request) -> AsyncIterator[str]:
        """`version` on every change, `beat` in quiet times, `login` when the session is over."""
        told, quiet = -1, 0.0
        yield "retry: 2000\n\n"
        while self.gate.may(self.gate.visitor(request), "view"):
            if request.app.state.leaving:
                return
            version = self.source.version
            if version != told:
                told, quiet = version, 0.0
                yield f"event: version\ndata: {version}\n\n"
            elif quiet >= BEAT_S:
                quiet = 0.0
                yield "event: beat\ndata: \n\n"
            await asyncio.sleep(LOOK_S)
            quiet += LOOK_S
        yield "event: login\ndata: \n\n"

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/events", self.events, methods=["GET"], response_model=None)
        return router
