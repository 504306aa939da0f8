"""What every request passes: which session it belongs to, who that is, and whether they may. Used by all routes.

Raises `Refused` (shown as a page, in one sentence) or `LoginNeeded` (sent to `/login`); never lets a request through by default.
"""

from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request, Response

from interferon.web.roles import LOCAL_PERSON, LOCAL_ROLE
from interferon.web.sessions import COOKIE, LIFE_S, Session, Sessions
from interferon.web.view import Accounts, Permission, Verb

DEEDS: Final[dict[Verb, str]] = {
    "view": "look at this",
    "approve": "approve plans",
    "veto": "veto plans",
    "verdict": "judge incidents",
    "undo": "take back what was done or learnt",
    "stop": "use the kill switch",
}


class LoginNeeded(Exception):
    """There are accounts and nobody is logged in."""


class Refused(Exception):
    """The request is not carried out. `status` is its HTTP status, the text one sentence for the person."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Visitor:
    """Who asks, with the token their forms must bring back."""

    session: Session
    token: str
    local: bool  # there are no accounts: whoever sits at this machine

    @property
    def person(self) -> str:
        return self.session.person

    @property
    def role(self) -> str:
        return self.session.role


class Gate:
    def __init__(self, sessions: Sessions, accounts: Accounts | None, permission: Permission, tls: bool) -> None:
        self.sessions = sessions
        self.permission = permission
        self.tls = tls
        self._accounts = accounts

    def has_accounts(self) -> bool:
        return self._accounts is not None and self._accounts.exists()

    def check_password(self, name: str, password: str) -> str | None:
        return self._accounts.verify(name, password) if self._accounts is not None else None

    def visitor(self, request: Request) -> Visitor:
        """The visitor, logged in or not; `remember` sets the cookie of a new one."""
        session = self.sessions.find(request.cookies.get(COOKIE, ""))
        local = not self.has_accounts()
        if local:
            session = replace(session, person=LOCAL_PERSON, role=LOCAL_ROLE)
        return Visitor(session, self.sessions.token(session), local)

    def may(self, visitor: Visitor, verb: Verb) -> bool:
        return bool(visitor.person) and self.permission.may(visitor.person, visitor.role, verb)

    def lets(self, person: str, verb: Verb) -> str:
        """'' where somebody who did not log in, but is known for certain, may do `verb`; else one sentence why not."""
        role = self._accounts.role(person) if self._accounts is not None else None
        if role is None:
            return f"There is no account {person} that is in use."
        return "" if self.permission.may(person, role, verb) else f"{person} ({role}) may not {DEEDS[verb]}."

    def enter(self, request: Request, verb: Verb) -> Visitor:
        """The visitor, who may do `verb`; raises `LoginNeeded` or `Refused`."""
        visitor = self.visitor(request)
        if not visitor.person:
            raise LoginNeeded
        if not self.may(visitor, verb):
            raise Refused(403, f"{visitor.person} ({visitor.role}) may not {DEEDS[verb]}.")
        return visitor

    def check_form(self, request: Request, visitor: Visitor, token: str) -> None:
        """Refuses a change that did not come from a page of ours: wrong or missing token, or another origin."""
        origin = request.headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host", "")
        given = token or request.headers.get("x-csrf-token", "")
        if foreign or not self.sessions.token_fits(visitor.session, given):
            raise Refused(403, "This form has expired or did not come from this page. Nothing was changed; reload and try again.")

    def remember(self, request: Request, response: Response, session: Session) -> None:
        """Sets the session cookie where the browser does not hold it yet."""
        if request.cookies.get(COOKIE) != session.key:
            response.set_cookie(COOKIE, session.key, max_age=int(LIFE_S), httponly=True, samesite="strict", secure=self.tls, path="/")
