"""Findings and incidents as OCSF 1.5: Detection Finding (class 2004) and Incident Finding (2005), https://schema.ocsf.io. Pure."""

from typing import Any, Final

from interferon.export.about import VENDOR, About, Told, key, severity
from interferon.model.records import Finding, Incident

NAME: Final = "ocsf"
SCHEMA: Final = "1.5.0"
FINDINGS: Final = 2  # category
DETECTION, INCIDENT = 2004, 2005
CREATE, UPDATE, CLOSE = 1, 2, 3  # activities
STATUS: Final = {"open": 1, "contained": 4, "closed": 5}  # New, Resolved, Closed; of an incident finding
GRADES: Final = ((0.85, 5, "Critical"), (0.6, 4, "High"), (0.4, 3, "Medium"), (0.2, 2, "Low"), (0.0, 1, "Informational"))
LEARNING: Final = 4  # analytic type: Learning (ML/DL)
RULE: Final = 1


def document(record: Told, about: About) -> dict[str, Any]:
    """One OCSF event. Times are milliseconds UTC, as the schema's `timestamp_t`."""
    return _incident(record, about) if isinstance(record, Incident) else _finding(record, about)


def _base(record: Told, about: About, kind: int, activity: int, time: int) -> dict[str, Any]:
    grade, name = next((number, word) for least, number, word in GRADES if severity(record) >= least)
    return {
        "activity_id": activity,
        "category_uid": FINDINGS,
        "category_name": "Findings",
        "class_uid": kind,
        "class_name": "Incident Finding" if kind == INCIDENT else "Detection Finding",
        "type_uid": kind * 100 + activity,
        "time": time // 1000,
        "severity_id": grade,
        "severity": name,
        "metadata": {
            "version": SCHEMA,
            "uid": key(record),
            "product": {"name": VENDOR, "vendor_name": VENDOR, "version": about.version},
            "profiles": [],
        },
    }


def _finding(record: Finding, about: About) -> dict[str, Any]:
    analytic = {"name": record.detector, "uid": record.detector, "type_id": RULE if record.kind.startswith("rule.") else LEARNING}
    info = {
        "uid": record.id,
        "title": record.kind,
        "desc": record.summary,
        "created_time": record.time // 1000,
        "types": [record.kind],
        "analytic": analytic,
        "attacks": _attacks(record.techniques, about),
        "related_events": [{"uid": event, "type": record.family} for event in record.evidence],
    }
    return {
        **_base(record, about, DETECTION, CREATE, record.time),
        "status_id": 3 if record.suppressed else 1,  # Suppressed, New
        "message": record.summary,
        "finding_info": info,
        "resources": [_resource(reference, about) for reference in (record.entity, *filter(None, record.related))],
        "observables": _observables((record.entity, *record.related), about),
        "unmapped": {"p": record.p, "score": record.score, "shares": dict(record.why), "declared": record.declared},
    }


def _incident(record: Incident, about: About) -> dict[str, Any]:
    activity = CLOSE if record.status == "closed" else CREATE if record.revision <= 1 else UPDATE
    info = {
        "uid": record.id,
        "title": record.title,
        "created_time": record.opened // 1000,
        "modified_time": record.updated // 1000,
        "attacks": _attacks(record.techniques, about),
    }
    return {
        **_base(record, about, INCIDENT, activity, record.updated),
        "status_id": STATUS[record.status],
        "message": record.title,
        "desc": record.title,
        "start_time": record.opened // 1000,
        "finding_info_list": [{"uid": finding, "title": record.title} for finding in record.findings] or [info],
        "confidence_score": round(record.p_attack * 100),
        "attacks": info["attacks"],
        "observables": _observables(record.entities, about),
        "unmapped": {
            "revision": record.revision,
            "p_attack": record.p_attack,
            "zones": list(record.zones),
            "sites": list(record.sites),
            "suspects": [{"reference": reference, "probability": chance} for reference, chance in record.suspects],
            "entities": list(record.entities),
        },
    }


def _attacks(techniques: tuple[str, ...], about: About) -> list[dict[str, Any]]:
    return [
        {"technique": {"uid": technique, **({"name": about.names[technique]} if technique in about.names else {})}}
        for technique in techniques
    ]


def _resource(reference: str, about: About) -> dict[str, Any]:
    thing = about.thing(reference)
    found = {"uid": reference, "name": thing.name, "type": thing.type or thing.kind, "group": {"name": thing.zone} if thing.zone else None}
    owner = {"owner": {"name": thing.owner}} if thing.owner else {}
    return {name: value for name, value in found.items() if value} | owner


def _observables(references: tuple[str, ...], about: About) -> list[dict[str, Any]]:
    """IP addresses (type 2) and other names (Resource UID, type 10)."""
    things = [about.thing(reference) for reference in dict.fromkeys(filter(None, references))]
    return [
        {"name": "resources.ip", "type_id": 2, "value": thing.ip}
        if thing.ip
        else {"name": "resources.uid", "type_id": 10, "value": thing.reference}
        for thing in things
    ]
