"""Sends findings and incidents where `outlets.toml` says: webhooks, TAXII collections, syslog, files. A thread an outlet, inside `up`.

Reads what `Records` wrote and keeps its place beside it, so that a crash or an outage of the receiver loses nothing; each message carries a
key by which a receiver that gets it twice knows it. What a receiver refuses for good is put aside with its reason.
"""

import base64
import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from interferon.export import cef, ocsf, stix
from interferon.export.about import About, Told, key, severity
from interferon.model.errors import InputError
from interferon.model.records import Finding, Incident
from interferon.runtime.outlet_settings import Outlet

PLACES: Final = "outlets"
REFUSED: Final = "outlets-refused.ndjson"
FILES: Final = {"incidents": ("incidents.ndjson", Incident), "findings": ("findings.ndjson", Finding)}
PAUSE_S: Final = 1.0  # between looks
LONGEST_S: Final = 60.0  # between tries while a receiver does not answer
TIMEOUT_S: Final = 20.0
AGAIN: Final = frozenset({408, 425, 429})  # answers that mean "later", besides 5xx
_encode = msgspec.json.Encoder(order="deterministic").encode


class Refusal(Exception):
    """The receiver does not want this message, now or ever."""


class Unreached(Exception):
    """The receiver did not answer, or asked to come again."""


def body(record: Told, form: str, about: About, host: str) -> tuple[bytes, str]:
    """The message and its media type."""
    if form == "ocsf":
        return _encode(ocsf.document(record, about)), "application/json"
    if form == "stix":
        return _encode(stix.document(record, about)), stix.MEDIA
    if form == "cef":
        return cef.syslog(record, about, host), "text/plain; charset=utf-8"
    return _encode(record), "application/json"


def signature(secret: str, name: str, at: int, content: bytes) -> str:
    """Of a webhook, after Standard Webhooks 1.0: HMAC-SHA256 of `id.timestamp.body`."""
    digest = hmac.new(_secret_bytes(secret), f"{name}.{at}.".encode() + content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _secret_bytes(secret: str) -> bytes:
    """`whsec_…` is base64, as Standard Webhooks writes it; anything else is taken as it stands."""
    return base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()


def webhook_headers(secret: str, name: str, at: int, content: bytes, media: str) -> dict[str, str]:
    """Of a signed webhook; `name` is the same however often it is sent, `at` seconds since 1970."""
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, name, at, content),
        "idempotency-key": name,
        "content-type": media,
    }


def post(url: str, content: bytes, headers: dict[str, str], ca_file: Path | None) -> None:
    """Posts once. Raises Refusal or Unreached."""
    try:
        trusted = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        answer = httpx.post(url, content=content, headers=headers, timeout=TIMEOUT_S, verify=trusted)
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise Unreached(f"{type(error).__name__}: {error}") from None
    if answer.status_code in AGAIN or answer.status_code >= 500:
        raise Unreached(f"answered {answer.status_code}")
    if answer.status_code >= 300:
        raise Refusal(f"answered {answer.status_code}: {answer.text[:200]}")


