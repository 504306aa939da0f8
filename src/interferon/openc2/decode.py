"""From text to records and back. Called by whoever takes a command in or sends one out. Pure.

What does not pass `check` never becomes a record: the first problem is the error.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from interferon.model.errors import InputError
from interferon.openc2.check import wrong
from interferon.openc2.json_text import Unreadable, read
from interferon.openc2.records import TARGETS, Args, Command, Response, Results, SlpfSpecifiers

T = TypeVar("T")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_ARGS: Final = ("start_time", "stop_time", "duration", "response_requested", "slpf")
_RESULTS: Final = ("versions", "profiles", "pairs", "rate_limit", "slpf")


def command(data: bytes) -> Command:
    """The command that `data` holds; `InputError` with the first problem where it is none."""
    return command_of(_value(data))


def response(data: bytes) -> Response:
    """The response that `data` holds; `InputError` with the first problem where it is none."""
    return response_of(_value(data))


def command_of(value: Any) -> Command:
    """The command that a JSON value holds."""
    _good(wrong(value, "command"), "command")
    ((target, specifier),) = value["target"].items()
    ((actuator, which),) = value.get("actuator", {"": {}}).items()
    return Command(
        action=value["action"],
        target=target,
        specifier=msgspec.convert(specifier, TARGETS.get(target, Any)),
        args=_with_extensions(value.get("args", {}), _ARGS, Args),
        actuator=actuator,
        which=msgspec.convert(which, SlpfSpecifiers) if actuator == "slpf" else which,
        profile=value.get("profile", ""),
        command_id=value.get("command_id", ""),
    )


def response_of(value: Any) -> Response:
    """The response that a JSON value holds."""
    _good(wrong(value, "response"), "response")
    results = value.get("results")
    return Response(
        status=value["status"],
        status_text=value.get("status_text", ""),
        results=None if results is None else _with_extensions(results, _RESULTS, Results),
    )


def command_value(command: Command) -> dict[str, Any]:
    """The JSON value of a command; without a member that says nothing."""
    value: dict[str, Any] = {"action": command.action, "target": {command.target: msgspec.to_builtins(command.specifier)}}
    args = _without_extensions(command.args)
    optional = {"args": args, "profile": command.profile, "command_id": command.command_id}
    value |= {name: each for name, each in optional.items() if each}
    return value | ({"actuator": {command.actuator: msgspec.to_builtins(command.which)}} if command.actuator else {})


def response_value(response: Response) -> dict[str, Any]:
    """The JSON value of a response."""
    value: dict[str, Any] = {"status": response.status}
    value |= {"status_text": response.status_text} if response.status_text else {}
    return value if response.results is None else {**value, "results": _without_extensions(response.results)}


def command_text(command: Command) -> bytes:
    return _encode(command_value(command))


def response_text(response: Response) -> bytes:
    return _encode(response_value(response))


def _value(data: bytes) -> Any:
    try:
        return read(data)
    except Unreadable as error:
        raise InputError(f"OpenC2: {error}") from None


def _good(found: list[str], kind: str) -> None:
    if found:
        raise InputError(f"OpenC2 {kind}: {found[0]}")


def _with_extensions(value: Mapping[str, Any], known: tuple[str, ...], kind: type[T]) -> T:
    own = {name: each for name, each in value.items() if name in known}
    return msgspec.convert(own | {"extensions": {name: each for name, each in value.items() if name not in known}}, kind)


def _without_extensions(part: Args | Results) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(part)
    extensions = value.pop("extensions")
    return {**{name: each for name, each in value.items() if each is not None}, **extensions}
