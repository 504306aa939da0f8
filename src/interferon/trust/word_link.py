"""Links by which one person may answer one plan, once: signed, for exactly what was shown, until its time is over. Pure.

The runtime writes them into messages, the web server reads them; that each counts once is the store's part (`store.used_links`).
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

import msgspec

from interferon.model.errors import PolicyError

_MARK: Final = b"interferon word 1\n"
_MOST: Final = 2000  # characters of a token


class WordLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose word on what. `digest` is that of the alternative, as `decide.approval.digest` gives it."""

    plan: str
    alternative: int
    digest: str
    person: str
    until: int  # microseconds UTC


def written(link: WordLink, secret: bytes) -> str:
    """The token: what it says and an HMAC-SHA256 over it, in base64url without padding."""
    said = msgspec.json.encode(link, order="deterministic")
    return f"{_text(said)}.{_text(_seal(said, secret))}"


def read(token: str, secret: bytes, now: int) -> WordLink:
    """What the token says. Raises `PolicyError` in one sentence where it was not signed with `secret`, or its time is over."""
    said, _, seal = token[:_MOST].partition(".")
    try:
        content = _bytes(said)
        if not hmac.compare_digest(_bytes(seal), _seal(content, secret)):
            raise PolicyError("this link is not one of ours")
        link = msgspec.json.decode(content, type=WordLink)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise PolicyError("this link is not one of ours") from None
    if now > link.until:
        raise PolicyError("the time of this link is over")
    return link


def name(link: WordLink) -> str:
    """By what a link that was used is remembered: of what it says, for one content can be written as several tokens in base64."""
    return hashlib.sha256(msgspec.json.encode(link, order="deterministic")).hexdigest()


def _seal(said: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, _MARK + said, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
