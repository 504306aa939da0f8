"""Carries out a playbook's commands for real: OpenC2 in our own namespace as effects, manual ones by asking a person.

Called by `cli.respond_run` through `playbook_live`. Touches the effect journal, the effector, and the folder's policy and accounts.

The ids of effects follow from the run's id and the command's: a command that is given again finds what became of it in the journal.
"""

import base64
import binascii
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from interferon.act import lifecycle
from interferon.act.intents import intents
from interferon.actions import ACTIONS
from interferon.model.effects import Effect, Intent, State
from interferon.model.errors import InputError
from interferon.model.records import Execute
from interferon.openc2.inbound import Answer, Contain, Offer, Release, understood
from interferon.openc2.message import read_request
from interferon.openc2.records import STATUS, Command
from interferon.openc2.vocabulary import NSID, OWN
from interferon.playbooks.run_records import Run, Scripted
from interferon.runtime.effect_drive import NO_ANSWER
from interferon.runtime.effects import Effects
from interferon.runtime.playbook_crew import NotDone
from interferon.runtime.playbook_people import Terminal
from interferon.runtime.playbook_permission import Permission
from interferon.runtime.playbook_price import Price, told
from interferon.store.journal import Journal

KINDS: Final = ("manual", "openc2-http")
LEDGER: Final = "playbook"  # kind of the ledger rows that say which effects a command is about


