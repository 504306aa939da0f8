"""Namespaces of actuator profiles, and which actions go with which targets. Called by `check`. Pure.

Sources: OpenC2 language 1.0, 3.1.4 and 3.4.2.12; the field names of its schema; SLPF 1.0, table 2.3-1; language 2.0, 3.3.1.3.
"""

import re
from collections.abc import Mapping
from typing import Final

from interferon.openc2.records import TARGETS

STANDARD: Final = ("slpf", "sfpf", "sbom", "er", "hop", "av", "ids", "log", "swup", "pf", "pac")
"""Profiles of the committee. Any other namespace begins with `x-`."""

SLPF: Final[Mapping[str, tuple[str, ...]]] = {
    "allow": ("ipv4_net", "ipv6_net", "ipv4_connection", "ipv6_connection"),
    "deny": ("ipv4_net", "ipv6_net", "ipv4_connection", "ipv6_connection"),
    "query": ("features",),
    "delete": ("slpf:rule_number",),
    "update": ("file",),
}

_OWN: Final = re.compile(r"x-[a-z0-9][a-z0-9_-]*")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def namespace_problem(name: str) -> str:
    """'' for the namespace of a profile, else what is wrong with it."""
    if name in STANDARD or (_OWN.fullmatch(name) and len(name) <= 32):
        return ""
    return "is no namespace: a profile of the standard, or x- and up to 30 small letters, digits, - and _, would be right"


def target_problem(name: str) -> str:
    """'' for a target of the language or one that is extended rightly, else what is wrong with it."""
    space, colon, field = name.partition(":")
    if name in TARGETS:
        return ""
    if not colon:
        return "is no target of the language: one of it, or namespace:name, would be right"
    if namespace_problem(space):
        return namespace_problem(space)
    if space == "slpf":
        return "is not defined by SLPF 1.0: slpf:rule_number would be"
    return (
        ""
        if _FIELD.fullmatch(field)
        else "is badly extended: namespace:name, the name of up to 32 small letters, digits, - and _, would be right"
    )


def pair_problem(action: str, target: str, slpf: bool) -> str:
    """'' where `action` may be asked of `target`, else why not. `slpf`: within the packet-filter profile."""
    if target == "features" and action != "query":
        return f"{action} features is no command: features are queried"
    if slpf and target not in SLPF.get(action, ()):
        allowed = ", ".join(SLPF.get(action, ()))
        return f"{action} {target} is no command of SLPF: " + (f"{action} goes with {allowed}" if allowed else f"it has {', '.join(SLPF)}")
    return ""
