"""EPCIS 2.0 documents: the object model, the JSON/JSON-LD binding, and what makes two events the same in any binding.

Called by the connector `epcis`, by `epcis_xml` (the other binding), `epcis_check` and `epcis_rows`. Pure: bytes in, values out.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

import msgspec

from interferon.sense import epcis_vocabulary as vocabulary

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
TYPES: Final = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")
_WHEN: Final = ("eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "errorDeclaration", "certificationInfo")
_WHERE: Final = ("bizStep", "disposition", "readPoint", "bizLocation")
_ENDS: Final = ("sourceList", "destinationList", "sensorElementList", "persistentDisposition")
ORDER: Final = {  # the order of the elements in the schema of EPCIS 2.0; the members of an event in JSON, in any order
    "ObjectEvent": (*_WHEN, "epcList", "action", *_WHERE, "bizTransactionList", "quantityList", *_ENDS, "ilmd"),
    "AggregationEvent": (*_WHEN, "parentID", "childEPCs", "action", *_WHERE, "bizTransactionList", "childQuantityList", *_ENDS),
    "TransactionEvent": (*_WHEN, "bizTransactionList", "parentID", "epcList", "action", *_WHERE, "quantityList", *_ENDS),
    "TransformationEvent": (
        *_WHEN,
        *("inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID"),
        *(*_WHERE, "bizTransactionList", *_ENDS, "ilmd"),
    ),
    "AssociationEvent": (*_WHEN, "parentID", "childEPCs", "childQuantityList", "action", *_WHERE, "bizTransactionList", *_ENDS),
}
TIMES: Final = ("eventTime", "recordTime", "declarationTime", "time", "startTime", "endTime")
DEPTH: Final = 100  # levels of a document; one that is nested deeper is no EPCIS
WORDS: Final = {
    "bizStep": vocabulary.STEPS,
    "disposition": vocabulary.DISPOSITIONS,
    "reason": vocabulary.REASONS,
    "component": vocabulary.COMPONENTS,
    "exception": vocabulary.ALERTS,
}
TYPED: Final = {  # what `type` means, by the list that it stands in
    "bizTransactionList": vocabulary.TRANSACTIONS,
    "sourceList": vocabulary.PARTIES,
    "destinationList": vocabulary.PARTIES,
    "sensorReport": vocabulary.MEASURES,
}


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class Document(msgspec.Struct, frozen=True):
    """A document as it came: `value` is its JSON binding, member for member and in its order; nothing of it is lost or reworded."""

    syntax: Literal["json", "xml"]
    value: Any
    version: str = "2.0"  # of the binding: 1.2 is the XML of EPCIS 1.x
    namespaces: dict[str, str] = {}  # prefix → namespace of an XML document
    twice: tuple[str, ...] = ()  # members that are there twice in one JSON object; the last counts


class Placed(NamedTuple):
    """One event with its place in the document and the prefixes that hold there."""

    path: str
    event: Any
    namespaces: dict[str, str]
    foreign: bool  # another's context is referred to: prefixes may be declared where we cannot see them


def parse(data: bytes) -> Document:
    """A document, query document, list of events, or bare event in JSON. ValueError says what it is instead."""
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return found

    try:
        value = json.loads(data.decode("utf-8-sig"), parse_float=number, parse_constant=_no_number, object_pairs_hook=members)
    except RecursionError:
        raise ValueError(f"is nested deeper than {DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: byte {error.start}") from None
    if not isinstance(value, dict | list):
        raise ValueError("is neither a JSON object nor a list of events")
    if _deeper(value, DEPTH):
        raise ValueError(f"is nested deeper than {DEPTH} levels")
    if b"\\u" in data:
        _whole_characters(value)
    return Document("json", value, twice=tuple(twice))


def serialise(document: Document) -> bytes:
    """The JSON binding. A document that came as XML gets its context and the bare words that JSON writes."""
    value = document.value if document.syntax == "json" else _from_xml(document)
    return _ENCODER.encode(value)


def number(text: str) -> float | Decimal:
    """A number as it is written: a Decimal where a double would lose digits."""
    found = float(text)
    exact = Decimal(text)
    return found if isfinite(found) and Decimal(repr(found)) == exact else exact


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _whole_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"has half a character, \\u{ord(str(error.object)[error.start]):04x}") from None


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(each, levels - 1) for each in inner)


def _from_xml(document: Document) -> Any:
    declared = {prefix: space for prefix, space in document.namespaces.items() if prefix not in ("", "epcis", "epcisq", "xsi", "xml")}
    context = [CONTEXT, *({prefix: space} for prefix, space in sorted(declared.items()) if vocabulary.PREFIXES.get(prefix) != space)]
    return {"@context": context, **_in_json(document.value, "", document.namespaces)}


def _in_json(value: Any, within: str, namespaces: dict[str, str]) -> Any:
    """The same with bare words; `within` is the member or list that the value stands in."""
    if isinstance(value, list):
        return [_in_json(each, within, namespaces) for each in value]
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if not key.startswith(("@xsi:", "@xml:")) and not _nil(each)}
        if ":" not in within:  # attributes of EPCIS' own elements carry nothing of the event
            kept = {key: each for key, each in kept.items() if not key.startswith("@")}
        if list(kept) == ["#text"]:
            return kept["#text"]
        return {_json_key(key, within): _member(key, each, within, namespaces) for key, each in kept.items()}
    if within in ("set", "unset") and isinstance(value, str):
        return vocabulary.bare(value, vocabulary.DISPOSITIONS, namespaces)
    return value


def _nil(value: Any) -> bool:
    return isinstance(value, dict) and value.get("@xsi:nil") in ("true", "1")


def _json_key(key: str, within: str) -> str:
    """JSON has no attributes: one is a member of its element, in the element's namespace where it names none; text beside it is a value."""
    if key == "#text":
        return "rdf:value"
    name = key.removeprefix("@")
    return name if name == key or ":" in name or ":" not in within else f"{within.partition(':')[0]}:{name}"


