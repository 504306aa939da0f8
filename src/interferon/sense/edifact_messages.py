"""What the EDIFACT messages of trade say: ORDERS, ORDCHG, ORDRSP, DESADV, RECADV, INVRPT and INVOIC, of the directories D.93A to D.21B.

Called by the connector `edifact`. Pure. Times that name no zone are taken as UTC.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from interferon.sense.edifact_segments import Message, Segment
from interferon.sense.trade_lines import INVOICE, ORDER, RECEIPT, SHIPMENT, STOCK, Line, Paper, chosen, number

KINDS: Final = {
    **{"ORDERS": ORDER, "ORDCHG": ORDER, "ORDRSP": ORDER, "DESADV": SHIPMENT, "RECADV": RECEIPT, "INVRPT": STOCK, "INVOIC": INVOICE},
}
QUANTITIES: Final = {  # data element 6063, in the order in which they are the quantity of a line
    ORDER: ("21", "1", "113", "194", "83"),
    SHIPMENT: ("12", "46", "1", "113", "21"),
    RECEIPT: ("194", "48", "46", "12", "1"),
    INVOICE: ("47", "46", "12", "1", "61", "21"),
    STOCK: ("145", "17", "1", "198", "156"),
}
DATES: Final = {  # data element 2005: the time of the event, then of the document
    ORDER: ("137", "4", "3"),
    SHIPMENT: ("11", "110", "137", "2", "4"),
    RECEIPT: ("50", "310", "35", "137"),
    INVOICE: ("137", "3", "454", "4"),
    STOCK: ("366", "90", "137"),
}
PROMISED: Final = ("69", "67", "2", "76", "63", "64", "17", "132", "358", "10")
BUYER: Final = ("BY", "OB", "IV", "BT", "CN")
SUPPLIER: Final = ("SU", "SE", "PE", "II", "CZ", "SF")
ORIGIN: Final = ("SF", "PW", "CZ", "GM", "WH")
DESTINATION: Final = ("DP", "ST", "CN", "UC", "UD")
ORDER_REFERENCES: Final = ("ON", "OP", "CO", "VN")
GTINS: Final = ("SRV", "EN", "UP", "GN")
ITEMS: Final = (*GTINS, "SA", "BP", "IN", "MP", "MF", "VP", "PV", "VN")
PRICES: Final = ("AAA", "INV", "NTP", "AAB", "AAE", "CAL", "NE")
BANKS: Final = ("RB", "PE", "BF", "RH", "BK", "OR", "PB")
NUMBERS: Final = 100  # serial numbers that a line carries along
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2))
SYNTAX: Final = {  # data element 2379: how many digits of date and time; those with a zone or a period are read by what they hold
    **{"101": 6, "102": 8, "201": 10, "202": 12, "203": 12, "204": 14, "205": 12, "303": 12, "304": 14, "713": 10, "718": 8, "719": 12},
}


def moment(text: str, form: str = "") -> int | None:
    """Microseconds UTC of a DTM; of a period its beginning. None where it cannot be told."""
    digits = re.match(r"\d+", text.strip())
    held = digits.group() if digits else ""
    if form in ("602", "609", "610", "616") or len(held) in (2, 4):
        return _coarse(held, form)
    length = SYNTAX.get(form, len(held))
    length = len(held) if len(held) < length else length
    if length in (6, 10) or (length == 12 and form in ("202",)):
        held = ("19" if held[:2] >= "70" else "20") + held
        length += 2
    zone = re.search(r"[+-](\d\d):?(\d\d)$", text.strip()) if form in ("205", "303", "304") else None
    found = _date(held[:length].ljust(14, "0"))
    if found is None or zone is None:
        return found
    minutes = int(zone.group(1)) * 60 + int(zone.group(2))
    return found - (minutes if "+" in zone.group() else -minutes) * 60_000_000


def _coarse(held: str, form: str) -> int | None:
    """A year, month or week: its first day."""
    try:
        if form == "616" and len(held) == 6:
            day = datetime.fromisocalendar(int(held[:4]), int(held[4:]), 1).replace(tzinfo=UTC)
            return (day - _EPOCH) // timedelta(microseconds=1)
    except ValueError:
        return None
    held = held if form != "609" else f"20{held}"
    month = held[4:6] if len(held) >= 6 else "01"
    return _date(f"{held[:4]}{month}01000000")


def _six(digits: str) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = (int(digits[at : at + size]) for at, size in _PARTS)
    return year, month, day, hour, minute, second


def _date(digits: str) -> int | None:
    if digits[8:10] == "24":
        digits = digits[:8] + "235959"
    try:
        found = datetime(*_six(digits), tzinfo=UTC)
    except ValueError:
        return None
    return (found - _EPOCH) // timedelta(microseconds=1)


def papers(message: Message) -> Iterator[Paper]:
    """The papers of a message: one, but some senders put several BGM into one message. ValueError where its type is not read."""
    if message.kind not in KINDS:
        raise ValueError(f"the message {message.kind[:20] or '(no type)'} is not read; it would be {', '.join(KINDS)}")
    reader: _Reader | None = None
    for segment in message.segments:
        if segment.name == "BGM":
            if reader is not None:
                yield reader.paper()
            reader = _Reader(message)
        if reader is not None:
            reader.take(segment)
    if reader is None:
        raise ValueError(f"the message {message.kind} {message.reference} has no BGM, which says its number")
    yield reader.paper()


class _Reader:
    """Collects a paper segment by segment; a LIN begins a line, UNS+S ends them."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.kind = KINDS[message.kind]
        self.dates: dict[str, str] = {}
        self.parties: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.references: dict[str, str] = {}
        self.banks: dict[str, dict[str, str]] = {}
        self.more: dict[str, Any] = {}
        self.lines: list[_Item] = []
        self.item: _Item | None = None
        self.package: dict[str, Any] = {}

    def take(self, segment: Segment) -> None:
        reader = getattr(self, f"_{segment.name.lower()}", None)
        if reader is not None:
            reader(segment)

    def _bgm(self, segment: Segment) -> None:
        self.more["document_type"] = segment.get(0)
        self.more["function"] = segment.get(2)
        self.more["response"] = segment.get(3)
        self.number = segment.get(1)

    def _uns(self, segment: Segment) -> None:
        self.item = None

    def _dtm(self, segment: Segment) -> None:
        for element in segment.elements:
            if len(element) >= 2:
                dates = self.item.dates if self.item is not None else self.dates
                form = element[2].strip() if len(element) > 2 else ""
                dates.setdefault(element[0].strip(), f"{element[1].strip()}|{form}")

    def _nad(self, segment: Segment) -> None:
        role = segment.get(0)
        name = segment.get(3) or segment.get(2)
        who = segment.get(1) or name
        if self.item is None:
            self.parties.setdefault(role, who)
            if name:
                self.names.setdefault(role, name)
        elif role in DESTINATION:
            self.item.more["destination"] = who

    def _rff(self, segment: Segment) -> None:
        references = self.item.references if self.item is not None else self.references
        references.setdefault(segment.get(0, 0), segment.get(0, 1))

    def _cux(self, segment: Segment) -> None:
        self.more.setdefault("currency", segment.get(0, 1))

    def _fii(self, segment: Segment) -> None:
        held = {
            "account": segment.get(1, 0),
            "holder": segment.get(1, 1),
            "bic": segment.get(2, 0),
            "bank": segment.get(2, 6) or segment.get(2, 3),
        }
        self.banks.setdefault(segment.get(0), {key: value for key, value in held.items() if value})

    def _tdt(self, segment: Segment) -> None:
        vehicle = segment.get(7, 3) or segment.get(7, 0)
        self.more.setdefault("vehicle", vehicle)
        self.more.setdefault("carrier", segment.get(4, 3) or segment.get(4, 0))

    def _sel(self, segment: Segment) -> None:
        self.more.setdefault("seal", segment.get(0))

    def _moa(self, segment: Segment) -> None:
        amount = number(segment.get(0, 1))
        if amount is not None:
            held = self.item.more if self.item is not None else self.more
            held.setdefault("amounts", {}).setdefault(segment.get(0, 0), amount)

    def _cnt(self, segment: Segment) -> None:
        told = segment.get(0, 1)
        if segment.get(0, 0) == "2" and told.isdecimal() and int(told[:9]) != len(self.lines):
            self.more["control"] = f"CNT tells {told[:20]} lines in {self.message.kind} {self.number}; {len(self.lines)} came"

    def _cps(self, segment: Segment) -> None:
        self.item, self.package = None, {}

    def _pac(self, segment: Segment) -> None:
        if self.item is None:
            self.package["packages"] = number(segment.get(0))
            self.package["package_type"] = segment.get(2)

    def _gin(self, segment: Segment) -> None:
        held = self.item.more if self.item is not None else self.package
        named = "sscc" if segment.get(0) == "BJ" else "serials"
        numbers = [component.strip() for element in segment.elements[1:] for component in element if component.strip()]
        held[named] = [*held.get(named, []), *numbers][:NUMBERS]

    def _lin(self, segment: Segment) -> None:
        ids = {segment.get(2, 1) or "id": segment.get(2, 0)} if segment.get(2, 0) else {}
        self.item = _Item(segment.get(0) or str(len(self.lines) + 1), ids, dict(self.package))
        if segment.get(1):
            self.item.more["action"] = segment.get(1)
        self.lines.append(self.item)

    def _pia(self, segment: Segment) -> None:
        if self.item is not None:
            for element in segment.elements[1:]:
                if len(element) > 1 and element[0].strip():
                    self.item.ids.setdefault(element[1].strip(), element[0].strip())

    def _imd(self, segment: Segment) -> None:
        if self.item is not None:
            self.item.more.setdefault("description", (segment.get(2, 3) + segment.get(2, 4)) or segment.get(2, 0))

    def _qty(self, segment: Segment) -> None:
        if self.item is not None:
            self.item.quantities.setdefault(segment.get(0, 0), (number(segment.get(0, 1)), segment.get(0, 2)))

    def _pri(self, segment: Segment) -> None:
        if self.item is not None and (price := number(segment.get(0, 1))) is not None:
            self.item.prices.setdefault(segment.get(0, 0), price / (number(segment.get(0, 4)) or 1))

    def paper(self) -> Paper:
        """All that was collected. The time is None where neither the paper nor its interchange says one."""
        more = {**self.more, "names": self.names, "references": self.references, "release": self.message.release, **self._bank()}
        more["reference"] = self.message.reference
        return Paper(
            kind=self.kind,
            message=self.message.kind,
            number=self.number,
            time=self._when(self.dates, DATES[self.kind]) or self._prepared(),
            promised=self._when(self.dates, PROMISED),
            order=self.number if self.message.kind in ("ORDERS", "ORDCHG") else chosen(self.references, ORDER_REFERENCES),
            buyer=chosen(self.parties, BUYER) or self._sender(3 if self.message.kind != "ORDERS" else 2),
            supplier=chosen(self.parties, SUPPLIER) or self._sender(2 if self.message.kind != "ORDERS" else 3),
            origin=chosen(self.parties, ORIGIN),
            destination=chosen(self.parties, DESTINATION),
            more=more,
            lines=[item.line(self.kind, self._when(item.dates, PROMISED)) for item in self.lines],
        )

    def _bank(self) -> dict[str, str]:
        """Whose account is to be paid into: a detector watches that it stays the one that is known."""
        role = next((each for each in (*BANKS, *self.banks) if self.banks.get(each, {}).get("account")), "")
        held = self.banks.get(role, {})
        return {
            "bank_account": held.get("account", ""),
            "bank_holder": held.get("holder", ""),
            "bic": held.get("bic", ""),
            "bank": held.get("bank", ""),
        }

    def _when(self, dates: dict[str, str], wanted: tuple[str, ...]) -> int | None:
        found = (moment(*dates[name].split("|", 1)) for name in wanted if name in dates)
        return next((each for each in found if each is not None), None)

    def _prepared(self) -> int | None:
        header = self.message.header
        return None if header is None else moment((header.get(3, 0) + header.get(3, 1)) or "")

    def _sender(self, element: int) -> str:
        header = self.message.header
        return "" if header is None else header.get(element - 1)


class _Item:
    """A line while it is read."""

    def __init__(self, place: str, ids: dict[str, str], more: dict[str, Any]) -> None:
        self.place = place
        self.ids = ids
        self.more = more
        self.dates: dict[str, str] = {}
        self.references: dict[str, str] = {}
        self.quantities: dict[str, tuple[float | None, str]] = {}
        self.prices: dict[str, float] = {}

    def line(self, kind: str, promised: int | None) -> Line:
        role = next((each for each in (*QUANTITIES[kind], *self.quantities) if self.quantities.get(each, (None,))[0] is not None), "")
        quantity, unit = self.quantities.get(role, (None, ""))
        price = next((self.prices[each] for each in (*PRICES, *self.prices) if each in self.prices), None)
        product = chosen(self.ids, GTINS) or chosen(self.ids, (*ITEMS, *self.ids))
        told = {name: each[0] for name, each in self.quantities.items() if len(self.quantities) > 1}
        more = {**self.more, "price": price, "quantities": told, "line_references": self.references}
        return Line(self.place, self.ids, product, quantity, unit, chosen(self.references, ORDER_REFERENCES), promised, more)
