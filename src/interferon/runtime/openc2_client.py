"""Speaks OpenC2 to a running `interferon up`, under a token that may command it. Called by `runtime.playbook_up`, from any thread.

Source: OpenC2 over HTTPS 1.1. Follows no redirect and takes no proxy from the environment.
"""

import http.client
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from interferon.model.errors import InputError
from interferon.openc2.message import PATH, read_reply, request
from interferon.openc2.records import Command, Response
from interferon.store.tokens import secret_in

TIMEOUT_S: Final = 30.0  # `up` keeps whoever wants the complete response waiting for up to 20 s
MOST_BYTES: Final = 1 << 20
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Unreached(Exception):
    """No answer in OpenC2 came; whether the command was heard is not known."""


@dataclass(frozen=True)
class Upstream:
    """Where `up` is, and the files of the token and of the authorities to believe ('': the system's). Plain: goes into journals."""

    url: str
    token_file: str
    ca_file: str = ""

    def checked(self) -> "Upstream":
        """Raises `InputError` where it cannot be used."""
        try:
            place = urlsplit(self.url)
            (place.hostname or "").encode("idna")
            good = self.url.isascii() and place.port != 0 and bool(place.hostname) and not (place.query or place.fragment or place.username)
        except ValueError:
            good = False
        if not good or not (place.scheme == "https" or (place.scheme == "http" and place.hostname in LOOPBACK)):
            raise InputError(f"--url {self.url}: http://127.0.0.1:8600, or https://HOST:PORT of another machine would be right")
        self.secret()
        self.trusted()
        return self

    def secret(self) -> str:
        """The token, read anew each time: it may be changed while a run waits."""
        return secret_in(Path(self.token_file), f"--token-file {self.token_file}")

    def trusted(self) -> ssl.SSLContext | None:
        if urlsplit(self.url).scheme != "https":
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"--ca-file {self.ca_file}: not a PEM file of certificate authorities: {error}") from None


def say(upstream: Upstream, command: Command, request_id: str) -> Response:
    """The response to one command. `Unreached` where none came; `InputError` where the token cannot be read any more."""
    place, trusted = urlsplit(upstream.url), upstream.trusted()
    body, headers = request(command, request_id, time.time_ns() // 1_000_000, "1.1")
    headers |= {"authorization": f"Bearer {upstream.secret()}"}
    host, port = place.hostname or "", place.port
    if trusted is None:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=trusted)
    try:
        connection.request("POST", f"{place.path.rstrip('/')}{PATH}", body, headers)
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES)
        return read_reply(content, request_id)[0]
    except (OSError, http.client.HTTPException) as error:
        raise Unreached(f"{upstream.url}: {type(error).__name__}: {' '.join(str(error).split())}") from None
    except InputError as error:
        raise Unreached(f"{upstream.url} answers HTTP {answer.status}, and not in OpenC2: {error}") from None
    finally:
        connection.close()
