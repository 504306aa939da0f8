"""Anybody's packet filter that speaks OpenC2 (SLPF 1.0) over HTTPS: a host or a conduit is denied by a rule. Called by the effector's core.

Source: OpenC2 over HTTPS 1.1 and 1.0, SLPF 1.0. The number of the rule follows from the effect and is asked for with `insert_rule`, so that
nothing must be remembered that the other side told.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from interferon.effector.answers import Another, Denied, Unanswered, shown, stood, told
from interferon.effector.exchange import Access, exchange
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome, Value
from interferon.model.errors import InputError
from interferon.openc2 import decode, message, outbound
from interferon.openc2.records import Args, Command, Response, Results, SlpfSpecifiers
from interferon.openc2.vocabulary import RULE, rule_number

FACTS: Final = ("asset_id", "certificate_sha256")
NUMBERS: Final = 8  # tried, where a rule of somebody else has the number


class Settings(Access, frozen=True, kw_only=True):
    """`[actuators.openc2_http]`: the consumer, without path."""

    url: str
    transfer: message.Transfer = "1.1"
    hostname: str = ""  # which filter behind the consumer is meant, as it knows them
    named_group: str = ""
    rule_query: str = ""  # target that `query` takes to show a rule, e.g. x-acme:rule_number; '': one that its pairs name


def make(settings: Settings) -> Actuator:
    return OpenC2(settings)


class OpenC2:
    """reach: `address`, or `src_addr`, `dst_addr`, `dst_port`, `protocol` of a conduit. identity, of the filter: `asset_id` that it
    answers to, `certificate_sha256` that it shows.
    """

    name = "openc2_http"
    actions = frozenset({"isolate_asset", "cut_conduit"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        trouble = self._settings.trouble(self._settings.url)
        return trouble or shown(self._alive).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target, by the effector's file alone."""
        try:
            self._denial(Job(effect="", action=action, target=target), 1)
            _comparable(target)
        except InputError as error:
            return str(error)
        return ""

    def identify(self, job: Job) -> Outcome:
        return told(lambda: f"the filter is the one that is meant; it offers {len(self._pairs(job))} actions")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._before(job))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._deny(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job, self._pairs(job)))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._delete(job))

    def _alive(self) -> Seen:
        self._features(SlpfSpecifiers())
        return Seen("absent")

    def _before(self, job: Job) -> dict[str, Any]:
        """A number that no rule has. `InputError` where what is done could not be said there, or not be taken back."""
        pairs, number = self._pairs(job), rule_number(job.effect)
        command = self._denial(job, number)
        for action, target in ((command.action, command.target), RULE):
            if target not in pairs.get(action, ()):
                raise InputError(f"the filter at {self._settings.url} does not offer {action} {target}: it cannot be used")
        for each in range(number, number + NUMBERS):
            if self._look(job, pairs, each).standing in ("absent", "unknown"):
                return {"rule_number": each}
        raise InputError(f"the filter at {self._settings.url} has rules with the numbers {number} to {number + NUMBERS - 1} already")

    def _deny(self, job: Job) -> str:
        pairs, number = self._pairs(job), _number(job)
        seen = self._look(job, pairs)
        if seen.standing == "in_force":
            return f"rule {number} is there already"
        if seen.standing == "partial":  # somebody made another rule of it: a number is given once
            self._say(outbound.removal(number, self._which(job)), again=True)
        response, _ = self._say(self._denial(job, number))
        outcome = outbound.outcome(response)
        if outcome.result == "ok":
            return self._made(job, number, response)
        return self._settled(job, pairs, outcome)

    def _made(self, job: Job, number: int, response: Response) -> str:
        """A filter that numbers as it likes would leave us a rule that nobody can find again: it is taken back."""
        given = response.results and response.results.slpf and response.results.slpf.rule_number
        if given in (None, number):
            return f"rule {number} denies it"
        taken, _ = self._say(outbound.removal(int(given or 0), self._which(job)), again=True)
        if taken.status != 200:
            raise Unanswered(f"the filter made rule {given}, not {number}, and did not take it back: status {taken.status}")
        raise Denied(f"the filter made rule {given} where {number} was asked for: it does not support insert_rule")

    def _settled(self, job: Job, pairs: dict[str, list[str]], outcome: Outcome) -> str:
        """What an answer left open, looking may tell."""
        seen = self._look(job, pairs)
        if seen.standing == "in_force":
            return f"{outcome.detail}; and yet {seen.detail}"
        if seen.standing == "absent" or (outcome.result != "unknown" and "in use" not in outcome.detail.lower()):
            raise Denied(outcome.detail)
        raise Unanswered(f"{outcome.detail}; {seen.detail}")

    def _delete(self, job: Job) -> str:
        pairs, number = self._pairs(job), _number(job)
        response, _ = self._say(outbound.removal(number, self._which(job)), again=True)
        if response.status in (200, 404):
            return f"rule {number} is gone"
        seen = self._look(job, pairs)
        if seen.standing == "absent":
            return seen.detail
        raise (Unanswered if seen.standing == "unknown" else Denied)(f"{outbound.outcome(response).detail}; {seen.detail}")

    def _look(self, job: Job, pairs: dict[str, list[str]], number: int = 0) -> Seen:
        """SLPF itself shows no rules: only where the filter extends `query` by a target that does can it be looked at."""
        number = number or _number(job)
        target = self._settings.rule_query or next((each for each in pairs.get("query", ()) if each.endswith(":rule_number")), "")
        if not target:
            return Seen("unknown", "the filter cannot be looked at: query shows no rules there")
        asked = Command(action="query", target=target, specifier=number, args=Args(response_requested="complete"), **self._to(job, target))
        response, _ = self._say(asked, again=True)
        if response.status == 404:
            return Seen("absent", f"the filter has no rule {number}")
        if response.status != 200:
            return Seen("unknown", f"query {target}: {outbound.outcome(response).detail}")
        return _seen(_rule(response.results, target), self._denial(job, number), number)

    def _pairs(self, job: Job) -> dict[str, list[str]]:
        """What the filter offers, after its identity has been compared; `Another` where it is not the one that is meant."""
        meant = _comparable(job.target)
        if not meant:
            raise Unanswered(f"{job.target.ref} has no identity: name one of {', '.join(FACTS)} of the filter")
        results, certificate = self._features(self._which(job))
        wanted = str(meant.get("certificate_sha256", certificate)).replace(":", "").lower()
        if wanted != certificate:
            raise Another(f"{self._settings.url} shows the certificate {certificate or 'of no TLS'}, meant is {wanted}")
        return results.pairs or {}

    def _features(self, which: SlpfSpecifiers) -> tuple[Results, str]:
        asked = Command(action="query", target="features", specifier=["pairs", "profiles"], actuator="slpf", which=which)
        response, certificate = self._say(asked, again=True)
        if response.status == 404 and which != SlpfSpecifiers():
            raise Another(f"{self._settings.url} does not answer as {which.asset_id or which.hostname or which.named_group}: status 404")
        if response.status != 200 or response.results is None:
            raise Unanswered(f"query features: {outbound.outcome(response).detail}")
        return response.results, certificate

    def _denial(self, job: Job, number: int) -> Command:
        return outbound.denial(job.action, job.target.reach, job.ttl_s, number, self._which(job))

    def _to(self, job: Job, target: str) -> dict[str, Any]:
        """The same filter, addressed in the namespace that the target is of."""
        return {"actuator": target.partition(":")[0], "which": msgspec.to_builtins(self._which(job))}

    def _which(self, job: Job) -> SlpfSpecifiers:
        asset_id = str(job.target.identity.get("asset_id", ""))
        given = {"hostname": self._settings.hostname, "named_group": self._settings.named_group, "asset_id": asset_id}
        return msgspec.convert({name: each for name, each in given.items() if each}, SlpfSpecifiers)

    def _say(self, command: Command, *, again: bool = False) -> tuple[Response, str]:
        """The response to one command, and the certificate of who gave it. `Unanswered` unless it answers this very request."""
        request_id = str(uuid.uuid4())
        body, headers = message.request(command, request_id, int(time.time() * 1000), self._settings.transfer)
        url = self._settings.url.rstrip("/") + message.PATH
        answer = exchange(self._settings, "POST", url, body, headers, again=again)
        where = f"{self._settings.url} answers HTTP {answer.status}"
        told_id = answer.headers.get("x-request-id", "") or answer.headers.get("x-correlation-id", "")
        try:
            response, answered = message.read_reply(answer.body, told_id)
        except InputError as error:
            raise (Denied if 400 <= answer.status < 500 and not again else Unanswered)(f"{where}; {error}") from error
        if answered != request_id:
            raise Unanswered(f"{where} to the request {answered or 'of no id'}, asked was {request_id}")
        return response, answer.certificate


