"""A business paper with its lines (order, despatch advice, invoice …), whatever syntax it came in, and its trade rows.

Filled by `edifact_messages` and `x12_messages`, called by their connectors. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import pyarrow as pa

from interferon.model.records import DeadLetter
from interferon.sense.batches import batch
from interferon.sense.edifact_segments import Message, Trouble

ORDER: Final = "order.placed"
SHIPMENT: Final = "shipment.departed"
RECEIPT: Final = "receipt.posted"
INVOICE: Final = "invoice.received"
STOCK: Final = "stock.counted"


ROWS: Final = 8192  # of a batch
DOUBTED: Final = 0.5  # trust of a message whose control count is wrong

Item: TypeAlias = "dict[str, Any] | tuple[str, str]"  # a row without its offset, or reason and raw text of what is none


class Line(msgspec.Struct):
    """One item of a paper. `ids`: kind of number → number, in the syntax' own codes."""

    number: str = ""
    ids: dict[str, str] = {}
    product: str = ""
    quantity: float | None = None
    unit: str = ""
    order: str = ""
    promised: int | None = None
    more: dict[str, Any] = {}


class Paper(msgspec.Struct):
    """What holds for all its lines. Times are microseconds UTC; parties are by role in the syntax' own codes."""

    kind: str
    message: str
    number: str = ""
    time: int | None = None
    promised: int | None = None
    order: str = ""
    buyer: str = ""
    supplier: str = ""
    origin: str = ""
    destination: str = ""
    more: dict[str, Any] = {}
    lines: list[Line] = []


def entity(paper: Paper, feed: str) -> str:
    """Whose event it is: an order's the place it is for, a shipment's the place it left, an invoice's the one who asks for money."""
    supplier = f"partner:{paper.supplier}" if paper.supplier else ""
    places = {ORDER: (paper.destination, paper.buyer), RECEIPT: (paper.destination, paper.buyer), INVOICE: ()}
    place = next((each for each in places.get(paper.kind, (paper.origin,)) if each), "")
    node = f"node:{place}" if place else ""
    buyer = f"partner:{paper.buyer}" if paper.buyer else ""
    return node or supplier or buyer or f"feed:{feed}"


def rows(paper: Paper, feed: str) -> Iterable[dict[str, Any]]:
    """One trade row a line, without offset; one row in all where it has no lines."""
    whose = entity(paper, feed)
    partner = paper.buyer if paper.kind == ORDER else paper.supplier or paper.buyer
    for line in paper.lines or [Line()]:
        yield {
            **{"time": paper.time, "entity": whose, "kind": paper.kind, "order": line.order or paper.order or None},
            **{"product": line.product or None, "quantity": line.quantity, "origin": paper.origin or None},
            **{"destination": paper.destination or None, "partner": partner or None, "promised": line.promised or paper.promised},
            "attributes": attributes(paper, line),
        }


def attributes(paper: Paper, line: Line) -> str:
    """The JSON of what the columns do not hold; what is empty is absent."""
    own = {"message": paper.message, "document": paper.number, "buyer": paper.buyer, "supplier": paper.supplier}
    lined = {"line": line.number, "uom": line.unit, "ids": line.ids}
    held = {**own, **paper.more, **lined, **line.more}
    return msgspec.json.encode({key: value for key, value in held.items() if value not in ("", None, {}, [])}).decode()


def items(found: Iterable[Message | Trouble], papers: Callable[[Message], Iterator[Paper]], feed: str) -> Iterator[Item]:
    """The rows of all messages, and reason and raw text of what cannot be read or does not add up.

    What a message tells stays even where its own count is wrong: with the attribute `control`, and half the trust.
    """
    for each in found:
        if isinstance(each, Trouble):
            yield each.reason, each.raw
        else:
            yield from _message(each, papers, feed)


def _message(message: Message, papers: Callable[[Message], Iterator[Paper]], feed: str) -> Iterator[Item]:
    raw = "'".join(segment.raw for segment in message.segments[:60])
    if message.trouble:
        yield message.trouble, raw
    try:
        listed = list(papers(message))
    except ValueError as error:
        yield str(error), raw
        return
    for paper in listed:
        if "control" in paper.more and not message.trouble:
            yield str(paper.more["control"]), raw
        elif message.trouble:
            paper.more["control"] = message.trouble
        if paper.time is None:
            yield f"the {paper.message} {paper.number[:40]} says no time, nor does what it came in", raw
            continue
        trust = DOUBTED if "control" in paper.more else 1.0
        yield from ({**row, "trust": trust} for row in rows(paper, feed))


def batches(found: Iterable[Item], feed: str, first: int) -> Iterator[pa.RecordBatch | DeadLetter]:
    """Trade batches and dead letters in order; the first has offset `first`, each next one more."""
    held: list[dict[str, Any]] = []
    for offset, each in enumerate(found, first):
        if isinstance(each, dict):
            held.append({**each, "offset": offset})
        if held and (len(held) == ROWS or isinstance(each, tuple)):
            yield _batch(held, feed)
            held = []
        if isinstance(each, tuple):
            reason, raw = each
            yield DeadLetter(feed=feed, offset=offset, time=0, family="trade", entity="", reason=reason, raw=raw[:2000])
    if held:
        yield _batch(held, feed)


def _batch(held: list[dict[str, Any]], feed: str) -> pa.RecordBatch:
    return batch("trade", feed, {name: [row[name] for row in held] for name in held[0]})


def chosen(found: Mapping[str, str], wanted: Iterable[str]) -> str:
    """The first that is there and not empty."""
    return next((found[name] for name in wanted if found.get(name)), "")


def number(text: str) -> float | None:
    """A number with a point or a comma before the decimals; none where it is none. A minus may stand behind."""
    short = text.strip().replace(",", ".")
    if short.endswith("-"):
        short = f"-{short[:-1]}"
    if len(short) > 40 or not short.removeprefix("-").removeprefix("+").replace(".", "", 1).isdecimal() or not short.isascii():
        return None
    return float(short)
