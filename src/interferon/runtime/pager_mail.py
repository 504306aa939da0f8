"""One mail of a pager: which address a contact means, a session in TLS, and what the server's answer is worth. Called by `pagers`."""

import re
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from interferon.model.errors import InputError
from interferon.runtime.outlets import Refusal, Unreached
from interferon.runtime.pager_settings import ADDRESS, FILE, Pager

TIMEOUT_S: Final = 20.0
_BETWEEN: Final = re.compile(r"[\s<>,;]+")


class Deferred(Exception):
    """The server does not take this one message yet; others may pass."""


def mail_address(contact: str) -> str:
    """The first mail address in what `people.csv` says of how to reach somebody; '' where there is none."""
    words = (word.removeprefix("mailto:") for word in _BETWEEN.split(contact))
    return next((word for word in words if ADDRESS.fullmatch(word)), "")


def deliver(pager: Pager, folder: Path, name: str, to: str, subject: str, text: str) -> None:
    """Hands one mail over; `name` is its Message-ID. Raises Refusal, Deferred or Unreached, or InputError where the secret is not there."""
    message = EmailMessage()
    message["From"], message["To"] = pager.sender, to
    message["Subject"] = " ".join(subject.split())[:200]
    message["Message-ID"] = name
    message.set_content(text)
    try:
        with _server(pager, folder) as server:
            _hand_over(server, message)
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise Unreached(f"{type(error).__name__}: {error}") from None


def _server(pager: Pager, folder: Path) -> smtplib.SMTP:
    """A session, in TLS unless the file says that it may be plain."""
    place = urlsplit(pager.url)
    trusted = ssl.create_default_context(cafile=folder / pager.ca_file if pager.ca_file else None)
    if place.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(place.hostname or "", place.port or 465, timeout=TIMEOUT_S, context=trusted)
    else:
        server = smtplib.SMTP(place.hostname or "", place.port or 587, timeout=TIMEOUT_S)
    try:
        _introduced(server, pager, folder, trusted)
    except (smtplib.SMTPException, OSError, InputError, Unreached):
        server.close()
        raise
    return server


def _introduced(server: smtplib.SMTP, pager: Pager, folder: Path, trusted: ssl.SSLContext) -> None:
    if not isinstance(server, smtplib.SMTP_SSL):
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=trusted)
        elif not pager.plain:
            raise Unreached(f"{pager.url} offers no TLS; {FILE} may say plain = true where that is meant")
    if pager.username:
        server.login(pager.username, pager.secret(folder))


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    """5xx is no, anything else is not yet (RFC 5321, 4.2.1): a server that greylists takes the same mail some minutes later."""
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise (Refusal if min(codes) >= 500 else Deferred)(f"the mail server refuses it: {error}") from None
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise (Refusal if error.smtp_code >= 500 else Deferred)(f"the mail server refuses it: {error}") from None
