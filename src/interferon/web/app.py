"""`create_app`: the screens as one ASGI application over a `Source`. Called by the command line and by tests; owns no socket."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.templating import Jinja2Templates

from interferon.web.changes import Changes
from interferon.web.figures import filters
from interferon.web.gate import Gate, LoginNeeded, Refused
from interferon.web.guard import Guard
from interferon.web.login import Login
from interferon.web.pages import Pages
from interferon.web.planner import Planner
from interferon.web.roles import RoleTable
from interferon.web.sessions import Sessions
from interferon.web.sse import Changed
from interferon.web.throttle import Throttle
from interferon.web.view import Accounts, Permission, Source
from interferon.web.whatif_pages import WhatIf
from interferon.web.word import Links, Word

HERE: Final = Path(__file__).parent


def create_app(
    source: Source,
    accounts: Accounts | None,
    secret: bytes,
    permission: Permission | None = None,
    hosts: frozenset[str] = frozenset(),
    tls: bool = False,
    more: Sequence[APIRouter] = (),
    links: Links | None = None,
) -> FastAPI:
    """The application.

    `secret` (32 random bytes) signs the CSRF tokens; a new one at each start only means that open forms must be reloaded. `hosts` are
    the names answered besides loopback. `tls` makes cookies Secure and sends HSTS. `more` are routes with a guard of their own.
    `links`: people may answer by links that were sent to them; None: they log in.
    Without `accounts`, or while there are none, only loopback is answered, as the local operator.
    """
    gate = Gate(Sessions(secret, time.monotonic), accounts, permission or RoleTable(), tls)
    loader = FileSystemLoader(HERE / "templates")
    templates = Jinja2Templates(
        env=Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    )
    templates.env.filters.update(filters(source.network.settings.timezone))
    pages = Pages(source, gate, templates)
    planner = Planner(source)

    @asynccontextmanager
    async def until_stopped(app: FastAPI) -> AsyncIterator[None]:
        yield
        planner.stop()

    app = FastAPI(title="Interferon", docs_url=None, redoc_url=None, openapi_url=None, lifespan=until_stopped)
    for part in (pages, Changes(pages), Login(pages, Throttle(time.monotonic)), Changed(source, gate), WhatIf(pages, planner)):
        app.include_router(part.router())
    if links is not None:
        app.include_router(Word(pages, links).router())
    for router in more:
        app.include_router(router)
    app.state.leaving = False  # set by the server when it stops: event streams end
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    _explain_refusals(app, pages)
    app.add_middleware(Guard, has_accounts=gate.has_accounts, hosts=hosts, tls=tls)
    return app


def _explain_refusals(app: FastAPI, pages: Pages) -> None:
    """Every refusal is a page of ours in one sentence, or the way to the login."""

    def page(request: Request, status: int, text: str) -> Response:
        visitor = pages.gate.visitor(request)
        return pages.show(request, visitor, "refused.html", status, code=status, text=text)

    def to_login(request: Request, error: Exception) -> Response:
        if request.headers.get("hx-request") or request.url.path.endswith((".json", "/events")):
            return Response("log in first", 401, {"hx-redirect": "/login"})
        return RedirectResponse("/login", 303)

    def refused(request: Request, error: Exception) -> Response:
        return page(request, getattr(error, "status", 400), str(error))

    def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return page(request, status, "There is no such page." if status == 404 else "That cannot be asked of this page.")

    def invalid(request: Request, error: Exception) -> Response:
        return page(request, 422, "The form or address is incomplete. Nothing was changed.")

    app.add_exception_handler(LoginNeeded, to_login)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
