"""Reads Cedar text into rules: one per statement, each with its id, its place in the file and the scope it is indexed by.

Called by `trust.policy`. Every refusal names `file:line`, which the engine's own messages do not.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

from interferon.model.errors import PolicyError
from interferon.trust.texts import schema_text

# Tokens that may hide a semicolon, then the semicolon itself.
_TOKEN: Final = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|;')
_BLANK: Final = re.compile(r"(?:\s|//[^\n]*)*")


@dataclass(frozen=True)
class Rule:
    """One policy. `who` and `where` are the entities its scope is bound to, or '' where it is bound to none."""

    id: str
    file: str
    line: int
    effect: str  # permit | forbid
    who: str
    where: str
    body: Mapping[str, Any]  # Cedar's JSON form


def statements(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each statement, comments before it left out. The rest after the last semicolon comes too, if there is any."""
    start = 0
    for match in _TOKEN.finditer(text):
        if match.group() == ";":
            yield _placed(text, start, match.end())
            start = match.end()
    if _BLANK.sub("", text[start:]):
        yield _placed(text, start, len(text))


def _placed(text: str, start: int, end: int) -> tuple[int, str]:
    blank = _BLANK.match(text, start, end)
    start = blank.end() if blank else start
    return text.count("\n", 0, start) + 1, text[start:end]


def entity(kind: str, name: str) -> str:
    """Key of a Cedar entity in the index."""
    return f"{kind}::{json.dumps(name)}"


def _bound(scope: Mapping[str, Any]) -> str:
    """The entity a scope is bound to: `== X`, `in X`, `is T in X`; '' where it takes any entity (or any of a type)."""
    inner = scope.get("in") or scope
    found = inner.get("entity")
    return entity(found["type"], found["id"]) if found else ""


def _rule(file: str, line: int, text: str) -> Rule:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyError(f"{file}:{line}: not a Cedar policy: {_plain(str(error))}") from None
    if parsed["templates"]:
        raise PolicyError(f"{file}:{line}: a template (?principal, ?resource) allows nothing by itself; write the policy out")
    body = parsed["staticPolicies"]["policy0"]
    name = body.get("annotations", {}).get("id")
    if not name:
        raise PolicyError(f'{file}:{line}: the policy has no name; write @id("…") before it, plans refer to it by that')
    return Rule(name, file, line, body["effect"], _bound(body["principal"]), _bound(body["resource"]), body)


def _plain(message: str) -> str:
    return " ".join(message.split())


def _validate(file: str, text: str, lines: list[int]) -> None:
    result = cedarpy.validate_policies(text, schema_text())
    for error in result.errors:
        place = lines[int(error.policy_id.removeprefix("policy"))]
        message = error.error.split(f"for policy `{error.policy_id}`, ", 1)[-1]
        raise PolicyError(f"{file}:{place}: {_plain(message)}")


def rules(texts: Mapping[str, str]) -> list[Rule]:
    """The rules of all files (name → text), in the order of names. Raises `PolicyError` with `file:line` for the first that is wrong."""
    found: dict[str, Rule] = {}
    for file in sorted(texts):
        parsed = [_rule(file, line, text) for line, text in statements(texts[file])]
        _validate(file, texts[file], [rule.line for rule in parsed])
        _add(found, parsed)
    return list(found.values())


def _add(found: dict[str, Rule], parsed: Iterable[Rule]) -> None:
    for rule in parsed:
        if (other := found.get(rule.id)) is not None:
            raise PolicyError(
                f"{rule.file}:{rule.line}: the id {rule.id!r} is already at {other.file}:{other.line}; each policy needs its own"
            )
        found[rule.id] = rule
