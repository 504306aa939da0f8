"""Small playbooks for the tests: steps by short names, identifiers made from them. Imported by the tests of playbooks."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from interferon.playbooks import lint
from interferon.playbooks.machine import shelve, step
from interferon.playbooks.records import Playbook
from interferon.playbooks.run_records import Alarm, Begin, Command, Event, Limits, Result, Run, Script, Scripted, State, Told
from interferon.playbooks.simulate import answer

AGENT = "individual--11111111-1111-4111-8111-111111111111"
TARGET = "linux--22222222-2222-4222-8222-222222222222"
LINKS = ("on_completion", "on_success", "on_failure", "on_true", "on_false")


def ident(kind: str, name: str) -> str:
    """An identifier of version 4 that is the same whenever it is asked for."""
    plain = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {name}").hex
    return f"{kind}--{uuid.UUID(hex=plain, version=4)}"


def command(text: str = "do it", **more: Any) -> dict[str, Any]:
    return {"type": "bash", "command": text} | more


def action(then: str = "end", text: str = "do it", **more: Any) -> dict[str, Any]:
    return {"type": "action", "agent": AGENT, "commands": [command(text)], "on_completion": then} | more


def build(steps: Mapping[str, dict[str, Any]], begin: str = "start", **more: Any) -> dict[str, Any]:
    """A playbook document. Steps are named in short; `start` is added, and `end` where a step leads to it."""
    steps = {"start": {"type": "start", "on_completion": begin}, **steps}
    if "end" not in steps and '"end"' in json.dumps([value for each in steps.values() for key, value in each.items() if key != "type"]):
        steps["end"] = {"type": "end"}
    ids = {name: ident(each["type"], name) for name, each in steps.items()}
    workflow = {ids[name]: _linked(each, ids) for name, each in steps.items()}
    exception = {"workflow_exception": ids[more.pop("exception")]} if "exception" in more else {}
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": ident("playbook", more.pop("key", "test")),
        "name": "Test",
        "created_by": ident("identity", "tester"),
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "workflow_start": ids["start"],
        "workflow": workflow,
        "agent_definitions": {AGENT: {"type": "individual", "name": "Somebody"}},
        "target_definitions": {TARGET: {"type": "linux", "name": "Host", "address": {"ipv4": ["192.0.2.7"]}}},
        **exception,
        **more,
    }


def _linked(found: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    linked = {name: ids.get(value, value) if name in LINKS else value for name, value in found.items()}
    if "next_steps" in linked:
        linked["next_steps"] = [ids.get(each, each) for each in linked["next_steps"]]
    if isinstance(linked.get("cases"), dict):
        linked["cases"] = {case: ids.get(each, each) for case, each in linked["cases"].items()}
    return linked


def read(document: dict[str, Any]) -> Playbook:
    checked = lint.check(json.dumps(document).encode())
    assert checked.fatal == []
    assert checked.playbook is not None
    return checked.playbook


def fatal(document: dict[str, Any]) -> list[str]:
    return lint.check(json.dumps(document).encode()).fatal


def warnings(document: dict[str, Any]) -> list[str]:
    return lint.check(json.dumps(document).encode()).warnings


class Play:
    """Runs a playbook to its end by a script; `order` says which of the commands that wait is answered next."""

    def __init__(
        self,
        *documents: dict[str, Any],
        limits: Limits | None = None,
        script: Script | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        playbooks = [read(each) for each in documents]
        self.books, self.state, self.script = shelve(playbooks), State(), script or {}
        self.log: list[Event] = []
        self.commands: list[Command] = []
        self.now = 0
        self.feed(Begin(0, playbooks[0].id, variables or {}, limits or Limits(), self.script))

    def feed(self, event: Event) -> None:
        self.now = event.now
        self.log.append(event)
        self.commands += step(self.books, self.state, event)

    def finish(self, order: Any = min) -> "Play":
        silent: set[str] = set()
        while not self.state.over:
            waiting = [each for each in self.state.pending if each not in silent]
            if waiting:
                run = self.state.pending[order(waiting)]
                found = answer(self.script, run)
                if found is None:
                    silent.add(run.id)
                else:
                    self.feed(Result(self.now, run.id, found.result, found.out))
            else:
                timer = min(self.state.timers, key=lambda each: (self.state.timers[each], each))
                self.feed(Alarm(max(self.now, self.state.timers[timer]), timer))
        return self

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each.step, each.result) for each in self.commands if isinstance(each, Told)]

    @property
    def runs(self) -> list[str]:
        return [each.command.get("command", "") for each in self.commands if isinstance(each, Run)]

    @property
    def status(self) -> str:
        return self.state.status


def says(**steps: Any) -> Script:
    """A script by (kind_name) short names of actions: says(a="failure", b=["success", "failure"])."""
    return {
        ident("action", name): [Scripted(each) for each in (said if isinstance(said, list) else [said])] for name, said in steps.items()
    }
