"""The playbooks that ship: sound, each of its own kind, every step of them reached by some run, every failure handled or handed over."""

import base64
import gzip
import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from interferon.actions import ACTIONS
from interferon.playbooks import lint
from interferon.playbooks.graph import edges
from interferon.playbooks.machine import shelve
from interferon.playbooks.records import Action, If, Playbook, PlaybookAction, Switch, While
from interferon.playbooks.run_records import Begin, Limits, Run, Script, Scripted
from interferon.playbooks.simulate import samples
from interferon.runtime.playbook_files import shipped
from interferon.runtime.playbook_run import Running, Simulated, VirtualClock

ROOT = Path(__file__).parents[2]
CHECKED = {name: lint.check(data) for name, data in shipped().items()}
ASKED = {
    *(("contain", f"x-interferon:{each}") for each in ("asset", "zone", "transaction")),
    *(("deny", f"x-interferon:{each}") for each in ("conduit", "identity")),
    ("redirect", "x-interferon:asset"),
    ("restore", "x-interferon:config"),
    *(("allow", f"x-interferon:{each}") for each in ("asset", "conduit", "identity", "transaction")),
}
BOOKS = {name: each.playbook for name, each in CHECKED.items() if each.playbook is not None}
SHELF = shelve(BOOKS.values())


def played(playbook: Playbook, script: Script) -> Running:
    running = Running(SHELF, Simulated(script), VirtualClock(), None)
    running.begin(Begin(0, playbook.id, samples(playbook, {}), Limits(rounds=3, leave_loops=True), script))
    running.finish()
    return running


def test_there_are_enough_and_all_are_sound() -> None:
    assert len(BOOKS) == len(CHECKED) >= 20
    assert [(name, each.problems) for name, each in CHECKED.items() if each.problems] == []
    assert len({each.id for each in BOOKS.values()}) == len({each.name for each in BOOKS.values()}) == len(BOOKS)
    labels = {label for each in BOOKS.values() for label in each.labels}
    assert {"it", "ot", "cloud", "partner", "ai-agent"} <= labels


def test_they_are_what_their_source_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "examples/playbooks/make.py", tmp_path], check=True)
    assert {path.stem: path.read_bytes() for path in tmp_path.iterdir()} == shipped(), "run `python examples/playbooks/make.py`"


@pytest.mark.parametrize("name", BOOKS)
def test_each_names_its_techniques_the_undo_and_what_people_do(name: str) -> None:
    playbook = BOOKS[name]
    sources = {each.source for each in playbook.external_references}
    assert sources & {"mitre-attack", "mitre-ics-attack"}
    assert "mitre-d3fend" in sources
    used = {each.external_id for step in playbook.workflow.values() for each in step.external_references}
    assert used <= {each.external_id for each in playbook.external_references}
    actions = [step for step in playbook.workflow.values() if isinstance(step, Action)]
    assert any(command.type == "manual" for step in actions for command in step.commands)
    applied = [(step, command) for step in actions for command in step.commands if command.type == "openc2-http"]
    for step, command in applied:
        message = json.loads(base64.b64decode(command.content_b64))
        assert set(message) == {"action", "target", "args"}
        ((target, reference),) = message["target"].items()
        assert (message["action"], target) in ASKED
        assert re.fullmatch(r"(\w+:)?__\w+__:value", reference)
        assert re.search(r"\((\w+)\)$", command.description)[1] in ACTIONS  # type: ignore[index]  # a description without it fails
        assert step.on_failure, f"{step.name}: nothing is said of its failure"
        assert "Undo: " in step.description or "Undoes " in step.description
        assert ("duration" in message["args"]) == ("Undo: " in step.description)


def test_each_is_on_the_page() -> None:
    page = (ROOT / "docs/playbooks.md").read_text(encoding="utf-8")
    for name, playbook in BOOKS.items():
        attack = ", ".join(each.external_id for each in playbook.external_references if each.source != "mitre-d3fend")
        defend = ", ".join(each.external_id for each in playbook.external_references if each.source == "mitre-d3fend")
        assert f"| `{name}` | {playbook.description} | {attack} | {defend} |" in page


