"""Products with a REST interface that a contract in the effector's file declares: EDR, firewalls, tickets. Called by the effector's core.

An answer is never enough: what was done is looked at, as the contract says the product shows it.
"""

import time
from typing import Any, Final

import msgspec

from interferon.effector.answers import Another, Denied, Unanswered, identified, reach, same, shown, stood, told
from interferon.effector.contract import ABSENT, Call, Contract, at, filled, holds, names, path, problem
from interferon.effector.exchange import Answer, exchange, value_of
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

POLL_S: Final = 0.2
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[actuators.rest]`: one contract for each product and kind of action."""

    contracts: list[Contract]


def make(settings: Settings) -> Actuator:
    return Rest(settings)


class Rest:
    """reach: `product` where several contracts have the action, and what the contract's `{name}`s stand for. identity: its `facts`."""

    name = "rest"

    def __init__(self, settings: Settings) -> None:
        self._contracts = settings.contracts
        self.actions = frozenset(action for contract in settings.contracts for action in contract.actions)

    def ready(self) -> str:
        return next(filter(None, map(problem, self._contracts)), "" if self._contracts else "rest: contracts is empty: name one at least")

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target, by the effector's file alone."""
        job = Job(effect="", action=action, target=target)
        try:
            contract = self._contract(job)
            path(contract.identify.path, names(job, {}))
        except InputError as error:
            return str(error)
        strange = target.identity.keys() - contract.identify.facts.keys()
        known = ", ".join(contract.identify.facts)
        return f"identity has {', '.join(sorted(strange))}: {known} can be compared" if strange else ""

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: self._one(job).identified())

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._one(job).before())

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._one(job).applied())

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._one(job).looked())

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._one(job).undone())

    def _one(self, job: Job) -> "_Dealing":
        return _Dealing(self._contract(job), job)

    def _contract(self, job: Job) -> Contract:
        fitting = [each for each in self._contracts if job.action in each.actions]
        if len(fitting) > 1:
            fitting = [each for each in fitting if each.product == reach(job, "product")]
        if len(fitting) != 1:
            raise InputError(
                f"{len(fitting)} contracts have {job.action} for {job.target.ref}: one, named by product in its reach, would be right"
            )
        return fitting[0]


class _Dealing:
    """One contract and one job."""

    def __init__(self, contract: Contract, job: Job) -> None:
        self._contract, self._job = contract, job

    def identified(self) -> str:
        """Every fact that the target's identity names, as the product shows it now."""
        answer = self._get(self._contract.identify.path)
        if answer.status in (404, 410):
            raise Another(f"{self._contract.product} knows no {self._job.target.ref}: HTTP {answer.status}")
        value = self._json(answer)
        found = {key: at(value, pointer) for key, pointer in self._contract.identify.facts.items()}
        same(self._job, {key: None if each is ABSENT else each for key, each in found.items()})
        return f"{self._contract.product} shows {', '.join(f'{key} {found[key]}' for key in self._job.target.identity)}"

    def before(self) -> dict[str, Any]:
        """What stood: whether it was so already, and what `keep` names."""
        self.identified()
        seen, value = self._standing()
        if seen.standing == "unknown":
            raise Unanswered(seen.detail)
        return {"standing": seen.standing, "kept": _read(value, self._contract.look.keep)}

    def looked(self) -> Seen:
        self.identified()
        return self._standing()[0]

    def applied(self) -> str:
        self.identified()
        seen, value = self._standing()
        if seen.standing == "in_force":
            return f"it is so already: {seen.detail}"
        return self._changed(self._contract.apply, value, "apply", "in_force")

    def undone(self) -> str:
        self.identified()
        if self._job.before.get("standing") == "in_force":
            return "it stood so before: nothing of it is ours"
        seen, value = self._standing()
        if seen.standing == "absent":
            return f"nothing of it is there: {seen.detail}"
        return self._changed(self._contract.undo, value, "undo", "absent")

    def _changed(self, call: Call, value: Any, step: str, wanted: str) -> str:
        """Asks for the change and looks until it is there, `wait_s` long."""
        said, refused = self._asked(call, value, step)
        end = time.monotonic() + self._contract.wait_s
        seen, _ = self._standing()
        while seen.standing != wanted and not refused and time.monotonic() < end:
            time.sleep(POLL_S)
            seen, _ = self._standing()
        if seen.standing == wanted:
            return f"{said}; {seen.detail}"
        raise (Denied if refused and seen.standing != "unknown" else Unanswered)(f"{said}; then {seen.standing}: {seen.detail}")

    def _asked(self, call: Call, value: Any, step: str) -> tuple[str, bool]:
        """What was answered, and whether that says that nothing was done. A time-out leaves it open, and a look settles it."""
        known = names(self._job, _read(value, self._contract.look.find))
        body = b"" if call.body is None else _encode(filled(call.body, known))
        headers = {"content-type": "application/json"} if body else {}
        headers |= {"accept": "application/json", "idempotency-key": f"{self._job.effect}.{step}", **self._contract.headers}
        try:
            answer = exchange(self._contract, call.method, self._url(call.path, known), body, headers, again=call.again)
        except Unanswered as error:
            return str(error), False
        said = f"{self._contract.product} answers HTTP {answer.status}"
        if answer.status not in call.status:
            return f"{said}, {_start(answer)}", 400 <= answer.status < 500
        missing = [each.pointer for each in call.shows if not holds(each, self._json(answer), known)]
        return f"{said} and does not show what is wanted at {', '.join(missing)}" if missing else said, False

    def _standing(self) -> tuple[Seen, Any]:
        """What the world shows, and the answer that shows it."""
        look, answer = self._contract.look, self._get(self._contract.look.path)
        if answer.status in look.absent_status:
            return Seen("absent", f"{self._contract.product} answers HTTP {answer.status}"), None
        value, known = self._json(answer), names(self._job, {})
        there = [holds(each, value, known) for each in look.in_force]
        places = ", ".join(f"{each.pointer} {_told(at(value, each.pointer))}" for each in (*look.in_force, *look.absent))
        if all(there):
            return Seen("in_force", places), value
        if look.absent and all(holds(each, value, known) for each in look.absent):
            return Seen("absent", places), value
        return Seen("partial" if any(there) else "unknown", f"neither in force nor absent: {places}"), value

    def _get(self, template: str) -> Answer:
        headers = {"accept": "application/json", **self._contract.headers}
        return exchange(self._contract, "GET", self._url(template, names(self._job, {})), b"", headers, again=True)

    def _json(self, answer: Answer) -> Any:
        where = f"{self._contract.product} at {self._contract.url}"
        if not 200 <= answer.status < 300:
            raise Unanswered(f"{where} answers HTTP {answer.status}, {_start(answer)}")
        return value_of(answer, where)

    def _url(self, template: str, known: dict[str, Any]) -> str:
        return self._contract.url.rstrip("/") + path(template, known)


def _read(value: Any, pointers: dict[str, str]) -> dict[str, Any]:
    """Name → what stands at its pointer, where anything does."""
    found = {name: at(value, pointer) for name, pointer in pointers.items()}
    return {name: each for name, each in found.items() if each is not ABSENT}


def _told(value: Any) -> str:
    return "is not there" if value is ABSENT else f"is {msgspec.json.encode(value).decode()[:60]}"


def _start(answer: Answer) -> str:
    """The beginning of an answer, on one line."""
    return " ".join(answer.body[:200].decode("utf-8", "replace").split()) or "with nothing"
