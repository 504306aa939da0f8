"""What the X12 transaction sets of trade say: 850, 855, 860 (orders), 856 (ship notice), 861 (receiving), 846 (stock), 810 (invoice).

Called by the connector `x12`. Pure. Times are taken as UTC; identifiers of items come as pairs of qualifier and number (data element 235).
"""

from collections.abc import Iterator
from typing import Any, Final

from interferon.sense.edifact_messages import moment
from interferon.sense.edifact_segments import Message, Segment
from interferon.sense.trade_lines import INVOICE, ORDER, RECEIPT, SHIPMENT, STOCK, Line, Paper, chosen, number

KINDS: Final = {"850": ORDER, "855": ORDER, "860": ORDER, "856": SHIPMENT, "861": RECEIPT, "846": STOCK, "810": INVOICE}
HEADS: Final = {  # beginning segment of a set → places of number, date, time (-1: none), order
    "BEG": (2, 4, -1, 2),
    "BAK": (2, 3, -1, 2),
    "BCH": (2, 5, -1, 2),
    "BSN": (1, 2, 3, -1),
    "BRA": (0, 1, 5, -1),
    "BIA": (2, 3, 4, -1),
    "BIG": (1, 0, -1, 3),
}
LINES: Final = {  # segment that begins a line → places of number, quantity, unit, price, and the first pair
    "PO1": (0, 1, 2, 3, 5),
    "IT1": (0, 1, 2, 3, 5),
    "POC": (0, 2, 4, 5, 7),
    "RCD": (0, 1, 2, -1, 99),
}
WHEN: Final = {SHIPMENT: ("011", "370", "017"), RECEIPT: ("050", "035"), INVOICE: ("003", "011"), ORDER: ("004",), STOCK: ("007", "366")}
PROMISED: Final = ("002", "067", "017", "068", "074", "063", "064", "077", "010")
BUYER: Final = ("BY", "OB", "BT", "BS", "ST")
SUPPLIER: Final = ("SU", "SE", "VN", "RE", "RI", "PE", "SF")
ORIGIN: Final = ("SF", "WH", "DC")
DESTINATION: Final = ("ST", "UC", "DA")
GTINS: Final = ("UK", "EN", "UP", "UA", "UI", "EO", "UG", "UN")
ITEMS: Final = (*GTINS, "VN", "VP", "SK", "IN", "BP", "CB", "PI", "MG", "MN", "PN", "IT", "PL")
ACCOUNTS: Final = ("11", "14", "12")  # REF of a payee: account number, master and billing account


def papers(message: Message) -> Iterator[Paper]:
    """The paper of one transaction set. ValueError where its type is not read, or it does not begin as it should."""
    if message.kind not in KINDS:
        raise ValueError(
            f"the transaction set {' '.join(message.kind[:20].split()) or '(no type)'} is not read; it would be {', '.join(KINDS)}"
        )
    if not any(segment.name in HEADS for segment in message.segments):
        told = " ".join(f"{message.kind} {message.reference[:40]}".split())
        raise ValueError(f"the transaction set {told} has no beginning segment; it would be {', '.join(HEADS)}")
    reader = _Reader(message)
    for segment in message.segments:
        reader.take(segment)
    yield reader.paper()


class _Level:
    """One HL of a ship notice: what it says holds for what stands below it."""

    def __init__(self, code: str, above: "_Level | None") -> None:
        self.code = code
        self.above = above
        self.order: str = above.order if above is not None else ""
        self.more: dict[str, Any] = dict(above.more) if above is not None else {}


