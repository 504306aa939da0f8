"""The words and identifiers of EPCIS 2.0: CBV values in their notations, EPC URIs, GS1 keys and Digital Links, times, units.

Called by `epcis`, `epcis_xml` and `epcis_check`. Pure: text in, text or a reason out. Sources: CBV 2.0 clauses 7 and 8, TDS 2.0, RFC 3339.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

URN: Final = "urn:epcglobal:cbv:"
WEB: Final = "https://ref.gs1.org/cbv/"
VOC: Final = ("https://gs1.org/voc/", "https://www.gs1.org/voc/", "https://ref.gs1.org/voc/", "http://gs1.org/voc/")
PREFIXES: Final = {  # what GS1's own context declares
    "cbv": WEB,
    "cbvmda": "urn:epcglobal:cbv:mda",
    "dcterms": "http://purl.org/dc/terms/",
    "epcis": "https://ref.gs1.org/epcis/",
    "gs1": VOC[0],
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


class Words(NamedTuple):
    """One vocabulary: how its values begin as URN and as web URI, and its values."""

    urn: str
    web: tuple[str, ...]
    values: frozenset[str]
    retired: frozenset[str] = frozenset()  # of CBV 1.x, as URN alone


def _cbv(urn: str, web: str, values: str, retired: str = "") -> Words:
    return Words(f"{URN}{urn}:", (f"{WEB}{web}-",), frozenset(values.split()), frozenset(retired.split()))


STEPS: Final = _cbv(
    "bizstep",
    "BizStep",
    "accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting decommissioning departing "
    "destroying disassembling dispensing encoding entering_exiting holding inspecting installing killing loading other packing picking "
    "receiving removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting shipping staging_outbound "
    "stock_taking stocking storing transporting unloading unpacking void_shipping",
)
DISPOSITIONS: Final = _cbv(
    "disp",
    "Disp",
    "active available completeness_inferred completeness_verified conformant container_closed container_open damaged destroyed dispensed "
    "disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance mismatch_quantity needs_replacement "
    "no_pedigree_match non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned sellable_accessible "
    "sellable_not_accessible stolen unavailable unknown",
    "non_sellable_damaged non_sellable_disposed non_sellable_expired non_sellable_no_pedigree_match non_sellable_recalled",
)
TRANSACTIONS: Final = _cbv("btt", "BTT", "bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt")
PARTIES: Final = _cbv("sdt", "SDT", "location owning_party possessing_party")
REASONS: Final = _cbv("er", "ER", "did_not_occur incorrect_data")
COMPONENTS: Final = _cbv(
    "comp",
    "Comp",
    "altitude axial_distance azimuth easting elevation_angle height latitude longitude northing polar_angle spherical_radius x y z",
)
_MEASURES: Final = (
    "AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance AmountOfSubstancePerUnitVolume Angle "
    "AngularAcceleration AngularMomentum AngularVelocity Area Capacitance Conductance Conductivity Count Density Dimensionless "
    "DoseEquivalent DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength "
    "Energy Exposure Force Frequency Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux "
    "LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate MassPerAreaTime "
    "MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux RadiantIntensity Radioactivity "
    "RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension Temperature Time Torque "
    "Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber"
)
MEASURES: Final = Words("gs1:", VOC, frozenset(_MEASURES.split()))
ALERTS: Final = Words("gs1:", VOC, frozenset({"ALARM_CONDITION", "ERROR_CONDITION"}))
UNITS: Final = {  # UN/ECE Recommendation 20 codes of the quantities that cold chains and cargo report
    "Temperature": frozenset({"CEL", "FAH", "KEL", "A48"}),
    "RelativeHumidity": frozenset({"A93", "P1"}),
    "Speed": frozenset({"MTS", "KMH", "HM", "FS", "KNT", "2M", "2X", "C16", "FR", "IU", "M57", "M61", "R8"}),
    "Time": frozenset({"SEC", "MIN", "HUR", "DAY", "WEE", "MON", "ANN", "B52", "B98", "C26", "C47", "D42"}),
    "Mass": frozenset({"KGM", "GRM", "TNE", "LBR", "ONZ", "MGM", "MC", "2U", "CWA", "CWI", "DG", "CGM", "DJ", "GRN", "HGM", "KTN", "LTN",
                       "STN", "STI", "X_L", "APZ", "F13", "U5"}),
}  # fmt: skip

URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+")
OFFSET: Final = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)")
UNIT: Final = re.compile(r"[A-Z0-9]{2,3}")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def micros(text: str) -> int:
    """Microseconds UTC of an RFC 3339 time; digits below it are cut, seconds may be absent. ValueError says what is right."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} is no time; it would be as 2026-01-05T08:00:00Z or 2026-01-05T08:00:00.000+01:00")
    day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    except ValueError:
        raise ValueError(f"{text!r} is no day of the calendar") from None
    second = second or "0"
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise ValueError(f"{text!r} is no time of the day")
    moment_us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    moment_us += ((int(hour) * 60 + int(minute)) * 60 + int(second)) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    return moment_us - _zone(text, zone)


