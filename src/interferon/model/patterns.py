"""Patterns over references: `asset:press-*` is every asset whose id begins so. Called wherever a declared table names things. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

from interferon.model.network import Network


def covers(pattern: str, ref: str) -> bool:
    """Whether `pattern` names the reference `ref`: the same kind, and an id in which each `*` stands for any characters, or none."""
    if "*" not in pattern:
        return pattern == ref
    kind, _, name = pattern.partition(":")
    other, _, found = ref.partition(":")
    return kind == other and _compiled(name).fullmatch(found) is not None


def matching(network: Network, pattern: str) -> tuple[str, ...]:
    """References of the assets or zones in the tables that the pattern names, in file order; none of any other kind."""
    kind = pattern.partition(":")[0]
    names: Iterable[str] = network.assets if kind == "asset" else network.zones if kind == "zone" else ()
    return tuple(ref for name in names if covers(pattern, ref := f"{kind}:{name}"))


@lru_cache(maxsize=4096)
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
