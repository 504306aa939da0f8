"""Hands one mail to the mail server of the house (RFC 5321), with TLS and a deadline. Called by the actuators that send mail."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate, parseaddr
from typing import Literal, TypeVar

import msgspec

from interferon.effector.answers import Another, Denied, Unanswered
from interferon.effector.deadline import within
from interferon.effector.exchange import on_this_machine, secret
from interferon.effector.protocol import Job
from interferon.model.errors import InputError

T = TypeVar("T")
FAILURES = (smtplib.SMTPException, OSError, InputError, Denied, Another)


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mail server; `plain` only where it is on this machine."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "plain"] = "starttls"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""  # in place of the system's certificate authorities
    sender: str
    timeout_s: float = 10.0  # for the whole exchange

    def trouble(self) -> str:
        """'' where the settings can be used, else one line."""
        if self.security == "plain" and not on_this_machine(self.host):
            return f"mail by {self.host} leaves this machine: security starttls or tls would be right"
        if bool(self.username) != bool(self.password_file):
            return "username and password_file go together"
        try:
            address(self.sender, "sender")
            _context(self)
            _ = self.password_file and secret(self.password_file, "password_file")
        except InputError as error:
            return str(error)
        return ""


def address(value: object, where: str) -> str:
    """One plain mail address; `InputError` otherwise, for anything else could be read as several or as a header."""
    text = value if isinstance(value, str) else ""
    if parseaddr(text) != ("", text) or not text.isascii() or not text.isprintable() or text.count("@") != 1 or set(text) & set(' ,;<>"'):
        raise InputError(f"{where} is {value!r}: one address, name@domain, would be right")
    return text


def composed(job: Job, mail: Mail, receiver: str, text: str, attachments: tuple[tuple[str, bytes], ...] = ()) -> EmailMessage:
    """A mail about a job. Its Message-ID follows from the effect, so that a second copy is known for one."""
    message = EmailMessage(policy=POLICY)
    subject = " ".join(str(job.params.get("subject") or f"{job.action}: {job.target.ref}").split())
    message["From"], message["To"], message["Subject"] = mail.sender, receiver, "".join(filter(str.isprintable, subject))[:200]
    message["Date"] = formatdate(usegmt=True)
    key = hashlib.sha256(f"{job.effect} {receiver}".encode()).hexdigest()[:40]
    message["Message-ID"] = f"<{key}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answer, please
    message.set_content(text)
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def delivered(mail: Mail, message: EmailMessage) -> str:
    """What the mail server said when it took the mail. `Denied` where it did not, `Unanswered` where nobody can tell."""
    content = message.as_bytes(policy=POLICY)

    def send(server: smtplib.SMTP) -> str:
        _addressed(server, mail, str(message["To"]))
        code, said = server.data(content)
        _took(code, said)
        return f"{mail.host} took it: {_line(said)}"

    return _session(mail, send)


def accepts(mail: Mail, receiver: str) -> str:
    """That the mail server takes mail for `receiver`; nothing is sent. `Another` where it knows no such mailbox."""

    def ask(server: smtplib.SMTP) -> str:
        _addressed(server, mail, receiver)
        server.rset()
        return f"{mail.host} takes mail for {receiver}"

    return _session(mail, ask)


def _session(mail: Mail, do: Callable[[smtplib.SMTP], T]) -> T:
    def run() -> T:
        with _server(mail) as server:
            if mail.security == "starttls":
                server.starttls(context=_context(mail))
            if mail.username:
                server.login(mail.username, secret(mail.password_file, "password_file"))
            return do(server)

    where = f"mail server {mail.host}:{mail.port}"
    try:
        return within(mail.timeout_s, where, run, FAILURES)
    except smtplib.SMTPAuthenticationError as error:
        raise Unanswered(f"{where} does not take the account {mail.username}: {error.smtp_code} {_line(error.smtp_error)}") from error
    except smtplib.SMTPResponseException as error:
        said = f"{where} says {error.smtp_code} {_line(error.smtp_error)}"
        raise (Denied if error.smtp_code >= 500 else Unanswered)(said) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unanswered(f"{where}: {type(error).__name__}: {_line(str(error))}") from error


def _server(mail: Mail) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=mail.timeout_s, context=_context(mail))
    return smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_s)


def _addressed(server: smtplib.SMTP, mail: Mail, receiver: str) -> None:
    server.ehlo_or_helo_if_needed()
    _took(*server.mail(mail.sender))
    code, said = server.rcpt(receiver)
    if 500 <= code < 600:
        raise Another(f"{mail.host} takes no mail for {receiver}: {code} {_line(said)}")
    _took(code, said)


def _took(code: int, said: bytes | str) -> None:
    """2xx is yes, 5xx is no, anything else leaves it open (RFC 5321, 4.2.1)."""
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, said)


def _line(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]


def _context(mail: Mail) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=mail.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"ca_file {mail.ca_file}: {error}") from error