def _member(key: str, value: Any, within: str, namespaces: dict[str, str]) -> Any:
    words = TYPED.get(within) if key == "type" else WORDS.get(key)
    if words is not None and isinstance(value, str):
        return vocabulary.bare(value, words, namespaces)
    return _in_json(value, key, namespaces)


# ---- events ----


def events(document: Document) -> Iterator[Placed]:
    """Every event with its place. A body that holds no list of events gives none (`epcis_check` says so)."""
    value = document.value
    spaces, foreign = contexts(value.get("@context")) if isinstance(value, dict) else ({}, False)
    spaces = {**document.namespaces, **spaces}
    for path, event in _listed(value):
        own, other = contexts(event.get("@context")) if isinstance(event, dict) else ({}, False)
        yield Placed(path, event, {**spaces, **own}, foreign or other)


def _listed(value: Any) -> Iterator[tuple[str, Any]]:
    path, found = body(value)
    if isinstance(found, list):
        yield from ((f"{path}[{at}]", event) for at, event in enumerate(found))
    elif found is not None:
        yield path, found


def body(value: Any) -> tuple[str, Any]:
    """Where the events of a value are, and they: a list, one bare event, or None."""
    if isinstance(value, list):
        return "", value
    if "epcisBody" in value:
        inner, path = value["epcisBody"], "epcisBody"
        for name in ("queryResults", "resultsBody"):
            if isinstance(inner, dict) and name in inner:
                inner, path = inner[name], f"{path}.{name}"
        return _event_list(inner, path)
    if "eventList" in value:
        return _event_list(value, "")
    return ("", value) if "eventTime" in value or str(value.get("type", "")).endswith("Event") else ("", None)


