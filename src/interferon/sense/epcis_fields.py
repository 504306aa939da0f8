"""The rules of the single fields of an EPCIS event: identifiers, quantities, places, parties, declarations, and what sensors report.

Called by `epcis_check` through the table FIELDS. Pure. Source: EPCIS 2.0 clause 7.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from interferon.sense import epcis
from interferon.sense import epcis_vocabulary as vocabulary
from interferon.sense.epcis_problems import Check, halves

ACTIONS: Final = ("ADD", "OBSERVE", "DELETE")
METADATA: Final = ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")
REPORT_URIS: Final = (*METADATA, "microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue")
REPORT_NUMBERS: Final[tuple[str, ...]] = ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue")
REPORT: Final = {
    *REPORT_URIS,
    *REPORT_NUMBERS,
    "type",
    "exception",
    "time",
    "component",
    "stringValue",
    "booleanValue",
    "hexBinaryValue",
    "uom",
}
_MEASURE: Final = re.compile(r"[A-Z]\w*[a-z]\w*|[^\s:]+:\S+")  # a word of the Web Vocabulary, this version's or not, or a URI


def _text(check: Check, path: str, value: Any, name: str) -> None:
    if name == "action" and value not in ACTIONS:
        check.error(path, f"is {str(value)[:40]!r}", ", ".join(ACTIONS))
    elif name in ("eventID", "transformationID"):
        check.uri(path, value)
    elif name == "parentID":
        check.epc(path, value)


def _vocabulary_word(check: Check, path: str, value: Any, name: str) -> None:
    check.word(path, value, epcis.WORDS[name])


def _epcs(check: Check, path: str, value: Any, name: str) -> None:
    if not isinstance(value, list):
        check.error(path, "is no list", "a list of EPC URIs")
        return
    for at, each in enumerate(value):
        check.epc(f"{path}[{at}]", each)
    texts = [each for each in value if isinstance(each, str)]
    if len(set(texts)) != len(texts):
        told = check.warn if check.xml or name == "childEPCs" else check.error
        told(path, "has the same EPC twice", "each once")


def _quantities(check: Check, path: str, value: Any, _name: str) -> None:
    for place, each in check.objects(path, value):
        check.members(place, each, ("epcClass", "quantity", "uom"))
        for name in [name for name in each if ":" in name and not check.xml]:
            check.error(f"{place}.{name}", "is not known here", "epcClass, quantity and uom alone")
        if "epcClass" not in each:
            check.error(f"{place}.epcClass", "is missing", "the URI of a class, as urn:epc:class:lgtin:4012345.012345.998877")
        else:
            check.epc(f"{place}.epcClass", each["epcClass"])
        _amount(check, place, each)


def _amount(check: Check, path: str, value: dict[str, Any]) -> None:
    quantity, unit = value.get("quantity"), value.get("uom")
    nil = isinstance(quantity, dict) and quantity.get("@xsi:nil") in ("true", "1")
    if quantity is None and "quantity" in value:
        check.error(f"{path}.quantity", "is null", "a number, or no quantity")
    elif quantity is not None and not nil and check.number(f"{path}.quantity", quantity) and quantity < 0:
        check.error(f"{path}.quantity", f"is {quantity}", "a quantity of nought or more")
    if unit is not None and not (isinstance(unit, str) and vocabulary.UNIT.fullmatch(unit)):
        check.error(f"{path}.uom", f"is {str(unit)[:20]!r}", "a unit of UN/ECE Recommendation 20, as KGM")
    if unit is not None and "quantity" not in value:
        check.warn(f"{path}.uom", "stands without a quantity", "a quantity with its unit")


def _place(check: Check, path: str, value: Any, _name: str) -> None:
    if not isinstance(value, dict) or "id" not in value:
        check.error(path, "has no id", 'an object {"id": "urn:epc:id:sgln:0614141.00777.0"}')
        return
    check.members(path, value, ("id",))
    check.epc(f"{path}.id", value["id"])


def _pairs(check: Check, path: str, value: Any, name: str) -> None:
    member = {"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"}[name]
    for place, each in check.objects(path, value):
        for key in each:
            if key not in ("type", member):
                check.error(f"{place}.{key}", "is not known here", f"type and {member} alone")
        if member not in each:
            check.error(f"{place}.{member}", "is missing", "a URI")
        elif name == "bizTransactionList":
            check.uri(f"{place}.{member}", each[member])
        else:
            check.epc(f"{place}.{member}", each[member])
        if "type" in each:
            check.word(f"{place}.type", each["type"], epcis.TYPED[name])
        elif name != "bizTransactionList":
            check.error(f"{place}.type", "is missing", "location, possessing_party or owning_party")


def _persistent(check: Check, path: str, value: Any, _name: str) -> None:
    if not isinstance(value, dict) or not value.keys() & {"set", "unset"}:
        check.error(path, "has neither set nor unset", "an object with set, unset or both")
        return
    for key, each in value.items():
        if key not in ("set", "unset") or not isinstance(each, list) or not each:
            check.error(f"{path}.{key}", "is no list of dispositions", "set and unset, each a list of at least one disposition")
            continue
        for at, word in enumerate(each):
            check.word(f"{path}.{key}[{at}]", word, vocabulary.DISPOSITIONS)
        if len({str(word) for word in each}) != len(each):
            check.error(f"{path}.{key}", "has a disposition twice", "each once")


def _certificates(check: Check, path: str, value: Any, _name: str) -> None:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, str) or not vocabulary.URI.fullmatch(each):
            check.error(path, "is no URI", "the URI of a certificate, or a list of them")


def _declaration(check: Check, path: str, value: Any, _name: str) -> None:
    if not isinstance(value, dict):
        check.error(path, "is no object", "an object with declarationTime")
        return
    check.members(path, value, ("declarationTime", "reason", "correctiveEventIDs"))
    if "declarationTime" not in value:
        check.error(f"{path}.declarationTime", "is missing", "the time of the declaration")
    else:
        check.time(f"{path}.declarationTime", value["declarationTime"])
    if "reason" in value:
        check.word(f"{path}.reason", value["reason"], vocabulary.REASONS)
    ids = value.get("correctiveEventIDs", [])
    if not isinstance(ids, list):
        check.error(f"{path}.correctiveEventIDs", "is no list", "a list of event ids")
        return
    for at, each in enumerate(ids):
        check.uri(f"{path}.correctiveEventIDs[{at}]", each)


def _ilmd(check: Check, path: str, value: Any, _name: str) -> None:
    if not isinstance(value, dict):
        check.error(path, "is no object", "an object of extensions, as cbvmda:lotNumber")
        return
    check.members(path, value, ())


# ---- sensors ----


def _sensors(check: Check, path: str, value: Any, _name: str) -> None:
    if isinstance(value, list) and not value:
        check.warn(path, "is empty", "at least one sensor element")
    for place, each in check.objects(path, value):
        check.members(place, each, ("sensorMetadata", "sensorReport", "type", "@context"))
        if "sensorMetadata" in each:
            _metadata(check, f"{place}.sensorMetadata", each["sensorMetadata"])
        reports = each.get("sensorReport")
        if not isinstance(reports, list) or not reports:
            check.error(f"{place}.sensorReport", "is missing", "a list of at least one report")
            continue
        for within, report in check.objects(f"{place}.sensorReport", reports):
            _report(check, within, report)


def _metadata(check: Check, path: str, value: Any) -> None:
    if not isinstance(value, dict):
        check.error(path, "is no object", "an object with time, deviceID …")
        return
    check.members(path, value, ("time", "startTime", "endTime", *METADATA))
    times = {name: check.time(f"{path}.{name}", value[name]) for name in ("time", "startTime", "endTime") if name in value}
    start, end = times.get("startTime"), times.get("endTime")
    if start is not None and end is not None and start > end:
        check.error(f"{path}.startTime", "is after endTime", "startTime at or before endTime")
    for name in METADATA:
        if name in value:
            check.uri(f"{path}.{name}", value[name])


def _report(check: Check, path: str, value: dict[str, Any]) -> None:
    check.members(path, value, REPORT)
    _report_words(check, path, value)
    numbers = {name: value[name] for name in REPORT_NUMBERS if name in value and check.number(f"{path}.{name}", value[name])}
    for name in REPORT_URIS:
        if name in value:
            check.uri(f"{path}.{name}", value[name])
    if "time" in value:
        check.time(f"{path}.time", value["time"])
    _report_values(check, path, value)
    _report_numbers(check, path, numbers)
    _unit(check, path, value, numbers)


def _report_words(check: Check, path: str, value: dict[str, Any]) -> None:
    if "type" not in value and "exception" not in value:
        check.error(f"{path}.type", "is missing", "what was measured, as Temperature")
    elif "type" in value:
        _measure(check, f"{path}.type", value["type"])
    if "exception" in value:
        check.word(f"{path}.exception", value["exception"], vocabulary.ALERTS)
    component = value.get("component")
    if component is not None and not (isinstance(component, str) and component.startswith("cbv:Comp-") and not check.xml):
        check.word(f"{path}.component", component, vocabulary.COMPONENTS)


def _measure(check: Check, path: str, value: Any) -> None:
    """The Web Vocabulary gains measurement types between versions of EPCIS: an unknown word is told, and does no harm."""
    wrong = vocabulary.wrong_word(value, vocabulary.MEASURES, check.spaces, urn=check.xml) if isinstance(value, str) else ""
    if not isinstance(value, str) or not _MEASURE.fullmatch(value):
        check.error(path, f"is {str(value)[:40]!r}", "a measurement type of the GS1 Web Vocabulary, as Temperature, or a URI")
    elif wrong:
        check.warn(path, *halves(wrong))


def _report_values(check: Check, path: str, value: dict[str, Any]) -> None:
    for name in ("stringValue", "uom"):
        if name in value and not isinstance(value[name], str):
            check.error(f"{path}.{name}", "is no text", "text")
    if "booleanValue" in value and not isinstance(value["booleanValue"], bool):
        check.error(f"{path}.booleanValue", f"is {str(value['booleanValue'])[:20]!r}", "true or false")
    hexadecimal = value.get("hexBinaryValue")
    if hexadecimal is not None and not (isinstance(hexadecimal, str) and re.fullmatch(r"[0-9A-Fa-f]+", hexadecimal)):
        check.error(f"{path}.hexBinaryValue", "is no hexadecimal number", "digits and letters a to f")


def _report_numbers(check: Check, path: str, numbers: dict[str, Any]) -> None:
    low, high, mean = numbers.get("minValue"), numbers.get("maxValue"), numbers.get("meanValue")
    if low is not None and high is not None and low > high:
        check.error(f"{path}.minValue", f"is {low}, above maxValue {high}", "minValue at or below maxValue")
    elif mean is not None and ((low is not None and mean < low) or (high is not None and mean > high)):
        check.warn(f"{path}.meanValue", f"is {mean}, outside minValue and maxValue", "a mean between them")
    if numbers.get("sDev", 0) < 0:
        check.error(f"{path}.sDev", "is below nought", "a standard deviation")
    if not 0 <= numbers.get("percRank", 0) <= 100:
        check.error(f"{path}.percRank", f"is {numbers['percRank']}", "a percentile between 0 and 100")
    if ("percRank" in numbers) != ("percValue" in numbers):
        check.error(f"{path}.percRank", "percRank and percValue belong together", "both or neither")


def _unit(check: Check, path: str, value: dict[str, Any], numbers: dict[str, Any]) -> None:
    kind, unit = value.get("type"), value.get("uom")
    word = vocabulary.bare(kind, vocabulary.MEASURES, check.spaces) if isinstance(kind, str) else ""
    if isinstance(unit, str) and not re.fullmatch(r"[A-Z0-9_]{1,4}", unit):
        check.error(f"{path}.uom", f"is {unit[:20]!r}", "a unit of UN/ECE Recommendation 20, as CEL")
    elif isinstance(unit, str) and word in vocabulary.UNITS and unit not in vocabulary.UNITS[word]:
        check.error(f"{path}.uom", f"is {unit!r}, no unit of {word}", ", ".join(sorted(vocabulary.UNITS[word])[:6]))
    measured = set(numbers) - {"percRank"}
    if measured and unit is None and word in vocabulary.MEASURES.values - {"Dimensionless", "Count"}:
        check.warn(f"{path}.uom", "is missing", f"the unit of the {word}")


FIELDS: Final[dict[str, Callable[[Check, str, Any, str], None]]] = {
    **dict.fromkeys(("action", "eventID", "parentID", "transformationID"), _text),
    **dict.fromkeys(("bizStep", "disposition"), _vocabulary_word),
    **dict.fromkeys(("epcList", "childEPCs", "inputEPCList", "outputEPCList"), _epcs),
    **dict.fromkeys(("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"), _quantities),
    **dict.fromkeys(("readPoint", "bizLocation"), _place),
    **dict.fromkeys(("bizTransactionList", "sourceList", "destinationList"), _pairs),
    "persistentDisposition": _persistent,
    "certificationInfo": _certificates,
    "errorDeclaration": _declaration,
    "ilmd": _ilmd,
    "sensorElementList": _sensors,
}
