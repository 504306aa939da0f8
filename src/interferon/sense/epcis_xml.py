"""Reads the XML binding of EPCIS: 2.0, and the 1.0 to 1.2 that partners still send, without loss.

Called by the connector `epcis`; `epcis_xml_writer` is the way back. Pure: bytes in, a `Document` out. Entities and DTDs are refused.
"""

import io
import re
from collections.abc import Iterable
from typing import Any, Final
from xml.etree.ElementTree import ParseError  # the error alone; defusedxml parses

import defusedxml
import defusedxml.ElementTree
import msgspec

from interferon.sense import epcis
from interferon.sense.epcis import Document

SPACES: Final = {"EPCISDocument": "urn:epcglobal:epcis:xsd:", "EPCISQueryDocument": "urn:epcglobal:epcis-query:xsd:"}
OWN: Final = re.compile(r"urn:epcglobal:(?:epcis(?:-query|-masterdata)?:xsd|xsd):(\d)")
EPCS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITIES: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
PAIRS: Final = {"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"}
NUMBERS: Final = ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue")
WRAPPERS: Final = ("extension", "baseExtension")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Node(msgspec.Struct):
    """An element: its name without a prefix where it is EPCIS' own."""

    name: str
    attributes: dict[str, str]
    children: list["Node"]
    text: str = ""
    space: str = ""


def parse(data: bytes) -> Document:
    """A document, query document or bare event in XML. ValueError says what it is instead."""
    names = _Names()
    try:
        root = _tree(data, names)
    except ParseError as error:
        raise ValueError(f"is no well-formed XML: {error}") from None
    except defusedxml.DefusedXmlException as error:
        raise ValueError(f"has a DTD or entities, which are not read: {type(error).__name__}") from None
    except LookupError as error:
        raise ValueError(f"has an unknown encoding: {error}") from None
    kind = root.name
    if kind not in SPACES and not kind.endswith("Event"):
        raise ValueError(f"is XML with the root {kind[:60]!r}; it would be EPCISDocument, EPCISQueryDocument or an event")
    own = OWN.fullmatch(root.space)
    value = _document(root) if kind in SPACES else _event(root)
    return Document("xml", value, "1.2" if own and own.group(1) == "1" else "2.0", names.bound)


class _Names:
    """Prefixes: those in force, and one meaning for each in the whole document."""

    def __init__(self) -> None:
        self.bound: dict[str, str] = {}
        self.scopes: list[tuple[str, str]] = []

    def declare(self, prefix: str, space: str) -> None:
        self.scopes.append((prefix, space))
        if prefix:
            self.bound.setdefault(prefix, space)

    def name(self, tag: str) -> tuple[str, str]:
        """`prefix:local` (the local name alone where it is EPCIS' own or has no namespace), and the namespace."""
        space, brace, local = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
        if not brace or OWN.fullmatch(space):
            return local, space
        return f"{self._prefix(space)}:{local}", space

    def _prefix(self, space: str) -> str:
        wanted = next((prefix for prefix, each in reversed(self.scopes) if each == space and prefix), "ns")
        if self.bound.get(wanted) == space:
            return wanted
        known = next((prefix for prefix, each in self.bound.items() if each == space), "")
        if not known:
            known = next(name for at in range(2, len(self.bound) + 3) if (name := f"{wanted}{at}") not in self.bound)
            self.bound[known] = space
        return known


def _tree(data: bytes, names: _Names) -> Node:
    stack = [Node("", {}, [])]
    found = defusedxml.ElementTree.iterparse(io.BytesIO(data), events=("start", "end", "start-ns", "end-ns"), forbid_dtd=True)
    for what, item in found:
        if what == "start-ns":
            names.declare(*item)
        elif what == "end-ns":
            names.scopes.pop()
        elif what == "start":
            name, space = names.name(item.tag)
            attributes = {names.name(key)[0]: value for key, value in item.attrib.items()}
            node = Node(name, attributes, [], space=space)
            stack[-1].children.append(node)
            stack.append(node)
            if len(stack) > epcis.DEPTH:
                raise ValueError(f"is nested deeper than {epcis.DEPTH} levels")
        else:
            node = stack.pop()
            node.text = (item.text or "") + "".join(child.tail or "" for child in item)
            item.clear()
    return stack[0].children[0]


def _attributes(node: Node) -> dict[str, Any]:
    return {f"@{name}": value for name, value in node.attributes.items()}


def _document(root: Node) -> dict[str, Any]:
    plain = {name: value for name, value in root.attributes.items() if ":" not in name}
    value: dict[str, Any] = {"type": root.name, **plain, **{f"@{n}": v for n, v in root.attributes.items() if ":" in n}}
    readers = {"EPCISHeader": ("epcisHeader", _header), "EPCISBody": ("epcisBody", _body)}
    for child in root.children:
        name, reader = readers.get(child.name, (child.name, _generic))
        _add(value, name, reader(child))
    return value


def _header(node: Node) -> dict[str, Any]:
    """SBDH as it is, master data as the JSON binding has it."""
    value: dict[str, Any] = _attributes(node)
    for child in _flat(node):
        if child.name == "EPCISMasterData":
            lists = [each for each in _flat(child) if each.name == "VocabularyList"]
            value["epcisMasterData"] = {"vocabularyList": [_vocabulary(each) for one in lists for each in one.children]}
        else:
            _add(value, child.name, _generic(child))
    return value