class _Reader:
    """Collects a transaction set segment by segment."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.kind = KINDS[message.kind]
        self.number = self.order = ""
        self.time: int | None = None
        self.dates: dict[str, str] = {}
        self.parties: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.references: dict[str, str] = {}
        self.more: dict[str, Any] = {}
        self.lines: list[Line] = []
        self.line: Line | None = None
        self.levels: dict[str, _Level] = {}
        self.level: _Level | None = None
        self.readers = {
            **{"HL": self._hl, "LIN": self._lin, "SN1": self._sn1, "PRF": self._prf, "MAN": self._man, "TD5": self._td5, "TD3": self._td3},
            **{"DTM": self._dtm, "N1": self._n1, "REF": self._ref, "CUR": self._cur, "PID": self._pid, "QTY": self._qty, "ACK": self._ack},
            **{"CTT": self._ctt, "TDS": self._tds, "TD1": self._td1},
        }

    def take(self, segment: Segment) -> None:
        if segment.name in HEADS:
            self._head(segment)
        elif segment.name in LINES:
            self._item(segment)
        elif segment.name in self.readers:
            self.readers[segment.name](segment)

    def _head(self, segment: Segment) -> None:
        place, day, hour, order = HEADS[segment.name]
        self.number = segment.get(place)
        self.time = moment(segment.get(day) + (segment.get(hour)[:6] if hour >= 0 and len(segment.get(day)) == 8 else ""))
        self.order = segment.get(order) if order >= 0 else ""
        self.more["function"] = segment.get(0) if segment.name not in ("BIG", "BRA") else ""
        if segment.name in ("BAK", "BCH"):
            self.more["response" if segment.name == "BAK" else "document_type"] = segment.get(1)

    def _item(self, segment: Segment) -> None:
        place, quantity, unit, price, pairs = LINES[segment.name]
        self.line = Line(segment.get(place), {}, "", number(segment.get(quantity)), segment.get(unit))
        self.line.more["price"] = number(segment.get(price)) if price >= 0 else None
        if segment.name == "POC":
            self.line.more["action"] = segment.get(1)
        self._pairs(segment, pairs)
        self.lines.append(self.line)

    def _pairs(self, segment: Segment, first: int) -> None:
        if self.line is not None:
            for at in range(first, len(segment.elements) - 1, 2):
                if segment.get(at) and segment.get(at + 1):
                    self.line.ids.setdefault(segment.get(at), segment.get(at + 1))

    def _lin(self, segment: Segment) -> None:
        """In ship notice and stock report LIN begins a line; in a receiving advice it stands within one."""
        if self.line is None or self.kind in (SHIPMENT, STOCK):
            self.line = Line(segment.get(0), {})
            if self.level is not None:
                self.line.order = self.level.order
                self.line.more.update(self.level.more)
            self.lines.append(self.line)
        self._pairs(segment, 1)

    def _sn1(self, segment: Segment) -> None:
        if self.line is None:
            self._lin(segment._replace(elements=[]))
        if self.line is not None:
            self.line.quantity, self.line.unit = number(segment.get(1)), segment.get(2)
            self.line.number = self.line.number or segment.get(0)

    def _hl(self, segment: Segment) -> None:
        self.level = _Level(segment.get(2), self.levels.get(segment.get(1)))
        self.levels[segment.get(0)] = self.level
        self.line = None

    def _prf(self, segment: Segment) -> None:
        if self.level is not None:
            self.level.order = segment.get(0)
            if self.line is not None:
                self.line.order = segment.get(0)
        elif self.line is not None:
            self.line.order = segment.get(0)
        else:
            self.order = self.order or segment.get(0)

    def _man(self, segment: Segment) -> None:
        held = self.line.more if self.line is not None else self.level.more if self.level is not None else self.more
        held["sscc" if segment.get(0) in ("GM", "AA", "AI") else "mark"] = segment.get(1)

    def _td1(self, segment: Segment) -> None:
        self.more.setdefault("packages", number(segment.get(1)))

    def _td5(self, segment: Segment) -> None:
        self.more.setdefault("carrier", segment.get(2) or segment.get(4))

    def _td3(self, segment: Segment) -> None:
        self.more.setdefault("vehicle", segment.get(1) + segment.get(2))
        if segment.get(8):
            self.more.setdefault("seal", segment.get(8))

    def _dtm(self, segment: Segment) -> None:
        text = segment.get(1) + (segment.get(2)[:6] if len(segment.get(1)) == 8 else "")
        if self.line is not None and segment.get(0) in PROMISED:
            self.line.promised = self.line.promised or moment(text)
        else:
            self.dates.setdefault(segment.get(0), text)

    def _n1(self, segment: Segment) -> None:
        role, name, who = segment.get(0), segment.get(1), segment.get(3) or segment.get(1)
        if self.line is not None and self.kind != SHIPMENT:
            self.line.more.setdefault("parties", {}).setdefault(role, who)
            return
        self.parties.setdefault(role, who)
        if name:
            self.names.setdefault(role, name)

    def _ref(self, segment: Segment) -> None:
        held = self.references if self.line is None else self.line.more.setdefault("line_references", {})
        held.setdefault(segment.get(0), segment.get(1) or segment.get(2))

    def _cur(self, segment: Segment) -> None:
        self.more.setdefault("currency", segment.get(1))

    def _pid(self, segment: Segment) -> None:
        if self.line is not None:
            self.line.more.setdefault("description", segment.get(4))

    def _qty(self, segment: Segment) -> None:
        if self.line is None:
            return
        found = number(segment.get(1))
        if self.line.quantity is None or segment.get(0) == "33":
            self.line.quantity, self.line.unit = found, segment.get(2) or self.line.unit
        self.line.more.setdefault("quantities", {}).setdefault(segment.get(0), found)

    def _ack(self, segment: Segment) -> None:
        if self.line is not None:
            told = {"status": segment.get(0), "quantity": number(segment.get(1)), "unit": segment.get(2)}
            self.line.more.setdefault("acknowledged", []).append(told)
            self.line.promised = self.line.promised or moment(segment.get(4))

    def _tds(self, segment: Segment) -> None:
        total = number(segment.get(0))
        self.more["total"] = total / 100 if total is not None else None  # two decimals that are not written

    def _ctt(self, segment: Segment) -> None:
        told, held = segment.get(0), len(self.levels) if self.kind == SHIPMENT else len(self.lines)
        if told.isdecimal() and int(told[:9]) != held:
            what = "hierarchical levels" if self.kind == SHIPMENT else "lines"
            self.more["control"] = f"CTT tells {told[:20]} {what} in {self.message.kind} {self.number}; {held} came"
        self.line = None

    def paper(self) -> Paper:
        """All that was collected. The time is None where neither the paper nor its group says one."""
        for line in self.lines:
            line.product = chosen(line.ids, GTINS) or chosen(line.ids, (*ITEMS, *line.ids))
        header = self.message.header
        group = header if header is not None and header.name == "GS" else None
        when = next((found for name in WHEN[self.kind] if (found := moment(self.dates.get(name, ""))) is not None), None)
        sent = moment(group.get(3) + group.get(4)[:6]) if group is not None else None
        named = {"names": self.names, "references": self.references, "release": self.message.release, "reference": self.message.reference}
        to_buyer = self.message.kind in ("855", "856", "810")
        ends = (group.get(2 if to_buyer else 1), group.get(1 if to_buyer else 2)) if group is not None else ("", "")
        return Paper(
            kind=self.kind,
            message=self.message.kind,
            number=self.number,
            time=next(
                (each for each in ((when, self.time, sent) if self.kind == SHIPMENT else (self.time, when, sent)) if each is not None), None
            ),
            promised=next((found for name in PROMISED if (found := moment(self.dates.get(name, ""))) is not None), None),
            order=self.order or chosen(self.references, ("PO", "CO", "VN")),
            buyer=chosen(self.parties, BUYER) or ends[0],
            supplier=chosen(self.parties, SUPPLIER) or ends[1],
            origin=chosen(self.parties, ORIGIN),
            destination=chosen(self.parties, DESTINATION),
            more={**self.more, **named, **self._account()},
            lines=self.lines,
        )

    def _account(self) -> dict[str, str]:
        if self.kind != INVOICE:
            return {}
        return {"bank_account": chosen(self.references, ACCOUNTS), "bank_holder": self.names.get("RE", "")}
