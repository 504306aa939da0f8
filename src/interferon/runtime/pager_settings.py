"""`pagers.toml` of a network folder: how people on the roster are told that a plan waits for them. Read by `up` and `interferon check`."""

import ipaddress
import re
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from interferon.model.problem import Problem
from interferon.runtime import receiver_file

FILE: Final = "pagers.toml"
ADDRESS: Final = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII
)  # as HTML has it for a field of kind email
SCHEMES: Final = {"email": ("smtp", "smtps"), "webhook": ("https", "http")}


class Pager(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to reach people. Secrets lie in the environment or in a file, never in this one."""

    name: str
    kind: Literal["email", "webhook"]
    url: str  # smtp://host:587 (STARTTLS where the server offers it), smtps://host:465; of a webhook where it is posted to
    link: str = ""  # address of the screens, as https://interferon.example; without it messages carry no link
    sender: str = ""  # of mails
    username: str = ""  # of the mail server, with the secret as the password
    secret_env: str = ""  # name of the environment variable that holds the secret
    secret_file: str = ""  # below the network folder or absolute
    ca_file: str = ""  # PEM of the certificate authorities to believe, in place of the system's
    plain: bool = False  # without TLS is accepted: a mail server on the same machine, or in a network of its own

    def secret(self, folder: Path) -> str:
        """The secret, or '' where none is named. InputError where it is named and not there, or is none that can sign."""
        return receiver_file.secret(self, folder, f"{FILE}: pager")


def load(folder: Path) -> tuple[Pager, ...]:
    """The pagers of a folder; none where it has no such file. InputError with the first mistake."""
    return receiver_file.load(folder / FILE, "pager", Pager, _wrong)


def _wrong(pager: Pager, taken: set[str]) -> str:
    if not re.fullmatch(r"[\w.-]+", pager.name) or pager.name in taken:
        return "each pager needs a name of its own, of letters, digits, '-', '_' and '.'"
    scheme, host = _place(pager.url)
    schemes = SCHEMES[pager.kind]
    if scheme not in schemes or not host:
        return f"url is {pager.url!r}; of {pager.kind} it begins with {' or '.join(f'{each}://HOST' for each in schemes)}"
    if scheme == "http" and not pager.plain and not _here(host):
        return f"url is {pager.url!r}: who reads along could answer by the link; https, or plain = true where that is meant"
    if pager.link and _place(pager.link)[0] not in ("https", "http"):
        return f"link is {pager.link!r}; write the address of the screens, as https://interferon.example"
    if pager.kind == "email" and not ADDRESS.fullmatch(pager.sender):
        return f"sender is {pager.sender!r}; name the address that mails come from, as interferon@plant.example"
    if pager.kind == "webhook" and not (pager.secret_env or pager.secret_file):
        return "a webhook is signed; name secret_env or secret_file"
    return ""


def _place(url: str) -> tuple[str, str]:
    """Scheme and host of a URL; ('', '') where it is none, or would break a message that holds it."""
    try:
        place = urlsplit(url)
        place.port  # noqa: B018 - raises where it is no port
    except ValueError:
        return "", ""
    return ("", "") if re.search(r"[\s\x00-\x1f]", url) else (place.scheme, place.hostname or "")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def problems(folder: Path) -> list[Problem]:
    """For `interferon check`."""
    return receiver_file.problems(folder / FILE, lambda: load(folder))
