"""Findings and incidents as OCSF, STIX and CEF: fields, ids that repeat, nothing that breaks a line."""

import json
import re
import uuid
from typing import Any

import msgspec
import pytest

from interferon.export import cef, ocsf, stix
from interferon.export.about import About
from interferon.model.records import Finding, Incident
from interferon.store import examples

NETWORK = examples.build("minimal")
ABOUT = About("9.9", NETWORK, {"T0855": "Unauthorized Command Message"})
PLC = next(asset for asset in NETWORK.assets.values() if asset.type == "plc" and asset.address)
FINDING = Finding(
    id="f-1",
    time=1_767_600_000_123_456,
    entity=f"asset:{PLC.id}",
    detector="activity_commands",
    family="activity",
    kind="command.new_source",
    p=1e-5,
    score=5.0,
    why=(("source", 0.75), ("code", 0.25)),
    summary="A stranger | wrote = to\nplc\\1",
    related=("203.0.113.9", ""),
    techniques=("T0855", "T1059.001"),
    evidence=("tap@12", "tap@13"),
)
INCIDENT = Incident(
    id="i-1",
    revision=3,
    opened=1_767_600_000_000_000,
    updated=1_767_600_060_000_000,
    status="contained",
    title="Commands from a stranger",
    severity=0.9,
    p_attack=0.87,
    findings=("f-1", "f-2"),
    entities=(f"asset:{PLC.id}", "identity:eve"),
    zones=(PLC.zone,),
    sites=("plant-1",),
    suspects=((f"asset:{PLC.id}", 0.8),),
    path=(),
    techniques=("T0855",),
    families=("activity",),
)
ID = re.compile(r"^[a-z0-9-]+--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def test_a_finding_is_a_detection_finding() -> None:
    found = ocsf.document(FINDING, ABOUT)
    assert {name: found[name] for name in ("class_uid", "category_uid", "type_uid", "activity_id", "time", "severity_id", "status_id")} == {
        "class_uid": 2004,
        "category_uid": 2,
        "type_uid": 200401,
        "activity_id": 1,
        "time": 1_767_600_000_123,
        "severity_id": 4,
        "status_id": 1,
    }
    assert found["finding_info"]["uid"] == "f-1"
    assert found["finding_info"]["attacks"][0]["technique"] == {"uid": "T0855", "name": "Unauthorized Command Message"}
    assert [event["uid"] for event in found["finding_info"]["related_events"]] == ["tap@12", "tap@13"]
    assert found["resources"][0]["type"] == "plc"
    assert found["resources"][0]["group"] == {"name": PLC.zone}
    assert {each["value"] for each in found["observables"]} == {PLC.address, "203.0.113.9"}
    assert found["unmapped"]["shares"] == {"source": 0.75, "code": 0.25}


@pytest.mark.parametrize(
    ("revision", "status", "activity", "state"), [(1, "open", 1, 1), (2, "open", 2, 1), (3, "contained", 2, 4), (4, "closed", 3, 5)]
)
def test_an_incident_is_an_incident_finding_whose_activity_follows_its_life(revision: int, status: Any, activity: int, state: int) -> None:
    found = ocsf.document(msgspec.structs.replace(INCIDENT, revision=revision, status=status), ABOUT)
    assert (found["class_uid"], found["activity_id"], found["type_uid"], found["status_id"]) == (2005, activity, 200500 + activity, state)
    assert found["metadata"]["uid"] == f"i-1-r{revision}"
    assert found["confidence_score"] == 87
    assert [each["uid"] for each in found["finding_info_list"]] == ["f-1", "f-2"]


@pytest.mark.parametrize("record", [FINDING, INCIDENT], ids=["finding", "incident"])
def test_stix_objects_hold_together(record: Finding | Incident) -> None:
    bundle = stix.document(record, ABOUT)
    assert bundle == stix.document(record, ABOUT)
    held = {each["id"]: each for each in bundle["objects"]}
    assert len(held) == len(bundle["objects"])
    for name, each in held.items():
        assert ID.match(name)
        assert name.startswith(each["type"] + "--")
        assert each["spec_version"] == "2.1"
        references = [value for key, value in each.items() if key.endswith("_ref")]
        references += [one for key, value in each.items() if key.endswith("_refs") for one in value]
        references += [value for value in [each.get("sighting_of_ref")] if value]
        assert set(references) <= set(held), f"{name} refers to what is not in the bundle"
        if each["type"] not in stix.SCO:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each["created"])
            assert each["modified"] >= each["created"]


def test_stix_says_what_was_seen_where() -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for each in stix.document(FINDING, ABOUT)["objects"]:
        by_type.setdefault(each["type"], []).append(each)
    assert {each["value"] for each in by_type["ipv4-addr"]} == {PLC.address, "203.0.113.9"}
    assert [each["external_references"][0]["url"] for each in by_type["attack-pattern"]] == [
        "https://attack.mitre.org/techniques/T0855",
        "https://attack.mitre.org/techniques/T1059/001",
    ]
    assert len(by_type["sighting"]) == 2
    # the id of an address is that of any other producer: UUIDv5 of its canonical JSON in the namespace of the standard
    known = uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7"), '{"value":"203.0.113.9"}')
    assert f"ipv4-addr--{known}" in {each["id"] for each in by_type["ipv4-addr"]}
    incident = stix.document(INCIDENT, ABOUT)["objects"]
    assert {each["relationship_type"] for each in incident if each["type"] == "relationship"} == {"related-to"}
    later = stix.document(msgspec.structs.replace(INCIDENT, revision=4, updated=INCIDENT.updated + 10**6), ABOUT)["objects"]
    first, second = (next(each for each in held if each["type"] == "incident") for held in (incident, later))
    assert first["id"] == second["id"]
    assert first["modified"] < second["modified"]


def test_a_cef_line_is_one_line_whose_signs_are_escaped() -> None:
    line = cef.line(FINDING, ABOUT)
    assert line.startswith("CEF:0|Interferon|Interferon|9.9|command.new_source|A stranger \\| wrote = to plc\\\\1|7|")
    assert "\n" not in line
    pairs = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line.rsplit("|", 1)[1]))
    assert pairs["rt"] == "1767600000123"
    assert (pairs["dst"], pairs["src"], pairs["cs1"]) == (PLC.address, "203.0.113.9", "T0855,T1059.001")
    assert (pairs["cat"], pairs["externalId"], pairs["cfp1"]) == ("finding", "f-1", "1e-05")


def test_a_syslog_frame_says_how_grave_it_is_and_when() -> None:
    frame = cef.syslog(INCIDENT, ABOUT, "Werk 3 – Süd")
    assert frame.startswith(b"<130>1 2026-01-05T08:01:00.000000Z Werk3Sd interferon - i-1-r3 - CEF:0|")
    quiet = cef.syslog(msgspec.structs.replace(FINDING, p=0.5), ABOUT, "")
    assert quiet.startswith(b"<134>1 2026-01-05T08:00:00.123456Z - interferon")


def test_without_tables_a_reference_stands_for_itself() -> None:
    bare = About("1")
    assert ocsf.document(FINDING, bare)["resources"][0] == {"uid": f"asset:{PLC.id}", "name": PLC.id, "type": "asset"}
    assert json.dumps(stix.document(INCIDENT, bare))
