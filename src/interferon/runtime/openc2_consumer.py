"""The OpenC2 consumer of a running installation: a producer's command goes into the ordered log, and the response tells how it stands.

Called by `web.openc2`, on a thread that may wait. Does nothing by itself: the pipeline decides on the command as on any plan.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from interferon.decide.approval import BY_PEOPLE
from interferon.decide.book import Book, stands
from interferon.decide.commanded import plan_id, suspecting
from interferon.decide.commands import execute
from interferon.decide.plan import ANSWER
from interferon.decide.settings import COMMANDED
from interferon.model.effects import Effect, Intent, State
from interferon.model.events import Commanded
from interferon.model.records import Plan
from interferon.openc2.decode import command_text
from interferon.openc2.inbound import Answer, Contain, Offer, Release, completed, understood
from interferon.openc2.records import Command, Response
from interferon.openc2.vocabulary import case_of
from interferon.runtime.running import Running
from interferon.store.journal import Journal
from interferon.store.tokens import Token

RATE: Final = 60  # commands of one producer a minute
WAITING: Final = 20  # commands of one producer that wait for people at the same time
WAIT_S: Final = 20.0  # for which a producer that wants the complete response is kept waiting
POLL_S: Final = 0.02
IN_FORCE: Final = (State.VERIFIED, State.DUE, State.ESCALATED)
GONE: Final = frozenset({State.REFUSED, State.FAILED, State.UNDONE})


class Consumer:
    """Over what runs and its effect journal. Any number of threads may call it at once."""

    def __init__(self, running: Running, journal: Journal, wait_s: float = WAIT_S) -> None:
        self._running, self._journal, self._wait_s = running, journal, wait_s

    def respond(self, command: Command, request_id: str, token: Token) -> Response:
        """The response to a command that came with `token`. The same command again, by its id, is answered with how it stands now."""
        now = self._running.clock()
        if (command.action, command.target) == ("query", "features"):
            return self._features(command, token, now)
        name = command.command_id or request_id
        if not name:
            return Response(status=400, status_text="neither command_id nor X-Request-ID is given: one of them would be right")
        case, content = case_of(token.name, name), _content(command)
        if case not in self._running.state.book.asked:
            asked = self._asked(command, name, token, now)
            if isinstance(asked, Response):
                return asked
            self._running.say(msgspec.structs.replace(asked, case=case, content=content))
        return self._heard(command, case, content)

    # ---- what is asked for

    def _features(self, command: Command, token: Token, now: int) -> Response:
        actions = () if self._running.rules.observing else tuple(token.actions)
        found = understood(command, "", self._running.rules.network, (), self._offer(actions), now // 1_000)
        return found.response if isinstance(found, Answer) else Response(status=500)

    def _offer(self, actions: Sequence[str]) -> Offer:
        return Offer(actions, RATE, (self._running.rules.network.settings.name,))

    def _asked(self, command: Command, name: str, token: Token, now: int) -> Commanded | Response:
        """What the pipeline is told, or the response where there is nothing to decide on."""
        offer = self._offer(() if self._running.rules.observing else COMMANDED)
        with self._running.lock:
            waiting = self._waiting(token.name, now)
            own = self._standing_of(token.name) + [each for plan in waiting for each in _wanted(plan, State.INTENT)]
        network = self._running.rules.network
        found = understood(command, name, network, own, offer, now // 1_000, lambda each: plan_id(case_of(token.name, each)))
        about = Commanded(time=now, case="", producer=token.name, command=name, trust=token.trust, level=token.level)
        match found:
            case Answer():
                return found.response
            case Release():
                if torn := _torn(waiting, found.effects):
                    why = f"plan {torn} still waits and can only be taken back whole: cancel its command"
                    return Response(status=403, status_text=why)
                return msgspec.structs.replace(about, effects=found.effects)
            case Contain():
                if missing := sorted({action for action, _ in found.effects} - set(token.actions)):
                    return Response(status=403, status_text=f"the token {token.name} may not command {', '.join(missing)}")
                if len(waiting) >= WAITING:
                    return Response(status=503, status_text=f"{WAITING} commands of {token.name} wait for people: let them answer first")
                ends = now + found.ttl_s * 1_000_000 if found.ttl_s else 0
                return msgspec.structs.replace(about, actions=found.effects, ends=ends)

    def _waiting(self, producer: str, now: int) -> list[Plan]:
        """Plans of this producer's commands that may still begin."""
        book = self._running.state.book
        names = [plan_id(case) for case, asked in book.asked.items() if asked.producer == producer]
        return [book.plans[name] for name in names if name in book.plans and _may_begin(book, book.plans[name], now)]

    def _standing_of(self, producer: str) -> list[Effect]:
        """Effects of this producer's commands; nobody else's are taken back on its word."""
        asked = self._running.state.book.asked
        effects = self._journal.effects(set(State) - GONE)
        return [each for each in effects if each.intent.incident in asked and asked[each.intent.incident].producer == producer]

    # ---- what became of it

    def _heard(self, command: Command, case: str, content: str) -> Response:
        """Once the pipeline has it; where the complete response is wanted, once it has come to its end or a person's turn."""
        end, wanted = time.monotonic() + self._wait_s, command.args.response_requested
        while (asked := self._running.state.book.asked.get(case)) is None:
            if time.monotonic() >= end:
                return Response(status=503, status_text="the pipeline takes nothing now: send the same command again")
            time.sleep(POLL_S)
        if asked.content != content:
            return Response(status=400, status_text=f"{asked.command} is the id of another command: a new one would be right")
        if wanted in ("ack", "none"):
            return Response(status=102)
        while True:
            with self._running.lock:
                found, final = self._standing(command, asked)
            if final or wanted == "status" or time.monotonic() >= end:
                return found
            time.sleep(POLL_S)

    def _standing(self, command: Command, asked: Commanded) -> tuple[Response, bool]:
        """How it stands, and whether waiting a moment longer would be for nothing."""
        book, now = self._running.state.book, self._running.clock()
        if asked.effects:
            return self._taken_back(command, asked)
        plan = book.plans.get(plan_id(asked.case))
        if plan is None:
            return _of_others(book, asked), True
        if plan.id not in book.carried:
            return _undecided(command, book, plan, now), True
        found = completed(command, [self._journal.effect(each.id) or each for each in _wanted(plan, State.INTENT)])
        return found, found.status != 102

    def _taken_back(self, command: Command, asked: Commanded) -> tuple[Response, bool]:
        book, incidents = self._running.state.book, self._running.state.latest
        plans = [book.plans[name] for name in dict.fromkeys(each.rpartition("/")[0] for each in asked.effects)]
        withdrawn = {each.id: each for plan in plans for each in _wanted(plan, State.UNDONE)}
        effects = [self._journal.effect(name) or withdrawn[name] for name in asked.effects]
        for each in effects:
            kept = each.state in IN_FORCE and book.effects[each.id].status != State.UNDOING
            other = suspecting(book, incidents, self._running.rules.network, each.intent.target) if kept else ""
            if other:
                return Response(status=403, status_text=f"incident {other} suspects {each.intent.target}: a person decides"), True
            if kept and each.state is not State.ESCALATED:
                why = f"{each.intent.target} was suspected when this came, and was not opened: a new command would be right"
                return Response(status=403, status_text=why), True
        found = completed(command, effects)
        return found, found.status != 102


