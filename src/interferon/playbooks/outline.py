"""A playbook as indented text that a person can read: what is done in which order, by whom, and where it goes when a step fails. Pure."""

from collections.abc import Iterator

from interferon.playbooks.graph import branches
from interferon.playbooks.records import Action, AnyStep, End, If, Playbook, PlaybookAction, Switch, While


def outline(playbook: Playbook) -> list[str]:
    """Lines of text. A step that was written already is only named again."""
    head = [playbook.name, f"{playbook.id} of {playbook.modified}"]
    if playbook.description:
        head.append(" ".join(playbook.description.split()))
    for name, variable in playbook.playbook_variables.items():
        notes = [note for note, is_so in (("external", variable.external), ("constant", variable.constant)) if is_so]
        value = "" if variable.value is None else f" = {variable.value}"
        head.append(f"variable {name}: {variable.type}{value}{' (' + ', '.join(notes) + ')' if notes else ''}")
    seen: set[str] = set()
    body = list(_line(playbook, playbook.workflow_start, seen))
    if playbook.workflow_exception:
        body += ["when a failure is not handled:", *_line(playbook, playbook.workflow_exception, seen, 1)]
    return head + body


def _line(playbook: Playbook, begin: str, seen: set[str], depth: int = 0) -> Iterator[str]:
    """One branch, top to bottom; what it branches into stands deeper. A stack, so that depth of the text is the only depth."""
    waiting: list[tuple[str, str, int]] = [("", begin, depth)]
    while waiting:
        label, name, deep = waiting.pop()
        step, pad = playbook.workflow[name], "  " * deep
        at = f"{pad}{label + ': ' if label else ''}"
        if name in seen and not isinstance(step, End):
            yield f"{at}→ {_named(name, step)} (above)"
            continue
        seen.add(name)
        yield f"{at}{_named(name, step)}{_times(step)}"
        yield from (f"{pad}    {text}" for text in _details(playbook, step))
        after = [("", step.after, deep)] if step.after else []
        failing = [("on failure", step.on_failure, deep + 1)] if step.on_failure else []
        waiting += [*after, *failing, *((label, target, deep + 1) for label, target in reversed(list(branches(step))))]


def _named(name: str, step: AnyStep) -> str:
    return f"{step.kind} {step.name!r} [{name}]" if step.name else f"{step.kind} [{name}]"


def _times(step: AnyStep) -> str:
    return "".join(f", {what} {value / 1000:g} s" for what, value in (("after", step.delay), ("at most", step.timeout)) if value)


def _details(playbook: Playbook, step: AnyStep) -> Iterator[str]:
    if isinstance(step, If | While):
        yield f"{'if' if isinstance(step, If) else 'while'} {step.condition}"
    elif isinstance(step, Switch):
        yield f"by {step.switch}"
    elif isinstance(step, PlaybookAction):
        yield f"runs {step.playbook_id}{_args(step)}"
    elif isinstance(step, Action):
        agent = playbook.agent_definitions.get(step.agent)
        named = [playbook.target_definitions[each].name for each in step.targets if each in playbook.target_definitions]
        yield f"by {agent.name if agent else 'whoever runs it'}{' on ' + ', '.join(named) if named else ''}{_args(step)}"
        for command in step.commands:
            text = command.command or command.description or ("(base64)" if command.command_b64 else "")
            yield f"{command.type}: {' '.join(text.split())}".rstrip(": ")


def _args(step: Action | PlaybookAction) -> str:
    given = f"; takes {', '.join(step.in_args)}" if step.in_args else ""
    return given + (f"; returns {', '.join(step.out_args)}" if step.out_args else "")
