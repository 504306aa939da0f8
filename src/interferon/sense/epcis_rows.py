"""What an EPCIS event says to the network: trade rows, one for each product, and telemetry rows, one for each reading of a sensor.

Called by the connector `epcis`. Pure. Places are GLNs (`node:4012345000054`) and products GTIN-14, whatever notation says them.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from interferon.sense import epcis_vocabulary as vocabulary
from interferon.sense.epcis import Placed

KINDS: Final = {  # business step → kind of trade event; any other is goods.observed
    "shipping": "shipment.departed",
    "departing": "shipment.departed",
    "arriving": "shipment.arrived",
    "receiving": "receipt.posted",
    "cycle_counting": "stock.counted",
    "stock_taking": "stock.counted",
    "stocktaking": "stock.counted",
    "counting": "stock.counted",
    "inventory_check": "stock.counted",
}
MADE: Final = ("commissioning", "creating_class_instance")
OBSERVED: Final = "goods.observed"
STATISTICS: Final = {"value": "", "minValue": ".min", "maxValue": ".max", "meanValue": ".mean", "sDev": ".sdev", "percValue": ".percentile"}
LARGEST: Final = 1e300
TEXTS: Final = ("stringValue", "booleanValue", "hexBinaryValue", "uriValue")


class Goods(NamedTuple):
    """How much of one product, and of which lot; `thing` where it has no GTIN."""

    product: str
    quantity: float | None
    lot: str = ""
    unit: str = ""
    thing: str = ""


class Event(NamedTuple):
    """The dimensions of an event: when it was, what kind of trade it is, whose goods moved between which places."""

    time: int
    seen: int
    kind: str
    step: str
    entity: str
    order: str | None
    origin: str | None
    destination: str | None
    partner: str | None
    goods: list[Goods]


def event(placed: Placed, feed: str) -> Event:
    """The dimensions of one event. ValueError where it is none, or says no time that can be read."""
    value = placed.event
    if not isinstance(value, dict):
        raise ValueError("is no object")
    if "eventTime" not in value:
        raise ValueError("has no eventTime")
    time = vocabulary.micros(str(value["eventTime"]))
    step = vocabulary.bare(_text(value.get("bizStep")), vocabulary.STEPS, placed.namespaces)
    word = step if step in vocabulary.STEPS.values else vocabulary.last_part(step) if step else ""
    kind = _kind(value, word)
    here = _id(value.get("bizLocation")) or _id(value.get("readPoint"))
    origin, destination = _ends(value, placed, kind, here)
    place = here or origin or destination
    partner = _party(value.get("sourceList"), "source", placed, ("owning_party", "possessing_party"))
    entity = f"node:{place}" if place else f"partner:{partner}" if partner else f"feed:{feed}"
    seen = vocabulary.micros(value["recordTime"]) if _readable(value.get("recordTime")) else time
    return Event(time, seen, kind, word, entity, _order(value, placed), origin, destination, partner, goods(value))


def _readable(value: Any) -> bool:
    try:
        return isinstance(value, str) and vocabulary.micros(value) >= 0
    except ValueError:
        return False


def _kind(value: dict[str, Any], step: str) -> str:
    """An event that is declared an error, or that takes something back, moves no goods."""
    if "errorDeclaration" in value or value.get("action") == "DELETE":
        return OBSERVED
    if value.get("type") == "TransformationEvent" or (step in MADE and value.get("action") == "ADD" and value.get("type") == "ObjectEvent"):
        return "production.reported"
    return KINDS.get(step, OBSERVED)


def _ends(value: dict[str, Any], placed: Placed, kind: str, here: str | None) -> tuple[str | None, str | None]:
    wanted = ("location", "possessing_party", "owning_party")
    origin = _party(value.get("sourceList"), "source", placed, wanted)
    destination = _party(value.get("destinationList"), "destination", placed, wanted)
    if kind in ("shipment.arrived", "receipt.posted"):
        return origin, destination or here
    return origin or here, destination


def _party(listed: Any, member: str, placed: Placed, wanted: tuple[str, ...]) -> str | None:
    found = {
        vocabulary.bare(_text(each.get("type")), vocabulary.PARTIES, placed.namespaces): vocabulary.gln(each[member])
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and isinstance(each.get(member), str)
    }
    return next((found[name] for name in wanted if name in found), None)


def _order(value: dict[str, Any], placed: Placed) -> str | None:
    listed = value.get("bizTransactionList")
    found = {
        vocabulary.bare(_text(each.get("type")), vocabulary.TRANSACTIONS, placed.namespaces): vocabulary.last_part(each["bizTransaction"])
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and isinstance(each.get("bizTransaction"), str)
    }
    return next((found[name] for name in ("po", "poc", "prodorder", "desadv") if name in found), None)


def _id(value: Any) -> str | None:
    return vocabulary.gln(value["id"]) if isinstance(value, dict) and isinstance(value.get("id"), str) and value["id"] else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# ---- what ----


def goods(value: dict[str, Any]) -> list[Goods]:
    """The goods of an event by product: EPCs counted, quantities as they are. Of a transformation, what came out."""
    changed = value.get("type") == "TransformationEvent"
    singles = ("outputEPCList",) if changed else ("epcList", "childEPCs")
    classes = ("outputQuantityList",) if changed else ("quantityList", "childQuantityList")
    found = list(_counted([each for name in singles for each in _listed(value.get(name)) if isinstance(each, str)]))
    found += [_amount(each) for name in classes for each in _listed(value.get(name)) if isinstance(each, dict)]
    if not found and isinstance(value.get("parentID"), str):
        found = list(_counted([value["parentID"]]))
    return found or [Goods("", None)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _counted(epcs: list[str]) -> Iterator[Goods]:
    counts = Counter((vocabulary.gtin(epc), vocabulary.lot(epc)) for epc in epcs)
    for (product, lot), count in counts.items():
        thing = "" if product else next(epc for epc in epcs if not vocabulary.gtin(epc))
        yield Goods(product, float(count), lot, thing=thing)


def _amount(value: dict[str, Any]) -> Goods:
    name, quantity = _text(value.get("epcClass")), value.get("quantity")
    product = vocabulary.gtin(name)
    return Goods(product, _number(quantity), vocabulary.lot(name), _text(value.get("uom")), "" if product else name)


def _number(value: Any) -> float | None:
    """A double; none where it is no number or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if -LARGEST < value < LARGEST else None


