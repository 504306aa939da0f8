"""Writes the XML binding of EPCIS from a document that came as XML or as JSON: 1.2 where it came so, else 2.0.

Called by whoever hands a document on, and by the tests of what `epcis_xml` reads. Pure: a `Document` in, bytes out.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr  # escaping alone

from interferon.sense import epcis, epcis_vocabulary
from interferon.sense.epcis import Document
from interferon.sense.epcis_xml import EPCS, PAIRS, QUANTITIES, SPACES

LATER: Final = {  # what EPCIS 1.2 keeps in the element `extension` of an event
    "ObjectEvent": ("quantityList", "sourceList", "destinationList", "ilmd"),
    "AggregationEvent": ("childQuantityList", "sourceList", "destinationList"),
    "TransactionEvent": ("quantityList", "sourceList", "destinationList"),
}
BASE: Final = ("eventID", "errorDeclaration")  # and in `baseExtension`
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def serialise(document: Document) -> bytes:
    """The XML of a document: 1.2 where it came so, else 2.0. ValueError where JSON holds what XML cannot say."""
    value, version = document.value, document.version
    if isinstance(value, list):
        value = {"type": "EPCISDocument", "epcisBody": {"eventList": value}}
    kind = str(value.get("type", "EPCISDocument"))
    own = "epcisq" if kind == "EPCISQueryDocument" else "epcis"
    spaces = {**_declared(value), **document.namespaces}
    spaces.setdefault(own, SPACES.get(kind, SPACES["EPCISDocument"]) + version[0])
    writer = _Writer(spaces, version)
    text = writer.document(kind, own, value) if kind in SPACES else writer.event(value, f"{own}:", bare=True)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()


def _declared(value: Mapping[str, Any]) -> dict[str, str]:
    """The prefixes of a JSON document, those of its events included where they do not differ."""
    spaces: dict[str, str] = {}
    for placed in epcis.events(Document("json", dict(value))):
        spaces = {**placed.namespaces, **spaces}
    return {**spaces, **_context(value)}


def _context(value: Mapping[str, Any]) -> dict[str, str]:
    return epcis.contexts(value.get("@context"))[0]


class _Writer:
    def __init__(self, spaces: Mapping[str, str], version: str) -> None:
        self.spaces = spaces
        self.old = version.startswith("1")

    def document(self, kind: str, own: str, value: Mapping[str, Any]) -> str:
        skipped = ("type", "@context", "epcisHeader", "epcisBody", "id", "sender", "receiver", "instanceIdentifier")
        plain = {key.removeprefix("@"): each for key, each in value.items() if key not in skipped and not isinstance(each, dict | list)}
        attributes = "".join(f" {key}={self._attribute(each)}" for key, each in plain.items() if ":" not in key or f"@{key}" in value)
        inner = self._header(value["epcisHeader"]) if isinstance(value.get("epcisHeader"), dict) else ""
        others = {key: each for key, each in value.items() if ":" in key and not key.startswith("@")}
        inner += f"<EPCISBody>{self._body(value.get('epcisBody'), own)}</EPCISBody>{self._all(others)}"
        return f"<{own}:{kind}{self._declared(attributes + inner)}{attributes}>{inner}</{own}:{kind}>"

    def _declared(self, text: str) -> str:
        """The prefixes of the document, and of those that GS1's context declares the ones that the text uses."""
        known = {prefix: space for prefix, space in epcis_vocabulary.PREFIXES.items() if prefix != "epcis" and f"{prefix}:" in text}
        spaces = {**known, **self.spaces}
        return "".join(f" xmlns:{prefix}={quoteattr(space)}" for prefix, space in sorted(spaces.items()) if prefix != "xml")

    def _header(self, value: Mapping[str, Any]) -> str:
        text = self._all({key: each for key, each in value.items() if key != "epcisMasterData"})
        data = value.get("epcisMasterData")
        if isinstance(data, dict):
            vocabularies = "".join(self._vocabulary(each) for each in data.get("vocabularyList", []))
            master = f"<EPCISMasterData><VocabularyList>{vocabularies}</VocabularyList></EPCISMasterData>"
            text += f"<extension>{master}</extension>"
        return f"<EPCISHeader>{text}</EPCISHeader>"

    def _vocabulary(self, value: Mapping[str, Any]) -> str:
        elements = "".join(self._element(each) for each in value.get("vocabularyElementList", []))
        kind = self._attribute(value.get("type", ""))
        return f"<Vocabulary type={kind}><VocabularyElementList>{elements}</VocabularyElementList></Vocabulary>"

    def _element(self, value: Mapping[str, Any]) -> str:
        text = "".join(
            f"<attribute id={self._attribute(each.get('id', ''))}>{self._inner(each.get('attribute', ''))}</attribute>"
            for each in value.get("attributes", [])
        )
        if value.get("children"):
            text += "<children>" + "".join(self._one("id", each) for each in value["children"]) + "</children>"
        rest = {key: each for key, each in value.items() if key not in ("id", "attributes", "children")}
        return f"<VocabularyElement id={self._attribute(value.get('id', ''))}>{text}{self._all(rest)}</VocabularyElement>"

    def _body(self, value: Any, own: str) -> str:
        text = ""
        for key, each in (value if isinstance(value, dict) else {}).items():
            if key == "eventList":
                text += f"<EventList>{''.join(self.event(one) for one in each)}</EventList>"
            elif key == "queryResults":
                text += f"<{own}:QueryResults>{self._results(each)}</{own}:QueryResults>"
            elif key == "poll":
                params = "".join(f"<param>{self._all(one)}</param>" for one in each.get("params", []))
                rest = self._all({name: one for name, one in each.items() if name != "params"})
                text += f"<{own}:Poll>{rest}<params>{params}</params></{own}:Poll>"
            else:
                text += self._one(key, each)
        return text

    def _results(self, value: Mapping[str, Any]) -> str:
        rest = self._all({key: each for key, each in value.items() if key != "resultsBody"})
        return f"{rest}<resultsBody>{self._body(value.get('resultsBody'), '')}</resultsBody>"

    def event(self, value: Mapping[str, Any], prefix: str = "", *, bare: bool = False) -> str:
        """One event; the version says where its later fields stand. `bare`: it is the whole document."""
        kind = str(value.get("type", ""))
        prefix = "" if ":" in kind else prefix
        declared = "".join(f" xmlns:{key}={quoteattr(space)}" for key, space in sorted(_context(value).items())) if not bare else ""
        declared += "".join(f" {key[1:]}={self._attribute(each)}" for key, each in value.items() if key[:1] == "@" and key != "@context")
        fields = {key: each for key, each in _in_order(value, self.old).items() if not key.startswith("@") and key != "type"}
        text = self._old(kind, fields) if self.old else "".join(self._field(key, each) for key, each in fields.items())
        declared += self._declared(declared + text) if bare else ""
        return self._wrapped(kind, f"<{prefix}{kind}{declared}>{text}</{prefix}{kind}>")

    def _wrapped(self, kind: str, text: str) -> str:
        return f"<extension>{text}</extension>" if self.old and kind == "TransformationEvent" else text

    def _old(self, kind: str, fields: Mapping[str, Any]) -> str:
        later = {key: each for key, each in fields.items() if key in LATER.get(kind, ())}
        base = {key: each for key, each in fields.items() if key in BASE}
        head = {key: each for key, each in fields.items() if key in ("eventTime", "recordTime", "eventTimeZoneOffset")}
        own = [key for key in fields if ":" in key]
        rest = {key: each for key, each in fields.items() if key not in {*later, *base, *head, *own}}
        written = ["".join(self._field(key, each) for key, each in part.items()) for part in (head, base, rest, later)]
        wrapped = [written[0], f"<baseExtension>{written[1]}</baseExtension>" if base else "", written[2]]
        wrapped += [f"<extension>{written[3]}</extension>" if later else "", *(self._field(key, fields[key]) for key in own)]
        return "".join(wrapped)

    def _field(self, key: str, value: Any) -> str:
        if key in EPCS and isinstance(value, list):
            return f"<{key}>{''.join(self._listed('epc', each) for each in value)}</{key}>"
        if key in QUANTITIES and isinstance(value, list):
            return f"<{key}>{''.join(self._one('quantityElement', each) for each in value)}</{key}>"
        if key in PAIRS and isinstance(value, list | dict):
            return f"<{key}>{''.join(self._pair(key, each) for each in (value if isinstance(value, list) else [value]))}</{key}>"
        if key == "sensorElementList" and isinstance(value, list):
            return f"<{key}>{''.join(self._sensor(each) for each in value)}</{key}>"
        if key == "persistentDisposition" and isinstance(value, dict):
            items = [(name, each) for name in ("unset", "set") for each in value.get(name, [])]
            words = epcis_vocabulary.DISPOSITIONS
            return f"<{key}>{''.join(self._one(name, epcis_vocabulary.in_urn(each, words)) for name, each in items)}</{key}>"
        if key == "errorDeclaration" and isinstance(value, dict):
            return f"<{key}>{''.join(self._declaration(name, each) for name, each in value.items())}</{key}>"
        words_of = epcis.WORDS.get(key)
        return self._one(key, epcis_vocabulary.in_urn(value, words_of) if words_of and isinstance(value, str) else value)

    def _declaration(self, key: str, value: Any) -> str:
        if key == "correctiveEventIDs" and isinstance(value, list):
            return f"<{key}>{''.join(self._listed('correctiveEventID', each) for each in value)}</{key}>"
        return self._one(key, epcis_vocabulary.in_urn(value, epcis_vocabulary.REASONS) if key == "reason" else value)

    def _listed(self, name: str, value: Any) -> str:
        return self._all(value) if isinstance(value, dict) else self._one(name, value)

    def _pair(self, key: str, value: Any) -> str:
        name = PAIRS[key]
        if not isinstance(value, dict) or name not in value:
            return self._all(value) if isinstance(value, dict) else self._one(name, value)
        words = epcis.TYPED[key]
        kind = f" type={self._attribute(epcis_vocabulary.in_urn(str(value['type']), words))}" if "type" in value else ""
        return f"<{name}{kind}>{self._text(value[name])}</{name}>"

    def _sensor(self, value: Any) -> str:
        if not isinstance(value, dict) or not value.keys() & {"sensorReport", "sensorMetadata"}:
            return self._all(value) if isinstance(value, dict) else self._one("sensorElement", value)
        text = ""
        for key, each in value.items():
            reported = key in ("sensorReport", "sensorMetadata")
            listed = each if isinstance(each, list) else [each]
            text += "".join(self._reported(key, one) for one in listed) if reported else self._one(key, each)
        return f"<sensorElement>{text}</sensorElement>"

    def _reported(self, name: str, value: Any) -> str:
        if not isinstance(value, dict):
            return self._one(name, value)
        plain = {key: each for key, each in value.items() if not isinstance(each, dict | list)}
        words = {"type": epcis_vocabulary.MEASURES, **epcis.WORDS}
        for key in plain:
            self._known(key)
        said = {key: epcis_vocabulary.in_urn(each, words[key]) if key in words else each for key, each in plain.items()}
        attributes = "".join(f" {key.removeprefix('@')}={self._attribute(each)}" for key, each in said.items())
        return f"<{name}{attributes}>{self._all({key: each for key, each in value.items() if key not in plain})}</{name}>"

    def _all(self, value: Mapping[str, Any]) -> str:
        return "".join(self._one(key, each) for key, each in value.items() if not key.startswith(("@", "#")))

    def _one(self, key: str, value: Any) -> str:
        if isinstance(value, list):
            return "".join(self._one(key, each) for each in value)
        self._known(key)
        attributes = ""
        if isinstance(value, dict):
            attributes = "".join(f" {name[1:]}={self._attribute(each)}" for name, each in value.items() if name.startswith("@"))
        return f"<{key}{attributes}>{self._inner(value)}</{key}>"

    def _known(self, key: str) -> None:
        prefix, colon, _ = key.partition(":")
        if colon and prefix not in self.spaces and prefix not in epcis_vocabulary.PREFIXES:
            raise ValueError(f"the prefix of {key!r} is declared nowhere; XML needs its namespace")

    def _inner(self, value: Any) -> str:
        return self._text(value.get("#text", "")) + self._all(value) if isinstance(value, dict) else self._text(value)

    def _text(self, value: Any) -> str:
        return escape(_plain(value))

    def _attribute(self, value: Any) -> str:
        return quoteattr(_plain(value))


def _in_order(value: Mapping[str, Any], old: bool) -> dict[str, Any]:
    """The fields in the order of the schema; those that it does not know after them, as they came."""
    order = epcis.ORDER.get(str(value.get("type", "")), ())
    known = {key: value[key] for key in order if key in value}
    return {**known, **{key: each for key, each in value.items() if key not in known}} if known and not old else dict(value)


def _plain(value: Any) -> str:
    text = {True: "true", False: "false", None: ""}[value] if value is None or isinstance(value, bool) else str(value)
    if found := _NOT_XML.search(text):
        raise ValueError(f"the character U+{ord(found.group()):04X} cannot stand in XML")
    return text
