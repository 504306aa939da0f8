"""One HTTP exchange with a product: credentials from files, one deadline, a bounded answer. Called by the actuators of products.

Follows no redirect, takes no proxy from the environment, and asks again only what may be asked twice.
"""

import hashlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from interferon.effector.answers import Another, Denied, Unanswered
from interferon.effector.deadline import within
from interferon.effector.protocol import Job
from interferon.model.errors import InputError

MOST_BYTES: Final = 1 << 20
PAUSES_S: Final = (0.0, 0.2, 0.4)  # before each try of what may be asked again
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for plain HTTP; the one with all authorities takes long to make
FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, InputError, Unanswered)
PLAIN: Final = {"accept-encoding": "identity"}
BUSY: Final = frozenset({429, 502, 503, 504})


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a product is reached; each actuator's settings begin with these. Files are PEM, or one line of a token."""

    token_file: str = ""
    token_header: str = ""  # header that holds the token; '': `Authorization: Bearer`
    ca_file: str = ""  # in place of the system's certificate authorities
    cert_file: str = ""  # our certificate, with key_file: mutual TLS
    key_file: str = ""
    timeout_s: float = 5.0  # for the whole exchange

    def trouble(self, url: str) -> str:
        """'' where the settings can be used with `url`, else one line."""
        place = urlsplit(url)
        if place.scheme not in ("https", "http") or not place.hostname:
            return f"url is {url!r}: https://HOST would be right"
        if place.scheme == "http" and not on_this_machine(place.hostname):
            return f"url is {url!r}: https would be right, for it leaves this machine"
        if bool(self.cert_file) != bool(self.key_file):
            return "cert_file and key_file go together"
        try:
            _context(self)
            _authorization(self)
        except InputError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: bytes
    certificate: str  # SHA-256 of the certificate that answered, hex; '' without TLS

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def exchange(
    access: Access, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, again: bool = False
) -> Answer:
    """The answer to one request; `Unanswered` where none came in time. `again`: asking twice is asking once."""
    end = time.monotonic() + access.timeout_s
    trouble = Unanswered(f"{_place(url)} did not answer in {access.timeout_s:g} s")
    for pause_s in PAUSES_S if again else PAUSES_S[:1]:
        if time.monotonic() + pause_s >= end:
            break
        time.sleep(pause_s)
        try:
            answer = _bounded(access, method, url, body, dict(headers or {}), end - time.monotonic())
        except Unanswered as error:
            trouble = error
            continue
        if answer.status not in BUSY:
            return answer
        trouble = Unanswered(f"{_place(url)} answers HTTP {answer.status}")
    raise trouble


def _bounded(access: Access, method: str, url: str, body: bytes, headers: dict[str, str], left_s: float) -> Answer:
    try:
        return within(left_s, _place(url), lambda: _request(access, method, url, body, headers, left_s), FAILURES)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unanswered(f"{_place(url)}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _request(access: Access, method: str, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> Answer:
    with (
        httpx.Client(verify=_context(access) if url.startswith("https:") else NO_TLS, timeout=timeout_s, trust_env=False) as client,
        client.stream(method, url, content=body or None, headers={**PLAIN, **_authorization(access), **headers}) as response,
    ):
        secure = response.extensions["network_stream"].get_extra_info("ssl_object")
        certificate = hashlib.sha256(secure.getpeercert(True)).hexdigest() if secure else ""
        if response.headers.get("content-encoding", "identity") != "identity":  # may unpack to anything
            raise Unanswered(f"{_place(url)} answers in {response.headers['content-encoding']}, which was not asked for")
        read = b""
        for chunk in response.iter_raw():
            read += chunk
            if len(read) > MOST_BYTES:
                raise Unanswered(f"{_place(url)} answers more than {MOST_BYTES} bytes")
        return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, read, certificate)


def peer_certificate(access: Access, url: str) -> str:
    """SHA-256 of the certificate at `url`, which the authorities of `access` have signed for that host; '' without TLS. Nothing is sent."""
    place = urlsplit(url)
    host, secure = place.hostname or "", place.scheme == "https"

    def connected() -> str:
        with socket.create_connection((host, place.port or (443 if secure else 80)), access.timeout_s) as plain:
            if not secure:
                return ""
            with _context(access).wrap_socket(plain, server_hostname=host) as peer:
                return hashlib.sha256(peer.getpeercert(True) or b"").hexdigest()

    try:
        return within(access.timeout_s, _place(url), connected, FAILURES)
    except (OSError, ValueError) as error:
        raise Unanswered(f"{_place(url)}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def same_peer(access: Access, url: str, job: Job) -> str:
    """That the peer at `url` is the one that the target's identity means; without one, its certificate is enough. `Another` otherwise."""
    meant = job.target.identity
    if meant.keys() - {"certificate_sha256"}:
        raise InputError(f"identity of {job.target.ref} has {', '.join(sorted(meant))}: certificate_sha256 can be compared")
    found = peer_certificate(access, url)
    wanted = str(meant.get("certificate_sha256", found)).replace(":", "").lower()
    if wanted != found:
        raise Another(f"{_place(url)} shows the certificate {found or 'of no TLS'}, meant is {wanted}")
    return f"{_place(url)} answers" + (f" with the certificate {found}" if found else "")


def _context(access: Access) -> ssl.SSLContext:
    """Kept until a file changes: reading every authority of the system takes a tenth of a second."""
    files = [path for path in (access.ca_file, access.cert_file, access.key_file) if path]
    try:
        changed = tuple(Path(path).stat().st_mtime_ns for path in files)
        return _loaded(access.ca_file, access.cert_file, access.key_file, changed)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{', '.join(files)}: {error}: PEM files that belong together would be right") from error


@lru_cache(maxsize=64)
def _loaded(ca_file: str, cert_file: str, key_file: str, changed: tuple[int, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context


def _authorization(access: Access) -> dict[str, str]:
    if not access.token_file:
        return {}
    token = secret(access.token_file, "token_file")
    return {access.token_header: token} if access.token_header else {"authorization": f"Bearer {token}"}


def secret(path: str, setting: str) -> str:
    """The one line that a file of a secret holds; `InputError` that names the setting."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{setting} {path} cannot be read: {error}") from error
    if not text or not text.isprintable():
        raise InputError(f"{setting} {path}: one line of text would be right")
    return text


def on_this_machine(host: str) -> bool:
    """Whether plain text to `host` stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _place(url: str) -> str:
    """Without path and query, which may hold what is nobody's business."""
    place = urlsplit(url)
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}"


def value_of(answer: Answer, where: str) -> Any:
    """The JSON in an answer; `Unanswered` where there is none."""
    try:
        return msgspec.json.decode(answer.body)
    except msgspec.DecodeError as error:
        raise Unanswered(f"{where} answers HTTP {answer.status} and no JSON: {error}") from error


def posted(access: Access, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Hands a message to a webhook that knows a repeated key, so that it may be asked again. `Denied` where it does not want it."""
    answer = exchange(access, "POST", url, body, {"content-type": "application/json", **headers}, again=True)
    said = f"{_place(url)} answers HTTP {answer.status}"
    if answer.good:
        return said
    raise (Denied if 400 <= answer.status < 500 else Unanswered)(said)
