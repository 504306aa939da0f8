"""`interferon sensor`: the service of a site without screens, and the two ways its events leave: HTTP upstream, or files to a diode.

Put together by the command line. Sends under the token of `sensor.toml`, signed with the key of the folder.
"""

import http.client
import os
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from interferon.connectors import sensor_segment
from interferon.model.errors import InputError
from interferon.runtime import sensor_settings
from interferon.runtime.forward import Behind, Forwarder, Message, Refusal, Unreached, Way
from interferon.runtime.sensor_settings import SensorSettings
from interferon.runtime.service import STATE, Service, clock
from interferon.store import sensor_keys

TIMEOUT_S: Final = 30.0
LATER: Final = frozenset({408, 425, 429})  # answers that mean "later", besides 5xx
WHOLLY: Final = frozenset({401, 404, 405, 407})  # answers that are about the sensor or the address, not about these events
ANSWER: Final = 1 << 16  # bytes of an answer that are read
LEAN: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}  # who runs it may set either otherwise
IDLE_S: Final = 60.0  # a diode's receiver hears at least this often


class Upstream:
    """Over HTTP, one connection that is kept. A message of one feed is one signed request."""

    whole: bool = False
    idle_s: float = 0.0

    def __init__(self, settings: SensorSettings, folder: Path) -> None:
        self._place = urlsplit(settings.upstream)
        self._folder, self._settings = folder, settings
        self._key, self._token = sensor_keys.load(folder), sensor_settings.token(folder, settings)
        self._trusted = _trusted(folder, settings) if self._place.scheme == "https" else None
        self._open: http.client.HTTPConnection | None = None
        self.begin: Callable[[], int] = lambda: time.time_ns() // 1_000_000  # above all that was sent before a lost state

    def send(self, message: Message) -> None:
        digest = sensor_keys.sha256(message.body)
        text = sensor_keys.request_text("POST", f"/ingest/{message.feed}", message.feed, message.sequence, digest)
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/vnd.apache.arrow.stream",
            sensor_keys.HEADER: sensor_keys.header(message.sequence, digest, sensor_keys.sign(self._key, text)),
        }
        path = f"{self._place.path.rstrip('/')}/ingest/{quote(message.feed, safe='/')}"
        status, retry_after, content = self._answer(path, message.body, headers)
        if not 200 <= status < 300:
            raise _refused(status, retry_after, content)

    def _answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and content. A kept connection may have been closed at the other end: then once more over a new one."""
        kept = self._open is not None
        try:
            connection = self._connection()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read(ANSWER)
            if not answer.isclosed():  # longer than any answer of ours
                self.close()
            return answer.status, answer.getheader("retry-after"), content
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if kept and isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                return self._answer(path, body, headers)
            raise Unreached(f"{type(error).__name__}: {error}") from None

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> http.client.HTTPConnection:
        if self._open is None:
            host, port = self._place.hostname or "", self._place.port
            if self._trusted is None:
                self._open = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            else:
                self._open = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._trusted)
        return self._open


def _trusted(folder: Path, settings: SensorSettings) -> ssl.SSLContext:
    path = folder / settings.ca_file
    try:
        return ssl.create_default_context(cafile=path if settings.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{path}: not a PEM file of certificate authorities: {error}") from None


def _refused(status: int, retry_after: str | None, content: bytes) -> Exception:
    """What an answer that is no success means."""
    try:
        told = msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = {"error": content[:200].decode(errors="replace")}
    why = f"answered {status}: {' '.join(str(told.get('error', '')).split())[:300]}"
    newest = told.get("newest")
    if status == 409 and isinstance(newest, int) and 0 <= newest < sensor_keys.MOST - 1:
        return Behind(newest)
    if status in LATER or status in WHOLLY or status >= 500 or status < 400:
        wait = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 5 else 0.0
        return Unreached(why, min(wait, 3600.0))
    return Refusal(why)


class Diode:
    """Files into a folder that something one-way empties; a file is written aside, and renamed when it is whole."""

    whole: bool = True
    idle_s: float = IDLE_S

    def __init__(self, settings: SensorSettings, folder: Path) -> None:
        self._name, self._outbox = settings.name, folder / settings.diode
        self._key = sensor_keys.load(folder)
        self.begin: Callable[[], int] = lambda: int(time.time())  # above all that was written before a lost state
        if not self._outbox.is_dir():
            raise InputError(f"{self._outbox}: no such folder; diode names the folder that the data diode takes files from")

    def send(self, message: Message) -> None:
        about = sensor_segment.About(message.sequence, message.at, message.first, message.last, message.rows)
        path = self._outbox / sensor_segment.file_name(self._name, message.sequence)
        part = path.with_suffix(".part")
        with part.open("wb") as out:
            out.write(sensor_segment.pack(self._key, self._name, about, message.body))
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)

    def close(self) -> None:
        """Nothing stays open."""


def way(settings: SensorSettings, folder: Path) -> Way:
    """How the events of this sensor leave. InputError where a key, token or folder is missing."""
    return Upstream(settings, folder) if settings.upstream else Diode(settings, folder)


def lean() -> None:
    """Begins this process anew where its environment lets memory grow: Arrow's own pool and a heap a thread keep what they had once.

    Both are chosen when Arrow and the C library are loaded, so it is too late to say it here.
    """
    if not LEAN.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**LEAN, **os.environ})  # noqa: S606 - this very command


class Sensor:
    """A service and its forwarder, which begins once the service has run its log again."""

    def __init__(self, settings: SensorSettings, folder: Path, service: Callable[[], Service], tell: Callable[[str], None]) -> None:
        """`service` makes it: only a sensor that can send is started."""
        self._leaving = way(settings, folder)
        self._settings, self._state, self._make, self._tell = settings, folder / STATE, service, tell
        self._stack = ExitStack()

    def __enter__(self) -> "Sensor":
        service = self._make()
        forwarder = Forwarder(self._settings, self._state, self._leaving, self._tell, clock)
        self._stack.enter_context(service)
        self._stack.enter_context(forwarder)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
