"""Webhooks, mail and messages to partners, at real servers: signed, sent once, never claimed where nobody took them, never taken back."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interferon.effector.actuators import mail, partner, webhook
from interferon.effector.protocol import Actuator, Job, Target
from interferon.effector.smtp import Mail
from interferon.model.effects import Value
from interferon.model.errors import InputError

from .mail_server import Mailbox, mail_server
from .product import Asked, Reply, certificate, serving

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


@dataclass
class Receiver:
    replies: list[Reply] = field(default_factory=list)  # before it takes what comes
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.replies.pop(0) if self.replies else Reply(204)


@pytest.fixture
def receipts(tmp_path: Path) -> str:
    (tmp_path / "receipts").mkdir()
    (tmp_path / "secret").write_text(SECRET + "\n")
    return str(tmp_path / "receipts")


def job(action: str = "send_message", reach: dict[str, Value] | None = None, **params: Value) -> Job:
    target = Target(ref="partner:haulier" if action == "notify_partner" else "person:anna", reach=reach or {})
    return Job(effect="e-1", action=action, target=target, params=params)


def hook(receipts: str, port: int) -> Actuator:
    secret_file = str(Path(receipts).parent / "secret")
    return webhook.make(webhook.Settings(url=f"http://127.0.0.1:{port}/in", secret_file=secret_file, receipts=receipts, timeout_s=1.0))


def test_a_ticket_is_opened_and_closed_once_each_and_signed(receipts: str) -> None:
    desk = Receiver()
    with serving(desk.answer) as port:
        acting = hook(receipts, port)
        assert acting.ready() == ""
        ticket = job("open_ticket", subject="PLC 3 is cut off")
        assert acting.look(ticket).standing == "absent"
        assert [acting.identify(ticket).result, acting.apply(ticket).result, acting.apply(ticket).result] == ["ok", "ok", "ok"]
        assert acting.look(ticket).standing == "in_force"
        assert [acting.undo(ticket).result, acting.undo(ticket).result] == ["ok", "ok"]
        assert acting.look(ticket).standing == "absent"
    opened, closed = desk.asked
    assert [json.loads(each.body)["type"] for each in desk.asked] == ["ticket.opened", "ticket.closed"]
    told = {"effect": "e-1", "action": "open_ticket", "target": "person:anna", "subject": "PLC 3 is cut off"}
    assert json.loads(opened.body)["data"] == told
    for asked, key in ((opened, "e-1.apply"), (closed, "e-1.undo")):
        signed = f"{key}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
        wanted = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
        assert asked.headers["webhook-signature"] == f"v1,{wanted}"
        assert asked.headers["webhook-id"] == asked.headers["idempotency-key"] == key


def test_a_message_is_not_taken_back_and_a_ticket_that_was_never_opened_not_closed(receipts: str) -> None:
    desk = Receiver()
    with serving(desk.answer) as port:
        acting = hook(receipts, port)
        assert acting.apply(job()).result == "ok"
        assert acting.undo(job()).result == "refused"
        other = msgspec.structs.replace(job("open_ticket"), effect="e-2")
        assert acting.undo(other).result == "ok"
    assert len(desk.asked) == 1


@pytest.mark.parametrize(
    ("reply", "result", "standing"),
    [(Reply(500), "unknown", "unknown"), (Reply(200, late_s=1.5), "unknown", "unknown"), (Reply(410), "failed", "absent")],
)
def test_what_nobody_took_is_not_said_to_be_taken(receipts: str, reply: Reply, result: str, standing: str) -> None:
    desk = Receiver(replies=[reply])
    with serving(desk.answer) as port:
        acting = hook(receipts, port)
        assert acting.apply(job()).result == result
        assert acting.look(job()).standing == standing
        assert acting.apply(job()).result == "ok"  # a second copy, under the same key
        assert acting.look(job()).standing == "in_force"
    assert len({each.headers["webhook-id"] for each in desk.asked}) == 1


def test_a_refusal_does_not_hide_that_an_earlier_copy_may_have_arrived(receipts: str) -> None:
    with serving(Receiver(replies=[Reply(500), Reply(410)]).answer) as port:
        acting = hook(receipts, port)
        assert [acting.apply(job()).result, acting.apply(job()).result] == ["unknown", "failed"]
        assert acting.look(job()).standing == "unknown"


def test_a_receiver_that_is_not_there_gets_nothing(receipts: str, free_port: int) -> None:
    acting = hook(receipts, free_port)
    assert [acting.identify(job()).result, acting.apply(job()).result, acting.look(job()).standing] == ["unknown", "unknown", "absent"]
    with pytest.raises(InputError):
        acting.before(job())


def test_a_receiver_is_known_by_its_certificate(receipts: str, tmp_path: Path) -> None:
    theirs, key, fingerprint = certificate(tmp_path, "desk")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(theirs, key)
    desk = Receiver()
    with serving(desk.answer, tls=tls) as port:
        settings: dict[str, Any] = {"url": f"https://127.0.0.1:{port}", "secret_file": str(tmp_path / "secret"), "receipts": receipts}
        acting = webhook.make(webhook.Settings(ca_file=str(theirs), **settings))
        for meant, result in (({}, "ok"), ({"certificate_sha256": fingerprint}, "ok"), ({"certificate_sha256": "00"}, "refused")):
            asked = msgspec.structs.replace(job(), target=Target(ref="person:anna", identity=meant))
            assert acting.identify(asked).result == result
        assert desk.asked == []
        assert acting.apply(msgspec.structs.replace(job(), target=Target(ref="person:anna", identity={"mac": "1"}))).result == "refused"
        assert acting.apply(job()).result == "ok"
        assert webhook.make(webhook.Settings(**settings)).identify(job()).result == "unknown"


def house(port: int, **settings: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "security": "plain", "sender": "interferon@plant.example", "timeout_s": 1.0} | settings


@contextmanager
def mailer(box: Mailbox, receipts: str, **settings: Any) -> Iterator[Actuator]:
    with mail_server(box) as port:
        yield mail.make(mail.Settings(receipts=receipts, **house(port, **settings)))


ANNA: dict[str, Value] = {"mail": "anna@plant.example"}


def test_a_mail_arrives_once_and_cannot_be_taken_back(receipts: str) -> None:
    box = Mailbox()
    with mailer(box, receipts) as acting:
        assert acting.ready() == ""
        message = job(reach=ANNA, subject="Cut off\r\nBcc: all@plant.example", text="PLC 3 is cut off.\n.\nGrüße")
        assert acting.identify(message).result == "ok"
        assert box.mails == []
        assert [acting.apply(message).result, acting.apply(message).result] == ["ok", "ok"]
        seen = acting.look(message)
        assert (seen.standing, "250" in seen.detail or "kept as Q1" in seen.detail) == ("in_force", True)
        assert acting.undo(message).result == "refused"
    (received,) = box.mails
    assert (received["to"], received["subject"], received["bcc"]) == ("anna@plant.example", "Cut off Bcc: all@plant.example", None)
    assert received["auto-submitted"] == "auto-generated"
    assert received.get_content().splitlines() == ["PLC 3 is cut off.", ".", "Grüße"]


def test_the_same_effect_has_the_same_message_id(receipts: str) -> None:
    box = Mailbox(says={"AFTER DATA": ""})
    with mailer(box, receipts) as acting:
        assert acting.apply(job(reach=ANNA)).result == "unknown"
        assert acting.look(job(reach=ANNA)).standing == "unknown"
        box.says.clear()
        assert acting.apply(job(reach=ANNA)).result == "ok"
    assert len(box.mails) == 2
    assert len({each["message-id"] for each in box.mails}) == 1


@pytest.mark.parametrize(
    ("says", "result", "standing"),
    [
        ({"RCPT": "550 who?"}, "refused", "absent"),
        ({"RCPT": "451 later"}, "unknown", "absent"),
        ({"MAIL": "550 not from you"}, "failed", "absent"),
        ({"DATA": "554 no"}, "failed", "absent"),
        ({"AFTER DATA": "554 spam"}, "failed", "absent"),
        ({"AFTER DATA": "451 later"}, "unknown", "unknown"),
        ({"EHLO": ""}, "unknown", "absent"),
        ({"RCPT": 1.5}, "unknown", "absent"),
    ],
)
def test_what_the_mail_server_says_is_what_is_told(receipts: str, says: dict[str, str | float], result: str, standing: str) -> None:
    with mailer(Mailbox(says=says), receipts) as acting:
        assert acting.apply(job(reach=ANNA)).result == result
        assert acting.look(job(reach=ANNA)).standing == standing


@pytest.mark.parametrize(
    "address", ["otto@plant.example", "", "anna@plant.example, all@plant.example", "Anna <anna@plant.example>", "a\n@b", 3]
)
def test_only_one_mailbox_that_exists_is_written_to(receipts: str, address: Value) -> None:
    box = Mailbox()
    with mailer(box, receipts) as acting:
        assert acting.identify(job(reach={"mail": address})).result == "refused"
        assert acting.apply(job(reach={"mail": address})).result == "refused"
    assert box.mails == []


@pytest.mark.parametrize("implicit", [False, True])
def test_mail_goes_by_tls_under_our_account(receipts: str, tmp_path: Path, implicit: bool) -> None:
    theirs, key, _ = certificate(tmp_path, "mx")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(theirs, key)
    box = Mailbox(tls=tls, implicit=implicit, account=("interferon", "s3cret"))
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "wrong").write_text("s4cret\n")
    access = {"security": "tls" if implicit else "starttls", "ca_file": str(theirs), "username": "interferon"}
    with mail_server(box) as port:
        for password, result in (("wrong", "unknown"), ("password", "ok")):
            settings = house(port, password_file=str(tmp_path / password), **access)
            assert mail.make(mail.Settings(receipts=receipts, **settings)).apply(job(reach=ANNA)).result == result
        settings = house(port, password_file=str(tmp_path / "password"), **(access | {"ca_file": ""}))
        assert "certificate" in mail.make(mail.Settings(receipts=receipts, **settings)).identify(job(reach=ANNA)).detail
    assert len(box.mails) == 1


@pytest.fixture
def signing_key(tmp_path: Path) -> tuple[str, Ed25519PrivateKey]:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "sign.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return str(path), key


def test_a_partner_can_check_at_its_webhook_who_spoke(receipts: str, signing_key: tuple[str, Ed25519PrivateKey]) -> None:
    desk = Receiver()
    with serving(desk.answer) as port:
        acting = partner.make(partner.Settings(signing_key_file=signing_key[0], receipts=receipts))
        assert acting.ready() == ""
        told = job("notify_partner", {"url": f"http://127.0.0.1:{port}/in"}, text="Your account was used from elsewhere.")
        assert [acting.apply(told).result, acting.apply(told).result, acting.look(told).standing] == ["ok", "ok", "in_force"]
        assert acting.undo(told).result == "refused"
    (asked,) = desk.asked
    scheme, _, signature = asked.headers["webhook-signature"].partition(",")
    assert scheme == "v1a"
    signed = f"e-1.apply.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    signing_key[1].public_key().verify(base64.b64decode(signature), signed)
    assert json.loads(asked.body)["data"]["text"] == "Your account was used from elsewhere."


def test_a_partner_can_check_in_the_mail_who_spoke(receipts: str, signing_key: tuple[str, Ed25519PrivateKey]) -> None:
    box = Mailbox(known=("soc@haulier.example",))
    with mail_server(box) as port:
        acting = partner.make(partner.Settings(signing_key_file=signing_key[0], receipts=receipts, mail=Mail(**house(port))))
        assert acting.ready() == ""
        told = job("notify_partner", {"mail": "soc@haulier.example"}, text="Look at your account.")
        assert acting.apply(told).result == "ok"
    message, signature = (part.get_content() for part in box.mails[0].iter_attachments())
    signing_key[1].public_key().verify(base64.b64decode(signature), message)
    assert json.loads(message)["type"] == "partner.notified"


def test_a_partner_without_a_way_or_with_an_open_one_is_not_told(receipts: str, signing_key: tuple[str, Ed25519PrivateKey]) -> None:
    acting = partner.make(partner.Settings(signing_key_file=signing_key[0], receipts=receipts))
    ways: list[dict[str, Value]] = [
        {},
        {"mail": "soc@haulier.example"},
        {"url": "http://haulier.example/in"},
        {"url": "ftp://haulier.example"},
    ]
    for reach in ways:
        assert acting.apply(job("notify_partner", reach)).result == "refused"
        assert acting.look(job("notify_partner", reach)).standing == "absent"


def test_what_is_missing_is_said_in_one_line(receipts: str, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("whsec_!!\n")
    here: dict[str, Any] = {"url": "http://127.0.0.1:9", "receipts": receipts}
    said = [
        (webhook.make(webhook.Settings(secret_file="/nowhere", **here)), "secret_file /nowhere"),
        (webhook.make(webhook.Settings(secret_file=str(tmp_path / "broken"), **here)), "base64"),
        (webhook.make(webhook.Settings(secret_file=str(tmp_path / "secret"), url="http://127.0.0.1:9", receipts="/nowhere")), "receipts"),
        (mail.make(mail.Settings(receipts=receipts, **house(25, host="mx.example"))), "leaves this machine"),
        (mail.make(mail.Settings(receipts=receipts, **house(25, username="a"))), "go together"),
        (mail.make(mail.Settings(receipts=receipts, **house(25, sender="Interferon"))), "sender is 'Interferon'"),
        (mail.make(mail.Settings(receipts=receipts, **house(25, ca_file="/nowhere"))), "/nowhere"),
        (partner.make(partner.Settings(signing_key_file=str(tmp_path / "secret"), receipts=receipts)), "key_file"),
    ]
    for acting, part in said:
        assert part in acting.ready()
        assert "\n" not in acting.ready()


def test_a_receipt_that_cannot_be_read_is_no_receipt(receipts: str) -> None:
    desk = Receiver()
    with serving(desk.answer) as port:
        acting = hook(receipts, port)
        acting.apply(job())
        for path in Path(receipts).iterdir():
            path.write_bytes(b"{")
        assert acting.look(job()).standing == "unknown"
        assert acting.apply(job()).result == "refused"
    assert len(desk.asked) == 1


def test_the_file_alone_may_show_that_a_target_is_wrong(receipts: str) -> None:
    mailing = mail.Mailer(mail.Settings(receipts=receipts, **house(25)))
    telling = partner.Partner(partner.Settings(signing_key_file="/nowhere", receipts=receipts, mail=Mail(**house(25))))
    for acting, reach, part in (
        (mailing, ANNA, ""),
        (mailing, {}, "has no mail"),
        (telling, ANNA, ""),
        (telling, {"url": "https://haulier.example/in"}, ""),
        (telling, {"url": "haulier.example"}, "https://HOST"),
        (telling, {"mail": "anna"}, "one address"),
    ):
        said = acting.wrong(Target(ref="partner:haulier", reach=reach), "notify_partner")
        assert part in said if part else said == ""
