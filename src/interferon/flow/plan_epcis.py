"""The changed movements of a plan as an EPCIS 2.0 document: what is to leave, and what no longer will. Pure.

Called by `runtime.flow_folder`. An event is a planned departure: `eventTime` is when the goods are to leave, `creationDate` of the document
when the plan was made. A movement that is put off or cancelled voids its old departure first (CBV 2.0, business step void_shipping).
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from interferon.flow.plan import Plan
from interferon.flow.plan_rows import Shipment, Transfer
from interferon.flow.telling import iso
from interferon.model.network import Network

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
GTINS: Final = (8, 12, 13, 14)  # digits
GLN: Final = 13
UNITS: Final = {"kg": "KGM", "g": "GRM", "t": "TNE", "l": "LTR", "m": "MTR", "piece": "H87"}  # UN/ECE Recommendation 20


def document(network: Network, found: Plan) -> dict[str, Any]:
    """The document, to be written as JSON-LD. Events in order of time, at one time what is voided first."""
    moves: list[Shipment | Transfer] = [*found.shipments, *found.transfers]
    events = [event for row in moves if row.mark != "same" for event in _events(network, row)]
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": iso(found.time),
        "epcisBody": {"eventList": sorted(events, key=lambda event: (event["eventTime"], event["bizStep"] == "shipping"))},
    }


def _events(network: Network, row: Shipment | Transfer) -> Iterator[dict[str, Any]]:
    if row.leaves_before is not None:
        yield _event(network, row, "void_shipping", row.leaves_before, row.quantity_before)
    if row.quantity > 0:
        yield _event(network, row, "shipping", row.leaves, row.quantity)


def _event(network: Network, row: Shipment | Transfer, step: str, when: int, quantity: float) -> dict[str, Any]:
    goods: dict[str, Any] = {"epcClass": product(row.product), "quantity": quantity}
    unit = UNITS.get(network.products[row.product].unit.lower(), "")
    if unit not in ("", "H87"):  # what is counted has no unit in EPCIS
        goods["uom"] = unit
    destination = row.customer if isinstance(row, Shipment) else row.destination
    event: dict[str, Any] = {
        "type": "ObjectEvent",
        "eventTime": iso(when),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": step,
        "disposition": "in_transit" if step == "shipping" else "in_progress",
        "readPoint": {"id": place(row.origin)},
        "quantityList": [goods],
        "sourceList": [{"type": "location", "source": place(row.origin)}],
        "destinationList": [{"type": "location", "destination": place(destination)}],
    }
    if isinstance(row, Shipment):
        event["bizTransactionList"] = [{"type": "po", "bizTransaction": _uri("order", row.order)}]
    return event


def product(name: str) -> str:
    """The class of a product: a GS1 Digital Link where its id is a GTIN, else a URI of its own."""
    if len(name) in GTINS and _valid(name):
        return f"https://id.gs1.org/01/{name.zfill(14)}"
    return _uri("product", name)


def place(name: str) -> str:
    """A place: a GS1 Digital Link where the node's id is a GLN, else a URI of its own."""
    return f"https://id.gs1.org/414/{name}" if len(name) == GLN and _valid(name) else _uri("node", name)


def _uri(kind: str, name: str) -> str:
    return f"urn:interferon:{kind}:{quote(name, safe='')}"


def _valid(digits: str) -> bool:
    """Whether it is digits, the last being the GS1 check digit (GS1 General Specifications 7.9.1) of the others."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    total = 3 * sum(map(int, digits[-2::-2])) + sum(map(int, digits[-3::-2]))
    return int(digits[-1]) == -total % 10
