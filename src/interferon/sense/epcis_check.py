"""Whether an EPCIS document says what the standard allows: structure, vocabularies, identifiers, and what no schema can tell.

Called by the connector `epcis`, which reports the problems beside the events. Pure. Sources: EPCIS 2.0 clauses 7 to 9, CBV 2.0, TDS 2.0,
GS1 Digital Link; written from the standard's rules, not from GS1's schema files.
"""

import re
from typing import Any, Final

from interferon.sense import epcis
from interferon.sense import epcis_vocabulary as vocabulary
from interferon.sense.epcis import Document
from interferon.sense.epcis_fields import ACTIONS, FIELDS
from interferon.sense.epcis_problems import EXTENSION, MOST, Check, Problem, valid

__all__ = ["Problem", "check", "valid"]

VERSION: Final = re.compile(r"\d+(\.\d+)*")
DOCUMENT: Final = ("@context", "id", "type", "schemaVersion", "creationDate", "epcisBody")
HEADED: Final = (*DOCUMENT, "instanceIdentifier", "sender", "receiver", "epcisHeader")
_QUERY: Final = (  # parameters of SimpleEventQuery and SimpleMasterDataQuery (EPCIS 2.0 clause 8.2.7) that have a fixed name
    "@context eventType eventCountLimit maxEventCount orderBy orderDirection perPage nextPageToken queryName EQ_action EQ_bizStep "
    "EQ_disposition EQ_readPoint WD_readPoint EQ_bizLocation WD_bizLocation EQ_transformationID EQ_eventID EXISTS_errorDeclaration "
    "EQ_errorReason EQ_correctiveEventID EQ_persistentDisposition_set EQ_persistentDisposition_unset EXISTS_sensorElementList "
    "EXISTS_sensorMetadata EXISTS_sensorReport MATCH_epc MATCH_parentID MATCH_inputEPC MATCH_outputEPC MATCH_anyEPC MATCH_epcClass "
    "MATCH_inputEPCClass MATCH_outputEPCClass MATCH_anyEPCClass EQ_type EQ_deviceID EQ_dataProcessingMethod EQ_microorganism "
    "EQ_chemicalSubstance EQ_bizRules EQ_stringValue EQ_booleanValue EQ_hexBinaryValue EQ_uriValue EQ_component EQ_exception "
    "vocabularyName includeAttributes includeChildren attributeNames EQ_name WD_name HASATTR maxElementCount EQ_certificationInfo "
    "EXISTS_certificationInfo EQ_quantity EQ_rawData EQ_deviceMetadata "
)
QUERY: Final = frozenset(_QUERY.split())
QUERY_FIELDS: Final = ("eventTime", "recordTime", "errorDeclarationTime", "errorDeclaration_Time")
QUERY_TIMES: Final = tuple(f"{sign}_{field}" for sign in ("GE", "LT", "EQ", "GT", "LE") for field in QUERY_FIELDS)
_NUMBERED: Final = "quantity|value|minValue|maxValue|meanValue|sDev|percRank|percValue|startTime|endTime|time"
QUERY_MORE: Final = re.compile(  # and those whose name goes on with a type, a unit or the name of an extension
    rf"EQ_(?:bizTransaction|source|destination|attr)_?\S*|(?:EQ|GT|GE|LT|LE)_(?:{_NUMBERED})(?:_\S+)?"
    r"|(?:EQ|GT|GE|LT|LE|EXISTS|HASATTR|EQATTR)_[A-Z][A-Z_]+_\S+|[A-Z]+_\S+[:#/]\S+"
)


def check(document: Document) -> list[Problem]:
    """Every problem of a document, in its order, at most 1,000."""
    problems = _Check(document.syntax == "xml", document.version)
    problems.document(document)
    return problems.found[:MOST]


