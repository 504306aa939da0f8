"""What is declared of a product's REST interface: how it is asked, and what its answers must show. Called by the actuator `rest`. Pure.

`{name}` in a path or body stands for a value of the job: what `Job` and its target's `reach` hold, `params.NAME`, `before.NAME` that `keep`
read before, `seen.NAME` that `find` reads now. Conditions name a place by a JSON pointer (RFC 6901).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from interferon.effector.exchange import Access
from interferon.effector.protocol import Job
from interferon.model.errors import InputError

_NAME: Final = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")
ABSENT: Final = object()
"""What stands at a pointer that leads nowhere."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `equals`, `one_of`, `contains` (in an array there) or `exists`; texts may hold `{name}`."""

    pointer: str
    equals: str | int | float | bool | None = None
    one_of: list[str | int | float | bool] | None = None
    contains: str | int | float | bool | None = None
    exists: bool | None = None


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that changes something. `again`: the product takes it twice as once, so it may be tried again."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str
    body: dict[str, Any] | None = None
    status: tuple[int, ...] = (200, 201, 202, 204)  # what it answers where it has done it, or will
    shows: list[Condition] = []
    again: bool = False


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that changes nothing. What is neither `in_force` nor `absent` is partial where some of `in_force` holds, else unknown."""

    path: str
    in_force: list[Condition]
    absent: list[Condition]
    absent_status: list[int] = []  # e.g. 404, where the product then has nothing of it
    keep: dict[str, str] = {}  # name → pointer: what undo will need of what stood before
    find: dict[str, str] = {}  # name → pointer: what apply and undo need of what stands now, e.g. the id of a ticket


class Identify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that shows what the thing is. `facts`: key of the target's identity → pointer."""

    path: str
    facts: dict[str, str]


class Contract(Access, frozen=True, kw_only=True):
    """One product, or one kind of action at it."""

    product: str  # `product` in the target's reach names it
    actions: list[str]
    url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)  # besides those of the request
    identify: Identify
    look: Look
    apply: Call
    undo: Call
    wait_s: float = 0.0  # how long after an answer the world may take to follow


def problem(contract: Contract) -> str:
    """'' where the contract can be used, else one line that says where it is wrong."""
    where = f"contract {contract.product}"
    for name, part in (("identify", contract.identify), ("look", contract.look), ("apply", contract.apply), ("undo", contract.undo)):
        if not part.path.startswith("/"):
            return f"{where}: {name}.path is {part.path!r}: /… below url would be right"
    for pointer in _pointers(contract):
        if pointer and not pointer.startswith("/"):
            return f"{where}: {pointer!r} is no JSON pointer: /name/0 would be right"
    for condition in _conditions(contract):
        given = [each is not None for each in (condition.equals, condition.one_of, condition.contains, condition.exists)]
        if sum(given) != 1:
            return f"{where}: the condition on {condition.pointer} needs one of equals, one_of, contains, exists"
    if not contract.actions or not contract.look.in_force or not (contract.look.absent or contract.look.absent_status):
        return f"{where}: actions, look.in_force, and look.absent or look.absent_status need an entry each"
    trouble = contract.trouble(contract.url)
    return f"{where}: {trouble}" if trouble else ""


def _conditions(contract: Contract) -> Iterator[Condition]:
    yield from (*contract.look.in_force, *contract.look.absent, *contract.apply.shows, *contract.undo.shows)


def _pointers(contract: Contract) -> Iterator[str]:
    yield from (condition.pointer for condition in _conditions(contract))
    for mapping in (contract.identify.facts, contract.look.keep, contract.look.find):
        yield from mapping.values()


def names(job: Job, seen: Mapping[str, Any]) -> dict[str, Any]:
    """What `{name}` may stand for. What the effector's file says of a target comes before what a request says."""
    own = {"effect": job.effect, "action": job.action, "ref": job.target.ref, "ttl_s": job.ttl_s}
    params = {f"params.{name}": value for name, value in job.params.items()}
    kept = {f"before.{name}": value for name, value in job.before.get("kept", {}).items()}
    return {**params, **{f"seen.{name}": value for name, value in seen.items()}, **kept, **job.target.reach, **own}


def path(template: str, known: Mapping[str, Any]) -> str:
    """With every value percent-encoded, so that none can lead to another place."""

    def encoded(found: re.Match[str]) -> str:
        text = _text(_value(found[1], known))
        if text.strip(".") == "":
            raise InputError(f"{{{found[1]}}} is {text!r}, which leads elsewhere in a path: a name or number would be right")
        return quote(text, safe="")

    return _NAME.sub(encoded, template)


def filled(template: Any, known: Mapping[str, Any]) -> Any:
    """A body or a value of a condition. `"{name}"` alone keeps the type of the value; inside a text it becomes part of the text."""
    if isinstance(template, dict):
        return {name: filled(each, known) for name, each in template.items()}
    if isinstance(template, list):
        return [filled(each, known) for each in template]
    if not isinstance(template, str):
        return template
    alone = _NAME.fullmatch(template)
    return _value(alone[1], known) if alone else _NAME.sub(lambda found: _text(_value(found[1], known)), template)


def _value(name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise InputError(f"{{{name}}} stands for nothing here: one of {', '.join(sorted(known))} would be right")
    return known[name]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def at(value: Any, pointer: str) -> Any:
    """What stands at a JSON pointer, `ABSENT` where nothing does."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", key) and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return ABSENT
    return value


def holds(condition: Condition, value: Any, known: Mapping[str, Any]) -> bool:
    """True where `value`, an answer, shows what the condition says."""
    found = at(value, condition.pointer)
    if condition.exists is not None:
        return (found is not ABSENT) is condition.exists
    if condition.contains is not None:
        return isinstance(found, list) and any(_same(each, filled(condition.contains, known)) for each in found)
    wanted = [condition.equals] if condition.one_of is None else condition.one_of
    return any(_same(found, filled(each, known)) for each in wanted)


def _same(found: Any, wanted: Any) -> bool:
    """True is not 1."""
    return isinstance(found, bool) is isinstance(wanted, bool) and bool(found == wanted)
