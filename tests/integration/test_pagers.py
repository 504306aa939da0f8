"""People on the roster are told by mail and webhook at real servers: once each, later ones when nobody has answered, with a link."""

import json
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from interferon.model.errors import InputError
from interferon.runtime import pager_settings, pagers
from interferon.runtime.pager_settings import Pager
from interferon.runtime.pagers import Pagers
from interferon.store.used_links import UsedLinks
from interferon.web.app import create_app
from interferon.web.view import Asked, Waiting
from interferon.web.word import Links
from tests.browser.staged import PLAN, Staged, StagedAccounts

from .mail_server import Mailbox, mail_server
from .product import Asked as Request
from .product import Reply, certificate, serving

SECRET = b"k" * 32
MINUTE = 60_000_000


class Installation:
    """What waits, at a time that the test sets, and who is told of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, Staged()
        self.now = PLAN.time + MINUTE
        self.told: list[str] = []
        self.people = [
            Asked(id="omar", name="Omar", role="operator", contact="Omar <anna@plant.example>", time=PLAN.time, on_duty=True),
            Asked(id="olga", name="Olga", role="owner", contact="only by phone", time=PLAN.time + 15 * MINUTE, on_duty=False),
        ]

    def waiting(self) -> tuple[Waiting, ...]:
        return tuple(msgspec.structs.replace(one, asked=tuple(self.people)) for one in self.source.approvals())

    def paging(self, *given: Pager) -> Pagers:
        return Pagers(given, self.folder, self.folder / "state", self.waiting, SECRET, lambda: self.now, self.told.append)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(pagers, "PAUSE_S", 0.02)
    monkeypatch.setattr(pagers, "LONGEST_S", 0.05)
    (tmp_path / "secret").write_text("whsec_a2tra2traw==\n")
    return Installation(tmp_path)


def mail(port: int, **more: object) -> Pager:
    plain = {"name": "mail", "kind": "email", "url": f"smtp://127.0.0.1:{port}", "sender": "interferon@plant.example", "plain": True}
    return msgspec.convert({**plain, **more}, Pager)


def soon(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


def rest() -> None:
    """Some rounds of every pager."""
    time.sleep(0.2)


def test_who_is_on_duty_gets_one_mail_whose_link_approves(here: Installation) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        given = mail(port, link="https://screens.example/")
        for _ in range(2):  # a restart tells nobody twice
            with here.paging(given):
                soon(lambda: len(box.mails) == 1)
                rest()
    (told,) = box.mails
    assert told["to"] == "anna@plant.example"
    assert told["subject"].startswith("A plan waits for you: Set point drifts")
    text = told.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert b"isolate asset asset:plc-4" in text
    assert b"nothing is done" in text
    (link,) = re.findall(r"https://screens\.example(/word/\S+)", text.decode())
    app = create_app(here.source, StagedAccounts(), b"s" * 32, links=Links(SECRET, UsedLinks(here.folder)))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as page:
        assert "Approved. Thank you, omar." in page.post(link, data={"word": "approve"}).text
    assert here.source.decision.person == "omar"
    assert here.told == []


def test_the_next_ones_are_asked_when_their_time_comes_and_nobody_once_it_is_answered(here: Installation) -> None:
    asked: list[Request] = []

    def take(request: Request) -> Reply:
        asked.append(request)
        return Reply(204)

    with serving(take) as port:
        given = Pager(name="on-call", kind="webhook", url=f"http://127.0.0.1:{port}/page", secret_file="secret")
        with here.paging(given):
            soon(lambda: len(asked) == 1)
            rest()
            here.now = PLAN.time + 15 * MINUTE
            soon(lambda: len(asked) == 2)
            here.source.approve("p-1", 1, "omar", "d-1")
            here.people.append(msgspec.structs.replace(here.people[0], id="ida"))
            rest()
    assert [json.loads(each.body)["person"] for each in asked] == ["omar", "olga"]
    first = json.loads(asked[0].body)
    assert (first["plan"], first["role"], first["link"], first["until"][:2]) == ("p-1", "operator", "", "20")
    assert {each.headers["idempotency-key"] for each in asked} == {"p-1:omar", "p-1:olga"}
    assert all(each.headers["webhook-signature"].startswith("v1,") for each in asked)


def test_a_server_that_is_away_is_tried_again_and_told_of(here: Installation) -> None:
    replies = [Reply(503), Reply(503)]
    asked: list[Request] = []

    def take(request: Request) -> Reply:
        asked.append(request)
        return replies.pop() if replies else Reply(204)

    with serving(take) as port:
        given = Pager(name="on-call", kind="webhook", url=f"http://127.0.0.1:{port}/page", secret_file="secret")
        with here.paging(given):
            soon(lambda: len(asked) == 3)
            rest()
    assert len(asked) == 3
    assert set(here.told) == {"pager on-call does not get through: answered 503"}


def test_a_person_without_an_address_is_told_of_and_does_not_stop_the_others(here: Installation) -> None:
    here.people = [msgspec.structs.replace(here.people[1], time=PLAN.time), here.people[0]]
    box = Mailbox()
    with mail_server(box) as port, here.paging(mail(port)):
        soon(lambda: len(box.mails) == 1)
        rest()
    assert here.told == ["pager mail: Olga was not told of plan p-1: people.csv has no mail address as the contact of olga"]


def test_what_the_mail_server_never_wants_is_told_of_once(here: Installation) -> None:
    box = Mailbox(says={"RCPT": "550 nobody here"})
    with mail_server(box) as port, here.paging(mail(port)):
        soon(lambda: bool(here.told))
        rest()
    assert box.commands.count("RCPT") == 1
    assert here.told[0].startswith("pager mail: Omar was not told of plan p-1: the mail server refuses it")


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_what_the_mail_server_does_not_want_now_comes_again(here: Installation, command: str) -> None:
    box = Mailbox(says={command: "451 later"})
    with mail_server(box) as port, here.paging(mail(port)):
        soon(lambda: box.commands.count(command) >= 2)
        box.says.clear()
        soon(lambda: len(box.mails) == 1)
    assert any("does not get through" in line for line in here.told)


def test_without_tls_no_password_and_no_link_leaves_the_machine(here: Installation) -> None:
    box = Mailbox()
    with mail_server(box) as port, here.paging(mail(port, plain=False)):
        soon(lambda: bool(here.told))
        rest()
    assert box.mails == []
    assert "offers no TLS; pagers.toml may say plain = true" in here.told[0]


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    theirs, key, _ = certificate(tmp_path, "mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs, key)
    return theirs, context


@pytest.mark.parametrize("implicit", [False, True])
def test_a_server_with_tls_is_believed_by_its_certificate_alone(
    here: Installation, tls: tuple[Path, ssl.SSLContext], implicit: bool
) -> None:
    theirs, context = tls
    box = Mailbox(tls=context, implicit=implicit, account=("interferon", "whsec_a2tra2traw=="))
    with mail_server(box) as port:
        more = {"username": "interferon", "secret_file": "secret", "plain": False}
        url = f"{'smtps' if implicit else 'smtp'}://127.0.0.1:{port}"
        with here.paging(mail(port, url=url, **more)):
            soon(lambda: bool(here.told))
        assert box.mails == []
        with here.paging(mail(port, url=url, ca_file=str(theirs), **more)):
            soon(lambda: len(box.mails) == 1)


# ---- the file

GOOD = '[[pager]]\nname = "m"\nkind = "email"\nurl = "smtps://mail.example"\nsender = "i@plant.example"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = ", "not readable as TOML"),
        ("[outlet]\n", "'outlet' is nothing; the file holds [[pager]] tables"),
        (GOOD.replace('"m"', '"a/b"'), "each pager needs a name of its own"),
        (GOOD + GOOD, "each pager needs a name of its own"),
        (GOOD.replace("smtps", "https"), "of email it begins with smtp://HOST or smtps://HOST"),
        (GOOD.replace("i@plant.example", "me"), "sender is 'me'"),
        (GOOD + 'link = "screens"\n', "link is 'screens'"),
        (GOOD.replace("email", "webhook").replace("smtps", "https"), "a webhook is signed; name secret_env or secret_file"),
        (GOOD + "colour = 1\n", "a [[pager]] has name, kind, url"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "pagers.toml").write_text(text)
    with pytest.raises(InputError) as error:
        pager_settings.load(tmp_path)
    assert why in str(error.value)
    (problem,) = pager_settings.problems(tmp_path)
    assert why in problem.message


def test_secrets_lie_elsewhere_and_are_missed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pagers.toml").write_text(GOOD)
    (pager,) = pager_settings.load(tmp_path)
    assert pager.secret(tmp_path) == ""
    monkeypatch.setenv("HERE", "s")
    assert msgspec.structs.replace(pager, secret_env="HERE").secret(tmp_path) == "s"
    with pytest.raises(InputError, match="the environment has no NOT_THERE"):
        msgspec.structs.replace(pager, secret_env="NOT_THERE").secret(tmp_path)
    with pytest.raises(InputError, match="secret_file gone cannot be read"):
        msgspec.structs.replace(pager, secret_file="gone").secret(tmp_path)
    assert pager_settings.load(tmp_path / "none") == ()
