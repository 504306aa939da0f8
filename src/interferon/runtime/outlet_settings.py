"""`outlets.toml` of a network folder: where findings and incidents are sent, in which format. Read by `up` and `interferon check`."""

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from interferon.model.problem import Problem
from interferon.runtime import receiver_file

FILE: Final = "outlets.toml"
KINDS: Final = {  # kind → schemes of its url, formats that it carries
    "webhook": (("https", "http"), ("ocsf", "stix", "cef", "json")),
    "taxii": (("https", "http"), ("stix",)),
    "syslog": (("udp", "tcp", "tls"), ("cef",)),
    "file": ((), ("ocsf", "stix", "cef", "json")),
}
RECORDS: Final = ("incidents", "findings")


class Outlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One place that is told. Secrets lie in the environment or in a file, never in this one."""

    name: str
    kind: Literal["webhook", "taxii", "syslog", "file"]
    format: Literal["ocsf", "stix", "cef", "json"]
    url: str = ""  # https://…, or udp://, tcp://, tls:// host:port for syslog; a TAXII collection's address
    path: str = ""  # of a file, below the network folder or absolute
    records: list[Literal["incidents", "findings"]] = msgspec.field(default_factory=lambda: ["incidents"])
    least: float = 0.0  # severity below which nothing is sent, 0–1
    from_start: bool = False  # also what there was before the outlet
    secret_env: str = ""  # name of the environment variable that holds the secret
    secret_file: str = ""
    username: str = ""  # TAXII: HTTP basic authentication, with the secret as the password
    ca_file: str = ""  # PEM of the certificate authorities to believe, in place of the system's

    def secret(self, folder: Path) -> str:
        """The secret, or '' where none is named. InputError where it is named and not there, or is none that can sign."""
        return receiver_file.secret(self, folder, f"{FILE}: outlet")


def load(folder: Path) -> tuple[Outlet, ...]:
    """The outlets of a folder; none where it has no such file. InputError with the first mistake."""
    return receiver_file.load(folder / FILE, "outlet", Outlet, _wrong)


def _wrong(outlet: Outlet, taken: set[str]) -> str:
    schemes, formats = KINDS[outlet.kind]
    scheme = urlsplit(outlet.url).scheme
    if not outlet.name or outlet.name in taken:
        return "each outlet needs a name of its own"
    if outlet.format not in formats:
        return f"format is {outlet.format}; a {outlet.kind} carries {', '.join(formats)}"
    if not 0 <= outlet.least <= 1:
        return f"least is {outlet.least}; a severity lies between 0 and 1"
    if outlet.kind == "file":
        return "" if outlet.path else "a file needs its path"
    if scheme not in schemes:
        return f"url is {outlet.url!r}; a {outlet.kind} has {' or '.join(f'{each}://…' for each in schemes)}"
    if outlet.kind == "syslog" and not _port(outlet.url):
        return f"url is {outlet.url!r}; name host and port, as {scheme}://siem.example:6514"
    if outlet.kind == "webhook" and not (outlet.secret_env or outlet.secret_file):
        return "a webhook is signed; name secret_env or secret_file"
    return ""


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def problems(folder: Path) -> list[Problem]:
    """For `interferon check`."""
    return receiver_file.problems(folder / FILE, lambda: load(folder))
