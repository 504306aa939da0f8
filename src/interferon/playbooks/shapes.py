"""The objects of CACAO v2.0 as tables of properties and checks (clauses 3 to 10). `report_shape` holds a document against them. Pure."""

from typing import Any, Final

from interferon.playbooks import vocabulary as words
from interferon.playbooks.checks import (
    Check,
    address,
    anything,
    email,
    encoded,
    fixed,
    flag,
    identifier,
    listing,
    mapping,
    moment,
    named,
    port,
    record,
    stamp,
    text,
    whole,
    word,
)
from interferon.playbooks.problems import Report, short
from interferon.playbooks.values import LONGEST, NAME, misfit

SOURCES: Final = ("description", "source", "url", "external_id", "reference_id")
EXTENSIONS: Final = mapping(identifier("extension-definition"), mapping(anything, anything))


def _kind(value: Any) -> str:
    """The type that an object says it is of; nothing where it says none."""
    found = value.get("type") if isinstance(value, dict) else ""
    return found if isinstance(found, str) else ""


def reference(value: Any, where: str, report: Report) -> None:
    """An external reference (clause 10.9): a name and at least one way to find it."""
    record({name: text for name in ("name", *SOURCES)}, "name")(value, where, report)
    if isinstance(value, dict) and not any(name in value for name in SOURCES):
        report.error(where, f"must have one of {', '.join(SOURCES)} beside the name")


REFERENCES: Final = listing(reference)


def variable_name(value: Any, where: str, report: Report) -> None:
    if not NAME.fullmatch(value) or len(value) > LONGEST:
        report.error(
            where, f"{short(value)} is not a variable's name: __, a letter, letters, digits, _ or -, then __; at most {LONGEST} characters"
        )


def variable(value: Any, where: str, report: Report) -> None:
    """A variable (clause 10.18): the value is text, null, or for a dictionary an object."""
    record({"type": word(words.VARIABLES), "description": text, "value": anything, "constant": flag, "external": flag}, "type")(
        value, where, report
    )
    if not isinstance(value, dict):
        return
    kind, held = value.get("type"), value.get("value")
    if isinstance(held, str) and isinstance(kind, str):
        if why := misfit(kind, held):
            report.error(f"{where}.value", f"{short(held)} {why}")
    elif held is not None and not (kind == "dictionary" and isinstance(held, dict)):
        report.error(f"{where}.value", f"must be text or null, not {short(held)}: numbers and booleans are written as text")
    if value.get("constant") is True and "value" not in value and not value.get("external"):
        report.warn(where, "is a constant without a value")


VARIABLES: Final = mapping(variable_name, variable)
CONTACT: Final = record({"email": mapping(named, email), "phone": mapping(named, text), "contact_details": text})
_PLACE: Final = (
    "name", "description", "building_details", "network_details", "country", "administrative_area", "city", "street_address", "postal_code",
    "latitude", "longitude", "precision",
)  # fmt: skip
LOCATION: Final = record({"region": fixed(*sorted(words.REGIONS))} | dict.fromkeys(_PLACE, text))
_COMMAND: Final[dict[str, Check]] = {
    "type": text, "description": text, "version": text, "playbook_activity": word(words.ACTIVITIES), "external_references": REFERENCES,
    "command": text, "command_b64": encoded, "headers": mapping(anything, listing(text)), "content": text, "content_b64": encoded,
}  # fmt: skip


def command(value: Any, where: str, report: Report) -> None:
    """One command (clause 5); what it must carry depends on its type."""
    kind = _kind(value)
    record(_COMMAND, "type", open_to=kind not in words.COMMANDS)(value, where, report)
    if not kind:
        return
    if kind not in words.COMMANDS:
        report.warn(f"{where}.type", f"{short(kind)} is not a command type of the specification: an executor must know it")
    elif kind in words.ENCODED and "command_b64" not in value:
        report.error(f"{where}.command_b64", f"is missing: a {kind} command is given in base64")
    elif kind in words.PLAIN and "command" not in value and "command_b64" not in value:
        report.error(f"{where}.command", "is missing: give command or command_b64")
    elif kind in words.HTTP:
        _http(value, where, report)
    if value.get("command") == "" and "command_b64" not in value:
        report.warn(f"{where}.command", "is empty: whoever does the step has only its name and description")


