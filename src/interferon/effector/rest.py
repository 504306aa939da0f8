"""HTTP as an actuator needs it: reading that cannot be mistaken, changes that are done or not done, secrets only over TLS.

Called by the actuators that speak to a REST interface.
"""

import ssl
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from interferon.effector.answers import Denied, Gone, Unanswered
from interferon.effector.deadline import within
from interferon.model.errors import InputError

T = TypeVar("T")
MOST_BYTES: Final = 1 << 20  # of an answer
FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, Unanswered)
PLAIN: Final = {"accept-encoding": "identity"}  # what is packed may unpack to anything
LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class Named(msgspec.Struct, frozen=True):
    """One of a list, by its id."""

    id: str


def safe(key: str, address: str) -> None:
    """ValueError unless `address` is HTTPS, HTTP on this machine, or ''."""
    url = urlsplit(address)
    if address and url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOCAL):
        raise ValueError(f"{key} is {address}; it must begin with https://, for it carries secrets")


def secret(path: str, what: str) -> str:
    """What the file holds, without blanks around it."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what}, {path}, cannot be read: {error}") from error


class Rest:
    """Sends requests; thread-safe. No proxy of the environment, no redirect, no connection that is kept."""

    def __init__(self, ca_file: str, answer_s: float) -> None:
        try:
            trusted = ssl.create_default_context(cafile=ca_file or None)  # once: reading every authority takes a tenth of a second
        except OSError as error:
            raise InputError(f"ca_file {ca_file} cannot be used: {error}") from error
        self._answer_s = answer_s  # for a whole exchange: one that dribbles must not hold the target, nor a node that takes over
        no_more = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(verify=trusted, timeout=answer_s, trust_env=False, limits=no_more, headers=PLAIN)

    def read(self, method: str, url: str, shape: type[T], **content: Any) -> T:
        """The JSON of an answer in that shape. `Gone` only where the thing is not there; whatever else goes wrong tells nothing."""
        answer = self._send(method, url, **content)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Gone(f"{url}: there is none")
        if not answer.is_success:
            raise Unanswered(_said(url, answer))
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.MsgspecError as error:
            raise Unanswered(f"{url} answers otherwise than agreed: {error}") from error

    def change(self, method: str, url: str, **content: Any) -> None:
        """`Denied` where the answer is no: then nothing is changed."""
        answer = self._send(method, url, **content)
        if answer.is_client_error:
            raise Denied(_said(url, answer))
        if not answer.is_success:
            raise Unanswered(_said(url, answer))

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            return within(self._answer_s, url, lambda: self._bounded(method, url, **content), FAILURES)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unanswered(f"{url}: {error}") from error

    def _bounded(self, method: str, url: str, **content: Any) -> httpx.Response:
        with self._http.stream(method, url, **content) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Unanswered(f"{url} answers in {answer.headers['content-encoding']}, which was not asked for")
            read = b""
            for chunk in answer.iter_raw():
                read += chunk
                if len(read) > MOST_BYTES:
                    raise Unanswered(f"{url} answers more than {MOST_BYTES} bytes")
        return httpx.Response(answer.status_code, headers=answer.headers, content=read, request=answer.request)


def _said(url: str, answer: httpx.Response) -> str:
    text = answer.text.strip()
    return f"{url} answers {answer.status_code}: {text.splitlines()[0][:200] if text else answer.reason_phrase}"