def test_no_two_have_the_same_flow() -> None:
    flows = [tuple(sorted(step.name for step in each.workflow.values() if isinstance(step, Action))) for each in BOOKS.values()]
    shapes = [sum(1 for step in each.workflow.values() for _ in edges(step)) for each in BOOKS.values()]
    assert len(set(flows)) == len(flows)
    assert len(set(shapes)) > len(shapes) / 2


def test_safety_is_for_people_alone() -> None:
    playbook = BOOKS["safety-system-alarm"]
    commands = [command for step in playbook.workflow.values() if isinstance(step, Action) for command in step.commands]
    assert {command.type for command in commands} == {"manual"}


def choices(playbook: Playbook) -> dict[str, list[str]]:
    """For each variable that decides something, values that lead into each branch."""
    found: dict[str, list[str]] = {}
    for step in playbook.workflow.values():
        if isinstance(step, If | While):
            for name, value in re.findall(r"(__\w+__):value \S+ '?(\w+)'?", step.condition):
                other = {"true": "false", "false": "true"}.get(value, str(int(value) + 1) if value.isdigit() else "other")
                found.setdefault(name, [value, other])
        elif isinstance(step, Switch):
            found[step.switch.removesuffix(":value")] = [case if case != "default" else "none of them" for case in step.cases]
    return found


def plain(playbook: Playbook) -> list[Script]:
    """Scripts in which nothing fails, one for each combination of the values that decide."""
    deciding = choices(playbook)
    actions = {key: step for key, step in playbook.workflow.items() if isinstance(step, Action)}
    found = []
    for values in product(*deciding.values()):
        out = dict(zip(deciding, values, strict=True))
        found.append(
            {key: [Scripted("success", {each: out[each] for each in step.out_args if each in out})] for key, step in actions.items()}
        )
    return found


@pytest.mark.parametrize("name", BOOKS)
def test_every_step_is_reached_and_every_failure_goes_where_it_says(name: str) -> None:
    """From the runs in which nothing fails to those in which one step more does, until no new step is met."""
    playbook, reached = BOOKS[name], set[str]()
    waiting: list[tuple[Script, bool]] = [(script, True) for script in plain(playbook)]
    while waiting:
        script, handled = waiting.pop()
        running = played(playbook, script)
        assert running.state.status == ("completed" if handled else "failed"), running.state.problems
        visited = {each.step for each in running.told}
        assert handled or playbook.workflow_exception in visited
        for key in sorted(visited - reached):
            step = playbook.workflow.get(key)
            if isinstance(step, Action | PlaybookAction) and key != playbook.workflow_exception and handled:
                waiting.append((script | {key: [Scripted("failure")]}, bool(step.on_failure)))
        reached |= visited
    assert set(playbook.workflow) <= reached


def test_commands_hold_what_they_act_on() -> None:
    playbook = BOOKS["ransomware-workstation"]
    running = Running(SHELF, Simulated({}), VirtualClock(), None)
    running.begin(Begin(0, playbook.id, {"__asset__": "ws-17", "__user__": "kim", "__zone__": "office"}))
    running.finish()
    first: Run = running.given[0]
    message: dict[str, Any] = json.loads(base64.b64decode(first.command["content_b64"]))
    assert message["action"] == "contain"
    assert message["target"] == {"x-interferon:asset": "asset:ws-17"}
    assert first.agent_definition is not None
    assert first.agent_definition["address"] == {"dname": ["localhost"]}


@pytest.mark.data
def test_techniques_are_those_of_attack(data: Path) -> None:
    files = [data / "attack-enterprise/enterprise-attack-stix20.json.gz", data / "attack-ics/ics-attack/ics-attack.json"]
    if not all(path.exists() for path in files):
        pytest.skip("ATT&CK is not in the recorded data")
    names: dict[str, str] = {}
    for path in files:
        read = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for each in json.loads(read)["objects"]:
            if each["type"] == "attack-pattern" and not each.get("revoked") and not each.get("x_mitre_deprecated"):
                names |= {ref["external_id"]: each["name"] for ref in each["external_references"] if ref["source_name"].startswith("mitre")}
    for name, playbook in BOOKS.items():
        for each in playbook.external_references:
            if each.source in ("mitre-attack", "mitre-ics-attack"):
                assert names.get(each.external_id) == each.name, name
