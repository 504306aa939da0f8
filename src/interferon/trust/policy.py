"""One policy engine for every "may …?": what the system may do on its own, and what people may do.

Called by `decide` through `Policy.ask`, and by the screens and the command line through `Policy.may`. Built from texts; pure.
Cedar's cost is linear in the number of policies, so rules are indexed by who × where and a question is put to its slice alone.
"""

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Literal

import cedarpy

from interferon.model.errors import PolicyError
from interferon.model.records import Mode
from interferon.trust.limits import ceiling
from interferon.trust.statements import Rule, entity, rules
from interferon.trust.texts import builtin, schema_text

SYSTEM: Final = "interferon"
ROLES: Final = ("viewer", "operator", "engineer", "planner", "owner", "admin")
VERBS: Final = ("view", "verdict", "approve", "veto", "undo", "stop", "replan", "edit", "sign", "accounts")

_KINDS: Final = {"asset": "Asset", "zone": "Zone", "conduit": "Conduit", "identity": "Identity"}
_MATTER: Final = {"irreversible": False, "controller_write": False, "owner": False, "orders_late": 0}
_SLICES: Final = 4096  # slices and grounds kept; beyond that the oldest go

Uid = tuple[str, str]  # Cedar type, id


@dataclass(frozen=True)
class Decision:
    """The strongest way the policy allows an action, and the ids of the policies that decided. `error` set: the engine failed, nothing is
    allowed and somebody must be told."""

    mode: Mode | Literal["denied"]
    reasons: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True)
class _Answer:
    allowed: bool
    reasons: tuple[str, ...]
    error: str


