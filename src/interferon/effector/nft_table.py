"""The table `inet interferon` as text for nft, and whether it still stands as it was written. Called by `actuators/nft`. Pure.

Effects are elements of sets; the rules never change. Each carries its number and a hash of all of them, so that one that was removed, added
or replaced is seen. The chains come before connection tracking (priority below raw, -300); a drop there is final: live sessions end.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

TABLE: Final = "inet interferon"
HOOKS: Final = ("prerouting", "forward", "output")  # forward: after a destination was translated
PRIORITY: Final = -310

_FLOW: Final = "{a} . {a} . inet_proto . inet_service"
_SETS: Final = {  # name → type and flags; {a}: the family's address
    "exempt": ("{a}", "interval"),  # addresses whose flows always pass
    "asset": ("{a}", "timeout"),
    "pair": ("{a} . {a}", "interval,timeout"),  # conduits of any protocol
    "flow": (_FLOW, "interval,timeout"),  # conduits of one protocol and port
    "inside": ("{a} . {a}", "interval,timeout"),  # both ends in one isolated zone
    "zone": ("{a}", "interval,timeout"),
}
_RULES: Final = (
    "{ip} saddr @exempt{v} return",
    "{ip} daddr @exempt{v} return",
    "{ip} saddr @asset{v} drop",
    "{ip} daddr @asset{v} drop",
    "{ip} saddr . {ip} daddr @pair{v} drop",
    "{ip} daddr . {ip} saddr @pair{v} drop",
    "{ip} saddr . {ip} daddr . meta l4proto . th dport @flow{v} drop",
    "{ip} daddr . {ip} saddr . meta l4proto . th sport @flow{v} drop",
    "{ip} saddr . {ip} daddr @inside{v} return",
    "{ip} saddr @zone{v} drop",
    "{ip} daddr @zone{v} drop",
)
SETS: Final = tuple(f"{name}{version}" for name in _SETS for version in (4, 6))
EFFECT_SETS: Final = tuple(name for name in SETS if not name.startswith("exempt"))


def _rules() -> list[str]:
    return [rule.format(ip=ip, v=version) for version, ip in ((4, "ip"), (6, "ip6")) for rule in _RULES]


_HASH: Final = hashlib.sha256("\n".join(_rules()).encode()).hexdigest()[:12]
_MARKS: Final = [f"{number}/{len(_rules())} {_HASH}" for number in range(1, len(_rules()) + 1)]


def setup(exempt: Iterable[str]) -> str:
    """One transaction that makes the table as it must be, whatever is there, and leaves the effects in its sets alone.

    A table that was put to sleep (flag dormant) is woken up.
    """
    parts = [f"add table {TABLE} {{ }}"]
    for version, address in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        for name, (kind, flags) in _SETS.items():
            parts.append(f"add set {TABLE} {name}{version} {{ type {kind.format(a=address)}; flags {flags}; }}")
        parts.append(f"flush set {TABLE} exempt{version}")
    parts += [f"add element {TABLE} exempt{6 if ':' in each else 4} {{ {each} }}" for each in exempt]
    parts += [f"add chain {TABLE} guard", f"flush chain {TABLE} guard"]
    parts += [f'add rule {TABLE} guard {rule} comment "{mark}"' for rule, mark in zip(_rules(), _MARKS, strict=True)]
    for hook in HOOKS:
        parts.append(f"add chain {TABLE} {hook} {{ type filter hook {hook} priority {PRIORITY}; policy accept; }}")
        parts += [f"flush chain {TABLE} {hook}", f'add rule {TABLE} {hook} jump guard comment "{_HASH}"']
    return "; ".join(parts)


def broken(objects: Iterable[Mapping[str, Any]]) -> str:
    """'' where `list table` shows our rules, else what is not as it was written."""
    tables, chains, rules = [], dict[str, Any](), dict[str, list[Any]]()
    for each in objects:
        if "table" in each:
            tables.append(each["table"])
        elif "chain" in each:
            chains[each["chain"]["name"]] = each["chain"]
        elif "rule" in each:
            rules.setdefault(each["rule"]["chain"], []).append(each["rule"])
    if not tables or "flags" in tables[0]:
        return f"table {TABLE} is dormant" if tables else f"there is no table {TABLE}"
    if [rule.get("comment") for rule in rules.get("guard", ())] != _MARKS:
        return f"the rules of {TABLE} guard are not those that were written"
    for hook in HOOKS:
        place = (chains.get(hook, {}).get("hook"), chains.get(hook, {}).get("prio"))
        jumps = [rule.get("expr") for rule in rules.get(hook, ())]
        if place != (hook, PRIORITY) or jumps != [[{"jump": {"target": "guard"}}]]:
            return f"the chain {TABLE} {hook} is not as it was written"
    return ""


def contents(objects: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Set → element → the effect it belongs to ('' where it is nobody's), from `list table`. Elements are written as in `nft_elements`."""
    found: dict[str, dict[str, str]] = {name: {} for name in EFFECT_SETS}
    for each in objects:
        name = each.get("set", {}).get("name")
        if name in found:
            for element in each["set"].get("elem", ()):
                inner = element["elem"] if isinstance(element, dict) and "elem" in element else {"val": element}
                found[name][_text(inner["val"])] = inner.get("comment", "")
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict) and "concat" in value:
        return " . ".join(map(_text, value["concat"]))
    return str(value)
