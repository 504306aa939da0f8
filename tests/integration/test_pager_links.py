"""What a page leads to: the link in a mail approves, the next ones are asked in time, a server is known by its certificate."""

import json
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from interferon.runtime import pagers
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
    assert {each.headers["idempotency-key"] for each in asked} == {"p-1:omar:approve", "p-1:olga:approve"}
    assert all(each.headers["webhook-signature"].startswith("v1,") for each in asked)


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