class Policy:
    """A set of policies that was read and checked against the schema, plus the limits that ship with the product.

    `texts`: file name → Cedar text. Raises `PolicyError` (`file:line: …`) where a text is no policy, breaks the schema, has no @id or
    repeats one. Whoever calls must have checked the signature first (`store.policy_folder.load` does).
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.rules: tuple[Rule, ...] = tuple(rules({**texts, "(built in) limits": builtin("limits")}))
        self._schema = cedarpy.Schema.from_str(schema_text())
        self._index: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules:
            self._index.setdefault((rule.who, rule.where), []).append(rule)
        self._slices: dict[tuple[tuple[str, str], ...], cedarpy.PolicySet] = {}
        self._grounds: dict[tuple[tuple[Uid, ...], ...], tuple[cedarpy.PolicySet, cedarpy.Entities]] = {}

    @classmethod
    def observing(cls) -> "Policy":
        """What holds where no signed policy does: people may look, judge and undo as the product ships it; the system only suggests."""
        return cls({"observe.cedar": builtin("observe"), "people.cedar": builtin("people")})

    def ask(self, principal: str, action: str, target_type: str, target: str, context: Mapping[str, Any]) -> Decision:
        """The strongest mode in which `principal` (the system's name) may do `action` to the reference `target`.

        `target_type`: the asset's type (`plc` …), else the kind of reference. `context`: the attributes of `Case` in the schema but
        `action` and `type`; numbers are whole (per mille where they are probabilities). Never raises: an engine error is a denial
        with `error` set.
        """
        modes, limit = ceiling(target_type, context)
        reasons: list[str] = [limit] if limit else []
        case = {**context, "action": action, "type": target_type}
        who, where = ((("System", principal),), self._where(target, case))
        for mode in modes:
            answer = self._put(who, mode, where, case)
            if answer.error:
                return Decision("denied", (*reasons, "engine.error"), answer.error)
            if answer.allowed:
                return Decision(mode, (*answer.reasons, *reasons))
            reasons += [reason for reason in answer.reasons if reason not in reasons]
        return Decision("denied", tuple(reasons) or ("no policy allows it",))

    def may(self, person: str, role: str, verb: str, target: str = SYSTEM, context: Mapping[str, Any] | None = None) -> bool:
        """May this person, in this role, do `verb`? `context`: attributes of `Matter` in the schema where they differ from their defaults.

        An unknown role or verb and an engine error are a no.
        """
        if role not in ROLES or verb not in VERBS:
            return False
        who: tuple[Uid, ...] = (("Person", person), ("Role", role))
        return self._put(who, verb, (("Installation", target),), {**_MATTER, **(context or {})}).allowed

    @staticmethod
    def _where(target: str, case: Mapping[str, Any]) -> tuple[Uid, ...]:
        """The target and what holds it, nearest first."""
        kind, _, name = target.partition(":")
        found: list[Uid] = [(_KINDS.get(kind, "Transaction"), target if kind not in _KINDS else name)]
        if kind in ("asset", "conduit") and case.get("zone"):
            found.append(("Zone", str(case["zone"])))
        if kind in ("asset", "conduit", "zone") and case.get("site"):
            found.append(("Site", str(case["site"])))
        return tuple(found)

    def _put(self, who: tuple[Uid, ...], action: str, where: tuple[Uid, ...], context: Mapping[str, Any]) -> _Answer:
        """One question to the engine, on the slice of policies that can match it."""
        request = {
            "principal": {"type": who[0][0], "id": who[0][1]},
            "action": {"type": "Action", "id": action},
            "resource": {"type": where[0][0], "id": where[0][1]},
            "context": dict(context),
        }
        try:
            result = cedarpy.is_authorized(request, *self._ground(who, where), self._schema)
        except (ValueError, TypeError) as error:  # a context that is no JSON, an entity the schema does not know
            return _Answer(False, (), f"policy engine: {error}")
        if result.diagnostics.errors:
            return _Answer(False, (), f"policy engine: {result.diagnostics.errors[0]}")
        return _Answer(result.allowed, tuple(sorted(result.diagnostics.reasons)), "")

    def _ground(self, who: tuple[Uid, ...], where: tuple[Uid, ...]) -> tuple[cedarpy.PolicySet, cedarpy.Entities]:
        """The slice of policies and the few entities for questions about `who` and `where`, both parsed once.

        Facts that change are in the context of a question, because updating an entity clones all of them.
        """
        key = (who, where)
        if key not in self._grounds:
            _evict(self._grounds)
            graph = cedarpy.Entities.from_json_str(json.dumps([*_chain(who), *_chain(where)]))
            self._grounds[key] = (self._slice(who, where), graph)
        return self._grounds[key]

    def _slice(self, who: tuple[Uid, ...], where: tuple[Uid, ...]) -> cedarpy.PolicySet:
        pairs = product(("", *(entity(*uid) for uid in who)), ("", *(entity(*uid) for uid in where)))
        key = tuple(pair for pair in pairs if pair in self._index)
        if key not in self._slices:
            _evict(self._slices)
            static = {rule.id: dict(rule.body) for pair in key for rule in self._index[pair]}
            whole = {"staticPolicies": static, "templates": {}, "templateLinks": []}
            self._slices[key] = cedarpy.PolicySet.from_json_str(json.dumps(whole))
        return self._slices[key]


def _chain(uids: tuple[Uid, ...]) -> list[dict[str, Any]]:
    """Each entity with the next one as its parent."""
    plain = [{"type": kind, "id": name} for kind, name in uids]
    return [{"uid": uid, "attrs": {}, "parents": plain[place + 1 : place + 2]} for place, uid in enumerate(plain)]


def _evict(cache: MutableMapping[Any, Any]) -> None:
    if len(cache) >= _SLICES:
        del cache[next(iter(cache))]


def builtin_policy(*names: str) -> Policy:
    """A policy made of built-in files, e.g. `builtin_policy("demo", "people")`; they come with the product and need no signature."""
    try:
        return Policy({f"{name}.cedar": builtin(name) for name in names})
    except FileNotFoundError:
        raise PolicyError(f"no built-in policy is called {' or '.join(names)}") from None
