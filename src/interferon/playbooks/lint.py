"""Reads a playbook and says everything that is wrong with it: its shape, its references, its flow, its variables.

Called by the command line. Pure.

What breaks a MUST of CACAO v2.0, or could not be run, is fatal; what breaks a SHOULD is a warning. Five MUSTs are warnings, because
published playbooks break them and nothing is made ambiguous: an action without an agent, a target or an extension that is not defined, a
UUID that two objects share, and the prefix of an agent's or target's identifier that is not its type.
"""

from typing import Any, Final

import msgspec

from interferon.model.errors import InputError
from interferon.playbooks import document as documents
from interferon.playbooks import lint_flow, lint_references, lint_variables, records
from interferon.playbooks.problems import Problem, Report, short
from interferon.playbooks.records import Playbook
from interferon.playbooks.shapes import report_shape

OLD: Final = ("1.0", "1.1", "cacao-1.0", "cacao-1.1")


class Checked(msgspec.Struct, frozen=True):
    """What was read. `playbook` is there where no problem is fatal; `document` where the file is a JSON object."""

    problems: tuple[Problem, ...]
    playbook: Playbook | None = None
    document: dict[str, Any] | None = None

    @property
    def fatal(self) -> list[str]:
        return [str(problem) for problem in self.problems if problem.fatal]

    @property
    def warnings(self) -> list[str]:
        return [str(problem) for problem in self.problems if not problem.fatal]


def check(data: bytes) -> Checked:
    """Everything that is wrong with the playbook in `data`. Raises nothing."""
    try:
        document = documents.read(data)
    except InputError as error:
        return Checked((Problem("", str(error)),))
    report = Report()
    _report_age(document, report)
    report_shape(document, report)
    if report.fatal:
        return Checked(tuple(report.found), None, document)
    try:
        playbook = records.playbook(document)
    except msgspec.ValidationError as error:  # a property that the specification does not know, in a dictionary whose values have a type
        what, _, place = str(error).partition(" - at ")
        report.error(place.strip("`").removeprefix("$."), what[:1].lower() + what[1:])
        return Checked(tuple(report.found), None, document)
    lint_references.report(playbook, document, report)
    lint_flow.report(playbook, report)
    lint_variables.report(playbook, document, report)
    return Checked(tuple(report.found), None if report.fatal else playbook, document)


def _report_age(document: dict[str, Any], report: Report) -> None:
    """Says it once and clearly where a document is of the version before."""
    version = document.get("spec_version")
    if version in OLD:
        report.error("spec_version", f"is {short(version)}: the playbook is of CACAO v1; only cacao-2.0 is read")
    elif isinstance(document.get("workflow"), list):
        report.error("workflow", "is a list, as in drafts of CACAO v1; v2.0 has a dictionary of step id and step")
    workflow = document.get("workflow")
    for name, step in workflow.items() if isinstance(workflow, dict) else ():
        if isinstance(step, dict) and step.get("type") == "single":
            report.error(f"workflow.{name}.type", "'single' is a step of CACAO v1; in v2.0 it is 'action'")
