"""People on the roster are told by a real mail server and a real webhook: once each, whatever a server, a disk or a contact does."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from interferon.model.errors import InputError
from interferon.model.records import Incident
from interferon.runtime import pagers
from interferon.runtime.pager_mail import mail_address
from interferon.runtime.pager_settings import Pager, load, problems
from interferon.runtime.pagers import Page, Pagers, Sender, Told
from interferon.trust.word_link import read
from interferon.web.view import Decision, Status, Waiting
from tests.browser.staged import Staged

from .mail_server import Mailbox, mail_server

SECRET = b"k" * 32
NOW = Staged().now().time


@dataclass(frozen=True)
class Somebody:
    id: str
    contact: str
    name: str = "Anna"
    role: str = "operator"
    time: int = 0


@dataclass
class Wait:
    """One plan of the staged installation that waits, for whom and how the test says."""

    asked: tuple[Somebody, ...]
    status: Status = "waiting"
    like: Waiting = field(default_factory=lambda: Staged().approvals()[0])

    @property
    def decision(self) -> Decision:
        return msgspec.structs.replace(self.like.decision, status=self.status)

    @property
    def incident(self) -> Incident:
        return self.like.incident

    @property
    def until(self) -> int:
        return self.like.until


def settled(holds: Callable[[], bool], limit_s: float = 5.0) -> bool:
    end = time.monotonic() + limit_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


@contextmanager
def paging(pager: Pager, folder: Path, *people: Somebody, clock: Callable[[], int] = lambda: NOW) -> Iterator[list[str]]:
    """Pagers that run; gives what was told to whoever runs the installation."""
    said: list[str] = []
    wait = Wait(people)
    with Pagers([pager], folder, folder, lambda: [wait], SECRET, clock, said.append):
        yield said


def mail(port: int, **more: object) -> Pager:
    return msgspec.structs.replace(
        Pager(name="mail", kind="email", url=f"smtp://127.0.0.1:{port}", sender="interferon@plant.example", plain=True), **more
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagers, "PAUSE_S", 0.02)
    monkeypatch.setattr(pagers, "LONGEST_S", 0.05)


ANNA, BEN = Somebody("anna", "Anna <anna@plant.example>"), Somebody("ben", "ben@plant.example", "Ben")
BOTH = ("anna@plant.example", "ben@plant.example")


def test_each_is_told_once_also_over_a_restart_with_a_link_that_is_theirs(tmp_path: Path) -> None:
    box = Mailbox(known=BOTH)
    with mail_server(box) as port:
        for _ in range(2):
            with paging(mail(port, link="https://screens.example/"), tmp_path, ANNA, BEN):
                assert settled(lambda: len(box.mails) == 2)
                time.sleep(0.1)
    assert [each["To"] for each in box.mails] == list(BOTH)
    token = box.mails[1].get_content().split("https://screens.example/word/")[1].strip()
    assert read(token, SECRET, NOW).person == "ben"


def test_a_plan_that_did_not_start_by_itself_after_all_is_told_anew(tmp_path: Path) -> None:
    box, wait = Mailbox(known=BOTH), Wait((ANNA,), "veto")
    with mail_server(box) as port, Pagers([mail(port)], tmp_path, tmp_path, lambda: [wait], SECRET, lambda: NOW, print):
        assert settled(lambda: len(box.mails) == 1)
        wait.status = "waiting"
        assert settled(lambda: len(box.mails) == 2)
    assert ["it starts by itself" in each.get_content() for each in box.mails] == [True, False]


@pytest.mark.parametrize(("command", "answer"), [("RCPT", "450 greylisted, come again"), ("DATA", "451 later"), ("AFTER DATA", "452 full")])
def test_a_mail_that_is_not_taken_yet_comes_again_after_a_minute(tmp_path: Path, command: str, answer: str) -> None:
    box, now = Mailbox(known=BOTH, says={command: answer}), [NOW]
    with mail_server(box) as port, paging(mail(port), tmp_path, ANNA, clock=lambda: now[0]) as said:
        assert settled(lambda: any("was not told" in line and "yet" in line for line in said))
        tried = len(box.commands)
        time.sleep(0.1)
        assert len(box.commands) == tried  # not at once
        box.says.clear()
        box.mails.clear()
        now[0] += pagers.AGAIN_US
        assert settled(lambda: [each["To"] for each in box.mails] == ["anna@plant.example"])


def test_who_cannot_be_told_keeps_nobody_else_from_being_told(tmp_path: Path) -> None:
    strange = [Somebody(f"p{place}", contact) for place, contact in enumerate(["müller@plant.example", "gone@plant.example", "+49 30 1"])]
    box = Mailbox(known=BOTH)
    with mail_server(box) as port, paging(mail(port), tmp_path, *strange, ANNA) as said:
        assert settled(lambda: bool(box.mails))
        assert settled(lambda: len(said) == 3)
        time.sleep(0.1)
    assert [each["To"] for each in box.mails] == ["anna@plant.example"]
    assert [line for line in said if "no such mailbox" not in line] == [
        f"pager mail: Anna was not told of plan p-1: people.csv has no mail address as the contact of {name}" for name in ("p0", "p2")
    ]


def test_on_a_full_disk_nobody_is_told_again_and_again(tmp_path: Path) -> None:
    told = Told(tmp_path / "mail")
    (tmp_path / "mail").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        told.add("p-1:anna")
    assert told.known("p-1:anna", NOW)


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("p-1:ann")
    Told(tmp_path / "mail").add("p-1:ben")
    assert Told(tmp_path / "mail").known("p-1:ben", NOW)
    (tmp_path / "mail").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="cannot be read"):
        Told(tmp_path / "mail")


def test_a_server_that_hangs_up_is_tried_again(tmp_path: Path) -> None:
    box = Mailbox(known=BOTH, says={"MAIL": ""})
    with mail_server(box) as port, paging(mail(port), tmp_path, ANNA) as said:
        assert settled(lambda: any(line.startswith("pager mail does not get through: ") for line in said))
        box.says.clear()
        assert settled(lambda: len(box.mails) == 1)


def test_without_tls_nothing_is_said_unless_that_is_meant(tmp_path: Path) -> None:
    box = Mailbox(known=BOTH, account=("interferon", "s3cret"))
    with mail_server(box) as port, paging(mail(port, plain=False, username="interferon"), tmp_path, ANNA) as said:
        assert settled(lambda: bool(said))
    assert "offers no TLS" in said[0]
    assert set(box.commands) == {"EHLO"}


def test_a_slow_server_holds_up_an_end_by_one_message_alone(tmp_path: Path) -> None:
    people = [Somebody(f"p{n}", "anna@plant.example") for n in range(20)]
    box = Mailbox(known=BOTH, says={"EHLO": 0.3})
    with mail_server(box) as port:
        with paging(mail(port), tmp_path, *people):
            assert settled(lambda: bool(box.commands))
            begin = time.monotonic()
        assert time.monotonic() - begin < 2


def test_a_webhook_is_signed_and_tried_again(tmp_path: Path) -> None:
    bodies: list[bytes] = []
    answers = [503, 200]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            assert self.headers["webhook-signature"].startswith("v1,")
            self.send_response(answers[len(bodies) - 1])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    (tmp_path / "secret").write_text("whsec_" + "a" * 32)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        hook = Pager(name="hook", kind="webhook", url=f"http://127.0.0.1:{server.server_port}/", secret_file="secret")
        with paging(hook, tmp_path, ANNA):
            assert settled(lambda: len(bodies) == 2)
        server.shutdown()
        thread.join()
    assert bodies[0] == bodies[1]
    assert msgspec.json.decode(bodies[0], type=Page).person == "anna"


def test_a_secret_that_cannot_sign_is_told_and_ends_no_thread(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whsec_not base64!")
    hook = Pager(name="hook", kind="webhook", url="http://127.0.0.1:9/", secret_file="secret")
    with paging(hook, tmp_path, ANNA) as said:
        assert settled(lambda: bool(said))
    assert said[0].endswith("pagers.toml: pager hook: after whsec_ the secret is base64, and this is not")
    with pytest.raises(InputError):
        Sender(hook, tmp_path, lambda: NOW).send(
            Page(plan="p", incident="i", title="", text="", until="", person="a", role="", contact="", asks="veto")
        )


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("anna@plant.example", "anna@plant.example"),
        ("Anna <anna@plant.example>, +49 30 1", "anna@plant.example"),
        ("mailto:anna@plant.example", "anna@plant.example"),
        ("anna@localhost", "anna@localhost"),
        ("müller@plant.example", ""),  # and not ller@plant.example, who is somebody else
        ("anna@plant.example\r\nBcc: eve@evil.example", "anna@plant.example"),
        ("anna@[::1", ""),
        ("", ""),
    ],
)
def test_the_address_in_a_contact_is_a_whole_word(contact: str, address: str) -> None:
    assert mail_address(contact) == address


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('kind = "email"\nurl = "smtp://[mail"\nsender = "a@b.example"', "url is 'smtp://[mail'"),
        ('kind = "email"\nurl = "smtp://mail:99999"\nsender = "a@b.example"', "url is 'smtp://mail:99999'"),
        ('kind = "email"\nurl = "smtp://mail"\nsender = "a@b.example\\nBcc: x@y.example"', "sender is "),
        ('kind = "email"\nurl = "smtp://mail"\nsender = "a@b.example"\nlink = "https://s\\n.example"', "link is "),
        ('kind = "webhook"\nurl = "http://pager.example/"\nsecret_env = "S"', "who reads along could answer by the link"),
    ],
)
def test_what_would_break_a_message_is_told_by_check(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "pagers.toml").write_text(f'[[pager]]\nname = "p"\n{line}\n')
    (problem,) = problems(tmp_path)
    assert why in problem.message
    with pytest.raises(InputError):
        load(tmp_path)
