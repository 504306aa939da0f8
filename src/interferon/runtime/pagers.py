"""Tells people on the roster that a plan waits for them, by mail or webhook, with a link to answer by. A thread a pager, in `up`.

Who is asked, and from when on, stands in what waits; each person is told once of each plan, on disk, so that a restart does not page twice.
"""

import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

import msgspec

from interferon.flow.telling import iso
from interferon.model.errors import InputError
from interferon.model.records import Incident, Plan
from interferon.runtime.outlets import Refusal, Unreached, post, webhook_headers
from interferon.runtime.pager_settings import FILE, Pager
from interferon.trust.word_link import WordLink, written

PAUSE_S: Final = 1.0
LONGEST_S: Final = 60.0
TIMEOUT_S: Final = 20.0
FOR_GOOD: Final = 500  # an answer of a mail server from here on will be no other tomorrow
TOLD: Final = "paged"  # folder in `state`: a file a pager
_ADDRESS: Final = re.compile(r"[^\s<>,;]+@[^\s<>,;]+\.[^\s<>,;]+|[^\s<>,;]+@localhost")


class Asked(Protocol):
    """A person who is asked; `web.view.Asked` is one."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def contact(self) -> str: ...
    @property
    def time(self) -> int: ...


class Decided(Protocol):
    @property
    def plan(self) -> Plan: ...
    @property
    def status(self) -> str: ...
    @property
    def digests(self) -> tuple[str, ...]: ...


class Waits(Protocol):
    """A plan that waits; `web.view.Waiting` is one."""

    @property
    def decision(self) -> Decided: ...
    @property
    def incident(self) -> Incident: ...
    @property
    def until(self) -> int: ...
    @property
    def asked(self) -> Sequence[Asked]: ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one person is told of one plan; the body of a webhook."""

    plan: str
    incident: str
    title: str
    text: str
    until: str
    person: str
    role: str
    contact: str
    link: str = ""

    @property
    def key(self) -> str:
        return f"{self.plan}:{self.person}"


def page(one: Waits, person: Asked, base: str, secret: bytes) -> Page:
    """The message for `person`; with a link where `base`, the address of the screens, is known."""
    plan = one.decision.plan
    chosen = plan.alternatives[plan.chosen]
    deeds = ", ".join(f"{action.replace('_', ' ')} {target}" for action, target in chosen.actions)
    at_end = "it starts by itself" if one.decision.status == "veto" else "nothing is done"
    text = (
        f"{one.incident.title}: an attack with a probability of {one.incident.p_attack:.0%}. Proposed: {deeds}. "
        f"{chosen.orders_late:.0f} orders late expected. Without an answer until {iso(one.until)} {at_end}."
    )
    digest = one.decision.digests[plan.chosen]
    token = written(WordLink(plan=plan.id, alternative=plan.chosen, digest=digest, person=person.id, until=one.until), secret)
    link = f"{base.rstrip('/')}/word/{token}" if base else ""
    return Page(
        plan=plan.id,
        incident=one.incident.id,
        title=f"A plan waits for you: {one.incident.title}",
        text=text,
        until=iso(one.until),
        person=person.id,
        role=person.role,
        contact=person.contact,
        link=link,
    )


def _code(error: Exception) -> int:
    """What the mail server answered, RFC 5321, 4.2.1; 0 where it answered nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError) else 0


class Sender:
    """Carries one message at a time. Raises Refusal or Unreached."""

    def __init__(self, pager: Pager, folder: Path, clock: Callable[[], int]) -> None:
        self._pager, self._folder, self._clock = pager, folder, clock

    def send(self, told: Page) -> None:
        if self._pager.kind == "webhook":
            content = msgspec.json.encode(told, order="deterministic")
            headers = webhook_headers(self._pager.secret(self._folder), told.key, self._clock() // 1_000_000, content, "application/json")
            post(self._pager.url, content, headers, self._authorities())
        else:
            self._mail(told)

    def _authorities(self) -> Path | None:
        return self._folder / self._pager.ca_file if self._pager.ca_file else None

    def _mail(self, told: Page) -> None:
        to = _ADDRESS.search(told.contact)
        if to is None:
            raise Refusal(f"people.csv has no mail address as the contact of {told.person}")
        message = EmailMessage()
        message["From"], message["To"] = self._pager.sender, to.group()
        message["Subject"] = " ".join(told.title.split())[:200]
        message["Message-ID"] = f"<{told.key.replace(':', '.')}@interferon>"
        message.set_content(f"{told.text}\n\n{told.link}\n" if told.link else f"{told.text}\n")
        try:
            with self._server() as server:
                server.send_message(message)
        except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
            if _code(error) >= FOR_GOOD:
                raise Refusal(f"the mail server refuses it: {error}") from None
            raise Unreached(f"{type(error).__name__}: {error}") from None

    def _server(self) -> smtplib.SMTP:
        """A session, in TLS unless the file says that it may be plain."""
        place, trusted = urlsplit(self._pager.url), ssl.create_default_context(cafile=self._authorities())
        if place.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(place.hostname or "", place.port or 465, timeout=TIMEOUT_S, context=trusted)
        else:
            server = smtplib.SMTP(place.hostname or "", place.port or 587, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=trusted)
            elif not self._pager.plain:
                server.close()
                raise Unreached(f"{self._pager.url} offers no TLS; {FILE} may say plain = true where that is meant")
        if self._pager.username:
            server.login(self._pager.username, self._pager.secret(self._folder))
        return server


class Pagers:
    """Every pager of a folder. Entering starts a thread for each, leaving stops them."""

    def __init__(
        self,
        pagers: Sequence[Pager],
        folder: Path,
        state: Path,
        waiting: Callable[[], Sequence[Waits]],
        secret: bytes,
        clock: Callable[[], int],
        tell: Callable[[str], None],
    ) -> None:
        """`waiting`: what waits now; `clock`: microseconds; `tell` takes a line for whoever runs the installation."""
        self._waiting, self._secret, self._clock, self._tell = waiting, secret, clock, tell
        self._stopped = threading.Event()
        self._places = state / TOLD
        self._senders = [(pager, Sender(pager, folder, clock)) for pager in pagers]
        self._threads = [threading.Thread(target=self._run, args=one, name=f"pager {one[0].name}", daemon=True) for one in self._senders]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, pager: Pager, sender: Sender) -> None:
        told = Told(self._places / pager.name)
        pause = PAUSE_S
        while not self._stopped.wait(pause):
            pause = PAUSE_S if self._round(pager, sender, told) else min(2 * pause, LONGEST_S)

    def _round(self, pager: Pager, sender: Sender, told: "Told") -> bool:
        """Tells everybody who is to be told now; False where the way to them is barred, so that it is tried again."""
        now = self._clock()
        due = [(one, person) for one in self._waiting() for person in one.asked if person.time <= now]
        for one, person in due:
            message = page(one, person, pager.link, self._secret)
            if told.known(message.key):
                continue
            try:
                sender.send(message)
                told.add(message.key)
            except (Unreached, OSError) as error:
                self._tell(f"pager {pager.name} does not get through: {error}")
                return False
            except (Refusal, InputError) as error:
                self._tell(f"pager {pager.name}: {person.name} was not told of plan {message.plan}: {error}")
                told.forget(message.key)
        return True


class Told:
    """Who was told of what by one pager, one line each, on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._keys = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set[str]()

    def known(self, key: str) -> bool:
        return key in self._keys

    def forget(self, key: str) -> None:
        """Not to be tried again before the next start."""
        self._keys.add(key)

    def add(self, key: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(key + "\n")
        self._keys.add(key)
