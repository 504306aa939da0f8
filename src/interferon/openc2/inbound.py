"""What an OpenC2 command asks of us: effects to be decided on, effects to be taken back, or an answer at once. Called by the runtime. Pure.

Nothing is done here and nothing allowed: what a command asks for passes policy, budgets and approval as any plan does.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from interferon.model.effects import Effect, State
from interferon.model.network import Network
from interferon.openc2.located import Unfound, references
from interferon.openc2.records import Args, Command, Response, Results, SlpfArgs, SlpfResults
from interferon.openc2.vocabulary import NSID, RULE, STANDARD, WORDS, plan_of, rule_number

ENDED: Final = (State.REFUSED, State.FAILED, State.UNDONE)
TAKE_BACK: Final = ("allow", "cancel", "delete")
AHEAD_MS: Final = 1_000  # clocks differ: a start so far ahead is now
LATEST_MS: Final = 253_402_300_799_999  # the end of the year 9999: what is later is no time that anything here can hold


@dataclass(frozen=True)
class Contain:
    """Effects that are asked for. `ttl_s` 0: what the action has by itself; when it ends the case is decided again."""

    effects: tuple[tuple[str, str], ...]  # action, reference
    ttl_s: int
    plan: str


@dataclass(frozen=True)
class Release:
    """Effects of ours that are asked to be taken back, by id."""

    effects: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Nothing is to be done: this is the response."""

    response: Response


@dataclass(frozen=True)
class Offer:
    """What this installation can do: the actions somebody here carries out, and how many commands a minute it takes.

    `names`: host names, groups and asset ids under which it is addressed as an actuator.
    """

    actions: Collection[str]
    rate_limit: float
    names: Collection[str] = ()


def understood(
    command: Command,
    request_id: str,
    network: Network,
    live: Sequence[Effect],
    offer: Offer,
    now_ms: int,
    plan_of: Callable[[str], str] = plan_of,
) -> Contain | Release | Answer:
    """What `command` asks for, at `now_ms` (milliseconds since 1970) with the effects `live` in the world.

    `request_id` stands in for a command id that is not given (language 1.0, 3.3.1). `plan_of`: command id → the plan of its effects.
    """
    words = (command.action, command.target)
    stranger = _elsewhere(command, offer)
    if stranger:
        return _answer(404, f"{stranger} is not here")
    if words == ("query", "features"):
        return _features(command, offer)
    if words not in _pairs(offer):
        return _answer(501, f"{command.action} {command.target} is not supported here: query features for what is")
    refused = _option(command, now_ms)
    if refused:
        return Answer(refused)
    if words == RULE:
        return _release([each for each in live if rule_number(each.id) == command.specifier], f"rule {command.specifier}")
    if command.action == "cancel":
        return _release([each for each in live if each.intent.plan == plan_of(str(command.specifier))], f"command {command.specifier}")
    try:
        found = references(command.target, command.specifier, network)
    except Unfound as error:
        return _answer(error.status, str(error))
    if command.action == "allow":
        closing = {action for (_, target), action in WORDS.items() if target == command.target}
        ours = [each for each in live if each.intent.target in found and each.intent.action in closing]
        return _release(ours, f"{command.target} {', '.join(found)}")
    name, action = command.command_id or request_id, WORDS[words]
    if not name:
        return _answer(400, "neither command_id nor request_id is given: one of them would be right, so that it can be cancelled")
    return Contain(tuple((action, each) for each in found), ttl_s(command, now_ms), plan_of(name))


def _answer(status: int, text: str, results: Results | None = None) -> Answer:
    return Answer(Response(status=status, status_text=text, results=results))  # type: ignore[arg-type]


def _release(effects: Sequence[Effect], what: str) -> Release | Answer:
    standing = tuple(each.id for each in effects if each.state not in ENDED)
    return Release(standing) if standing else _answer(404, f"no effect of ours in force belongs to {what}")


def _pairs(offer: Offer) -> dict[tuple[str, str], None]:
    """Every action and target that we can do something with, in a fixed order."""
    asked = [words for words, action in WORDS.items() if action in offer.actions]
    undone = [("allow", target) for _, target in asked]
    always = [RULE, ("cancel", "command")] if asked else []
    return dict.fromkeys([("query", "features"), *asked, *undone, *always])


def _elsewhere(command: Command, offer: Offer) -> str:
    """'' where the command is for us, else for whom it is: what was meant for another filter must not be done here."""
    if command.actuator not in ("", "slpf", NSID):
        return f"an actuator of {command.actuator}"
    if command.profile not in ("", "slpf", NSID):
        return f"an actuator of {command.profile}"
    which: dict[str, Any] = msgspec.to_builtins(command.which)
    meant = [name for value in which.values() for name in (value if isinstance(value, list) else [value])]
    return next((f"actuator {name}" for name in meant if str(name) not in offer.names), "")