def _zone(text: str, zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text!r} has no possible zone")
    return (-1 if zone[0] == "-" else 1) * (hours * 60 + minutes) * 60_000_000


def expanded(text: str, namespaces: dict[str, str]) -> str:
    """A CURIE with a declared prefix written out; any other text as it is."""
    prefix, colon, local = text.partition(":")
    if not colon or local.startswith("//"):
        return text
    space = namespaces.get(prefix) or PREFIXES.get(prefix)
    return text if space is None else space + local


def bare(text: str, words: Words, namespaces: dict[str, str] | None = None) -> str:
    """The bare word of a value in any of its notations (word, URN, web URI, CURIE); another's value is written out and else unchanged."""
    if text.startswith(words.urn):
        return text[len(words.urn) :]
    whole = expanded(text, namespaces or {})
    for start in words.web:
        if whole.startswith(start):
            return whole[len(start) :]
    return whole


def in_urn(text: str, words: Words) -> str:
    """A bare word as XML writes it; any other notation as it is."""
    return f"{words.urn}{text}" if text in words.values else text


def wrong_word(text: str, words: Words, namespaces: dict[str, str], *, urn: bool) -> str:
    """What is wrong with a value of a vocabulary, or nothing. `urn`: XML, which writes URNs; JSON writes bare words."""
    if text in words.values:
        return "" if not urn or words.urn == "gs1:" else f"{text!r} is a bare word; XML writes {words.urn}{text}"
    whole = expanded(text, namespaces)
    if text.startswith(words.urn) and words.urn.startswith(URN):
        if not urn:
            return f"{text!r} is the notation of XML; JSON writes {text[len(words.urn) :]!r}"
        return "" if text[len(words.urn) :] in words.values | words.retired else _no_value(text, words)
    if text.startswith(URN):
        return _no_value(text, words)
    for start in words.web:
        if whole.startswith(start):
            return "" if whole[len(start) :] in words.values else _no_value(text, words)
    return "" if URI.fullmatch(text) else _no_value(text, words)


def _no_value(text: str, words: Words) -> str:
    return f"{text[:80]!r} is no value of the vocabulary; it would be {_near(text, words)} or a URI of its own"


def _near(text: str, words: Words) -> str:
    last = re.split(r"[:/\-]", text)[-1]
    listed = sorted(words.values, key=lambda word: (-len(_common(word, last)), word))
    return ", ".join(listed[:3])


def _common(one: str, other: str) -> str:
    length = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


# ---- EPC URIs (TDS 2.0 clause 6) ----

_PART: Final = re.compile(r"(?:[A-Za-z0-9!'()*+,\-.:;=_]|%(?:2[23567FfAa]|3[CcEeFf]))+")
_DIGITS: Final = re.compile(r"\d+", re.ASCII)


class Scheme(NamedTuple):
    """Digits of company prefix and reference together (0: not fixed), and the longest serial (0: none; None: a fixed shape of its own)."""

    digits: int
    serial: int
    numeric: bool = False


SCHEMES: Final = {
    "sgtin": Scheme(13, 20),
    "sscc": Scheme(17, 0),
    "sgln": Scheme(12, 20),
    "grai": Scheme(12, 16),
    "gsrn": Scheme(17, 0),
    "gsrnp": Scheme(17, 0),
    "gdti": Scheme(12, 17),
    "sgcn": Scheme(12, 12, True),
    "pgln": Scheme(12, 0),
    "gsin": Scheme(16, 0),
    "upui": Scheme(13, 28),
    "lgtin": Scheme(13, 20),
}
LOOSE: Final = {"giai": 2, "ginc": 2, "cpi": 3, "itip": 5, "gid": 3, "usdod": 2, "adi": 3, "bic": 1, "imovn": 1}  # how many parts
EPC: Final = "urn:epc:"


