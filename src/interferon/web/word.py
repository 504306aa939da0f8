"""The page behind a link in a message: one plan for one person, to approve or veto it once, without logging in.

Looking changes nothing, for mail programs look at links by themselves; only the button does. The link says who answers, policy whether
they may.
"""

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter, Form, Request, Response

from interferon.model.errors import InputError, PolicyError
from interferon.trust import word_link
from interferon.trust.word_link import WordLink
from interferon.web.gate import Refused
from interferon.web.pages import Pages
from interferon.web.view import Verb


class Used(Protocol):
    """Links that were used; `store.used_links.UsedLinks` is one."""

    def known(self, name: str) -> bool: ...

    def take(self, name: str) -> bool: ...


@dataclass(frozen=True)
class Links:
    """What links are signed with, and which were used."""

    secret: bytes
    used: Used


class Word:
    def __init__(self, pages: Pages, links: Links) -> None:
        self._pages, self._links = pages, links

    def look(self, request: Request, token: str) -> Response:
        return self._page(request, self._opened(token), token)

    def answer(self, request: Request, token: str, word: Annotated[str, Form()]) -> Response:
        """`approve` or `veto`; anything else is nobody's word, and leaves the link unused."""
        link = self._opened(token)
        if word not in ("approve", "veto"):
            raise Refused(422, f"A word is approve or veto, not {word!r}.")
        verb: Verb = "veto" if word == "veto" else "approve"
        if why := self._pages.gate.lets(link.person, verb):
            raise Refused(403, why)
        try:
            if not self._links.used.take(word_link.name(link)):
                raise Refused(410, "This link was used already.")
        except InputError as error:
            raise Refused(503, str(error)) from None
        source = self._pages.source
        refusal = (
            source.veto(link.plan, link.person) if verb == "veto" else source.approve(link.plan, link.alternative, link.person, link.digest)
        )
        done = "" if refusal else "Vetoed." if verb == "veto" else "Approved."
        return self._page(request, link, token, 409 if refusal else 200, refusal, done)

    def _opened(self, token: str) -> WordLink:
        try:
            link = word_link.read(token, self._links.secret, self._pages.source.now().time)
        except PolicyError as error:
            raise Refused(404, f"{str(error).capitalize()}.") from None
        if self._links.used.known(word_link.name(link)):
            raise Refused(410, "This link was used already.")
        return link

    def _page(self, request: Request, link: WordLink, token: str, status: int = 200, refusal: str = "", done: str = "") -> Response:
        """As somebody who is not logged in sees it: a link opens one plan and no door."""
        view = self._pages.source.plan(link.plan)
        if view is None:
            raise Refused(404, f"There is no plan {link.plan}.")
        facts = {"view": view, "link": link, "token": token, "done": done, "refusal": refusal, "now": self._pages.source.now()}
        return self._pages.show(request, self._pages.gate.visitor(request), "word.html", status, **facts)

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/word/{token}", self.look, methods=["GET"], response_model=None)
        router.add_api_route("/word/{token}", self.answer, methods=["POST"], response_model=None)
        return router
