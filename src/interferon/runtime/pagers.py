"""Tells people on the roster that a plan waits for them, by mail or webhook, with a link to answer by. A thread a pager, in `up`.

Who is asked, and from when on, stands in what waits; each person is told once of each plan, on disk, so that a restart does not page twice.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self

import msgspec

from interferon.flow.telling import iso
from interferon.model.errors import InputError
from interferon.model.records import Incident, Plan
from interferon.runtime.outlets import Refusal, Unreached, post, webhook_headers
from interferon.runtime.pager_mail import Deferred, deliver, mail_address
from interferon.runtime.pager_settings import Pager
from interferon.trust.word_link import WordLink, written

PAUSE_S: Final = 1.0
LONGEST_S: Final = 60.0
TOLD: Final = "paged"  # folder in `state`: a file a pager
AGAIN_US: Final = 60_000_000  # after which a message is tried again that the server would not take yet


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
    asks: Literal["approve", "veto"]
    link: str = ""

    @property
    def key(self) -> str:
        """A plan that was to start by itself and now waits for an approval is told anew: the first message said otherwise."""
        return f"{self.plan}:{self.person}:{self.asks}"


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
        asks="veto" if one.decision.status == "veto" else "approve",
        link=link,
    )


class Sender:
    """Carries one message at a time. Raises Refusal, Deferred or Unreached."""

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
        to = mail_address(told.contact)
        if not to:
            raise Refusal(f"people.csv has no mail address as the contact of {told.person}")
        deliver(self._pager, self._folder, f"<{told.key.replace(':', '.')}@interferon>", to, told.title, _text(told))


def _text(told: Page) -> str:
    return f"{told.text}\n\n{told.link}\n" if told.link else f"{told.text}\n"


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
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(each, Sender(each, folder, clock), Told(state / TOLD / each.name)),
                name=f"pager {each.name}",
                daemon=True,
            )
            for each in pagers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, pager: Pager, sender: Sender, told: "Told") -> None:
        pause = PAUSE_S
        while not self._stopped.wait(pause):
            pause = PAUSE_S if self._round(pager, sender, told) else min(2 * pause, LONGEST_S)

    def _round(self, pager: Pager, sender: Sender, told: "Told") -> bool:
        """Tells everybody who is to be told now; False where the way to them is barred, so that it is tried again."""
        now = self._clock()
        due = [(one, person) for one in self._waiting() for person in one.asked if person.time <= now]
        for one, person in due:
            message = page(one, person, pager.link, self._secret)
            if self._stopped.is_set():
                return True
            if told.known(message.key, now):
                continue
            try:
                sender.send(message)
                told.add(message.key)
            except Deferred as error:
                told.put_off(message.key, now + AGAIN_US)
                self._tell(f"pager {pager.name}: {person.name} was not told of plan {message.plan} yet: {error}")
            except (Unreached, OSError) as error:
                self._tell(f"pager {pager.name} does not get through: {error}")
                return False
            except (Refusal, InputError) as error:
                self._tell(f"pager {pager.name}: {person.name} was not told of plan {message.plan}: {error}")
                told.forget(message.key)
        return True


class Told:
    """Who was told of what by one pager, one line each, on disk. Raises `InputError` where its file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._later: dict[str, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._keys = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set[str]()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {error}; remove it, and people are told once more of what waits") from None

    def known(self, key: str, now: int) -> bool:
        """Whether there is nothing to tell at `now`, in microseconds."""
        return key in self._keys or now < self._later.get(key, 0)

    def put_off(self, key: str, until: int) -> None:
        self._later[key] = until

    def forget(self, key: str) -> None:
        """Not to be tried again before the next start."""
        self._keys.add(key)

    def add(self, key: str) -> None:
        """In memory first: on a full disk nobody is told of the same again and again."""
        self._keys.add(key)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"\n{key}\n")  # begins a line of its own, whatever a crash left of the one before