class _Check(Check):
    """Walks through a document: what stands around the events, queries, and each event."""

    def document(self, document: Document) -> None:
        value = document.value
        for name in document.twice:
            self.warn("", f"the member {name!r} is there twice in one object", "once; the last one counts")
        if isinstance(value, dict):
            self.spaces, self.foreign = epcis.contexts(value.get("@context"))
            if not self._envelope(value):
                return
        for placed in epcis.events(document):
            self.spaces, self.foreign = placed.namespaces, placed.foreign
            self.event(placed.path, placed.event)
        if value == []:
            self.error("", "is an empty list", "a list of events, or a document")

    def _envelope(self, value: dict[str, Any]) -> bool:
        """What stands around the events; False where there is nothing to look at within."""
        kind = value.get("type")
        if kind in ("EPCISDocument", "EPCISQueryDocument"):
            return self._document(value, str(kind))
        if kind is None and "epcisBody" not in value and "eventTime" not in value:
            return self._query(value)
        path, _ = epcis.body(value)
        if path:
            self.error("type", f"is {kind!r}", "EPCISDocument or EPCISQueryDocument")
        elif not self.xml:
            self._context(value, needed=True)
        return True

    def _document(self, value: dict[str, Any], kind: str) -> bool:
        known = HEADED if kind == "EPCISDocument" else DOCUMENT
        self.members("", value, known if not self.xml else (*HEADED, *self._attributes(value)))
        if not self.xml:
            self._context(value, needed=True)
        for name in ("schemaVersion", "creationDate"):
            if name not in value and (kind == "EPCISDocument" or self.xml):
                (self.error if kind == "EPCISDocument" else self.warn)(
                    name, "is missing", "2.0" if name == "schemaVersion" else "the time at which the document was made"
                )
        version = value.get("schemaVersion")
        if "schemaVersion" in value and not (isinstance(version, str | float) and VERSION.fullmatch(str(version))):
            self.error("schemaVersion", f"is {value['schemaVersion']!r}", 'a version as text, "2.0"')
        if "creationDate" in value:
            self.time("creationDate", value["creationDate"])
        if "id" in value and not str(value["id"]).startswith("_:"):
            self.uri("id", value["id"])
        for name in ("sender", "receiver", "instanceIdentifier"):
            if name in value and not isinstance(value[name], str):
                self.error(name, "is no text", "text")
        self._header(value.get("epcisHeader"))
        return self._body(value, kind)

    def _attributes(self, value: dict[str, Any]) -> list[str]:
        """Attributes of the root that EPCIS does not know: told, and no harm."""
        others = [name for name, each in value.items() if isinstance(each, str) and name not in HEADED and not EXTENSION.fullmatch(name)]
        for name in others:
            self.warn(name, "is no attribute of an EPCIS document", "schemaVersion and creationDate")
        return others

    def _context(self, value: dict[str, Any], *, needed: bool = False) -> None:
        context = value.get("@context")
        if context is None:
            if needed:
                self.error("@context", "is missing", f"{epcis.CONTEXT}, and the namespaces of extensions")
            return
        listed = context if isinstance(context, list) else [context]
        for at, each in enumerate(listed):
            if isinstance(each, str) and not vocabulary.URI.fullmatch(each):
                self.error(f"@context[{at}]", f"{each[:60]!r} is no URI", epcis.CONTEXT)
            elif not isinstance(each, str | dict):
                self.error(f"@context[{at}]", "is neither a URI nor an object", "a URI, or an object of prefixes and their namespaces")
            elif isinstance(each, dict):
                self._prefixes(f"@context[{at}]", each)
        if needed and not any(isinstance(each, str) for each in listed):
            self.error("@context", "does not name the context of EPCIS", epcis.CONTEXT)

    def _prefixes(self, path: str, value: dict[str, Any]) -> None:
        for prefix, space in value.items():
            text = space.get("@id", "x:y") if isinstance(space, dict) else space
            if not prefix.startswith("@") and not (isinstance(text, str) and (vocabulary.URI.fullmatch(text) or EXTENSION.fullmatch(text))):
                self.error(f"{path}.{prefix}", "has no namespace", "a URI")

    def _body(self, value: dict[str, Any], kind: str) -> bool:
        inner = value.get("epcisBody")
        if not isinstance(inner, dict):
            self.error("epcisBody", "is missing" if inner is None else "is no object", "an object with the events")
            return False
        if kind == "EPCISDocument":
            return self._listed("epcisBody", inner, ("eventList", "event"))
        if "poll" in inner:
            self._poll(inner["poll"])
            return False
        results = inner.get("queryResults")
        if not isinstance(results, dict):
            return self._other_query(inner)
        self.members("epcisBody.queryResults", results, ("queryName", "subscriptionID", "resultsBody"))
        if not isinstance(results.get("queryName"), str) and not self.xml:
            self.error("epcisBody.queryResults.queryName", "is missing", "the name of the query, SimpleEventQuery")
        if not isinstance(results.get("resultsBody"), dict):
            self.error("epcisBody.queryResults.resultsBody", "is missing", "an object with the events")
            return False
        return self._listed("epcisBody.queryResults.resultsBody", results["resultsBody"], ("eventList", "vocabularyList", "VocabularyList"))

    def _other_query(self, inner: dict[str, Any]) -> bool:
        """In XML an EPCISQueryDocument may also carry a call or a list of names."""
        if not self.xml or not inner or "eventList" in inner:
            self.error("epcisBody.queryResults", "is missing", "an object with queryName and resultsBody")
        return False

    def _listed(self, path: str, value: dict[str, Any], known: tuple[str, ...]) -> bool:
        self.members(path, value, known)
        listed = value.get("eventList")
        if "event" in value and "event" in known and listed is None:
            return isinstance(value["event"], dict)
        if "VocabularyList" in value or "vocabularyList" in value:
            return listed is not None
        if not isinstance(listed, list):
            self.error(f"{path}.eventList", "is missing" if listed is None else "is no list", "a list of events")
            return False
        return True

    def _header(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, dict):
            self.error("epcisHeader", "is no object", "an object with epcisMasterData")
            return
        self.members("epcisHeader", value, ("epcisMasterData",))
        data = value.get("epcisMasterData")
        lists = data.get("vocabularyList", []) if isinstance(data, dict) else []
        for at, each in enumerate(lists if isinstance(lists, list) else []):
            self._vocabulary(f"epcisHeader.epcisMasterData.vocabularyList[{at}]", each)

    def _vocabulary(self, path: str, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            self.error(path, "has no type", "urn:epcglobal:epcis:vtype:… with its vocabularyElementList")
            return
        self.uri(f"{path}.type", value["type"])
        elements = value.get("vocabularyElementList", [])
        for at, each in enumerate(elements if isinstance(elements, list) else []):
            if not isinstance(each, dict) or not isinstance(each.get("id"), str):
                self.error(f"{path}.vocabularyElementList[{at}]", "has no id", "an object with an id")

    # ---- queries ----

    def _poll(self, value: Any) -> None:
        path = "epcisBody.poll"
        if not isinstance(value, dict) or not value.get("queryName"):
            self.error(f"{path}.queryName", "is missing", "SimpleEventQuery or SimpleMasterDataQuery")
            return
        for at, each in enumerate(value.get("params", [])):
            if not each.get("name"):
                self.error(f"{path}.params[{at}]", "has no name", "the name of a parameter, as GE_eventTime")
            elif "value" not in each:
                self.error(f"{path}.params[{at}]", f"{each['name']} has no value", "a value")
            else:
                self._parameter(f"{path}.params[{at}]", str(each["name"]), each["value"])

    def _query(self, value: dict[str, Any]) -> bool:
        """A query of the REST binding: an object of parameters."""
        inner = value["query"] if isinstance(value.get("query"), dict) else value
        if not any(name in QUERY or QUERY_MORE.fullmatch(name) or name in QUERY_TIMES for name in inner if not name.startswith("@")):
            self.error("type", "is missing", "EPCISDocument, EPCISQueryDocument or the type of an event")
            return False
        for name, each in inner.items():
            self._parameter(name, name, each)
        return False

    def _parameter(self, path: str, name: str, value: Any) -> None:
        listed = value if isinstance(value, list) else value.get("string", []) if isinstance(value, dict) else [value]
        texts = [each for each in (listed if isinstance(listed, list) else [listed]) if isinstance(each, str)]
        if name in QUERY_TIMES:
            for each in texts:
                self.time(path, each)
        elif name not in QUERY and not QUERY_MORE.fullmatch(name):
            self.error(path, f"{name!r} is no parameter of a query", "a parameter of SimpleEventQuery, as GE_eventTime or EQ_bizStep")
        allowed = {"EQ_action": ACTIONS, "orderDirection": ("ASC", "DESC")}.get(name)
        for each in texts:
            if allowed and each not in allowed:
                self.error(path, f"is {each!r}", " or ".join(allowed))
            if name == "eventType" and each not in epcis.TYPES and not EXTENSION.fullmatch(each):
                self.error(path, f"is {each!r}", ", ".join(epcis.TYPES))
        if name in ("eventCountLimit", "maxEventCount", "perPage") and isinstance(value, int | float) and value < 0:
            self.error(path, f"is {value}", "a number of events")

    # ---- events ----

    def event(self, path: str, value: Any) -> None:
        """One event of any type."""
        if not isinstance(value, dict):
            self.error(path, "is no object", "an event")
            return
        kind = value.get("type")
        if kind not in epcis.TYPES:
            self._other_event(path, value, kind)
            return
        known = epcis.ORDER[kind]
        self.members(path, value, (*known, "type", "@context", "id") if not self.xml else (*known, "type"))
        if "id" in value and not self.xml:
            self.uri(f"{path}.id".lstrip("."), value["id"])
        if self.xml and not self.old:
            self._order(path, value, known)
        elif not self.xml:
            self._context(value)
        self._when(path, value)
        for name, each in value.items():
            if name in known and name in FIELDS:
                FIELDS[name](self, f"{path}.{name}".lstrip("."), each, name)
        _RULES[kind](self, path, value)

    def _other_event(self, path: str, value: dict[str, Any], kind: Any) -> None:
        if not isinstance(kind, str) or not EXTENSION.fullmatch(kind):
            near = "is missing" if kind is None else f"is {str(kind)[:60]!r}"
            self.error(f"{path}.type".lstrip("."), near, f"{', '.join(epcis.TYPES)}, or a type with a namespace")
            return
        self.declared(f"{path}.type".lstrip("."), kind)
        self._when(path, value)

    def _order(self, path: str, value: dict[str, Any], known: tuple[str, ...]) -> None:
        placed = [name for name in value if name in known]
        right = sorted(placed, key=known.index)
        if placed != right:
            wrong = next(name for name, other in zip(placed, right, strict=True) if name != other)
            self.error(f"{path}.{wrong}".lstrip("."), "stands in the wrong place", f"the order {', '.join(right)}")

    def _when(self, path: str, value: dict[str, Any]) -> None:
        for name in ("eventTime", "eventTimeZoneOffset"):
            if name not in value:
                self.error(f"{path}.{name}".lstrip("."), "is missing", "2026-01-05T08:00:00Z" if name == "eventTime" else "+01:00")
        times = {
            name: self.time(f"{path}.{name}".lstrip("."), value[name], strict=True) for name in ("eventTime", "recordTime") if name in value
        }
        event, record = times.get("eventTime"), times.get("recordTime")
        if event is not None and record is not None and event > record:
            self.warn(f"{path}.eventTime".lstrip("."), "is after recordTime", "an event is recorded after it happened")
        offset = value.get("eventTimeZoneOffset")
        if "eventTimeZoneOffset" in value and not (isinstance(offset, str) and vocabulary.OFFSET.fullmatch(offset)):
            self.error(f"{path}.eventTimeZoneOffset".lstrip("."), f"is {str(offset)[:40]!r}", "+hh:mm or -hh:mm, at most 14:00")


# ---- what belongs together in one event ----


def _action(check: Check, path: str, value: dict[str, Any]) -> None:
    if "action" not in value:
        check.error(f"{path}.action".lstrip("."), "is missing", ", ".join(ACTIONS))


def _object(check: Check, path: str, value: dict[str, Any]) -> None:
    _action(check, path, value)
    sensed = value.get("sensorElementList") and "readPoint" in value
    if "epcList" not in value and not value.get("quantityList") and not sensed:
        check.error(f"{path}.epcList".lstrip("."), "is missing", "epcList or quantityList, or sensorElementList and readPoint")
    elif not any(value.get(name) for name in ("epcList", "quantityList", "sensorElementList")):
        check.error(f"{path}.epcList".lstrip("."), "is empty", "at least one EPC or quantity")
    if "ilmd" in value and value.get("action") != "ADD":
        check.error(f"{path}.ilmd".lstrip("."), f"stands with action {value.get('action')}", "ilmd with action ADD alone")


def _aggregation(check: Check, path: str, value: dict[str, Any]) -> None:
    _action(check, path, value)
    deleted = value.get("action") == "DELETE"
    if "parentID" not in value and value.get("action") in ("ADD", "DELETE"):
        check.error(f"{path}.parentID".lstrip("."), "is missing", "the parent, which ADD and DELETE need")
    if not deleted and not value.get("childEPCs") and not value.get("childQuantityList"):
        check.error(f"{path}.childEPCs".lstrip("."), "is missing", "childEPCs or childQuantityList; only DELETE may leave out both")


def _association(check: Check, path: str, value: dict[str, Any]) -> None:
    if "parentID" not in value and value.get("action") not in ("ADD", "DELETE"):
        check.error(f"{path}.parentID".lstrip("."), "is missing", "the parent, which every AssociationEvent needs")
    _aggregation(check, path, value)


def _transaction(check: Check, path: str, value: dict[str, Any]) -> None:
    _action(check, path, value)
    if not value.get("bizTransactionList"):
        check.error(f"{path}.bizTransactionList".lstrip("."), "is missing", "at least one business transaction")
    if value.get("action") != "DELETE" and "epcList" not in value and not value.get("quantityList"):
        check.error(f"{path}.epcList".lstrip("."), "is missing", "epcList or quantityList; only DELETE may leave out both")


def _transformation(check: Check, path: str, value: dict[str, Any]) -> None:
    inputs = value.get("inputEPCList") or value.get("inputQuantityList")
    outputs = value.get("outputEPCList") or value.get("outputQuantityList")
    joined = "transformationID" in value
    if not (inputs and outputs) and not (joined and (inputs or outputs)):
        right = "inputs and outputs, or with transformationID either of them"
        check.error(f"{path}.inputEPCList".lstrip("."), "inputs or outputs are missing", right)


_RULES: Final = {
    "ObjectEvent": _object,
    "AggregationEvent": _aggregation,
    "TransactionEvent": _transaction,
    "TransformationEvent": _transformation,
    "AssociationEvent": _association,
}
