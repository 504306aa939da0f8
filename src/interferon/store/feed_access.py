"""What every live feed has: its name, how far it is trusted, and the credentials of its source. Called by the live connectors.

Reads the files and environment variables that the settings name, at each connection: a renewed certificate or password counts at the next
one. Nothing secret is kept or shown.
"""

import os
import ssl
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from interferon.model.errors import InputError


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings that every `[[feed]]` takes. Paths are relative to the network folder; `feed_settings` makes them absolute."""

    name: str
    kind: str
    url: str
    trust: float = 1.0  # 0–1
    lateness_s: float = 0.0  # how long after their time its events may come while nothing else does; frames wait for them
    stale_after_s: float = 300.0  # connected, yet without an event for this long: told as stale
    username: str = ""
    password_env: str = ""  # environment variable that holds the password
    password_file: str = ""  # or file whose first line is the password
    ca_file: str = ""  # PEM; the system's authorities where it is not given
    cert_file: str = ""  # PEM, with key_file: the client's own certificate
    key_file: str = ""


PATHS = ("password_file", "ca_file", "cert_file", "key_file", "server_cert_file")


def password(access: Access) -> str:
    """The password, '' where none is set. InputError where it is set and cannot be read."""
    if access.password_env:
        found = os.environ.get(access.password_env)
        if found is None:
            raise InputError(f"password_env: the environment has no variable {access.password_env!r}")
        return found
    if access.password_file:
        try:
            return Path(access.password_file).read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"password_file: {access.password_file}: {getattr(error, 'strerror', None) or 'is not UTF-8 text'}") from None
    return ""


def tls(access: Access) -> ssl.SSLContext:
    """A context that checks the server's certificate and name. InputError names the file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"ca_file: {access.ca_file}: {_why(error)}") from None
    if access.cert_file:
        try:
            context.load_cert_chain(access.cert_file, access.key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"cert_file: {access.cert_file} with key_file {access.key_file or access.cert_file}: {_why(error)}") from None
    return context


def address(url: str, ports: dict[str, int]) -> tuple[SplitResult, str, int]:
    """The parts, host and port of a URL. `ports`: scheme → its usual port. ValueError says what would be right."""
    parts = urlsplit(url)
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(f"{url!r} is no address; write {' or '.join(f'{scheme}://HOST:{port}' for scheme, port in ports.items())}")
    if parts.username or parts.password:
        raise ValueError("holds a user or password; write them as username and password_env or password_file")
    return parts, parts.hostname, parts.port or ports[parts.scheme]


def _why(error: OSError) -> str:
    return error.strerror or "is no PEM file of that kind"