def _content(command: Command) -> str:
    """Digest of what a command says, whatever response it wants: who sends it again may want another one."""
    said = msgspec.structs.replace(command, args=msgspec.structs.replace(command.args, response_requested=None), command_id="")
    return hashlib.sha256(command_text(said)).hexdigest()


def _wanted(plan: Plan, state: State) -> list[Effect]:
    """The effects of a command's plan, as they are before the journal has them."""
    command = execute(plan, ANSWER, plan.mode, plan.time, plan.ttl_s)
    return [
        Effect(
            intent=Intent(id=name, plan=plan.id, incident=plan.incident, action=action, target=target, time=plan.time),
            state=state,
            changed=plan.time,
            expires=0,
            epoch=0,
        )
        for name, action, target, _ in (command.effects if command is not None else ())
    ]


def _torn(waiting: list[Plan], effects: tuple[str, ...]) -> str:
    """Id of a plan that waits and of which only a part is named; '' where there is none."""
    named = set(effects)
    parts = ((plan.id, {each.id for each in _wanted(plan, State.INTENT)}) for plan in waiting)
    return next((plan for plan, whole in parts if whole & named and not whole <= named), "")


def _of_others(book: Book, asked: Commanded) -> Response:
    """Of a command of which everything was in force for other cases when it came: as that stands now."""
    states = {(each.action, each.target): each.status for each in book.effects.values() if stands(each)}
    for act in asked.actions:
        if act not in states:
            return Response(
                status=500, status_text=f"{act[1]} was closed for another case, which has let it in since: a new command would be right"
            )
        if states[act] not in (State.VERIFIED, State.DUE):
            return Response(status=500, status_text=f"Rule not updated: {act[1]} is {states[act]} for another case, nothing was added")
    return Response(status=200, status_text="in force already for another case, and ends with it: nothing was added")


def _may_begin(book: Book, plan: Plan, now: int) -> bool:
    if plan.id in book.carried or plan.id in book.vetoed or plan.would or plan.alternatives[ANSWER].mode not in BY_PEOPLE:
        return False
    return plan.id in book.waiting or now <= plan.approve_until


def _undecided(command: Command, book: Book, plan: Plan, now: int) -> Response:
    """Of a plan that was not begun: refused, or it waits for people."""
    allowed = plan.alternatives[ANSWER]
    if plan.id in book.vetoed:
        return Response(status=403, status_text=f"plan {plan.id} was refused or withdrawn")
    if plan.would or allowed.mode not in BY_PEOPLE:
        said = "only lets it be suggested" if allowed.mode == "suggest" else "does not allow it"
        return Response(status=403, status_text=f"policy {said} ({', '.join(allowed.reasons) or 'no policy allows it'})")
    if not _may_begin(book, plan, now):
        return Response(status=403, status_text=f"plan {plan.id} was not approved in time")
    until = "unless somebody vetoes it" if plan.id in book.waiting else "for approval"
    pending = completed(command, _wanted(plan, State.INTENT))
    return msgspec.structs.replace(pending, status_text=f"plan {plan.id} waits {until}: send the same command again for how it stands")
