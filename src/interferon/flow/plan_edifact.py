"""The changed movements of a plan as EDIFACT D.96A: ORDERS for transfers of stock, DESADV for shipments. Pure.

Called by `runtime.flow_folder`. Each message is an interchange to the node that has to act: ORDERS to the place that sends, DESADV to
the customer. BGM says whether a message is new (9), replaces what was told (5) or cancels it (1); data element 1225.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from interferon.flow.plan import Plan
from interferon.flow.plan_epcis import UNITS
from interferon.flow.plan_rows import Shipment, Transfer
from interferon.flow.telling import stamp
from interferon.model.network import Network

FUNCTIONS: Final = {"new": "9", "changed": "5", "cancelled": "1"}
MODES: Final = {"sea": "10", "rail": "20", "road": "30", "air": "40"}  # data element 8067
ORDER: Final = "220"  # data element 1001: a purchase order, despatch advice
ADVICE: Final = "351"
Row = TypeVar("Row", Shipment, Transfer)


def orders(network: Network, found: Plan) -> bytes:
    """ORDERS: one message for each lane, mark and time of departure, to the node that the stock leaves. Nothing where none changes."""
    told: list[tuple[str, list[str]]] = []
    for number, rows in enumerate(_grouped(found.transfers), 1):
        first = rows[0]
        lines = [_item(network, at, row, "21") for at, row in enumerate(rows, 1)]
        body = [
            f"BGM+{ORDER}+{_name('T', found.time, number)}+{FUNCTIONS[first.mark]}",
            *(_date("137", found.time), _date("10", first.leaves), _date("2", first.arrives)),
            *(_party("BY", first.destination), _party("SU", first.origin), _party("SF", first.origin), _party("DP", first.destination)),
            *(_transport(network, first.lane), *(segment for line in lines for segment in line)),
            *("UNS+S", f"CNT+2:{len(rows)}"),
        ]
        told.append((first.origin, ["ORDERS", *body]))
    return _written(network, found, told)


def despatch(network: Network, found: Plan) -> bytes:
    """DESADV: one message for each lane, mark and time of departure, each line with its order. Nothing where none changes."""
    told: list[tuple[str, list[str]]] = []
    for number, rows in enumerate(_grouped(found.shipments), 1):
        first = rows[0]
        lines = [[*_item(network, at, row, "12"), f"RFF+ON:{_safe(row.order)}"] for at, row in enumerate(rows, 1)]
        body = [
            f"BGM+{ADVICE}+{_name('S', found.time, number)}+{FUNCTIONS[first.mark]}",
            *(_date("137", found.time), _date("11", first.leaves), _date("17", first.arrives)),
            *(_party("SU", first.origin), _party("SF", first.origin), _party("BY", first.customer), _party("DP", first.customer)),
            *(_transport(network, first.lane), "CPS+1", *(segment for line in lines for segment in line), f"CNT+2:{len(rows)}"),
        ]
        told.append((first.customer, ["DESADV", *body]))
    return _written(network, found, told)


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """Changed rows that leave together over one lane and are marked alike."""
    found: dict[tuple[int, str, int, str], list[Row]] = {}
    for row in rows:
        if row.mark != "same":
            found.setdefault((row.leaves, row.lane, row.arrives, row.mark), []).append(row)
    return [found[key] for key in sorted(found)]


def _item(network: Network, at: int, row: Shipment | Transfer, role: str) -> list[str]:
    """LIN and QTY; of what is cancelled the quantity that was to go."""
    quantity = row.quantity_before if row.mark == "cancelled" else row.quantity
    unit = {"H87": "PCE"}.get(code := UNITS.get(network.products[row.product].unit.lower(), ""), code)
    return [f"LIN+{at}++{_safe(row.product)}:SA", f"QTY+{role}:{quantity:.6f}".rstrip("0").rstrip(".") + (f":{unit}" if unit else "")]


def _party(role: str, node: str) -> str:
    return f"NAD+{role}+{_safe(node)}::92"  # 92: assigned by the buyer


def _transport(network: Network, lane: str) -> str:
    row = network.lanes[lane]
    return f"TDT+20++{MODES.get(row.mode, '')}++{_safe(row.carrier)}".rstrip("+")


def _date(role: str, moment: int) -> str:
    return f"DTM+{role}:{stamp(moment, '%Y%m%d%H%M')}:203"


def _name(letter: str, moment: int, number: int) -> str:
    """The number of a paper: the same for the same plan, another for each message."""
    return f"{letter}{stamp(moment, '%y%m%d%H%M')}-{number}"


def _written(network: Network, found: Plan, told: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """An interchange for each (receiver, message), in order of time; in the characters of UNOC where ASCII suffices, else in UTF-8."""
    segments: list[str] = []
    for count, (receiver, (kind, *body)) in enumerate(told, 1):
        reference = f"{stamp(found.time, '%y%m%d')}{count:08}"  # data element 0020 has 14 characters
        head = f"{_safe(network.settings.name)}+{_safe(receiver)}+{stamp(found.time, '%y%m%d:%H%M')}+{reference}"
        syntax = "UNOC:3" if all(text.isascii() for text in (head, *body)) else "UNOW:4"
        frame = (f"UNB+{syntax}+{head}", f"UNH+1+{kind}:D:96A:UN"), (f"UNT+{len(body) + 2}+1", f"UNZ+1+{reference}")
        segments += [*frame[0], *body, *frame[1]]
    return "".join(f"{segment}'\n" for segment in segments).encode()


def _safe(text: str) -> str:
    """Service characters released (ISO 9735)."""
    return "".join(f"?{letter}" if letter in "?'+:" else letter for letter in text)
