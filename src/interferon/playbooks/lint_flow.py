"""The flow of a playbook: steps that are missing, cannot be reached, never end or run twice. Called by `lint`. Pure."""

from collections.abc import Iterator

from interferon.model.errors import InputError
from interferon.playbooks import condition, evaluate
from interferon.playbooks.graph import branch, branches, cycles, edges, reached
from interferon.playbooks.problems import Report
from interferon.playbooks.records import Action, AnyStep, End, If, Parallel, Playbook, PlaybookAction, Start, Switch, While


def report(playbook: Playbook, report: Report) -> None:
    _whole(playbook, report)
    for name, step in playbook.workflow.items():
        _step(playbook, name, step, report)
    _connected(playbook, report)
    _branches(playbook, report)
    _loops(playbook, report)


def _whole(playbook: Playbook, report: Report) -> None:
    steps = playbook.workflow.values()
    for kinds, what in ((Start, "a start step"), (Action | PlaybookAction, "an action or playbook-action step"), (End, "an end step")):
        if not any(isinstance(step, kinds) for step in steps):
            report.error("workflow", f"has no {what.partition(' ')[2]}; it must have {what}")
    begin = playbook.workflow.get(playbook.workflow_start)
    if begin is None:
        report.error("workflow_start", f"{playbook.workflow_start} is not in the workflow")
    elif not isinstance(begin, Start):
        report.error("workflow_start", f"{playbook.workflow_start} is of type {begin.kind}; it must be a start step")
    if playbook.workflow_exception and playbook.workflow_exception not in playbook.workflow:
        report.error("workflow_exception", f"{playbook.workflow_exception} is not in the workflow")


def _step(playbook: Playbook, name: str, step: AnyStep, report: Report) -> None:
    where = f"workflow.{name}"
    for field, target in edges(step):
        if target not in playbook.workflow:
            report.error(f"{where}.{field}", f"{target} is not in the workflow")
    if step.on_completion and (step.on_success or step.on_failure):
        report.error(f"{where}.on_completion", "stands beside on_success or on_failure; a step has either the one or the others")
    if isinstance(step, End) and (step.after or step.on_failure):
        report.error(where, "is an end step and names a next step; it must not")
    if isinstance(step, Start) and (step.on_success or step.on_failure):
        report.error(where, "is a start step: it must have on_completion, not on_success or on_failure")
    if not isinstance(step, End) and not step.after:
        report.error(f"{where}.on_completion", "is missing, and so is on_success: there is no way from here to an end step")
    if isinstance(step, Switch) and not step.cases:
        report.error(f"{where}.cases", "is empty: a switch has at least one case")
    if isinstance(step, Parallel) and len(set(step.next_steps)) < len(step.next_steps):
        report.error(f"{where}.next_steps", "names a step twice")
    if isinstance(step, If | While):
        _condition(step, where, report)


def _condition(step: If | While, where: str, report: Report) -> None:
    try:
        tree = condition.parse(step.condition)
    except InputError as error:
        report.error(f"{where}.condition", str(error))
        return
    for pattern in condition.patterns(tree):
        if why := evaluate.misused(pattern):
            report.error(f"{where}.condition", why)
    for path in condition.paths(tree):
        report.warn(f"{where}.condition", f"{path} is observed data, which a run cannot look up: compare variables")


def _connected(playbook: Playbook, report: Report) -> None:
    found = reached(playbook.workflow, [playbook.workflow_start, playbook.workflow_exception])
    for name in playbook.workflow:
        if name not in found:
            report.error(f"workflow.{name}", "cannot be reached from workflow_start or workflow_exception")
    for name, field, target in cycles(playbook.workflow):
        report.error(
            f"workflow.{name}.{field}",
            f"leads back to {target}: a loop without bound; use a while-condition whose branch ends in an end step",
        )


def _branches(playbook: Playbook, report: Report) -> None:
    """A branch ends in an end step of its own; one that runs into what follows its branching step would do that twice."""
    ends: dict[str, str] = {}
    for name, step in playbook.workflow.items():
        inner = {field: branch(playbook.workflow, target) for field, target in branches(step)}
        for field, steps in inner.items():
            if step.after in steps and not isinstance(playbook.workflow[step.after], End):
                report.error(
                    f"workflow.{name}.{field}", f"its branch runs into {step.after}, which follows {name}: it would be done more than once"
                )
            for end in (each for each in steps if isinstance(playbook.workflow[each], End)):
                if ends.setdefault(end, f"{name}.{field}") != f"{name}.{field}":
                    report.warn(
                        f"workflow.{name}.{field}", f"ends in {end}, as {ends[end]} does; each branch should have an end of its own"
                    )


def _loops(playbook: Playbook, report: Report) -> None:
    several = any(isinstance(step, Parallel) for step in playbook.workflow.values())
    for name, step in playbook.workflow.items():
        if not isinstance(step, While):
            continue
        try:
            where, read = f"workflow.{name}.condition", set(condition.variables(condition.parse(step.condition)))
        except InputError:  # told already
            continue
        if not read:
            report.error(where, "reads no variable: if it holds once it holds for ever, a loop without bound")
        elif not read & set(_set(playbook, reached(playbook.workflow, [step.on_true]))):
            elsewhere = several and read & set(_set(playbook, playbook.workflow))
            extended = any(playbook.workflow[each].step_extensions for each in reached(playbook.workflow, [step.on_true]))
            tell = report.warn if elsewhere or extended else report.error
            tell(where, f"no step of the loop has {' or '.join(sorted(read))} in its out_args: a loop without bound")


def _set(playbook: Playbook, steps: dict[str, None] | dict[str, AnyStep]) -> Iterator[str]:
    """The variables that these steps give values to."""
    for name in steps:
        step = playbook.workflow[name]
        if isinstance(step, Action | PlaybookAction):
            yield from (each.removesuffix(":value") for each in step.out_args)
