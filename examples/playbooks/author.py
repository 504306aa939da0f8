"""A small language for writing CACAO v2.0 playbooks: lines of steps become a workflow of identifiers. Used by the files beside it.

A line is a list of steps. `instead` of a step is what is done where it fails; then the line goes on. `stop` is done where it fails, and
the line ends there. Commands to machines are OpenC2 over HTTP in the namespace of this project.
"""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

DATE = "2026-01-05T08:00:00.000Z"
AUTHOR = "identity--6d7c1f0e-2f0b-4e57-9a43-0b6b4f2a9c11"
ACTIONS = {  # action of the project: (OpenC2 action, target type, hours that it stays in force); `allow` of the target undoes it
    "isolate_asset": ("contain", "asset", 4),
    "isolate_zone": ("contain", "zone", 4),
    "cut_conduit": ("deny", "conduit", 4),
    "fail_over": ("redirect", "asset", 8),
    "disable_identity": ("deny", "identity", 8),
    "hold_transaction": ("contain", "transaction", 24),
    "roll_back_config": ("restore", "config", 24),
}
DEFENCES = {
    "D3-NI": "Network Isolation", "D3-NTF": "Network Traffic Filtering", "D3-ITF": "Inbound Traffic Filtering",
    "D3-OTF": "Outbound Traffic Filtering", "D3-AL": "Account Locking", "D3-CR": "Credential Revocation", "D3-CRO": "Credential Rotation",
    "D3-ANCI": "Authentication Cache Invalidation", "D3-ST": "Session Termination", "D3-RF": "Restore File", "D3-RS": "Restore Software",
    "D3-RC": "Restore Configuration", "D3-RNA": "Restore Network Access", "D3-RUAA": "Restore User Account Access",
    "D3-RIC": "Reissue Credential", "D3-ULA": "Unlock Account", "D3-FV": "Firmware Verification", "D3-DNSDL": "DNS Denylisting",
    "D3-HS": "Host Shutdown", "D3-RD": "Restore Database",
}  # fmt: skip
PEOPLE = {
    "shift": "Shift on call", "it": "IT operations", "security": "Plant security", "owner": "Process owner", "cloud": "Cloud operations",
    "identity": "Identity team", "finance": "Accounts payable", "planner": "Supply chain planner", "partner": "Partner manager",
    "logistics": "Logistics control", "quality": "Quality and product safety", "data": "Data protection officer", "agents": "AI operations",
    "safety": "Safety officer",
}  # fmt: skip


def identifier(kind: str, *parts: str) -> str:
    """type--UUID, of version 4 as the standard asks of steps; made from the names, so that writing again changes nothing."""
    return f"{kind}--{uuid.UUID(hex=uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(('interferon', kind, *parts))).hex, version=4)}"


@dataclass
class Act:
    """One action step: done by `by`, a key of PEOPLE or "interferon"."""

    title: str
    commands: list[dict[str, Any]]
    by: str
    text: str = ""
    gets: tuple[str, ...] = ()
    on: str = ""  # the variable that names the target
    defence: str = ""
    instead: list[Any] = field(default_factory=list)
    stop: list[Any] = field(default_factory=list)
    within: int = 0  # seconds
    after: int = 0  # seconds


@dataclass
class Branching:
    """An if, while, switch or parallel step with its lines."""

    kind: str
    title: str
    own: dict[str, str]
    lines: dict[str, list[Any]]


@dataclass
class Call:
    """Another playbook, run with variables of this one."""

    title: str
    playbook: str
    takes: tuple[str, ...]
    instead: list[Any] = field(default_factory=list)


def ask(by: str, title: str, text: str, gets: tuple[str, ...] = (), within: int = 3600, **more: Any) -> Act:
    """Something that a person does by hand."""
    return Act(title, [{"type": "manual", "command": text, "description": title}], by, gets=gets, within=within, **more)


def do(action: str, on: str, title: str, defence: str, reason: str = "", **more: Any) -> Act:
    """An action of the project on what the variable `on` names; it ends by itself after its time to live."""
    verb, kind, hours = ACTIONS[action]
    end = f"a person looks at it after {hours} h" if verb == "restore" else f"{action} ends by itself after {hours} h"
    undo = f"Undo: allow the same target ({end})."
    return Act(
        title, [_openc2(verb, kind, on, action, hours * 3_600_000)], "interferon", f"{reason} {undo}".strip(), (), on, defence, **more
    )