def _event_list(value: Any, path: str) -> tuple[str, Any]:
    if not isinstance(value, dict):
        return path, None
    name = "eventList" if "eventList" in value else "event"
    return f"{path}.{name}".lstrip("."), value.get(name)


def contexts(context: Any) -> tuple[dict[str, str], bool]:
    """Declared prefixes, and whether a context of someone else is referred to."""
    listed = context if isinstance(context, list) else [] if context is None else [context]
    spaces = {}
    for key, value in ((key, value) for each in listed if isinstance(each, dict) for key, value in each.items()):
        space = value.get("@id") if isinstance(value, dict) else value
        if isinstance(space, str) and ":" not in key and not key.startswith("@"):
            spaces[key] = space
    return spaces, any(isinstance(each, str) and "epcis-context" not in each for each in listed)


# ---- sameness ----


def canonical(event: Any, namespaces: Mapping[str, str]) -> Any:
    """What an event says, whatever its binding, notation and prefixes: two events are the same where this is equal.

    Names with a prefix are written out with their namespace, values of a vocabulary are bare words, times integer microseconds, numbers
    floats; what extensions hold is text, and a list of one is the same as the one (XML cannot tell them apart).
    """
    return _canonical(event, "", dict(namespaces))


def _canonical(value: Any, within: str, namespaces: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_canonical(each, within, namespaces) for each in value]
    if not isinstance(value, dict):
        return _scalar(within, value, "", namespaces)
    found = {}
    for key, each in value.items():
        if key.startswith(("@", "xsi:")) or _nil(each):
            continue
        if ":" in key:
            found[_written_out(key, namespaces)] = _extension(each, key, namespaces)
        elif key == "certificationInfo":
            found[key] = each if isinstance(each, list) else [each]
        elif isinstance(each, dict | list):
            found[key] = _canonical([each] if isinstance(each, dict) and key in TYPED else each, key, namespaces)
        else:
            found[key] = _scalar(key, each, within, namespaces)
    return found


def _scalar(key: str, value: Any, within: str, namespaces: dict[str, str]) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return float(value)
    words = TYPED.get(within) if key == "type" else vocabulary.DISPOSITIONS if key in ("set", "unset") else WORDS.get(key)
    if words is not None:
        return vocabulary.bare(value, words, namespaces)
    if key in TIMES:
        try:
            return vocabulary.micros(value)
        except ValueError:
            return value
    return value


def _written_out(key: str, namespaces: dict[str, str]) -> str:
    prefix, _, local = key.partition(":")
    return f"{namespaces.get(prefix, vocabulary.PREFIXES.get(prefix, prefix)).rstrip(':/#')}|{local}"


def _extension(value: Any, within: str, namespaces: dict[str, str]) -> Any:
    if isinstance(value, list):
        listed = [_extension(each, within, namespaces) for each in value]
        return listed[0] if len(listed) == 1 else listed
    if isinstance(value, dict):
        named = {_json_key(key, within): each for key, each in value.items() if not key.startswith(("@xsi:", "@xml:", "@context"))}
        inner = {_written_out(key, namespaces): held for key, each in named.items() if (held := _extension(each, key, namespaces)) != ""}
        return value.get("#text", "") if list(named) in ([], ["rdf:value"]) and "#text" in value else inner or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


# ---- writing ----


def event_document(listed: Iterable[Mapping[str, Any]], created: int, namespaces: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A valid EPCISDocument (EPCIS 2.0, JSON) of events in the JSON binding.

    `created` is the creation date in microseconds UTC; `namespaces` declares the prefixes of extensions. An event that says no
    `eventTimeZoneOffset` gets `+00:00`. Check it with `epcis_check.check` where the events are someone else's.
    """
    context: list[Any] = [CONTEXT, *({prefix: space} for prefix, space in sorted((namespaces or {}).items()))]
    return {
        "@context": context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": vocabulary.written(created),
        "epcisBody": {"eventList": [{"eventTimeZoneOffset": "+00:00", **event} for event in listed]},
    }
