"""What dissectors remember by its octets: never more than it takes, not the same for ever, and told as if it were read anew."""

import json
import random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.dissect import enip, modbus, s7comm
from interferon.dissect.known import PATIENCE, Known
from interferon.dissect.message import Plain
from tests.unit import test_dissect_enip as of_enip
from tests.unit import test_dissect_modbus as of_modbus
from tests.unit import test_dissect_s7comm as of_s7

Sent = tuple[bool, bytes]  # to the server; one segment


def test_a_full_memory_keeps_what_it_has_for_a_while_and_then_begins_anew() -> None:
    known = Known[int, str](3)
    for number in range(3 + PATIENCE * 3 - 1):
        if known.room():
            known[number] = "old"
    assert list(known) == [0, 1, 2]
    assert known.room()
    assert not known
    known.update({1: "new", 2: "new", 3: "new"})
    assert not known.room()


def modbus_messages(drawn: random.Random) -> Sent:
    pdus = ["01 0000 0008", "01 0000 0003", "01 01 05", "03 0000 0001", "03 02 002A", "03 02 002B", "03 03 002A", "04 0000 0001",
            "05 0001 FF00", "05 0001 0100", "06 0001 002A", "83 02", "81 02", "10 0000 0001 02 002A", "10 0000 0001", "2B 0E 01 00",
            "08 0000 1234", "03"]  # fmt: skip
    return drawn.random() < 0.5, of_modbus.frame(drawn.choice(pdus), drawn.randrange(2), drawn.randrange(2))


def s7_messages(drawn: random.Random) -> Sent:
    one, two = of_s7.item(2, 0x83, 0), of_s7.item(4, 0x84, 8, block=1)
    jobs = [of_s7.asked(one), of_s7.asked(two), of_s7.asked(one, two), of_s7.asked(one, function=5), b"\xf0\0\0\1\0\1\3\xc0"]
    good, wrong = b"\0\0", b"\x81\4"
    answers = ["ff04000801", "ff04001000010a00", "0a000000", "ff", "0a", ""]
    reference, kind = drawn.randrange(2), drawn.choice((1, 1, 1, 2, 3, 3, 3, 7))
    data = bytes.fromhex(drawn.choice(answers))
    if kind == 1:
        part = of_s7.s7(1, drawn.choice(jobs), data if drawn.random() < 0.3 else b"", reference=reference)
    elif kind == 7:
        part = of_s7.userdata(4, 1, b"", asked=drawn.random() < 0.5)
    else:
        part = of_s7.s7(kind, drawn.choice((b"\4\1", b"\5\1", b"\4\2")), data, reference=reference, error=drawn.choice((good, wrong)))
    if drawn.random() < 0.1:
        part = of_s7.cotp(part[7:], last=drawn.random() < 0.5)
    return drawn.random() < 0.5, part + (drawn.choice((b"", part)) if drawn.random() < 0.2 else b"")


def enip_messages(drawn: random.Random) -> Sent:
    way, part = drawn.choice(of_enip.usual())
    data = bytearray(part)
    if drawn.random() < 0.3:  # status, options, interface, the items' number and kinds and lengths, sequence, service
        data[drawn.choice((8, 20, 24, 30, 32, 34, 40, 42, 44, 46, 47))] ^= 1 << drawn.randrange(8)
    return way if drawn.random() < 0.9 else not way, bytes(data) + (part if drawn.random() < 0.2 else b"")


def said(dissector: ModuleType, parts: list[Sent]) -> list[Any]:
    conversation, found = dissector.conversation(7), list[Any]()
    for number, (to_server, data) in enumerate(parts):
        out: list[Plain] = []
        used = conversation.take(data, 0, len(data), to_server, number, out)
        found.append((used, [row[:9] for row in out], json.dumps([row[9] for row in out])))
    return found


@pytest.mark.parametrize(
    ("dissector", "messages", "limits"),
    [(modbus, modbus_messages, ("SHORT", "BRIEF")), (s7comm, s7_messages, ("LIST", "SHORT")), (enip, enip_messages, ("MOST",))],
)
@given(seed=st.integers(0, 1 << 40))
def test_what_is_known_is_told_as_if_it_were_read_anew(dissector: ModuleType, messages: Any, limits: tuple[str, ...], seed: int) -> None:
    drawn = random.Random(seed)
    parts = [messages(drawn) for _ in range(drawn.randint(2, 40))]
    first, again = said(dissector, parts), said(dissector, parts)
    with pytest.MonkeyPatch.context() as patch:
        for name in limits:
            patch.setattr(dissector, name, 0)
        anew = said(dissector, parts)
    assert first == anew
    assert again == anew