def wrong_epc(text: str) -> str:
    """What is wrong with an EPC, a class or a location written as a URI, or nothing. A URI of no GS1 scheme is fine."""
    if not URI.fullmatch(text):
        return f"{text[:80]!r} is no URI; it would be as urn:epc:id:sgtin:0614141.107346.2017 or https://id.gs1.org/01/…"
    lower = text.lower()
    if lower.startswith(EPC):
        return _wrong_urn(text)
    if lower.startswith(("http://", "https://")):
        return _wrong_link(text)
    return ""


def _wrong_urn(text: str) -> str:
    parts = text.split(":", 4)
    if len(parts) < 5 or parts[2] not in ("id", "class", "idpat", "tag", "raw", "pat"):
        return f"{text[:80]!r} is no EPC URI; it would be urn:epc:id:…, urn:epc:class:… or urn:epc:idpat:…"
    form, scheme, rest = parts[2:]
    if form in ("tag", "raw", "pat"):
        return ""
    if scheme not in SCHEMES and scheme not in LOOSE:
        return f"{scheme!r} is no EPC scheme; it would be one of {', '.join(sorted({*SCHEMES, *LOOSE}))}"
    if (scheme == "lgtin") != (form == "class") and not (scheme == "upui" and form == "class"):
        return f"urn:epc:{form}:{scheme} does not exist; a lot of a product is urn:epc:class:lgtin, a single thing urn:epc:id:{scheme}"
    wrong = _wrong_parts(scheme, rest, pattern=form == "idpat")
    return f"{text[:80]!r}: {wrong}" if wrong else ""


def _wrong_parts(scheme: str, rest: str, *, pattern: bool) -> str:
    if scheme in LOOSE:
        parts = rest.split(".", LOOSE[scheme] - 1)
        return "" if len(parts) == LOOSE[scheme] and all(map(_PART.fullmatch, parts)) else f"a {scheme} has {LOOSE[scheme]} parts"
    rule = SCHEMES[scheme]
    parts = rest.split(".", 2 if rule.serial else 1)
    if len(parts) != (3 if rule.serial else 2):
        return f"a {scheme} has {3 if rule.serial else 2} parts with full stops between"
    prefix, reference = parts[:2]
    if pattern and "*" in parts[:2]:
        return "" if parts[-1] == "*" and (prefix == "*" or _DIGITS.fullmatch(prefix)) else "in a pattern nothing stands after a *"
    if not _DIGITS.fullmatch(prefix) or (reference and not _DIGITS.fullmatch(reference)):
        return "company prefix and reference are digits"
    if not 6 <= len(prefix) <= 12 or len(prefix) + len(reference) != rule.digits:
        return f"a company prefix has 6 to 12 digits, and with the reference a {scheme} has {rule.digits}, not {len(prefix + reference)}"
    if not rule.serial or (pattern and parts[2] == "*"):
        return ""
    return _wrong_serial(scheme, parts[2], rule)


def _wrong_serial(scheme: str, serial: str, rule: Scheme) -> str:
    if not _PART.fullmatch(serial) or (rule.numeric and not _DIGITS.fullmatch(serial)):
        return f"the serial {serial[:40]!r} has characters that a {scheme} does not have"
    return "" if len(unquote(serial)) <= rule.serial else f"the serial of a {scheme} has at most {rule.serial} characters"


# ---- GS1 Digital Link URIs (GS1 Digital Link 1.3 clause 4) ----


class Key(NamedTuple):
    """A primary key: the digits it begins with, where its check digit ends, and how many characters may follow."""

    digits: int
    follow: int
    check: bool = True


KEYS: Final = {
    "00": Key(18, 0),
    "01": Key(14, 0),
    "253": Key(13, 17),
    "255": Key(13, 12),
    "401": Key(0, 30, False),
    "402": Key(17, 0),
    "414": Key(13, 0),
    "417": Key(13, 0),
    "8003": Key(14, 16, False),  # GS1's own examples have it wrong
    "8004": Key(0, 30, False),
    "8006": Key(18, 0, False),
    "8010": Key(0, 30, False),
    "8013": Key(0, 30, False),
    "8017": Key(18, 0),
    "8018": Key(18, 0),
}
QUALIFIERS: Final = {"10": 20, "21": 20, "22": 20, "235": 28, "254": 20, "8011": 12, "8019": 10, "7040": 4}
SHORT: Final = (8, 12, 13, 14)  # digits of a GTIN, of which all but the last form are filled up with zeros
_GS1_HOST: Final = re.compile(r"id\.gs1(?:\.[a-z]{2,3})+")


