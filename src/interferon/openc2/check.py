"""What is wrong with an OpenC2 command or response, all of it. Called by `decode` and by checks of files. Pure.

Source: OpenC2 language 1.0 (3.3, 3.4), SLPF 1.0 (2.1 to 2.3), JSON as in RFC 7493.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from interferon.openc2 import shape
from interferon.openc2.json_text import Unreadable, read
from interferon.openc2.namespaces import namespace_problem, pair_problem, target_problem
from interferon.openc2.records import (
    ACTIONS,
    TARGETS,
    Action,
    CommandId,
    Natural,
    Nsid,
    ResponseType,
    SlpfArgs,
    SlpfResults,
    SlpfSpecifiers,
    StatusCode,
)
from interferon.openc2.shape import Check, at, shown

Kind = Literal["command", "response"]


def problems(data: bytes, kind: Kind) -> list[str]:
    """One line a problem: the member, what it is, what would be right. [] where the text is good."""
    try:
        value = read(data)
    except Unreadable as error:
        return [str(error)]
    return wrong(value, kind)


def wrong(value: Any, kind: Kind) -> list[str]:
    """The same of a value that is read already."""
    found = list((_COMMAND if kind == "command" else _RESPONSE)(value, ""))
    return found or list(_command_rules(value) if kind == "command" else _response_rules(value))


def _text(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where} is {shown(value)}: a string would be right"


def _extended(known: Mapping[str, Check]) -> Any:
    """What becomes of a member beside those of the language: it is a namespace, and holds an object."""

    def other(name: str) -> Check | str:
        problem = namespace_problem(name)
        return f"is not defined here, and {problem}" if problem else shape.any_object

    return other


def _extended_target(name: str) -> Check | str:
    return target_problem(name) or shape.anything


def _rate(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        yield f"{where} is {shown(value)}: a number from 0 on would be right"


def _list_of(item: Check, least: int, unique: bool) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list) or len(value) < least:
            yield f"{where} is {shown(value)}: an array{' that is not empty' if least else ''} would be right"
            return
        for position, each in enumerate(value):
            yield from item(each, f"{where}[{position}]")
            if unique and each in value[:position]:
                yield f"{where}[{position}] is {shown(each)} again: once would be right"

    return check


def _target_name(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where} is {shown(value)}: the name of a target would be right"
    elif target_problem(value):
        yield f"{where}, {shown(value)}, {target_problem(value)}"


def _pairs(value: Any, where: str) -> Iterator[str]:
    """Each action with its targets; whose profile they are is looked at when the rest is in order."""
    if not isinstance(value, dict) or not value:
        yield f"{where} is {shown(value)}: an object of actions, each with its targets, would be right"
        return
    for action, targets in value.items():
        if action not in ACTIONS:
            yield f"{at(where, action)} is no action: one of {', '.join(sorted(ACTIONS))} would be right"
        yield from _list_of(_target_name, 1, unique=True)(targets, at(where, action))


_ARGS_KNOWN: Final[dict[str, Check]] = {
    "start_time": shape.of(Natural),
    "stop_time": shape.of(Natural),
    "duration": shape.of(Natural),
    "response_requested": shape.of(ResponseType),
    "slpf": shape.of(SlpfArgs),
}
_RESULTS_KNOWN: Final[dict[str, Check]] = {
    "versions": _list_of(_text, 1, unique=True),
    "profiles": _list_of(shape.of(Nsid), 0, unique=False),
    "pairs": _pairs,
    "rate_limit": _rate,
    "slpf": shape.of(SlpfResults),
}
_TARGET: Final = shape.members({name: shape.of(kind) for name, kind in TARGETS.items()}, (), 1, 1, _extended_target)
_ACTUATOR_KNOWN: Final[dict[str, Check]] = {"slpf": shape.of(SlpfSpecifiers)}
_COMMAND_KNOWN: Final[dict[str, Check]] = {
    "action": shape.of(Action),
    "target": _TARGET,
    "args": shape.members(_ARGS_KNOWN, (), 1, 1_000, _extended(_ARGS_KNOWN)),
    "actuator": shape.members(_ACTUATOR_KNOWN, (), 1, 1, _extended(_ACTUATOR_KNOWN)),
    "command_id": shape.of(CommandId),
    "profile": shape.of(Nsid),
}
_RESPONSE_KNOWN: Final[dict[str, Check]] = {
    "status": shape.of(StatusCode),
    "status_text": _text,
    "results": shape.members(_RESULTS_KNOWN, (), 1, 1_000, _extended(_RESULTS_KNOWN)),
}
_COMMAND: Final = shape.members(_COMMAND_KNOWN, ("action", "target"), 0, 1_000, shape.unknown_of(_COMMAND_KNOWN))
_RESPONSE: Final = shape.members(_RESPONSE_KNOWN, ("status",), 0, 1_000, shape.unknown_of(_RESPONSE_KNOWN))


def _command_rules(command: Mapping[str, Any]) -> Iterator[str]:
    """What the shapes cannot say: members that only go together."""
    action, args = command["action"], command.get("args", {})
    (target,) = command["target"]
    actuator = next(iter(command.get("actuator", {})), "")
    slpf = "slpf" in (actuator, command.get("profile")) or target.startswith("slpf:") or "slpf" in args
    pair = pair_problem(action, target, slpf)
    if pair:
        yield f"target: {pair}"
    if actuator and command.get("profile", actuator) != actuator:
        yield f"profile is {shown(command['profile'])}: that of the actuator, {actuator}, would be right"
    yield from _time_rules(args)
    if target == "features":
        yield from (
            f"args.{name} has no meaning with query features (4.1)" for name in ("start_time", "stop_time", "duration") if name in args
        )
    if slpf:
        yield from _slpf_rules(action, args)


def _time_rules(args: Mapping[str, Any]) -> Iterator[str]:
    """3.3.1.4: two of three at the most, for stop_time = start_time + duration."""
    if {"start_time", "stop_time", "duration"} <= args.keys():
        yield "args has start_time, stop_time and duration: two of the three would be right (3.3.1.4)"
    elif "start_time" in args and args.get("stop_time", args["start_time"]) < args["start_time"]:
        yield f"args.stop_time is {args['stop_time']}: {args['start_time']}, the start_time, or later would be right"


def _slpf_rules(action: str, args: Mapping[str, Any]) -> Iterator[str]:
    own = args.get("slpf", {})
    if action == "delete":
        beside = sorted(args.keys() - {"response_requested", "start_time"})
        yield from (f"args.{name} does not go with delete slpf:rule_number (SLPF 2.3.4.1)" for name in beside)
    elif action not in ("allow", "deny") and own:
        yield f"args.slpf goes with allow and deny, not with {action} (SLPF, table 2.3-2)"
    if "drop_process" in own and action == "allow":
        yield "args.slpf.drop_process goes with deny alone (SLPF, table 2.3-2)"
    if "insert_rule" in own and args.get("response_requested", "complete") != "complete":
        yield f"args.response_requested is {shown(args['response_requested'])}: complete would be right with insert_rule (SLPF 2.3.1)"
    if own.get("persistent") is not None and own.get("running") is own["persistent"]:
        yield "args.slpf.running contradicts persistent: one of them would be right"


def _response_rules(response: Mapping[str, Any]) -> Iterator[str]:
    """Pairs are those of the profile that they are told of; that is SLPF too where rule numbers are, and nothing of another profile."""
    results = response.get("results", {})
    pairs, profiles = results.get("pairs", {}), results.get("profiles", ["slpf"])
    names = {target for targets in pairs.values() for target in targets}
    of_slpf = "slpf:rule_number" in names and all(name.startswith("slpf:") for name in names if ":" in name)
    slpf = profiles == ["slpf"] and ("profiles" in results or of_slpf)
    for action, targets in pairs.items():
        for target in targets:
            problem = pair_problem(action, target, slpf)
            if problem:
                yield f"results.pairs.{action}: {problem}"
