"""What a step comes to with the values of this moment: its command, its branch, its condition. Called by `machine`. Pure."""

from typing import Any

import msgspec

from interferon.playbooks import condition, values
from interferon.playbooks.evaluate import evaluate
from interferon.playbooks.records import Action, AgentTarget, If, Switch, While
from interferon.playbooks.run_records import Run, Task
from interferon.playbooks.scopes import Scope


def holds(scope: Scope, found: If | While) -> bool:
    """Whether the condition holds now. Raises `InputError` where it cannot be judged."""
    return evaluate(condition.parse(found.condition), scope.typed)


def chosen(scope: Scope, found: If | Switch) -> tuple[str, str]:
    """(the branch that is taken, why there is none)."""
    if isinstance(found, If):
        return (found.on_true, "") if holds(scope, found) else (found.on_false, "the condition does not hold")
    value = values.substitute(found.switch, scope.known)
    cases = {values.substitute(case, scope.known): target for case, target in found.cases.items()}
    return cases.get(value, cases.get("default", "")), f"no case for {value!r}"


def command_of(scope: Scope, run_id: str, task: Task, found: Action, due: int, timeout_ms: int) -> Run:
    """The command that an action stands at. Raises `InputError` where a variable in it has no value."""
    known = {**scope.playbook.agent_definitions, **scope.playbook.target_definitions}

    def filled(definition: AgentTarget | None) -> dict[str, Any] | None:
        return None if definition is None else values.substitute(msgspec.to_builtins(definition), scope.known)

    command = msgspec.to_builtins(found.commands[task.at])
    outputs = {name: scope.kind(name) for name in names(found.out_args)}
    return Run(
        id=run_id,
        step=task.step,
        visit=task.visit,
        kind=found.commands[task.at].type,
        command=values.closed(values.substitute(values.opened(command), scope.known), command),
        agent=found.agent,
        agent_definition=filled(scope.playbook.agent_definitions.get(found.agent)),
        targets={each: filled(known.get(each)) for each in found.targets},
        inputs={name: scope.value(name) for name in names(found.in_args)},
        outputs=outputs,
        unknown=[name for name in outputs if scope.value(name) is None],
        timeout_ms=timeout_ms,
        due=due,
    )


def names(args: list[str]) -> list[str]:
    """The variables of in_args or out_args, by their bare names."""
    return [each.removesuffix(":value") for each in args]