def check_digit(digits: str) -> str:
    """The GS1 check digit (GS1 General Specifications 7.9.1) that follows these digits."""
    total = 3 * sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def link_parts(text: str) -> list[tuple[str, str]]:
    """Application identifiers and values of a Digital Link, the primary key first; none where it is no such URI."""
    try:
        parts = [unquote(part) for part in urlsplit(text).path.split("/") if part]
    except ValueError:
        return []
    for at, part in enumerate(parts[:-1]):
        if part in KEYS and (KEYS[part].digits == 0 or (parts[at + 1].isascii() and parts[at + 1][:8].isdigit())):
            pairs = parts[at:]
            return list(zip(pairs[::2], pairs[1::2], strict=False)) if len(pairs) % 2 == 0 else [(pairs[0], pairs[1])]
    return []


def _wrong_link(text: str) -> str:
    pairs = link_parts(text)
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        return f"{text[:80]!r} is no URI"
    if not pairs:
        return f"{text[:80]!r} names no GS1 key; it would be as https://id.gs1.org/01/09506000134352" if _GS1_HOST.fullmatch(host) else ""
    wrong = _wrong_key(*pairs[0]) or next((found for ai, value in pairs[1:] if (found := _wrong_qualifier(ai, value))), "")
    return f"{text[:80]!r}: {wrong}" if wrong else ""


def _wrong_key(ai: str, value: str) -> str:
    rule = KEYS[ai]
    head, tail = value[: rule.digits], value[rule.digits :]
    if ai == "01" and len(value) in SHORT:
        head = value.zfill(14)
    if len(head) != rule.digits or (head and not (head.isascii() and head.isdigit())):
        return f"the value of ({ai}) begins with {rule.digits} digits"
    if len(tail) > rule.follow:
        return f"the value of ({ai}) has at most {rule.digits + rule.follow} characters"
    if rule.check and check_digit(head[:-1]) != head[-1]:
        return f"the check digit of ({ai}) {value} is {head[-1]}; it would be {check_digit(head[:-1])}"
    return ""


def _wrong_qualifier(ai: str, value: str) -> str:
    if ai not in QUALIFIERS:
        return f"({ai}) does not follow a key; it would be one of {', '.join(QUALIFIERS)}"
    return "" if 0 < len(value) <= QUALIFIERS[ai] else f"the value of ({ai}) has at most {QUALIFIERS[ai]} characters"


# ---- what an identifier says of product, lot and place ----


def gtin(text: str) -> str:
    """GTIN-14 of a product's class or of one piece of it, from any URI; empty where it is none."""
    parts = text.split(":")
    if text.startswith(EPC) and len(parts) >= 5 and parts[3] in ("sgtin", "lgtin", "upui", "itip"):
        prefix, _, rest = parts[4].partition(".")
        item = rest.split(".", 1)[0]
        digits = item[:1] + prefix + item[1:]
        return digits + check_digit(digits) if len(digits) == 13 and digits.isascii() and digits.isdigit() else ""
    pairs = link_parts(text) if text.startswith("http") else []
    value = pairs[0][1] if pairs and pairs[0][0] == "01" else ""
    return value.zfill(14) if len(value) in SHORT and value.isdigit() else ""


def lot(text: str) -> str:
    """The lot of a class of goods, or nothing."""
    if text.startswith("urn:epc:class:lgtin:"):
        return unquote(text.split(".", 2)[2]) if text.count(".") >= 2 else ""
    return dict(link_parts(text)).get("10", "") if text.startswith("http") else ""


def gln(text: str) -> str:
    """The GLN of a place or party; the last part of another URI."""
    parts = text.split(":")
    if text.startswith(EPC) and len(parts) >= 5 and parts[3] in ("sgln", "pgln"):
        digits = "".join(parts[4].split(".")[:2])
        return digits + check_digit(digits) if len(digits) == 12 and digits.isascii() and digits.isdigit() else last_part(text)
    pairs = link_parts(text) if text.startswith("http") else []
    return pairs[0][1] if pairs and pairs[0][0] in ("414", "417") else last_part(text)


def last_part(text: str) -> str:
    """What stands last in a URI: the number of a transaction, the name of a place."""
    whole = unquote(re.split(r"[?#]", text)[0]).rstrip("/:")
    if text.startswith("urn:epc:id:gdti:"):
        return whole.split(".", 2)[-1]
    return re.split(r"[/:]", whole)[-1] or text


def written(moment: int) -> str:
    """RFC 3339 in UTC of microseconds, with milliseconds where they matter."""
    found = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment)
    return found.isoformat(timespec="milliseconds" if moment % 1_000 == 0 else "microseconds").replace("+00:00", "Z")
