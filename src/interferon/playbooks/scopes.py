"""Variables while a playbook runs: which value a name has in a step, and what a step may set (clause 10.18.1).

Called by the machine. Pure.

A variable belongs to the step that declares it and to the steps in that step's branches; one without a value lets the one around it show
through.
"""

import json
from collections.abc import Iterator, Mapping

from interferon.model.errors import InputError
from interferon.playbooks.records import Playbook, Variable
from interferon.playbooks.run_records import Frame, State, Task
from interferon.playbooks.values import misfit, substitute

Books = Mapping[str, Playbook]


def start_problems(playbook: Playbook, given: Mapping[str, str]) -> list[str]:
    """Why a playbook cannot begin with these values."""
    found = []
    declared = playbook.playbook_variables
    of_steps = {name: each for step in playbook.workflow.values() for name, each in step.step_variables.items()}
    for name, value in given.items():
        variable = declared.get(name) or of_steps.get(name)
        if variable is None:
            found.append(f"{name}: the playbook declares no such variable")
        elif variable.constant and not variable.external:
            found.append(f"{name}: is a constant and cannot be given a value")
        elif why := misfit(variable.type, value):
            found.append(f"{name}: {value!r} {why}")
    for name, variable in declared.items():
        if variable.external and variable.value is None and name not in given:
            found.append(f"{name}: an external variable needs a value at the start ({variable.type})")
    return found


def initial(playbook: Playbook, given: Mapping[str, str]) -> dict[str, str | None]:
    """The playbook's variables at the start."""
    return {name: given.get(name, text(variable)) for name, variable in playbook.playbook_variables.items()}


def text(variable: Variable) -> str | None:
    return json.dumps(variable.value) if isinstance(variable.value, dict) else variable.value


class Scope:
    """The variables as one task sees them."""

    def __init__(self, books: Books, state: State, task: Task) -> None:
        self._state, self._task = state, task
        self.frame: Frame = state.frames[state.branches[task.branch].frame]
        self.playbook = books[self.frame.playbook]

    def _chain(self) -> Iterator[Task]:
        """The task itself, then the branching tasks around it."""
        task: Task | None = self._task
        while task is not None:
            yield task
            task = self._state.tasks.get(self._state.branches[task.branch].owner)

    def value(self, name: str) -> str | None:
        for task in self._chain():
            if (found := task.variables.get(name)) is not None:
                return found
        found = self.frame.variables.get(name)
        return found if found is not None else self.frame.returned.get(name)

    def kind(self, name: str) -> str:
        """The type of a variable; string where it is declared in another step."""
        declared = self._declared(name)
        return declared.type if declared else "string"

    def _declared(self, name: str) -> Variable | None:
        for task in self._chain():
            if (found := self.playbook.workflow[task.step].step_variables.get(name)) is not None:
                return found
        return self.playbook.playbook_variables.get(name)

    def typed(self, name: str) -> tuple[str, str | None]:
        return self.kind(name), self.value(name)

    def known(self, name: str) -> str:
        """A value to put into a command. Raises `InputError` where there is none: half a command is never run."""
        value = self.value(name)
        if value is None:
            raise InputError(f"{name} has no value")
        return value

    def fresh(self, declared: Mapping[str, Variable]) -> dict[str, str | None]:
        """The variables of a step at its beginning; a value that refers to others takes those of this moment."""
        found: dict[str, str | None] = {}
        for name, variable in declared.items():
            value = self.frame.given.get(name, text(variable))
            found[name] = value if value is None else substitute(value, lambda each: self.value(each) or "")
        return found

    def assign(self, name: str, value: str | None) -> str:
        """Sets what a step has returned; gives the reason where that may not be. A step's own variable hides the playbook's."""
        declared = self._declared(name)
        if declared is not None and declared.constant:
            return f"{name} is a constant and cannot be set to {value!r}"
        if declared is not None and value is not None and (why := misfit(declared.type, value)):
            return f"{name}: {value!r} {why}"
        holders = [task for task in self._chain() if name in task.variables]
        for task in holders:
            task.variables[name] = value
        if not holders and name in self.frame.variables:
            self.frame.variables[name] = value
        else:
            self.frame.returned[name] = value
        return ""