def _features(command: Command, offer: Offer) -> Answer:
    """Language 1.0, 4.1: arguments beside `response_requested: complete` are a bad request."""
    if command.args not in (Args(), Args(response_requested="complete")):
        return _answer(400, "query features takes no argument but response_requested: complete")
    pairs: dict[str, list[str]] = {}
    for action, target in _pairs(offer):
        pairs.setdefault(action, []).append(target)
    told = Results(versions=["1.0"], profiles=["slpf", NSID], pairs=pairs, rate_limit=offer.rate_limit)
    asked: Any = command.specifier
    results = Results(**{name: getattr(told, name) for name in asked})
    return Answer(Response(status=200, results=results if asked else None))


def _option(command: Command, now_ms: int) -> Response | None:
    """SLPF 1.0, 2.3.1: an argument that is not supported is 501, never ignored."""
    args, ends = command.args, _ends(command, now_ms)
    if args.extensions:
        return _unsupported(f"arguments of {', '.join(sorted(args.extensions))}")
    if command.action in TAKE_BACK and ends is not None:
        return _unsupported("an end: what is let pass again stays so until it is closed again")
    if args.start_time is not None and args.start_time > now_ms + AHEAD_MS:
        return _unsupported("start_time in the future: what is done later is decided on the evidence of then")
    if ends is not None and ends <= now_ms:
        return Response(status=400, status_text="it is over already: stop_time, or start_time and duration, lie in the past")
    if ends is not None and ends > LATEST_MS:
        return Response(status=400, status_text="it ends after the year 9999: without an end it stays until it is taken back")
    return None if args.slpf is None else _slpf_option(args.slpf)


def _slpf_option(own: SlpfArgs) -> Response | None:
    if own.direction not in (None, "both"):
        return _unsupported(f"direction {own.direction}: both are closed or none")
    if own.drop_process not in (None, "none"):
        return _unsupported(f"drop_process {own.drop_process}: the sender is told nothing")
    if own.persistent is False or own.running:
        return _unsupported("changes that end with a restart: a time to live ends them, not a restart")
    return _unsupported("insert_rule: a rule has the number that the response tells") if own.insert_rule is not None else None


def _unsupported(what: str) -> Response:
    return Response(status=501, status_text=f"Option not supported: {what}")


def _ends(command: Command, now_ms: int) -> int | None:
    """When the command ends, milliseconds, or None where it never does: stop_time = start_time + duration (3.3.1.4)."""
    args = command.args
    if args.duration is None:
        return args.stop_time
    return (now_ms if args.start_time is None else args.start_time) + args.duration if args.stop_time is None else args.stop_time


def ttl_s(command: Command, now_ms: int) -> int:
    """Seconds from now until the command ends, rounded up; 0 where it has no end or is over."""
    ends = _ends(command, now_ms)
    return 0 if ends is None else max(0, -((now_ms - ends) // 1_000))


def replies(command: Command) -> bool:
    """False where the producer wants no response."""
    return command.args.response_requested != "none"


def accepted(command: Command) -> Response | None:
    """The response as soon as the command is taken, where one is wanted then (`ack`, `status`)."""
    return Response(status=102) if command.args.response_requested in ("ack", "status") else None


def completed(command: Command, effects: Sequence[Effect]) -> Response:
    """The response when what the command asked for has come to an end, or not yet (102)."""
    states = {each.state for each in effects}
    wanted = {State.UNDONE} if command.action in TAKE_BACK else {State.VERIFIED, State.DUE}
    detail = "; ".join(f"{each.intent.target}: {each.detail or each.state}" for each in effects if each.state not in wanted)
    if states <= wanted:
        return Response(status=200, results=_number(command, effects))
    if State.REFUSED in states:
        return Response(status=403, status_text=detail)
    if states & {State.FAILED, State.ESCALATED}:
        text = "firewall rule not removed or updated" if State.UNDONE in wanted else "Rule not updated"
        return Response(status=500, status_text=f"{text}: {detail}")
    if State.UNDONE in states and states <= wanted | {State.UNDONE}:
        return Response(status=200, status_text=f"it was done, and taken back since: {detail}")
    return Response(status=102, status_text=detail, results=_number(command, effects))


def _number(command: Command, effects: Sequence[Effect]) -> Results | None:
    """SLPF 1.0, 2.3.2: the number that a deny became. One rule has one; several are taken back by `allow` or `cancel`."""
    if len(effects) != 1 or (command.action, command.target) not in STANDARD or command.target in ("device", "process"):
        return None
    return Results(slpf=SlpfResults(rule_number=rule_number(effects[0].id)))
