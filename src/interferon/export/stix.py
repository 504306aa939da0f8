"""Findings and incidents as STIX 2.1 objects (OASIS Standard, 10 June 2021). Pure: ids are UUIDv5 of what they stand for.

An incident becomes `incident` with relationships to attack patterns and to the infrastructure that it touches; a finding becomes
`observed-data` of addresses where there are any, and a `sighting` of each technique.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from interferon.export.about import VENDOR, About, Thing, Told, is_ip
from interferon.model.records import Finding, Incident

NAME: Final = "stix"
SPACE: Final = uuid.UUID("6f0c9a54-0b5e-5d6e-9d2c-5b7d7a1c3e11")  # namespace of the ids that we make
OBSERVABLES: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # STIX 2.1, 2.9: of cyber-observable ids
MEDIA: Final = "application/stix+json;version=2.1"

Object = dict[str, Any]


def objects(record: Told, about: About) -> list[Object]:
    """The objects of one record, its producer first; the same record always gives the same ids."""
    made = _time(record.opened if isinstance(record, Incident) else record.time)
    who = _object("identity", about.producer, made, name=about.producer, identity_class="organization")
    own = _incident(record, about, made) if isinstance(record, Incident) else _finding(record, about, made)
    return [who, *({**each, "created_by_ref": who["id"]} if each["type"] not in SCO else each for each in own)]


SCO: Final = ("ipv4-addr", "ipv6-addr")  # cyber-observable objects have no creator


def document(record: Told, about: About) -> Object:
    """A bundle of the objects."""
    held = objects(record, about)
    return {"type": "bundle", "id": f"bundle--{uuid.uuid5(SPACE, '|'.join(each['id'] for each in held))}", "objects": held}


def _object(kind: str, about: str, made: str, changed: str = "", /, **fields: Any) -> Object:
    common = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid.uuid5(SPACE, f'{kind}|{about}')}"}
    return common | {"created": made, "modified": changed or made} | fields


def _incident(record: Incident, about: About, made: str) -> list[Object]:
    changed = _time(record.updated)
    text = f"{record.title}. Probability of an attack {record.p_attack:.2f}, severity {record.severity:.2f}, {record.status}."
    labels = [record.status, *(f"zone:{zone}" for zone in record.zones)]
    main = _object("incident", record.id, made, changed, name=record.title, description=text, labels=labels)
    patterns = [_pattern(technique, about, made) for technique in record.techniques]
    places = [_place(about.thing(reference), made) for reference in record.entities]
    return [main, *patterns, *places, *(_related(main, each, made, changed) for each in (*patterns, *places))]


def _finding(record: Finding, about: About, made: str) -> list[Object]:
    patterns = [_pattern(technique, about, made) for technique in record.techniques]
    things = [about.thing(reference) for reference in (record.entity, *filter(None, record.related))]
    addresses = [_address(thing.ip) for thing in things if thing.ip]
    places = [_place(thing, made) for thing in things if not thing.ip]
    note = _object("note", record.id, made, abstract=record.kind, content=record.summary, authors=[VENDOR])
    seen = []
    if addresses:
        window: dict[str, Any] = {"first_observed": made, "last_observed": made, "number_observed": max(len(record.evidence), 1)}
        seen = [_object("observed-data", record.id, made, **window, object_refs=[each["id"] for each in addresses])]
    evidence: dict[str, Any] = {"observed_data_refs": [seen[0]["id"]]} if seen else {}
    sightings = [
        _object(
            "sighting", f"{record.id}|{each['id']}", made, sighting_of_ref=each["id"], first_seen=made, last_seen=made, count=1,
            summary=False, description=record.summary, **evidence,
        )
        for each in patterns
    ]  # fmt: skip
    about_what = [each["id"] for each in (*seen, *patterns, *places, *addresses)]
    return [*addresses, *seen, *patterns, *places, {**note, "object_refs": about_what}, *sightings]


def _pattern(technique: str, about: About, made: str) -> Object:
    source = "mitre-ics-attack" if technique.startswith("T0") else "mitre-attack"
    reference = {
        "source_name": source,
        "external_id": technique,
        "url": f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}",
    }
    return _object("attack-pattern", technique, made, name=about.names.get(technique, technique), external_references=[reference])


def _place(thing: Thing, made: str) -> Object:
    """Something that is no address: an asset, an identity, a lane … as infrastructure or identity."""
    if thing.kind in ("identity", "partner"):
        return _object(
            "identity", thing.reference, made, name=thing.name, identity_class="individual" if thing.kind == "identity" else "organization"
        )
    return _object("infrastructure", thing.reference, made, name=thing.reference, description=thing.type or thing.kind)


def _address(address: str) -> Object:
    kind = "ipv6-addr" if ":" in address else "ipv4-addr"
    assert is_ip(address)
    name = '{"value":"' + address + '"}'  # the canonical JSON of what identifies it (RFC 8785)
    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid.uuid5(OBSERVABLES, name)}", "value": address}


def _related(main: Object, other: Object, made: str, changed: str) -> Object:
    ends = {"source_ref": main["id"], "target_ref": other["id"]}
    return _object("relationship", f"{main['id']}|{other['id']}", made, changed, relationship_type="related-to", **ends)


def _time(micros: int) -> str:
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000 // 1000:03d}Z"