def undo(action: str, on: str, title: str, defence: str = "", **more: Any) -> Act:
    """The inverse of an action of the project."""
    command = _openc2("allow", ACTIONS[action][1], on, action, 0)
    return Act(title, [command], "interferon", f"Undoes {action}.", (), on, defence, **more)


def _openc2(verb: str, kind: str, on: str, action: str, duration: int) -> dict[str, Any]:
    args: dict[str, Any] = {"response_requested": "complete"} | ({"duration": duration} if duration else {})
    of = {"transaction": "", "config": "asset:"}.get(kind, f"{kind}:")  # what is held names its kind itself
    reference = f"{of}__{on}__:value"
    message = {"action": verb, "target": {f"x-interferon:{kind}": reference}, "args": args}
    return {
        "type": "openc2-http",
        "command": "POST /openc2 HTTP/1.1",
        "description": f"OpenC2 {verb} {kind} ({action})",
        "headers": {"Content-Type": ["application/openc2+json;version=1.0"]},
        "content_b64": base64.b64encode(json.dumps(message).encode()).decode(),
    }


def when(condition: str, title: str, then: list[Any], otherwise: list[Any] | None = None) -> Branching:
    return Branching("if-condition", title, {"condition": condition}, {"on_true": then} | ({"on_false": otherwise} if otherwise else {}))


def until(condition: str, title: str, body: list[Any]) -> Branching:
    """Goes round until the condition holds."""
    return Branching("while-condition", title, {"condition": f"NOT ({condition})"}, {"on_true": body})


def choose(on: str, title: str, cases: dict[str, list[Any]]) -> Branching:
    return Branching("switch-condition", title, {"switch": f"__{on}__:value"}, cases)


def together(title: str, *lines: list[Any]) -> Branching:
    return Branching("parallel", title, {}, {str(place): line for place, line in enumerate(lines)})


