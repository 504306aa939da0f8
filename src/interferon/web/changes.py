"""What a person changes from the screens: approve, veto, judge, take back. Each asks the gate, then hands the word to the `Source`."""

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from interferon.web.pages import Pages
from interferon.web.view import Verb

NOTE_MOST: Final = 2000
VERDICTS: Final = ("attack", "benign", "unsure")

REASON_MOST: Final = 200

Back = Annotated[str, Form()]
Token = Annotated[str, Form(alias="csrf")]


class Changes:
    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    def approve(
        self,
        request: Request,
        name: str,
        alternative: Annotated[int, Form()],
        digest: Annotated[str, Form()] = "",
        back: Back = "",
        csrf: Token = "",
    ) -> Response:
        """`digest` is that of the alternative as the form showed it: what changed since is not approved."""
        person = self._person(request, "approve", csrf)
        return self._answered(request, name, back, self.pages.source.approve(name, alternative, person, digest))

    def veto(self, request: Request, name: str, back: Back = "", csrf: Token = "") -> Response:
        person = self._person(request, "veto", csrf)
        return self._answered(request, name, back, self.pages.source.veto(name, person))

    def _answered(self, request: Request, name: str, back: str, refusal: str) -> Response:
        """The page that the word came from: the list of all that waits, or the plan."""
        if back == "approvals":
            return self.pages.approvals(request, 409, refusal) if refusal else _to("/approvals")
        return self.pages.plan(request, name, 409, refusal) if refusal else _to(f"/plan/{name}")

    def switch(self, request: Request, engaged: Annotated[str, Form()], reason: Annotated[str, Form()] = "", csrf: Token = "") -> Response:
        """The kill switch: `yes` stops all new effects, `no` lets them begin again."""
        person = self._person(request, "stop", csrf)
        source, why = self.pages.source, " ".join(reason.split())
        if engaged not in ("yes", "no"):
            refusal = f"The kill switch is set by yes or no, not {engaged!r}."
        elif not 0 < len(why) <= REASON_MOST:
            refusal = f"Say why, in at most {REASON_MOST} characters: those who come later will ask."
        else:
            refusal = source.stop(person, why) if engaged == "yes" else source.go_on(person, why)
        return self.pages.autonomy(request, 409, refusal) if refusal else _to("/autonomy")

    def verdict(
        self, request: Request, name: str, verdict: Annotated[str, Form()], note: Annotated[str, Form()] = "", csrf: Token = ""
    ) -> Response:
        person = self._person(request, "verdict", csrf)
        if verdict not in VERDICTS:
            refusal = f"A verdict is one of {', '.join(VERDICTS)}, not {verdict!r}."
        elif len(note) > NOTE_MOST:
            refusal = f"A note has at most {NOTE_MOST} characters; this one has {len(note)}."
        else:
            refusal = self.pages.source.verdict(name, person, verdict, note.strip())
        return self.pages.incident(request, name, 409, refusal) if refusal else _to(f"/incident/{name}")

    def judge(
        self, request: Request, name: str, verdict: Annotated[str, Form()], entity: Annotated[str, Form()] = "", csrf: Token = ""
    ) -> Response:
        """One finding, from the page of an entity or of an incident: `entity` is a reference, or `incident:ID`."""
        person = self._person(request, "verdict", csrf)
        known = verdict in VERDICTS
        refusal = (
            self.pages.source.judge(name, person, verdict) if known else f"A verdict is one of {', '.join(VERDICTS)}, not {verdict!r}."
        )
        kind, _, rest = entity.partition(":")
        if kind == "incident":
            return self.pages.incident(request, rest, 409, refusal) if refusal else _to(f"/incident/{quote(rest)}")
        return self.pages.life(request, entity, 409, refusal) if refusal else _to(f"/life/{quote(entity, safe='/:')}")

    def baseline(
        self,
        request: Request,
        entity: Annotated[str, Form()],
        word: Annotated[str, Form()],
        reason: Annotated[str, Form()] = "",
        csrf: Token = "",
    ) -> Response:
        """From the page of an entity: `word` is `rollback:VERSION`, `accept:VERSION` or `relearn`."""
        person = self._person(request, "undo", csrf)
        verb, _, version = word.partition(":")
        if not 0 < len(reason.strip()) <= NOTE_MOST:
            refusal = f"Say why, in at most {NOTE_MOST} characters: those who come later will ask."
        elif version and not version.isdecimal():
            refusal = f"A version is a number, not {version!r}."
        else:
            refusal = self.pages.source.baseline(entity, person, verb, int(version or 0), reason.strip())
        return self.pages.life(request, entity, 409, refusal) if refusal else _to(f"/life/{quote(entity, safe='/:')}")

    def retry(self, request: Request, key: str, csrf: Token = "") -> Response:
        """Dead letters of one group, once more; the page says what became of them."""
        person = self._person(request, "undo", csrf)
        return self.pages.flows(request, self.pages.source.retry(key, person))

    def _person(self, request: Request, verb: Verb, csrf: str) -> str:
        gate = self.pages.gate
        visitor = gate.enter(request, verb)
        gate.check_form(request, visitor, csrf)
        return visitor.person

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/plan/{name}/approve", self.approve, methods=["POST"], response_model=None)
        router.add_api_route("/plan/{name}/veto", self.veto, methods=["POST"], response_model=None)
        router.add_api_route("/incident/{name}/verdict", self.verdict, methods=["POST"], response_model=None)
        router.add_api_route("/finding/{name}/verdict", self.judge, methods=["POST"], response_model=None)
        router.add_api_route("/autonomy/switch", self.switch, methods=["POST"], response_model=None)
        router.add_api_route("/letters/{key}", self.retry, methods=["POST"], response_model=None)
        router.add_api_route("/baseline", self.baseline, methods=["POST"], response_model=None)
        return router


def _to(path: str) -> Response:
    # 303: the browser gets the page anew, so that reloading it does not send the form again
    return RedirectResponse(path, 303)
