"""Who is at the other end: sessions on the server, and the CSRF token bound to each. Used by `login`, `gate` and every change.

The cookie holds a random number only; role and name stay on the server, so that logging out ends a session for good.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

COOKIE: Final = "interferon_session"
LIFE_S: Final = 12 * 3600.0  # one long shift; then a person logs in again
MOST: Final = 4096  # logins held; beyond it the oldest go
_LENGTH: Final = 43  # of a key: 32 random bytes in base64


@dataclass(frozen=True)
class Session:
    """One browser. `person` is '' until somebody has logged in."""

    key: str
    person: str = ""
    role: str = ""


class Sessions:
    """All logins of one server process. A browser that has not logged in has a key and a token, and takes no memory here."""

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Session, float]] = {}  # digest of the key → session, when it ends

    def log_in(self, person: str, role: str) -> Session:
        """A session with a fresh key, so that a key known before the login is worth nothing after it."""
        session = Session(secrets.token_urlsafe(32), person, role)
        with self._lock:
            while len(self._held) >= MOST:
                self._held.pop(next(iter(self._held)))
            self._held[_digest(session.key)] = (session, self._clock() + LIFE_S)
        return session

    def find(self, key: str) -> Session:
        """The session of that cookie; an anonymous one where nobody is logged in under it (any more)."""
        with self._lock:
            session, ends = self._held.get(_digest(key), (None, 0.0))
        if session is not None and ends > self._clock():
            return session
        return Session(key if len(key) == _LENGTH else secrets.token_urlsafe(32))

    def log_out(self, session: Session) -> None:
        with self._lock:
            self._held.pop(_digest(session.key), None)

    def token(self, session: Session) -> str:
        """The CSRF token of a session: HMAC-SHA256 of its key under the server's secret."""
        return hmac.new(self._secret, session.key.encode(), hashlib.sha256).hexdigest()

    def token_fits(self, session: Session, token: str) -> bool:
        return hmac.compare_digest(self.token(session).encode(), token.encode())


def _digest(key: str) -> str:
    # looked up by digest, so that a dictionary's timing tells nothing about a key
    return hashlib.sha256(key.encode()).hexdigest()