class Book:
    """Writes one playbook."""

    def __init__(self, name: str, line: list[Any], **about: Any) -> None:
        self.name, self._count = name, 0
        self._workflow: dict[str, Any] = {}
        self._agents: dict[str, Any] = {}
        self._targets: dict[str, Any] = {}
        self._defences: dict[str, None] = {}
        self._about = about
        last = self._end("Closed")
        first = self._line(line, last)
        begin = self._id("start")
        self._workflow[begin] = {"type": "start", "name": about["trigger"], "on_completion": first}
        over = ask("shift", "Take over by hand", "The playbook could not go on. " + about["by_hand"], within=86_400)
        self._exception = self._line([over], self._end("Handed over"))
        self._workflow = dict(reversed(self._workflow.items()))
        self._begin = begin

    def _id(self, kind: str) -> str:
        self._count += 1
        return identifier(kind, self.name, str(self._count))

    def _end(self, title: str = "End of branch") -> str:
        name = self._id("end")
        self._workflow[name] = {"type": "end", "name": title}
        return name

    def _line(self, steps: list[Any], then: str) -> str:
        for step in reversed(steps):
            then = self._step(step, then)
        return then

    def _step(self, step: Any, then: str) -> str:
        if isinstance(step, Branching):
            return self._branching(step, then)
        if isinstance(step, Call):
            made = {"type": "playbook-action", "name": step.title, "playbook_id": identifier("playbook", step.playbook)}
            made["in_args"] = [f"__{each}__" for each in step.takes]
        else:
            made = self._action(step)
        made |= self._ways(step, then)
        name = self._id(made["type"])
        self._workflow[name] = made
        return name

    def _ways(self, step: Act | Call, then: str) -> dict[str, str]:
        if step.instead:
            return {"on_success": then, "on_failure": self._line(step.instead, then)}
        if isinstance(step, Act) and step.stop:
            return {"on_success": then, "on_failure": self._line(step.stop, self._end("Stopped"))}
        return {"on_completion": then}

    def _action(self, step: Act) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "action", "name": step.title, "commands": step.commands, "agent": self._agent(step.by)}
        if step.text:
            made["description"] = step.text
        if step.defence:
            self._defences[step.defence] = None
            made["external_references"] = [defence(step.defence)]
        if step.on:
            made |= {"targets": [self._target(step.on)], "in_args": [f"__{step.on}__"]}
        if step.gets:
            made["out_args"] = [f"__{each}__" for each in step.gets]
        return made | {key: value * 1000 for key, value in (("timeout", step.within), ("delay", step.after)) if value}

    def _agent(self, by: str) -> str:
        if by == "interferon":
            name = identifier("http-api", by)
            self._agents[name] = {
                "type": "http-api", "name": "Interferon", "description": "Judges by its policy, then acts through its effector.",
                "address": {"dname": ["__interferon_host__:value"]},
            }  # fmt: skip
            return name
        name = identifier("group", by)
        self._agents[name] = {"type": "group", "name": PEOPLE[by], "description": "People; they are paged by the roster."}
        return name

    def _target(self, on: str) -> str:
        name = identifier("net-address", self.name, on)
        about = f"What the variable __{on}__ names, as the network tables have it."
        address = {"dname": [f"__{on}__:value"]}
        self._targets[name] = {"type": "net-address", "name": on.replace("_", " "), "description": about, "address": address}
        return name

    def _branching(self, step: Branching, then: str) -> str:
        begins = {key: self._line(line, self._end()) for key, line in step.lines.items()}
        made: dict[str, Any] = {"type": step.kind, "name": step.title, **step.own}
        if step.kind == "parallel":
            made["next_steps"] = list(begins.values())
        elif step.kind == "switch-condition":
            made["cases"] = begins
        else:
            made |= begins
        name = self._id(step.kind)
        self._workflow[name] = made | {"on_completion": then}
        return name

    def document(self) -> dict[str, Any]:
        about, kinds = self._about, {step["type"] for step in self._workflow.values()}
        defences = {**self._defences, **dict.fromkeys(about.get("defences", ()))}
        references = [technique(*each) for each in about["techniques"]] + [defence(each) for each in defences]
        variables = dict(about["variables"])
        if any(each.startswith("http-api") for each in self._agents):
            variables["interferon_host"] = ("string", "Where Interferon is reached", "localhost")
        manual = not any(each.startswith("http-api") for each in self._agents)
        return {
            "type": "playbook", "spec_version": "cacao-2.0", "id": identifier("playbook", self.name), "name": about["title"],
            "description": about["text"], "playbook_types": about.get("types", ["mitigation", "remediation"]),
            "playbook_activities": ["step-sequence"] if manual else ["restrict-access", "analyze-collected-data", "restore-capabilities"],
            "playbook_processing_summary": {
                "manual_playbook": manual, "external_playbooks": "playbook-action" in kinds, "parallel_processing": "parallel" in kinds,
                "if_logic": "if-condition" in kinds, "while_logic": "while-condition" in kinds, "switch_logic": "switch-condition" in kinds,
                "temporal_logic": True,
            },
            "created_by": AUTHOR, "created": DATE, "modified": DATE, "severity": about["severity"], "impact": about["impact"],
            "labels": about["labels"], "external_references": references,
            "playbook_variables": {f"__{name}__": _variable(*each) for name, each in variables.items()},
            "workflow_start": self._begin, "workflow_exception": self._exception, "workflow": self._workflow,
            "agent_definitions": self._agents,
        } | ({"target_definitions": self._targets} if self._targets else {})  # fmt: skip


def _variable(kind: str, text: str, value: str | None = None) -> dict[str, Any]:
    """Without a value it is given from outside; with the value None a step of the playbook finds it."""
    own: dict[str, Any] = {"type": kind, "description": text}
    if value == GIVEN:
        return own | {"external": True}
    return own | ({"value": value} if value is not None else {})


GIVEN = "(given)"


def given(text: str, kind: str = "string") -> tuple[str, str, str]:
    return kind, text, GIVEN


def technique(number: str, name: str) -> dict[str, str]:
    """An ATT&CK technique (enterprise or ICS), or one of ATLAS."""
    if number.startswith("AML"):
        return {"name": name, "source": "mitre-atlas", "external_id": number, "url": f"https://atlas.mitre.org/techniques/{number}"}
    source = "mitre-ics-attack" if number.startswith("T0") else "mitre-attack"
    return {
        "name": name,
        "source": source,
        "external_id": number,
        "url": f"https://attack.mitre.org/techniques/{number.replace('.', '/')}/",
    }


def defence(number: str) -> dict[str, str]:
    """A D3FEND technique."""
    name = DEFENCES[number]
    return {
        "name": name,
        "source": "mitre-d3fend",
        "external_id": number,
        "url": f"https://d3fend.mitre.org/technique/d3f:{name.replace(' ', '')}/",
    }
