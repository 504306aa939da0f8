"""Variables of a playbook: declared before they are used, of the right scope, never set where constant. Called by `lint`. Pure."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from interferon.playbooks.graph import branches, lent, reached
from interferon.playbooks.problems import Report
from interferon.playbooks.records import Action, AnyStep, Parallel, Playbook, PlaybookAction, Switch
from interferon.playbooks.values import BARE, REFERENCE, opened, references

DEFINED = ("agent_definitions", "target_definitions", "authentication_info_definitions")


def report(playbook: Playbook, document: dict[str, Any], report: Report) -> None:
    around = lent(playbook.workflow)
    everywhere = set(playbook.playbook_variables).union(*(step.step_variables for step in playbook.workflow.values()))
    for name, step in playbook.workflow.items():
        seen = set(playbook.playbook_variables).union(step.step_variables, around[name])
        _used(f"workflow.{name}", document["workflow"][name], seen, everywhere, report)
        _args(f"workflow.{name}", playbook, step, seen, everywhere, report)
        _own(f"workflow.{name}", playbook, step, report)
        if isinstance(step, Parallel):
            _races(f"workflow.{name}", playbook, step, report)
    for group in DEFINED:
        for name, each in document.get(group, {}).items():
            for variable in sorted(set(references(each)) - everywhere):
                report.error(f"{group}.{name}", f"uses {variable}, which is declared nowhere")


def _used(where: str, step: dict[str, Any], seen: set[str], everywhere: set[str], report: Report) -> None:
    for field in ("condition", "switch", "cases", "commands"):
        for path, part in _parts(f"{where}.{field}", step.get(field)):
            clear = opened(part) if field == "commands" else part
            for variable in sorted(set(references(clear)) - seen):
                _unseen(path, variable, everywhere, report)
            if field == "commands":
                _bare(path, part, everywhere, report)


def _parts(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f"{where}[{place}]", each) for place, each in enumerate(value))
    elif value is not None:
        yield where, value


def _unseen(where: str, variable: str, everywhere: set[str], report: Report) -> None:
    if variable in everywhere:
        report.warn(where, f"uses {variable}, which is declared in another step: it has a value only once that step has returned it")
    else:
        report.error(where, f"uses {variable}, which is declared nowhere")


def _bare(where: str, command: dict[str, Any], everywhere: set[str], report: Report) -> None:
    text = command.get("command")
    if isinstance(text, str):
        for found in sorted(set(BARE.findall(REFERENCE.sub("", text)))):
            known = " which is declared" if found in everywhere else ""
            report.warn(where, f"names {found}{known or ', but'} without ':value': it will not be replaced")


def _args(where: str, playbook: Playbook, step: AnyStep, seen: set[str], everywhere: set[str], report: Report) -> None:
    if not isinstance(step, Action | PlaybookAction):
        return
    for field, names in (("in_args", step.in_args), ("out_args", step.out_args)):
        for place, written in enumerate(names):
            name, path = written.removesuffix(":value"), f"{where}.{field}[{place}]"
            if name != written:
                report.warn(path, f"should be the name alone, {name}")
            if name not in everywhere:
                report.error(path, f"{name} is declared nowhere")
            elif name not in seen:
                report.warn(path, f"{name} is declared in another step")
            declared = step.step_variables.get(name, playbook.playbook_variables.get(name))
            if field == "out_args" and declared and declared.constant:
                report.error(path, f"{name} is a constant: no step can set it")


def _own(where: str, playbook: Playbook, step: AnyStep, report: Report) -> None:
    for name, variable in step.step_variables.items():
        if variable.external:
            report.warn(f"{where}.step_variables.{name}.external", "only a variable of the playbook can be external")
        if name in playbook.playbook_variables:
            report.warn(f"{where}.step_variables.{name}", "hides the playbook's variable of that name")
    if isinstance(step, Switch) and not any(references(step.switch)):
        report.error(f"{where}.switch", "refers to no variable; it must, such as __name__:value")


def _races(where: str, playbook: Playbook, step: Parallel, report: Report) -> None:
    """Branches that run at the same time should not set one variable: the last to end would win."""
    sets = [set(_set(playbook, target)) for _, target in branches(step)]
    for name in sorted({name for one, other in combinations(sets, 2) for name in one & other}):
        report.warn(f"{where}.next_steps", f"several branches set {name}: its value depends on which ends last")


def _set(playbook: Playbook, begin: str) -> Iterator[str]:
    for name in reached(playbook.workflow, [begin]):
        step = playbook.workflow[name]
        if isinstance(step, Action | PlaybookAction):
            yield from (each for each in step.out_args if each not in step.step_variables)
