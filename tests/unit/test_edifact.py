"""EDIFACT: separators, releases and characters; messages become trade events; what does not add up is told."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import edifact
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense import edifact_messages, edifact_segments

DAY = 86_400_000_000
JAN_5 = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z


def message(kind: str, *segments: str, release: str = "D:96A:UN:EAN008") -> str:
    listed = [f"UNH+1+{kind}:{release}", *segments]
    return "'".join([*listed, f"UNT+{len(listed) + 1}+1"]) + "'"


def interchange(*messages: str, una: str = "UNA:+.? '") -> bytes:
    text = f"{una}UNB+UNOC:3+SENDER:14+RECEIVER:14+260105:0800+77'{''.join(messages)}UNZ+{len(messages)}+77'"
    return text.encode("latin-1")


def rows(data: bytes) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    found: list[dict[str, Any]] = []
    dead = []
    for item in edifact.normalise(data, "f"):
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            found += item.to_pylist()
    return found, dead


ORDER = message(
    "ORDERS",
    *("BGM+220+PO-17+9", "DTM+137:20260105:102", "DTM+2:202601120800:203", "NAD+BY+9521321000018::9", "NAD+SU+9521321000025::9"),
    *("NAD+DP+9521321000032::9", "CUX+2:EUR:9"),
    *("LIN+1++09521321123458:SRV", "PIA+1+A?+1?:x:SA", "IMD+F++:::Pump?'s seal", "QTY+21:12:PCE", "PRI+AAA:250::NTP:100:PCE"),
    *("LIN+2++B-2:BP", "QTY+21:3,5:KGM", "DTM+2:20260120:102", "RFF+ON:PO-16", "UNS+S", "MOA+86:1000", "CNT+2:2"),
)
ADVICE = message(
    "DESADV",
    *(
        "BGM+351+DA-9+9",
        "DTM+137:20260104:102",
        "DTM+11:202601051000:203",
        "RFF+ON:PO-17",
        "NAD+SF+9521321000025::9",
        "NAD+ST+9521321000032::9",
    ),
    *(
        "NAD+SU+9521321000025::9",
        "TDT+20++30+31+CARRIER:::Fast Freight+++:::HH AB 12",
        "SEL+S-99",
        "CPS+1",
        "PAC+2++201",
        "GIN+BJ+395213210000000014",
    ),
    *("LIN+1++09521321123458:EN", "QTY+12:10:PCE", "LIN+2++09521321123465:EN", "QTY+12:4"),
)
INVOICE = message(
    "INVOIC",
    *("BGM+380+INV-1+9", "DTM+137:20260105:102", "RFF+ON:PO-17", "NAD+BY+9521321000018::9", "NAD+SU+9521321000025::9"),
    *("FII+RB+DE89370400440532013000:ACME GMBH+COBADEFFXXX:25:5::::Commerzbank", "LIN+1++09521321123458:EN", "QTY+47:12", "MOA+203:30.00"),
    *("PRI+AAA:2.5", "UNS+S", "MOA+77:35.70"),
    release="D:01B:UN:EAN010",
)


def test_an_order_has_one_event_a_line() -> None:
    found, dead = rows(interchange(ORDER))
    assert not dead
    first, second = found
    assert (first["kind"], first["order"], first["product"], first["quantity"]) == ("order.placed", "PO-17", "09521321123458", 12)
    assert (first["entity"], first["partner"], first["destination"]) == ("node:9521321000032", "9521321000018", "9521321000032")
    assert (first["time"], first["promised"]) == (JAN_5, JAN_5 + 7 * DAY + 8 * 3_600_000_000)
    told = json.loads(first["attributes"])
    assert told["price"] == 2.5
    assert told["ids"] == {"SRV": "09521321123458", "SA": "A+1:x"}
    assert told["description"] == "Pump's seal"
    assert told["currency"] == "EUR"
    assert (second["product"], second["quantity"], second["order"], second["promised"]) == ("B-2", 3.5, "PO-16", JAN_5 + 15 * DAY)
    assert [row["offset"] for row in found] == [0, 1]


def test_a_despatch_advice_is_a_shipment() -> None:
    found, dead = rows(interchange(ADVICE))
    assert not dead
    assert [(row["kind"], row["order"], row["quantity"], row["origin"], row["destination"]) for row in found] == [
        ("shipment.departed", "PO-17", 10, "9521321000025", "9521321000032"),
        ("shipment.departed", "PO-17", 4, "9521321000025", "9521321000032"),
    ]
    assert found[0]["time"] == JAN_5 + 10 * 3_600_000_000
    told = json.loads(found[0]["attributes"])
    assert (told["vehicle"], told["seal"], told["sscc"], told["packages"]) == ("HH AB 12", "S-99", ["395213210000000014"], 2)


def test_an_invoice_tells_the_account() -> None:
    found, dead = rows(interchange(INVOICE))
    assert not dead
    told = json.loads(found[0]["attributes"])
    assert (found[0]["kind"], found[0]["entity"], found[0]["partner"]) == ("invoice.received", "partner:9521321000025", "9521321000025")
    assert (told["bank_account"], told["bank_holder"], told["bic"]) == ("DE89370400440532013000", "ACME GMBH", "COBADEFFXXX")
    assert told["amounts"] == {"203": 30.0}
    assert (told["price"], found[0]["quantity"]) == (2.5, 12)


def test_other_separators_and_a_comma() -> None:
    data = interchange(ORDER).decode("latin-1").removeprefix("UNA:+.? '")
    other = data.translate(str.maketrans(":+'?", "|*~!")).replace("Pump!~s", "Pump's").replace("A!*1!|x", "A+1:x")
    found, dead = rows(("UNA|*,! ~\r\n" + other.replace("~", "~\r\n")).encode("latin-1"))
    plain = rows(interchange(ORDER))[0]
    assert not dead
    assert [row["quantity"] for row in found] == [row["quantity"] for row in plain]
    assert json.loads(found[0]["attributes"]) == json.loads(plain[0]["attributes"])


@pytest.mark.parametrize(("syntax", "codec"), [("UNOC", "latin-1"), ("UNOD", "iso8859-2"), ("UNOE", "iso8859-5"), ("UNOY", "utf-8")])
def test_characters_are_those_that_the_interchange_declares(syntax: str, codec: str) -> None:
    name = {"UNOC": "Größe", "UNOD": "Łódź", "UNOE": "Москва", "UNOY": "東京"}[syntax]
    text = interchange(ORDER).decode("latin-1").replace("UNOC", syntax).replace("NAD+BY+9521321000018::9", f"NAD+BY+1::9++{name}")
    found, dead = rows(text.encode(codec))
    assert not dead
    assert json.loads(found[0]["attributes"])["names"]["BY"] == name


def test_lines_of_one_length_are_joined() -> None:
    text = interchange(ORDER, ADVICE).decode()
    wrapped = "\r\n".join(text[at : at + 80] for at in range(0, len(text), 80)).encode()
    assert rows(wrapped) == rows(text.encode())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("UNT+21", "UNT+20"), "UNT tells 20 segments; 21 came"),
        (("UNZ+1", "UNZ+2"), "UNZ tells 2 messages or groups; 1 came"),
        (("UNZ+1+77", "UNZ+1+78"), "UNZ closes the interchange '78'; UNB opened '77'"),
        (("UNT+21+1", "UNT+21+9"), "UNT closes the message '9'; UNH opened '1'"),
        (("UNZ+1+77'", ""), "the interchange 77 does not end: UNZ is missing"),
        (("UNT+21+1'UNZ+1+77'", ""), "the message 1 does not end: its UNT is missing"),
        (("CNT+2:2'", "2:2'"), "segment 21 begins with '2:2'; a segment begins with three capital letters"),
    ],
)
def test_what_does_not_add_up_is_told_and_the_lines_still_count(change: tuple[str, str], reason: str) -> None:
    found, dead = rows(interchange(ORDER).replace(change[0].encode(), change[1].encode()))
    assert reason in [letter.reason for letter in dead]
    assert len(found) == 2
    offsets = sorted([*(row["offset"] for row in found), *(letter.offset for letter in dead)])
    assert offsets == list(range(len(offsets)))


def test_a_wrong_count_halves_the_trust() -> None:
    found, _ = rows(interchange(ORDER).replace(b"UNT+21", b"UNT+20"))
    assert {row["trust"] for row in found} == {0.5}
    assert json.loads(found[0]["attributes"])["control"].startswith("UNT tells 20")


def test_another_message_is_a_dead_letter_and_costs_no_other() -> None:
    found, dead = rows(interchange(message("MEDRPT", "BGM+1"), ORDER))
    assert [letter.reason.partition(";")[0] for letter in dead] == ["the message MEDRPT is not read"]
    assert dead[0].raw == "BGM+1"
    assert [row["offset"] for row in found] == [1, 2]


def test_groups_and_several_interchanges_in_one_file() -> None:
    grouped = b"UNB+UNOC:3+S+R+260105:0800+78'UNG+ORDERS+A+B+260105:0800+1+UN+D:96A'" + ORDER.encode() + b"UNE+1+1'UNZ+1+78'"
    found, dead = rows(interchange(ADVICE) + b"\r\n" + grouped)
    assert not dead
    assert [row["kind"] for row in found] == ["shipment.departed"] * 2 + ["order.placed"] * 2


@pytest.mark.parametrize(
    ("text", "form", "days"),
    [
        *[("20260105", "102", 0), ("260105", "101", 0), ("202601060000", "203", 1), ("20260106000000", "204", 1), ("2601060000", "201", 1)],
        *[("20260106-20260110", "718", 1), ("2026", "602", -4), ("202601", "610", -4), ("202602", "616", 0), ("199910060000", "102", None)],
        *[("20260230", "102", ...), ("soon", "102", ...), ("", "", ...), ("202601060100+0100", "303", 1), ("20260106", "", 1)],
    ],
)
def test_dates_in_all_their_forms(text: str, form: str, days: Any) -> None:
    expected = {None: 939_168_000_000_000, ...: None}.get(days, JAN_5 + (days if isinstance(days, int) else 0) * DAY)
    assert edifact_messages.moment(text, form) == expected


def test_the_bytes_of_something_else() -> None:
    found, dead = rows(b"Dear Sir,\nno interchange.\n")
    assert not found
    assert "neither UNA nor UNB" in dead[0].reason
    assert "UNA" in rows(b"UNAAAAAAAUNB+UNOA:1'")[1][0].reason


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.edi"
    path.write_bytes(gzip.compress(interchange(ORDER)))
    assert sum(item.num_rows for item in edifact.read(path) if not isinstance(item, DeadLetter)) == 2
    with pytest.raises(InputError, match="No such file"):
        list(edifact.read(tmp_path / "absent.edi"))


def test_sniffing() -> None:
    assert edifact.sniff(interchange(ORDER))
    assert edifact.sniff(b"UNB+UNOA:1+A+B")
    assert not edifact.sniff(b"UNB is a club")
    assert not edifact.sniff(b"ISA*00*")


def test_a_file_of_terminators_and_releases_ends_soon() -> None:
    assert rows(interchange(ORDER) + b"?'" * 60_000)[1]
    assert edifact_segments.Separators().terminator == "'"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_told(data: bytes) -> None:
    found, dead = rows(data)
    assert found or dead


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_interchange_raises_nothing(draw: st.DataObject) -> None:
    data = interchange(ORDER, ADVICE, INVOICE)
    at = draw.draw(st.integers(0, len(data) - 1))
    new = draw.draw(st.sampled_from([b"", b"'", b"+", b":", b"?", b"\xff", b"UNH", b"BANK+1'", b"WHEN+1'", b"\x00", b"9" * 50]))
    rows(data[:at] + new + data[at + draw.draw(st.integers(0, 9)) :])