def _comparable(target: Target) -> Mapping[str, Value]:
    """The identity of a target, where each of its facts can be compared."""
    strange = target.identity.keys() - set(FACTS)
    if strange:
        raise InputError(f"identity of {target.ref} has {', '.join(sorted(strange))}: {', '.join(FACTS)} can be compared")
    return target.identity


def _number(job: Job) -> int:
    return int(job.before.get("rule_number", rule_number(job.effect)))


def _rule(results: Results | None, target: str) -> dict[str, Any]:
    """What was shown of a rule, in the namespace of the target or in that of SLPF."""
    if results is None:
        return {}
    own = results.extensions.get(target.partition(":")[0])
    if isinstance(own, dict):
        return own
    return {} if results.slpf is None else {"rule_number": results.slpf.rule_number}


def _seen(rule: dict[str, Any], meant: Command, number: int) -> Seen:
    """Beside its number a rule may show its action and target: then they are compared too."""
    if rule.get("rule_number") != number:
        return Seen("unknown", f"the filter answers OK and does not show rule {number}")
    value = decode.command_value(meant)
    others = [f"{name} {rule[name]!r}" for name in ("action", "target") if rule.get(name, value[name]) != value[name]]
    return Seen("partial", f"rule {number} has {', '.join(others)}") if others else Seen("in_force", f"the filter shows rule {number}")
