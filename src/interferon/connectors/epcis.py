"""Reads EPCIS documents (GS1 EPCIS 2.0 and 1.x): JSON/JSON-LD and XML, documents, query results, lists of events and bare events.

Called by replay, `discover` and `up`. An event gives a trade row for each product and a telemetry row for each reading of a sensor; what
does not fit the standard is told in the attribute `problems`, and an event that cannot be read is a dead letter.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense import epcis, epcis_check, epcis_rows, epcis_xml
from interferon.sense.batches import batch
from interferon.store.recorded_bytes import document

NAME: Final = "epcis"
SUFFIXES: Final = (".jsonld", ".json", ".xml")
WHOLE: Final = True
EXAMPLE: Final = (
    b'{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","type":"EPCISDocument","schemaVersion":"2.0",'
    b'"creationDate":"2026-01-05T08:00:00Z","epcisBody":{"eventList":[{"type":"ObjectEvent","eventTime":"2026-01-05T09:00:00+01:00",'
    b'"eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sgtin:9521321.012345.400","urn:epc:id:sgtin:9521321.012345.401"],'
    b'"action":"OBSERVE","bizStep":"shipping","disposition":"in_transit","readPoint":{"id":"urn:epc:id:sgln:9521321.00001.0"},'
    b'"bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:9521321000018:PO-17"}]}]}}'
)
ROWS: Final = 8192
TOLD: Final = 3  # problems of one event that are told
_EVENT: Final = rb"(?:Object|Aggregation|Transaction|Transformation|Association)Event"
_JSON: Final = re.compile(
    rb"\"@context\"[^{]{0,200}/epcis-context|\"type\"\s*:\s*\"EPCIS(?:Query)?Document\"|\"type\"\s*:\s*\"" + _EVENT + rb"\""
)
_XML: Final = re.compile(
    rb"(?:<\?[^>]*\?>|<!--(?:(?!-->).)*-->|\s)*+<(?:[\w.\-]+:)?(?:EPCIS(?:Query)?Document|" + _EVENT + rb")[\s>]", re.DOTALL
)

Read = Iterator["pa.RecordBatch | DeadLetter"]


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the events. InputError where the file is not there, cannot be read, or is too large."""
    yield from normalise(document(path), feed or path.stem)


def sniff(head: bytes) -> bool:
    """Whether the first bytes are JSON or XML of an EPCIS document, a list of events or one event."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _JSON.search(text) is not None if text[:1] in (b"{", b"[") else _XML.match(text) is not None


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The events of one document, the first row at offset `first`. Bytes that are no document give one dead letter."""
    try:
        document = parse(data)
    except ValueError as error:
        yield _dead(feed, first, f"the document {error}", data[:2000].decode(errors="replace"))
        return
    rows = _Rows(feed, first)
    problems = _by_event(epcis_check.check(document))
    empty = True
    for placed in epcis.events(document):
        empty = False
        yield from rows.event(placed, [*problems.pop("", []), *problems.get(placed.path, [])])
    yield from rows.flush()
    if empty:
        told = "; ".join(f"{each.path or 'it'} {each.what}; it would be {each.right}" for each in epcis_check.check(document)[:TOLD])
        yield _dead(
            feed,
            rows.offset,
            f"the document has no events: {told}" if told else "the document has no events",
            data[:2000].decode(errors="replace"),
        )


def parse(data: bytes) -> epcis.Document:
    """JSON or XML, by the first character. ValueError says what is wrong."""
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return epcis.parse(data) if start in (b"{", b"[", b"") else epcis_xml.parse(data)


def _by_event(problems: list[epcis_check.Problem]) -> dict[str, list[str]]:
    """Problems by the place of their event; those of the document itself under its own."""
    found: dict[str, list[str]] = {}
    for each in problems:
        if each.severity == "error":
            place = re.match(r".*?\[\d+\]", each.path) if "eventList[" in each.path or each.path.startswith("[") else None
            text = f"{each.path} {each.what}; it would be {each.right}"
            found.setdefault(place.group() if place else "", []).append(text)
    return found


def _dead(feed: str, offset: int, reason: str, raw: str) -> DeadLetter:
    return DeadLetter(feed=feed, offset=offset, time=0, family="trade", entity="", reason=reason, raw=raw[:2000])


class _Rows:
    """Rows of one family until the family changes or the batch is full; the offset counts rows and dead letters."""

    def __init__(self, feed: str, first: int) -> None:
        self.feed = feed
        self.offset = first
        self.family = ""
        self.rows: list[dict[str, Any]] = []

    def event(self, placed: epcis.Placed, problems: list[str]) -> Read:
        try:
            found = epcis_rows.event(placed, self.feed)
        except (ValueError, OverflowError) as error:
            yield from self.flush()
            reason = f"{placed.path or 'the event'} {error}"
            yield _dead(self.feed, self.offset, reason, _json(placed.event))
            self.offset += 1
            return
        start = self.offset
        for at, goods in enumerate(found.goods):
            yield from self.add("trade", _trade(found, goods, placed, problems if at == 0 else None, start))
        for reading in epcis_rows.readings(placed, found):
            row = {"time": reading.time, "entity": reading.entity, "signal": reading.signal, "value": reading.value, "text": reading.text}
            yield from self.add("telemetry", row)

    def add(self, family: str, row: dict[str, Any]) -> Read:
        if family != self.family or len(self.rows) >= ROWS:
            yield from self.flush()
        self.family = family
        self.rows.append({**row, "offset": self.offset})
        self.offset += 1

    def flush(self) -> Read:
        if self.rows:
            yield batch(self.family, self.feed, {name: [row[name] for row in self.rows] for name in self.rows[0]})
        self.rows = []


def _trade(
    found: epcis_rows.Event, goods: epcis_rows.Goods, placed: epcis.Placed, problems: list[str] | None, start: int
) -> dict[str, Any]:
    """One row. The first of an event carries the whole of it; those of its other products name the first."""
    attributes = {"step": found.step, "gtin": goods.product, "lot": goods.lot, "uom": goods.unit, "thing": goods.thing}
    kept: dict[str, Any] = {key: each for key, each in attributes.items() if each}
    for name in ("action", "disposition", "eventID"):
        if isinstance(placed.event.get(name), str):
            kept[name] = placed.event[name]
    if problems is None:
        kept["of"] = start
    else:
        kept["epcis"] = placed.event
    if problems:
        kept["problems"] = problems[:TOLD]
    return {
        **{"time": found.time, "seen": max(found.seen, 0), "entity": found.entity, "kind": found.kind, "order": found.order},
        **{"product": goods.product or None, "quantity": goods.quantity, "origin": found.origin, "destination": found.destination},
        **{"partner": found.partner, "attributes": _json(kept)},
    }


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _json(value: Any) -> str:
    return _ENCODER.encode(value).decode()