def _http(value: dict[str, Any], where: str, report: Report) -> None:
    if "command" not in value:
        report.error(f"{where}.command", "is missing: such as 'GET /path HTTP/1.1'")
    elif isinstance(value["command"], str) and len(value["command"].split()) not in (2, 3):
        report.warn(f"{where}.command", "should be a method, a path and a version such as 'GET /path HTTP/1.1'")
    if value["type"] == "openc2-http" and "content_b64" not in value and "content" not in value:
        report.error(f"{where}.content_b64", "is missing: the OpenC2 message")


_TARGET: Final[dict[str, Check]] = {
    "type": text, "name": text, "description": text, "location": LOCATION, "agent_target_extensions": EXTENSIONS, "contact": CONTACT,
    "logical": listing(text), "sector": word(words.SECTORS), "port": port, "authentication_info": identifier(),
    "category": listing(word(words.CATEGORIES)),
    "address": record({kind: listing(address(kind)) for kind in words.ADDRESSES}),
}  # fmt: skip


def target(value: Any, where: str, report: Report) -> None:
    """An agent or a target (clause 7)."""
    kind = _kind(value)
    needs = {"sector": " sector", "security-category": " category"} | dict.fromkeys(words.ADDRESSED, " address")
    record(_TARGET, "type name" + needs.get(kind, ""), open_to=kind not in words.AGENTS)(value, where, report)
    if kind and kind not in words.AGENTS:
        report.warn(f"{where}.type", f"{short(kind)} is not an agent or target type of the specification")


_AUTHENTICATION: Final[dict[str, Check]] = {
    "type": text, "name": text, "description": text, "authentication_info_extensions": EXTENSIONS, "user_id": text, "username": text,
    "password": text, "oauth_header": text, "token": text, "kms": flag, "kms_key_identifier": text,
}  # fmt: skip


def authentication(value: Any, where: str, report: Report) -> None:
    """Authentication information (clause 6)."""
    kind = _kind(value)
    known = kind in words.AUTHENTICATION
    record(_AUTHENTICATION, "type oauth_header token" if kind == "oauth2" else "type", open_to=not known)(value, where, report)
    if kind and not known:
        report.warn(f"{where}.type", f"{short(kind)} is not an authentication type of the specification")
    if isinstance(value, dict) and value.get("kms") is True and not value.get("kms_key_identifier"):
        report.warn(f"{where}.kms_key_identifier", "should name the key, for kms is true")


_MARKING: Final[dict[str, Check]] = {
    "type": fixed(*words.MARKINGS), "id": identifier(*words.MARKINGS), "name": text, "description": text, "created_by": identifier(),
    "created": moment, "modified": moment, "revoked": flag, "valid_from": stamp, "valid_until": stamp, "labels": listing(text),
    "external_references": listing(anything), "marking_extensions": EXTENSIONS, "statement": text, "tlpv2_level": fixed(*words.TLP),
    "tlp": text, "iep_version": whole(0), "start_date": stamp, "end_date": anything, "encrypt_in_transit": text,
    "permitted_actions": text, "affected_party_notifications": text, "attribution": text, "unmodified_resale": text,
}  # fmt: skip
_NEEDED: Final = {"marking-statement": " statement", "marking-tlp": " tlpv2_level", "marking-iep": " name tlp iep_version start_date"}


def marking(value: Any, where: str, report: Report) -> None:
    """A data marking (clause 9)."""
    record(_MARKING, "type id created_by created" + _NEEDED.get(_kind(value), ""))(value, where, report)


EXTENSION: Final = record(
    {
        "type": fixed("extension-definition"), "name": text, "description": text, "created_by": identifier("identity"), "schema": text,
        "version": text, "external_references": REFERENCES,
    },
    "type name created_by schema version",
)  # fmt: skip
KEYS: Final = ("public_key", "public_cert_chain", "cert_url", "thumbprint")