def _vocabulary(node: Node) -> dict[str, Any]:
    elements = [each for child in node.children for each in child.children]
    return {**node.attributes, "vocabularyElementList": [_element(each) for each in elements]}


def _element(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = dict(node.attributes)
    for child in node.children:
        if child.name == "attribute":
            held: Any = _generic(Node("", {}, child.children, child.text))
            value.setdefault("attributes", []).append({**child.attributes, "attribute": held})
        elif child.name == "children":
            value["children"] = [each.text.strip() for each in child.children]
        else:
            _add(value, child.name, _generic(child))
    return value


def _body(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in node.children:
        if child.name == "EventList":
            value["eventList"] = [_event(each) for each in _flat(child)]
        elif child.name == "QueryResults":
            value["queryResults"] = _results(child)
        elif child.name == "Poll":
            value["poll"] = _poll(child)
        else:
            _add(value, child.name, _generic(child))
    return value


def _results(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in node.children:
        if child.name == "resultsBody":
            value["resultsBody"] = _body(child)
        else:
            _add(value, child.name, _generic(child))
    return value


def _poll(node: Node) -> dict[str, Any]:
    """A query: `params` in order, each with its name and value."""
    value: dict[str, Any] = {}
    for child in node.children:
        if child.name == "params":
            value["params"] = [{each.name: _generic(each) for each in param.children} for param in child.children]
        else:
            _add(value, child.name, _generic(child))
    return value


def _flat(node: Node) -> Iterable[Node]:
    """Children, with what stands in the extension points of EPCIS 1.x in its place."""
    for child in node.children:
        if child.name in WRAPPERS and not child.text.strip():
            yield from _flat(child)
        else:
            yield child


def _event(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {"type": node.name, **_attributes(node)}
    for child in _flat(node):
        _add(value, child.name, _field(child))
    return value


def _add(value: dict[str, Any], name: str, found: Any) -> None:
    """An element that comes again makes a list: of extensions and certificates that is their form, of others an error to be told."""
    if name not in value:
        value[name] = found
    elif isinstance(value[name], _Again):
        value[name].append(found)
    else:
        value[name] = _Again([value[name], found])


class _Again(list[Any]):
    """The values of an element that is there more than once."""


def _field(node: Node) -> Any:
    name = node.name
    if name in EPCS:
        return [_item(each, "epc") for each in node.children]
    if name in QUANTITIES:
        return [_quantity(each) for each in node.children]
    if name in PAIRS:
        return [
            {**each.attributes, each.name: each.text.strip()} if each.name == PAIRS[name] else {each.name: _generic(each)}
            for each in node.children
        ]
    reader = {"persistentDisposition": _persistent, "sensorElementList": _sensors, "errorDeclaration": _error, "ilmd": _members}.get(name)
    if reader is not None:
        return reader(node)
    return _members(node) if name in ("readPoint", "bizLocation") else _generic(node)


def _item(node: Node, name: str) -> Any:
    return node.text.strip() if node.name == name and not node.children else {node.name: _generic(node)}


def _members(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = _attributes(node)
    for child in _flat(node):
        _add(value, child.name, _generic(child))
    return value


def _quantity(node: Node) -> dict[str, Any]:
    value = _members(node)
    if isinstance(value.get("quantity"), str):
        value["quantity"] = _numeric(value["quantity"])
    return value


def _numeric(text: str) -> Any:
    """The number, or the text where it is none."""
    short = text.strip()
    if not _NUMBER.fullmatch(short) or len(short) > 300:
        return text
    return int(short) if re.fullmatch(r"[+-]?\d+", short, re.ASCII) else epcis.number(short)


def _persistent(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in node.children:
        value.setdefault(child.name, []).append(child.text.strip())
    return value


def _error(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in _flat(node):
        found = [_item(each, "correctiveEventID") for each in child.children] if child.name == "correctiveEventIDs" else _generic(child)
        _add(value, child.name, found)
    return value


def _sensors(node: Node) -> list[Any]:
    return [_sensor(each) if each.name == "sensorElement" else {each.name: _generic(each)} for each in node.children]


def _sensor(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in _flat(node):
        if child.name == "sensorMetadata":
            _add(value, "sensorMetadata", _reported(child))
        elif child.name == "sensorReport":
            value.setdefault("sensorReport", []).append(_reported(child))
        else:
            _add(value, child.name, _generic(child))
    return value


def _reported(node: Node) -> dict[str, Any]:
    value: dict[str, Any] = dict(node.attributes)
    value.update({name: _numeric(value[name]) for name in NUMBERS if name in value})
    if value.get("booleanValue") in ("true", "false", "1", "0"):
        value["booleanValue"] = value["booleanValue"] in ("true", "1")
    for child in node.children:
        _add(value, child.name, _generic(child))
    return value


def _generic(node: Node) -> Any:
    """Text alone is text; else an object of children, with attributes as `@name` and text beside them as `#text`."""
    text = node.text
    if not node.children and not node.attributes:
        return text.strip() if ":" not in node.name else text
    value: dict[str, Any] = _attributes(node)
    if text.strip():
        value["#text"] = text if not node.children else text.strip()
    for child in node.children:
        _add(value, child.name, _generic(child))
    return value
