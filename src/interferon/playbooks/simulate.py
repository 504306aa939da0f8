"""The simulated executor: ends each command as a script says, without touching anything. Called by `runtime.playbook_run` and tests.

Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from interferon.model.errors import InputError
from interferon.playbooks.problems import short
from interferon.playbooks.records import Playbook
from interferon.playbooks.run_records import Outcome, Run, Script, Scripted, outcome
from interferon.playbooks.values import sample

RESULTS: Final = get_args(Outcome)


def script(document: Mapping[str, Any], steps: Iterable[str]) -> Script:
    """The script in a JSON object: by step id an outcome, or an object with `result` and `out`, or a list of such for successive visits."""
    known = set(steps)
    if unknown := sorted(set(document) - known):
        raise InputError(f"{unknown[0]}: the script names a step that no playbook here has")
    return {step: [_scripted(step, each) for each in (said if isinstance(said, list) else [said])] for step, said in document.items()}


def _scripted(step: str, said: Any) -> Scripted:
    found = said if isinstance(said, dict) else {"result": said}
    result, out = found.get("result", "success"), found.get("out", {})
    if result not in RESULTS or not isinstance(out, dict) or set(found) - {"result", "out"}:
        raise InputError(f"{step}: {short(said)} is no outcome: give {', '.join(RESULTS)} or {{'result': …, 'out': {{name: value}}}}")
    return Scripted(result, {name.removesuffix(":value"): _text(value) for name, value in out.items()})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def answer(said: Script, command: Run) -> Scripted | None:
    """How the command ends; None where no answer comes in time. What it should return and nobody scripted is a sample value."""
    found = outcome(said, command.step, command.visit) or Scripted("success")
    if found.result == "timeout":
        return None
    if found.result == "failure":
        return found
    return Scripted("success", {name: sample(command.outputs[name]) for name in command.unknown} | found.out)


def samples(playbook: Playbook, given: Mapping[str, str]) -> dict[str, str]:
    """Values for the external variables that nobody has given any."""
    return {
        name: sample(variable.type)
        for name, variable in playbook.playbook_variables.items()
        if variable.external and variable.value is None and name not in given
    }
