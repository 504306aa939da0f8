"""Identifiers, times and references between the objects of a playbook. Called by `lint`. Pure."""

from collections.abc import Iterator
from typing import Any

from interferon.playbooks.problems import Report, short
from interferon.playbooks.records import Action, If, Parallel, Playbook, PlaybookAction, Switch, While

KEYED = ("workflow", "agent_definitions", "target_definitions", "authentication_info_definitions", "data_marking_definitions")
EXTENDED = ("step_extensions", "agent_target_extensions", "authentication_info_extensions", "marking_extensions", "playbook_extensions")


def report(playbook: Playbook, document: dict[str, Any], report: Report) -> None:
    _times(document, report)
    _identifiers(document, report)
    _agents(playbook, report)
    _authentication(playbook, report)
    _extensions(document, report)
    for place, name in enumerate(playbook.markings):
        if name not in playbook.data_marking_definitions:
            report.error(f"markings[{place}]", f"{name} is not in data_marking_definitions")
    for name, marking in playbook.data_marking_definitions.items():
        if marking.id != name:
            report.error(f"data_marking_definitions.{name}.id", f"is {marking.id}, not the key it stands under")
    for place, each in enumerate(playbook.signatures):
        if each.related_to != playbook.id:
            report.error(f"signatures[{place}].related_to", f"is {each.related_to}, not this playbook {playbook.id}")
    _summary(playbook, report)


def _moment(value: str) -> tuple[str, float]:
    """A time that sorts: RFC 3339 in UTC, the fraction apart."""
    head, _, fraction = value.removesuffix("Z").partition(".")
    return head, float(f"0.{fraction or 0}")


def _times(document: dict[str, Any], report: Report) -> None:
    dated = [("", document), *((f"signatures[{n}].", each) for n, each in enumerate(document.get("signatures", ())))]
    for where, each in dated:
        if _moment(each["modified"]) < _moment(each["created"]):
            report.error(f"{where}modified", f"{each['modified']} is before the time of creation, {each['created']}")
        begin, end = each.get("valid_from"), each.get("valid_until")
        if begin and end and _moment(end) <= _moment(begin):
            report.error(f"{where}valid_until", f"{end} is not after valid_from, {begin}")


def _identifiers(document: dict[str, Any], report: Report) -> None:
    seen: dict[str, str] = {}
    for group in KEYED:
        for name, each in document.get(group, {}).items():
            prefix, _, uuid = name.partition("--")
            where = f"{group}.{name}"
            if prefix != each["type"]:
                tell = report.error if group in ("workflow", "data_marking_definitions") else report.warn
                tell(f"{where}.type", f"is {short(each['type'])}, but the identifier says {prefix!r}")
            if uuid.lower() in seen and seen[uuid.lower()] != name:
                report.warn(where, f"shares its UUID with {seen[uuid.lower()]}")
            seen.setdefault(uuid.lower(), name)
            if group == "workflow" and (uuid[14] != "4" or uuid[19] not in "89abAB"):
                report.warn(where, "a step's UUID should be of version 4")


def _agents(playbook: Playbook, report: Report) -> None:
    for name, step in playbook.workflow.items():
        if not isinstance(step, Action):
            continue
        where = f"workflow.{name}"
        if not step.agent:
            report.warn(f"{where}.agent", "is missing: who executes the commands must be known at run time")
        elif step.agent not in playbook.agent_definitions:
            report.error(f"{where}.agent", f"{step.agent} is not in agent_definitions")
        for place, target in enumerate(step.targets):
            if target not in playbook.target_definitions and target not in playbook.agent_definitions:
                report.warn(
                    f"{where}.targets[{place}]", f"{target} is not in target_definitions: the executor is handed its identifier alone"
                )


def _authentication(playbook: Playbook, report: Report) -> None:
    for group in ("agent_definitions", "target_definitions"):
        for name, each in getattr(playbook, group).items():
            if each.authentication_info and each.authentication_info not in playbook.authentication_info_definitions:
                report.error(f"{group}.{name}.authentication_info", f"{each.authentication_info} is not in authentication_info_definitions")
    for name, secret in playbook.authentication_info_definitions.items():
        if not secret.kms and any(value and "__" not in value for value in (secret.password, secret.token)):
            report.warn(f"authentication_info_definitions.{name}", "holds a secret in clear; use a variable or a key store (kms)")


def _extensions(document: dict[str, Any], report: Report) -> None:
    for where, name in _used(document, ""):
        if name not in document.get("extension_definitions", {}):
            report.warn(where, f"{name} is not in extension_definitions: it is passed over")


def _used(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """(path, identifier) of each extension that an object uses."""
    for key, each in value.items() if isinstance(value, dict) else ():
        path = f"{where}.{key}".lstrip(".")
        if key in EXTENDED and isinstance(each, dict):
            yield from ((path, name) for name in each)
        else:
            yield from _used(each, path)


def _summary(playbook: Playbook, report: Report) -> None:
    steps = playbook.workflow.values()
    has = {
        "external_playbooks": any(isinstance(step, PlaybookAction) for step in steps),
        "parallel_processing": any(isinstance(step, Parallel) for step in steps),
        "if_logic": any(isinstance(step, If) for step in steps),
        "while_logic": any(isinstance(step, While) for step in steps),
        "switch_logic": any(isinstance(step, Switch) for step in steps),
        "temporal_logic": any(step.delay or step.timeout for step in steps),
        "data_markings": bool(playbook.data_marking_definitions),
        "digital_signatures": bool(playbook.signatures),
    }
    for name, said in playbook.playbook_processing_summary.items():
        if name in has and said != has[name]:
            report.warn(
                f"playbook_processing_summary.{name}", f"says {str(said).lower()}, the playbook {'has' if has[name] else 'has not'}"
            )