class EffectorExecutor:
    """`playbook_crew.Executor` of one run. Any number of threads may call it at once."""

    def __init__(
        self,
        run_id: str,
        journal: Journal,
        effects: Effects,
        permission: Permission,
        terminal: Terminal,
        clock: Callable[[], int],
        price: Price,
        incident: str = "",
    ) -> None:
        """`clock` gives microseconds UTC; `price` what effects make late; `incident`: the case that they belong to, and come back with."""
        self._run, self._journal, self._effects, self._incident = run_id, journal, effects, incident
        self._permission, self._terminal, self._clock, self._price = permission, terminal, clock, price
        self._withdrawn: set[str] = set()
        self._deciding = threading.Lock()  # what stands is looked at, and what follows from it is written, by one command at a time

    def run(self, command: Run) -> Scripted | None:
        if command.kind == "manual":
            return self._terminal.ask(command, lambda: command.id in self._withdrawn)
        if command.kind not in KINDS:
            return Scripted("failure", {}, f"{command.kind} commands are not carried out here: {' and '.join(KINDS)} are")
        found = self.precheck(command)  # where it was given before, it is not done twice
        return self._do(command) if isinstance(found, str) else found

    def precheck(self, command: Run) -> "Scripted | NotDone | None":
        """What the journal says became of it. A person alone knows about a manual command."""
        if command.kind != "openc2-http":
            return None
        name = effect_name(self._run, command.id)
        found = self._effects_of(f"{name}.")
        if found:
            return ended(found)
        asked = [str(each) for row in self._journal.rows(LEDGER, name) for each in _released(row.body)]
        if not asked or any(each.state in lifecycle.STANDING for each in self._known(asked)):
            return "not done"
        return Scripted("success", {}, f"taken back: {', '.join(asked)}")

    def cancel(self, command_id: str) -> None:
        self._withdrawn.add(command_id)

    def close(self) -> None:
        """Nobody is asked any more."""
        self._terminal.close()

    # ---- one command

    def _do(self, command: Run) -> Scripted | None:
        name = effect_name(self._run, command.id)
        try:
            with self._deciding:
                asked = self._understood(own_command(command), name)
                if isinstance(asked, Answer):
                    said = asked.response
                    return Scripted("success" if said.status == 200 else "failure", {}, said.status_text or STATUS[said.status])
                late = self._price(asked.effects) if isinstance(asked, Contain) else 0.0
                if why := self._hindrance(command, asked, late):
                    return Scripted("failure", {}, why)
                self._note(name, command, asked, late)
                wanted = self._wanted(name, asked, late) if isinstance(asked, Contain) else []
                if wanted:  # on record before anything else is priced or held against the interlocks
                    self._journal.admit(wanted, self._effects.network.settings.budgets, self._clock()).result()
        except InputError as error:
            return Scripted("failure", {}, str(error))
        if isinstance(asked, Release):
            self._effects.undo(asked.effects, f"asked for by {self._permission.person} in {self._run}")
            return ended(self._known(asked.effects), back=True)
        self._effects.submit(wanted)
        return ended(self._effects_of(f"{name}."))

    def _wanted(self, name: str, asked: Contain, late: float | None) -> list[Intent]:
        effects: list[tuple[str, str, str, dict[str, Any]]] = [
            (f"{name}.{place}", action, target, {}) for place, (action, target) in enumerate(asked.effects)
        ]
        execute = Execute(self._clock(), asked.plan, self._incident, tuple(effects), asked.ttl_s, "execute_approved")
        return intents(execute, self._effects.network, ACTIONS, self._permission.person, late)

    def _understood(self, command: Command, name: str) -> Contain | Release | Answer:
        live = self._journal.effects(lifecycle.STANDING)
        offer = Offer(OWN.keys() & ACTIONS.keys(), rate_limit=self._effects.network.settings.budgets.actions_per_hour / 60)
        return understood(command, name, self._effects.network, live, offer, self._clock() // 1000)

    def _hindrance(self, command: Run, asked: Contain | Release, late: float | None) -> str:
        if command.id in self._withdrawn:
            return "withdrawn before it was begun"
        if isinstance(asked, Contain):
            return self._permission.refusal("approve", asked.effects, told(late)) or self._effects.restrained(asked.effects)
        return self._permission.refusal("undo", [(each.intent.action, each.intent.target) for each in self._known(asked.effects)])

    def _note(self, name: str, command: Run, asked: Contain | Release, late: float | None) -> None:
        """In the ledger before anything is done: who has which command of which run carried out."""
        content = {"run": self._run, "step": command.step, "command": command.id, "person": self._permission.person}
        content |= {"incident": self._incident} if self._incident else {}
        if isinstance(asked, Release):
            about: dict[str, Any] = {"undo": list(asked.effects)}
        else:
            about = {"effects": [list(each) for each in asked.effects], "orders_late": late}
        self._journal.record(LEDGER, name, content | about, self._clock()).result()

    def _known(self, effect_ids: Iterable[str]) -> list[Effect]:
        return [found for each in effect_ids if (found := self._journal.effect(each)) is not None]

    def _effects_of(self, prefix: str) -> list[Effect]:
        """All effects of a command. They are admitted in one transaction: all are on record or none is."""
        found: list[Effect] = []
        while (effect := self._journal.effect(f"{prefix}{len(found)}")) is not None:
            found.append(effect)
        return found


def effect_name(run_id: str, command_id: str) -> str:
    """What the ids of a command's effects begin with, and what the ledger calls the command: the same whenever it is asked."""
    return f"run:{run_id}:{hashlib.sha256(command_id.encode()).hexdigest()[:16]}"


def own_command(command: Run) -> Command:
    """The OpenC2 message of a command. `InputError` where it is none, or is not in our namespace and so meant for somebody else."""
    text = str(command.command.get("content", ""))
    try:
        body = base64.b64decode("".join(str(command.command.get("content_b64", "")).split()), validate=True) or text.encode()
    except (binascii.Error, ValueError):
        raise InputError("content_b64 is not base64: the OpenC2 message in base64 would be right") from None
    found, _, _ = read_request(body)
    if not found.target.startswith(f"{NSID}:") and (found.action, found.target) != ("cancel", "command"):
        raise InputError(f"{found.action} {found.target} is not in the namespace {NSID}: it is meant for another actuator")
    return found


def ended(effects: Sequence[Effect], *, back: bool = False) -> Scripted | None:
    """How a command ended whose effects stand so; None where one has not come to its end. `back`: they were to be taken back."""
    if any(each.state in lifecycle.IN_FLIGHT for each in effects):
        return None
    wanted = lifecycle.ENDED if back else (State.VERIFIED, State.DUE)
    told = "; ".join(f"{each.intent.action} {each.intent.target}: {each.state}" for each in effects)
    wrong = [each for each in effects if each.state not in wanted]
    if not wrong:
        return Scripted("success", {}, told)
    why = "; ".join(f"{each.intent.action} {each.intent.target}: {each.state}{each.detail and ', '}{each.detail}" for each in wrong)
    silent = all(each.state is State.ESCALATED and each.detail.startswith(NO_ANSWER) for each in wrong)
    return Scripted("timeout" if silent else "failure", {}, why)


def _released(body: str) -> list[object]:
    """Of a ledger row about a command: the effects that it takes back."""
    found = json.loads(body).get("undo", [])
    return found if isinstance(found, list) else []