def signature(value: Any, where: str, report: Report) -> None:
    """A signature (clause 10.15): exactly one way to the key; a countersignature is of the same shape."""
    fields: dict[str, Check] = {
        "type": fixed("jss"), "id": identifier("jss", "signature"), "created_by": identifier("identity"), "created": moment,
        "modified": moment, "revoked": flag, "signee": text, "valid_from": stamp, "valid_until": stamp,
        "related_to": identifier("playbook"),
        "related_version": stamp, "hash_algorithm": text, "algorithm": word(words.ALGORITHMS), "public_key": text,
        "public_cert_chain": listing(text, 1), "cert_url": text, "thumbprint": text, "value": text, "signature": signature,
    }  # fmt: skip
    record(fields, "type id created modified signee related_to related_version hash_algorithm algorithm value")(value, where, report)
    if isinstance(value, dict) and sum(name in value for name in KEYS) != 1:
        report.error(where, f"must have exactly one of {', '.join(KEYS)}")


_STEP: Final[dict[str, Check]] = {
    "type": fixed(*words.STEPS), "name": text, "description": text, "external_references": REFERENCES, "delay": whole(0),
    "timeout": whole(0), "step_variables": VARIABLES, "owner": identifier(), "on_completion": identifier(), "on_success": identifier(),
    "on_failure": identifier(), "step_extensions": EXTENSIONS,
}  # fmt: skip
_ARGS: Final[dict[str, Check]] = {"in_args": listing(text), "out_args": listing(text)}
_OWN: Final[dict[str, tuple[dict[str, Check], str]]] = {
    "action": ({"commands": listing(command, 1), "agent": identifier(), "targets": listing(identifier())} | _ARGS, "commands"),
    "playbook-action": ({"playbook_id": identifier("playbook"), "playbook_version": stamp} | _ARGS, "playbook_id"),
    "parallel": ({"next_steps": listing(identifier(), 2)}, "next_steps"),
    "if-condition": ({"condition": text, "on_true": identifier(), "on_false": identifier()}, "condition on_true"),
    "while-condition": ({"condition": text, "on_true": identifier()}, "condition on_true"),
    "switch-condition": ({"switch": text, "cases": mapping(anything, identifier())}, "switch cases"),
}


def step(value: Any, where: str, report: Report) -> None:
    """A workflow step (clause 4)."""
    kind = _kind(value)
    own, needed = _OWN.get(kind, ({}, ""))
    record(_STEP | own, f"type {needed}", open_to=kind not in words.STEPS)(value, where, report)


_percent: Final = whole(0, 100)
PLAYBOOK: Final = record(
    {
        "type": fixed("playbook"), "spec_version": fixed("cacao-2.0"), "id": identifier("playbook"), "name": text, "description": text,
        "playbook_types": listing(word(words.PLAYBOOKS)), "playbook_activities": listing(word(words.ACTIVITIES)),
        "playbook_processing_summary": record(dict.fromkeys(words.SUMMARY, flag)), "created_by": identifier("identity"),
        "created": moment, "modified": moment, "revoked": flag, "valid_from": stamp, "valid_until": stamp,
        "derived_from": listing(identifier("playbook")), "related_to": listing(identifier()), "priority": _percent, "severity": _percent,
        "impact": _percent, "industry_sectors": listing(word(words.SECTORS)), "labels": listing(text), "external_references": REFERENCES,
        "markings": listing(identifier(*words.MARKINGS)), "playbook_variables": VARIABLES, "workflow_start": identifier(),
        "workflow_exception": identifier(), "workflow": mapping(identifier(), step), "playbook_extensions": EXTENSIONS,
        "authentication_info_definitions": mapping(identifier(), authentication),
        "agent_definitions": mapping(identifier(), target), "target_definitions": mapping(identifier(), target),
        "extension_definitions": mapping(identifier("extension-definition"), EXTENSION),
        "data_marking_definitions": mapping(identifier(*words.MARKINGS), marking), "signatures": listing(signature),
    },
    "type spec_version id name created_by created modified workflow_start workflow",
)  # fmt: skip


def report_shape(document: dict[str, Any], report: Report) -> None:
    """Types, enumerations, identifiers, times and required properties of every object in the document."""
    PLAYBOOK(document, "", report)