# ---- how ----


class Reading(NamedTuple):
    """One value of a sensor: a number, or a text."""

    time: int
    entity: str
    signal: str
    value: float | None
    text: str | None


def readings(placed: Placed, found: Event) -> Iterator[Reading]:
    """Every value that the sensors of an event report, with the device's entity, or the place where it names none."""
    for element in _listed(placed.event.get("sensorElementList")):
        metadata = element.get("sensorMetadata") if isinstance(element, dict) else None
        for report in _listed(element.get("sensorReport")) if isinstance(element, dict) else []:
            if isinstance(report, dict):
                yield from _reported(report, metadata if isinstance(metadata, dict) else {}, placed, found)


def _reported(report: dict[str, Any], metadata: dict[str, Any], placed: Placed, found: Event) -> Iterator[Reading]:
    device = _text(report.get("deviceID")) or _text(metadata.get("deviceID"))
    entity = f"asset:{_device(device)}" if device else found.entity
    times = (report.get("time"), metadata.get("time"), metadata.get("endTime"), metadata.get("startTime"))
    time = next((vocabulary.micros(str(each)) for each in times if _readable(each)), found.time)
    signal = _signal(report, placed)
    for name, ending in STATISTICS.items():
        value = _number(report.get(name))
        if value is not None:
            yield Reading(time, entity, signal + ending, value, None)
    for name in TEXTS:
        if name in report:
            value = report[name]
            yield Reading(time, entity, signal, None, ("true" if value else "false") if isinstance(value, bool) else str(value))
    if "exception" in report:
        yield Reading(
            time, entity, f"{signal}.exception", None, vocabulary.bare(_text(report["exception"]), vocabulary.ALERTS, placed.namespaces)
        )


def _signal(report: dict[str, Any], placed: Placed) -> str:
    kind = _named(_text(report.get("type")), vocabulary.MEASURES, placed) or "sensor"
    component = _named(_text(report.get("component")), vocabulary.COMPONENTS, placed)
    substance = _text(report.get("chemicalSubstance")) or _text(report.get("microorganism"))
    return ".".join(part for part in (kind, component, vocabulary.last_part(substance) if substance else "") if part)


def _named(text: str, words: vocabulary.Words, placed: Placed) -> str:
    """The bare word; of another's value the last part."""
    word = vocabulary.bare(text, words, placed.namespaces)
    return word if word in words.values else vocabulary.last_part(text).removeprefix("Comp-") if text else ""


def _device(text: str) -> str:
    """A GIAI with its company prefix, which is unique; the last part of another URI."""
    if text.startswith("urn:epc:id:"):
        return text.split(":", 4)[-1].replace(".", "")
    return vocabulary.last_part(text)