@dataclass
class Sender:
    """Carries one message at a time to one receiver. Raises Refusal or Unreached."""

    outlet: Outlet
    folder: Path
    about: About
    clock: Callable[[], int]  # seconds since 1970
    host: str = field(default_factory=socket.gethostname)
    _socket: socket.socket | None = None

    def send(self, record: Told) -> None:
        content, media = body(record, self.outlet.format, self.about, self.host)
        match self.outlet.kind:
            case "webhook":
                self._webhook(content, media, key(record))
            case "taxii":
                self._taxii(record)
            case "syslog":
                self._syslog(content)
            case "file":
                self._file(content)

    def _webhook(self, content: bytes, media: str, name: str) -> None:
        self._post(content, webhook_headers(self.outlet.secret(self.folder), name, self.clock(), content, media))

    def _taxii(self, record: Told) -> None:
        """TAXII 2.1, 5.4: add objects to a collection."""
        content = _encode({"objects": stix.objects(record, self.about)})
        secret = self.outlet.secret(self.folder)
        login = base64.b64encode(f"{self.outlet.username}:{secret}".encode()).decode()
        word = f"Basic {login}" if self.outlet.username else f"Bearer {secret}"
        headers = {"content-type": "application/taxii+json;version=2.1", "accept": "application/taxii+json;version=2.1"}
        self._post(content, headers | ({"authorization": word} if secret else {}), f"{self.outlet.url.rstrip('/')}/objects/")

    def _post(self, content: bytes, headers: dict[str, str], url: str = "") -> None:
        post(url or self.outlet.url, content, headers, self.folder / self.outlet.ca_file if self.outlet.ca_file else None)

    def _syslog(self, content: bytes) -> None:
        """A datagram (RFC 5426), or octet-counted on a connection (RFC 6587, and RFC 5425 with TLS)."""
        place = urlsplit(self.outlet.url)
        target = (place.hostname or "", place.port or 514)
        try:
            if place.scheme == "udp":
                family, kind, _, _, found = socket.getaddrinfo(*target, type=socket.SOCK_DGRAM)[0]
                with socket.socket(family, kind) as out:
                    out.sendto(content[:65_000], found)
                return
            if self._socket is None:
                self._socket = self._connected(target, place.scheme == "tls")
            self._socket.sendall(b"%d %s" % (len(content), content))
        except OSError as error:
            self.close()
            raise Unreached(f"{type(error).__name__}: {error}") from None

    def _connected(self, target: tuple[str, int], secure: bool) -> socket.socket:
        plain = socket.create_connection(target, TIMEOUT_S)
        if not secure:
            return plain
        context = ssl.create_default_context(cafile=str(self.folder / self.outlet.ca_file) if self.outlet.ca_file else None)
        return context.wrap_socket(plain, server_hostname=target[0])

    def _file(self, content: bytes) -> None:
        try:
            with (self.folder / self.outlet.path).open("ab") as file:
                file.write(content + b"\n")
        except OSError as error:
            raise Unreached(f"{error.strerror or error}") from None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Outlets:
    """All outlets of one installation. Entering starts their threads; leaving stops each after the message in hand."""

    def __init__(self, outlets: tuple[Outlet, ...], folder: Path, state: Path, about: About, tell: Callable[[str], None]) -> None:
        """`folder`: of the network; `state`: of the installation, which holds `records`."""
        self._state, self._tell = state, tell
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._places: dict[str, dict[str, int]] = _read(state / PLACES)
        self._senders = [Sender(outlet, folder, about, lambda: int(time.time())) for outlet in outlets]
        self._threads = [threading.Thread(target=self._run, args=(each,), name=f"outlet {each.outlet.name}") for each in self._senders]
        self.troubles: dict[str, str] = {}  # outlet → why it does not get through, while it does not

    def __enter__(self) -> "Outlets":
        for sender in self._senders:
            self._begin(sender.outlet)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _begin(self, outlet: Outlet) -> None:
        """A new outlet is told what happens from now on, unless it asks for all."""
        if outlet.name not in self._places:
            ends: dict[str, int] = {
                name: 0 if outlet.from_start else _size(self._state / "records" / FILES[name][0]) for name in outlet.records
            }
            self._keep(outlet.name, ends)

    def _run(self, sender: Sender) -> None:
        wait, outlet = PAUSE_S, sender.outlet
        while not self._stopped.wait(wait):
            try:
                self._news(sender)
                wait = PAUSE_S
                self.troubles.pop(outlet.name, None)
            except (Unreached, InputError) as error:  # also a secret that is not there or is none: it may be put right
                wait = min(max(wait, PAUSE_S) * 2, LONGEST_S)
                if outlet.name not in self.troubles:
                    self._tell(f"outlet {outlet.name}: {error}; tried again until it gets through, nothing is lost")
                self.troubles[outlet.name] = str(error)
        sender.close()

    def _news(self, sender: Sender) -> None:
        """Sends what was written since the last look, and keeps its place after each message."""
        for name in sender.outlet.records:
            file, kind = FILES[name]
            begin = self._places[sender.outlet.name].get(name, 0)
            for record, place in lines(self._state / "records" / file, begin, kind):
                if self._stopped.is_set():
                    return
                if severity(record) >= sender.outlet.least:
                    self._send(sender, record)
                self._keep(sender.outlet.name, {**self._places[sender.outlet.name], name: place})

    def _send(self, sender: Sender, record: Told) -> None:
        try:
            sender.send(record)
        except Refusal as error:
            self._tell(f"outlet {sender.outlet.name}: {key(record)} was refused and put aside in {REFUSED}: {error}")
            row = {"outlet": sender.outlet.name, "reason": str(error), "record": record}
            with self._lock, (self._state / REFUSED).open("ab") as file:
                file.write(_encode(row) + b"\n")

    def _keep(self, name: str, places: dict[str, int]) -> None:
        with self._lock:
            self._places[name] = places
            draft = (self._state / PLACES).with_suffix(".draft")
            draft.write_bytes(_encode(self._places))
            draft.replace(self._state / PLACES)


def lines(path: Path, place: int, kind: Any) -> Iterator[tuple[Any, int]]:
    """Whole records from a place on, each with the place behind it."""
    if not path.is_file():
        return
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb") as file:
        file.seek(place)
        for line in file:
            if not line.endswith(b"\n"):
                return
            place += len(line)
            yield decode(line), place


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read(path: Path) -> dict[str, dict[str, int]]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, int]]) if path.is_file() else {}
