"""X12: delimiters of ISA, hierarchies of ship notices, and counts; transaction sets become trade events."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import x12
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter

JAN_5 = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z
DAY = 86_400_000_000


def transaction(kind: str, *segments: str) -> str:
    return "~\n".join([f"ST*{kind}*0001", *segments, f"SE*{len(segments) + 2}*0001", ""])


def interchange(*sets: str, group: str = "PO") -> bytes:
    isa = "ISA*00*          *00*          *14*9521321000018  *14*9521321000025  *260105*0800*U*00401*000000077*0*P*>~\n"
    body = f"GS*{group}*SENDER*RECEIVER*20260105*0800*77*X*004010~\n{''.join(sets)}GE*{len(sets)}*77~\nIEA*1*000000077~\n"
    return (isa + body).encode()


def rows(data: bytes) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    found: list[dict[str, Any]] = []
    dead = []
    for item in x12.normalise(data, "f"):
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            found += item.to_pylist()
    return found, dead


ORDER = transaction(
    "850",
    *(
        "BEG*00*SA*PO-17**20260105",
        "CUR*BY*USD",
        "DTM*002*20260112",
        "N1*BY*Plant One*UL*9521321000018",
        "N1*ST*Plant Two*UL*9521321000032",
    ),
    *("PO1*1*12*EA*2.50*PE*UK*09521321123458*VN*A-1", "PID*F****Pump", "PO1*2*3*CA*10**BP*B-2", "DTM*002*20260120", "CTT*2"),
)
NOTICE = transaction(
    "856",
    *("BSN*00*SH-9*20260105*1000", "HL*1**S", "TD1*CTN*2", "TD5**2*ACME*M", "TD3*TL*ACME*1234******S-99", "DTM*011*20260105*1030"),
    *("N1*SF*Works*UL*9521321000025", "N1*ST*Plant*UL*9521321000018", "HL*2*1*O", "PRF*PO-17", "HL*3*2*P", "MAN*GM*00395213210000000014"),
    *("HL*4*3*I", "LIN*1*UK*09521321123458", "SN1*1*10*EA", "HL*5*3*I", "LIN*2*UP*952132112346", "SN1*2*4*EA", "HL*6*1*O", "PRF*PO-18"),
    *("HL*7*6*I", "LIN*1*VN*C-3", "SN1*1*1*EA", "CTT*7"),
)
INVOICE = transaction(
    "810",
    *("BIG*20260105*INV-1*20260101*PO-17", "REF*11*DE89370400440532013000", "N1*RE*ACME BANKING*92*ACME", "N1*BY*Plant*UL*9521321000018"),
    *("IT1*1*12*EA*2.5**UP*952132112345", "TDS*3000", "CTT*1"),
)


def test_an_order_has_one_event_a_line() -> None:
    found, dead = rows(interchange(ORDER))
    assert not dead
    first, second = found
    assert (first["kind"], first["order"], first["product"], first["quantity"]) == ("order.placed", "PO-17", "09521321123458", 12)
    assert (first["entity"], first["partner"], first["destination"]) == ("node:9521321000032", "9521321000018", "9521321000032")
    assert (first["time"], first["promised"], second["promised"]) == (JAN_5, JAN_5 + 7 * DAY, JAN_5 + 15 * DAY)
    told = json.loads(first["attributes"])
    assert (told["price"], told["currency"], told["description"]) == (2.5, "USD", "Pump")
    assert told["ids"] == {"UK": "09521321123458", "VN": "A-1"}
    assert (second["product"], second["quantity"]) == ("B-2", 3)


def test_a_ship_notice_knows_the_order_and_package_above_each_item() -> None:
    found, dead = rows(interchange(NOTICE, group="SH"))
    assert not dead
    assert [(row["kind"], row["order"], row["product"], row["quantity"]) for row in found] == [
        ("shipment.departed", "PO-17", "09521321123458", 10),
        ("shipment.departed", "PO-17", "952132112346", 4),
        ("shipment.departed", "PO-18", "C-3", 1),
    ]
    assert {(row["origin"], row["destination"], row["entity"]) for row in found} == {
        ("9521321000025", "9521321000018", "node:9521321000025")
    }
    assert found[0]["time"] == JAN_5 + 10 * 3_600_000_000 + 30 * 60_000_000
    told = json.loads(found[0]["attributes"])
    assert (told["sscc"], told["seal"], told["vehicle"], told["packages"]) == ("00395213210000000014", "S-99", "ACME1234", 2)
    assert "sscc" not in json.loads(found[2]["attributes"])


def test_an_invoice_tells_the_account() -> None:
    found, dead = rows(interchange(INVOICE, group="IN"))
    assert not dead
    told = json.loads(found[0]["attributes"])
    assert (found[0]["kind"], found[0]["order"], found[0]["entity"]) == ("invoice.received", "PO-17", "partner:ACME")
    assert (told["bank_account"], told["bank_holder"], told["total"], told["price"]) == (
        "DE89370400440532013000",
        "ACME BANKING",
        30.0,
        2.5,
    )


def test_answers_changes_receipts_and_stock() -> None:
    answer = transaction("855", "BAK*00*AC*PO-17*20260105", "PO1*1*12*EA*2.5**VN*A-1", "ACK*IA*12*EA*068*20260110", "CTT*1")
    change = transaction("860", "BCH*04*SA*PO-17***20260105", "POC*1*QI*20*8*EA*2.5**VN*A-1", "CTT*1")
    receipt = transaction("861", "BRA*R-1*20260105*00*1", "N1*ST*Plant*UL*9521321000018", "RCD*1*10*EA", "LIN**VN*A-1", "PRF*PO-17")
    stock = transaction(
        "846", "BIA*00*MB*S-1*20260105", "N1*WH*Store*UL*9521321000025", "LIN*1*VN*A-1", "QTY*33*55*EA", "LIN*2*VN*B-2", "QTY*33*0*EA"
    )
    found, dead = rows(interchange(answer, change, receipt, stock))
    assert not dead
    assert [(row["kind"], row["product"], row["quantity"]) for row in found] == [
        *[("order.placed", "A-1", 12), ("order.placed", "A-1", 20), ("receipt.posted", "A-1", 10), ("stock.counted", "A-1", 55)],
        ("stock.counted", "B-2", 0),
    ]
    assert [row["order"] for row in found[:3]] == ["PO-17"] * 3
    assert json.loads(found[0]["attributes"])["acknowledged"] == [{"status": "IA", "quantity": 12.0, "unit": "EA"}]
    assert (found[2]["entity"], found[3]["entity"]) == ("node:9521321000018", "node:9521321000025")


@pytest.mark.parametrize("marks", ["|>~", "*:\n", "^>'", "\x1d\x1f\x1c", "*:\r\n"])
def test_delimiters_are_those_of_isa(marks: str) -> None:
    text = interchange(ORDER).decode().replace("~\n", "\x00").replace("*", "\x01").replace(">", "\x02")
    other = text.replace("\x00", marks[2:]).replace("\x01", marks[0]).replace("\x02", marks[1])
    found, dead = rows(other.encode())
    assert not dead
    assert [row["quantity"] for row in found] == [12, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("SE*12", "SE*13"), "SE tells 13 segments; 12 came"),
        (("SE*12*0001", "SE*12*0002"), "SE closes '0002'; '0001' is open"),
        (("GE*1", "GE*2"), "GE tells 2 transaction sets; 1 came"),
        (("GE*1*77", "GE*1*78"), "GE closes '78'; '77' is open"),
        (("IEA*1", "IEA*3"), "IEA tells 3 groups; 1 came"),
        (("IEA*1*000000077", "IEA*1*000000078"), "IEA closes '000000078'; '000000077' is open"),
        (("CTT*2", "CTT*3"), "CTT tells 3 lines in 850 PO-17; 2 came"),
        (("IEA*1*000000077~\n", ""), "the interchange 000000077 does not end: IEA is missing"),
        (("SE*12*0001~\n", ""), "the transaction set 0001 does not end: GE comes before its SE"),
        (("PID*F****Pump", "*F****Pump"), "segment 10 begins with ''; a segment begins with two or three capital letters"),
    ],
)
def test_what_does_not_add_up_is_told_and_the_lines_still_count(change: tuple[str, str], reason: str) -> None:
    found, dead = rows(interchange(ORDER).replace(change[0].encode(), change[1].encode()))
    assert reason in [letter.reason for letter in dead]
    assert len(found) == 2
    offsets = sorted([*(row["offset"] for row in found), *(letter.offset for letter in dead)])
    assert offsets == list(range(len(offsets)))


@pytest.mark.parametrize(
    "change", [("*0001~\n", "*00\n01~\n"), ("ST*850", "ST*8\n5"), ("BEG*00*SA*PO-17", "BEG*00*SA*PO\n17"), ("*000000077~\n", "*0\n77~\n")]
)
def test_what_is_told_is_one_line_whatever_stands_in_a_control_number(change: tuple[str, str]) -> None:
    text = interchange(ORDER).replace(change[0].encode(), change[1].encode())
    for data in (text, text.replace(b"SE*", b"SX*"), text.replace(b"GE*", b"GX*"), text.replace(b"IEA*", b"IEX*")):
        _, dead = rows(data)
        assert all("\n" not in letter.reason for letter in dead)
    assert dead


def test_a_wrong_count_halves_the_trust() -> None:
    found, _ = rows(interchange(ORDER).replace(b"CTT*2", b"CTT*3"))
    assert {row["trust"] for row in found} == {0.5}


def test_another_set_is_a_dead_letter_and_costs_no_other() -> None:
    found, dead = rows(interchange(transaction("997", "AK1*PO*77"), ORDER))
    assert [letter.reason.partition(";")[0] for letter in dead] == ["the transaction set 997 is not read"]
    assert [row["offset"] for row in found] == [1, 2]


def test_several_interchanges_with_delimiters_of_their_own() -> None:
    other = interchange(NOTICE, group="SH").decode().replace("*", "|").replace("~\n", "'").encode()
    found, dead = rows(interchange(ORDER) + other)
    assert not dead
    assert len(found) == 5


def test_the_bytes_of_something_else() -> None:
    found, dead = rows(b"Dear Sir,\nno interchange.\n")
    assert not found
    assert dead[0].reason == "something stands outside an interchange; ISA opens one"
    assert "sixteen elements" in rows(b"ISA*00*~")[1][0].reason
    assert "no ISA" in rows(b"")[1][0].reason


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.x12"
    path.write_bytes(gzip.compress(interchange(ORDER)))
    assert sum(item.num_rows for item in x12.read(path) if not isinstance(item, DeadLetter)) == 2
    with pytest.raises(InputError, match="No such file"):
        list(x12.read(tmp_path / "absent.x12"))


def test_sniffing() -> None:
    assert x12.sniff(interchange(ORDER))
    assert not x12.sniff(b"ISA is short for industry standard architecture")
    assert not x12.sniff(b"UNA:+.? 'UNB+UNOC:3+")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_told(data: bytes) -> None:
    found, dead = rows(data)
    assert found or dead


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_interchange_raises_nothing(draw: st.DataObject) -> None:
    data = interchange(ORDER, NOTICE, INVOICE)
    at = draw.draw(st.integers(0, len(data) - 1))
    new = draw.draw(
        st.sampled_from([b"", b"~", b"*", b">", b"ISA", b"\xff", b"HL*1*1*S~", b"HL*1*1*S~HL*1*1*O~", b"\x00", b"9" * 50, b"SN1*1*2~"])
    )
    rows(data[:at] + new + data[at + draw.draw(st.integers(0, 9)) :])
