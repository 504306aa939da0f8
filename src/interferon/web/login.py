"""Logging in and out. Wrong names and wrong passwords look and cost the same; guessing is slowed down by `throttle`."""

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from interferon.web.figures import duration
from interferon.web.gate import Visitor
from interferon.web.pages import Pages
from interferon.web.sessions import COOKIE
from interferon.web.throttle import Throttle


class Login:
    def __init__(self, pages: Pages, throttle: Throttle) -> None:
        self.pages = pages
        self.throttle = throttle

    def form(self, request: Request) -> Response:
        visitor = self.pages.gate.visitor(request)
        return RedirectResponse("/", 303) if visitor.person else self._again(request, visitor, 200, "")

    def log_in(
        self, request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
    ) -> Response:
        gate = self.pages.gate
        visitor = gate.visitor(request)
        gate.check_form(request, visitor, csrf)
        name = name.strip()[:200]
        who = (f"name:{name}", f"address:{request.client.host if request.client else ''}")
        wait = self.throttle.wait_s(*who)
        if wait > 0:
            return self._again(request, visitor, 429, f"Too many attempts. Try again in {duration(math.ceil(wait))}.")
        role = gate.check_password(name, password[:1000])
        if role is None:
            self.throttle.failed(*who)
            return self._again(request, visitor, 401, "That name and password do not fit together.")
        self.throttle.passed(*who)
        gate.sessions.log_out(visitor.session)
        response = RedirectResponse("/", 303)
        gate.remember(request, response, gate.sessions.log_in(name, role))
        return response

    def log_out(self, request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        gate = self.pages.gate
        visitor = gate.visitor(request)
        gate.check_form(request, visitor, csrf)
        gate.sessions.log_out(visitor.session)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=gate.tls)
        return response

    def _again(self, request: Request, visitor: Visitor, status: int, refusal: str) -> Response:
        return self.pages.show(request, visitor, "login.html", status, refusal=refusal)

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/login", self.form, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.log_in, methods=["POST"], response_model=None)
        router.add_api_route("/logout", self.log_out, methods=["POST"], response_model=None)
        return router
