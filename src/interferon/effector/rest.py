"""REST as an actuator needs it, over one `exchange` each: reading that cannot be mistaken, changes that are done or not done.

Called by the actuators that speak to a REST interface.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from interferon.effector.answers import Denied, Gone, Unanswered
from interferon.effector.exchange import Access, Answer, exchange, on_this_machine
from interferon.model.errors import InputError

T = TypeVar("T")
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
JSON: Final = {"content-type": "application/json"}
NOT_FOUND: Final = 404


class Named(msgspec.Struct, frozen=True):
    """One of a list, by its id."""

    id: str


def safe(key: str, address: str) -> None:
    """ValueError unless `address` is HTTPS, HTTP on this machine, or ''."""
    url = urlsplit(address)
    if address and url.scheme != "https" and not (url.scheme == "http" and on_this_machine(url.hostname or "")):
        raise ValueError(f"{key} is {address}; it must begin with https://, for it carries secrets")


def basic(name: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication (RFC 7617)."""
    return {"authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


class Rest:
    """Sends requests; thread-safe. Each is one exchange of `answer_s` seconds at the most, so that none holds a target for longer."""

    def __init__(self, url: str, ca_file: str, answer_s: float) -> None:
        """`InputError` where the settings cannot be used with `url`, the first that is asked."""
        self._access = Access(ca_file=ca_file, timeout_s=answer_s)
        if trouble := self._access.trouble(url):
            raise InputError(trouble)

    def read(self, url: str, shape: type[T], headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> T:
        """The JSON of an answer in that shape; with a form it is posted. `Gone` only where it is not there; all else tells nothing."""
        if form is None:
            answer = exchange(self._access, "GET", url, headers=headers, again=True)
        else:
            answer = exchange(self._access, "POST", url, urlencode(form).encode(), {**FORM, **headers}, again=True)
        if answer.status == NOT_FOUND:
            raise Gone(f"{url}: there is none")
        if not answer.good:
            raise Unanswered(_said(url, answer))
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except msgspec.MsgspecError as error:
            raise Unanswered(f"{url} answers otherwise than agreed: {error}") from error

    def change(
        self, method: str, url: str, headers: Mapping[str, str], *, form: Mapping[str, str] | None = None, value: Any = None
    ) -> None:
        """`Denied` where the answer is no: then nothing is changed. Sends a form, a value as JSON, or nothing."""
        if form is not None:
            body, kind = urlencode(form).encode(), FORM
        else:
            body, kind = (b"", {}) if value is None else (msgspec.json.encode(value), JSON)
        answer = exchange(self._access, method, url, body, {**kind, **headers})
        if not answer.good:
            raise (Denied if 400 <= answer.status < 500 else Unanswered)(_said(url, answer))


def _said(url: str, answer: Answer) -> str:
    text = answer.body.decode(errors="replace").strip()
    return f"{url} answers HTTP {answer.status}" + (f": {text.splitlines()[0][:200]}" if text else "")
