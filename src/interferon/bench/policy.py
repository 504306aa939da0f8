"""Decisions a second with few and with many policies, beside what the engine does without the index. Run by `interferon bench policy`."""

import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any, Final

import cedarpy

from interferon.trust.limits import MODES
from interferon.trust.policy import Policy
from interferon.trust.texts import builtin

SITES: Final = 50
TARGET: Final = 1000.0  # decisions a second, each of up to four questions: far above what a fleet in trouble asks for
VISITED: Final = 200  # zones that questions come from
SHORT_S: Final = 1.0  # of processor time: each figure is measured for about this long

CASE: Final[dict[str, Any]] = {
    "safety": False,
    "controller_write": False,
    "reversible": True,
    "irreversible": False,
    "declared": False,
    "mode": "active",
    "earned_level": 3,
    "p_attack": 950,
    "p_target": 950,
    "watched": False,
    "window_allows": False,
    "severity": 700,
    "confidence": 900,
    "actions": 1,
    "assets": 1,
    "orders_late": 1,
    "orders_late_high": 2,
    "cost": 800,
    "risk": 20_000,
    "hour": 3,
    "purdue": 20,
    "criticality": 3,
    "families": ["activity"],
    "techniques": ["T1021"],
}


def cases() -> Iterator[dict[str, Any]]:
    """Rates at 10 and 10,000 policies, then answers that differ between the slice and the whole set (there must be none)."""
    for count in (10, 10_000):
        yield _rate(count)
    yield _agreement(2_000)


def written(count: int) -> str:
    """`count` policies as a large company would have them: for each zone, who may do what up to which stake."""
    lines = []
    for n in range(count):
        where = f'resource in Zone::"zone-{n % (count // 2)}"' if n % 5 else f'resource in Site::"site-{n // 5 % SITES}"'
        when = f"context.p_attack >= {500 + n % 500} && context.orders_late_high <= {n % 40}"
        lines.append(f'@id("p{n}") permit (principal, action == Action::"{MODES[n % 4]}", {where}) when {{ {when} }};')
    return "\n".join(lines)


def _questions(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(target, context) in a fixed order that visits many zones."""
    for n in cycle(range(0, 997 * VISITED, 997)):
        place = n % max(count // 2, 1)
        yield f"asset:a{n % 300}", {**CASE, "zone": f"zone-{place}", "site": f"site-{place % SITES}", "p_attack": 600 + n % 400}


def _rate(count: int) -> dict[str, Any]:
    policy, whole = Policy({"many.cedar": written(count)}), _Whole(count)
    value = _per_second(count, lambda target, case: policy.ask("interferon", "isolate_asset", "plc", target, case).mode, warm=VISITED)
    plain = _per_second(count, whole.mode, warm=2)
    return {
        "case": f"{count} policies",
        "metric": "decisions_per_s",
        "value": round(value),
        "target": TARGET,
        "holds": value >= TARGET,
        "baselines": {"whole set, parsed once": round(plain)},
    }


def _agreement(count: int) -> dict[str, Any]:
    policy, whole = Policy({"many.cedar": written(count)}), _Whole(count)
    asked = list(islice(_questions(count), 200))
    differ = sum(policy.ask("interferon", "isolate_asset", "plc", *one).mode != whole.mode(*one) for one in asked)
    baselines = {"questions": len(asked), "policies": count}
    return {
        "case": "slice against whole set",
        "metric": "differing_answers",
        "value": differ,
        "target": 0,
        "holds": not differ,
        "baselines": baselines,
    }


class _Whole:
    """The same questions to the engine with every policy each time: what one gets without an index."""

    def __init__(self, count: int) -> None:
        self._set = cedarpy.PolicySet.from_str(written(count) + builtin("limits"))

    def mode(self, target: str, case: dict[str, Any]) -> str:
        zone, site = {"type": "Zone", "id": case["zone"]}, {"type": "Site", "id": case["site"]}
        asset = {"type": "Asset", "id": target.removeprefix("asset:")}
        entities = [{"uid": asset, "attrs": {}, "parents": [zone]}, {"uid": zone, "attrs": {}, "parents": [site]}]
        request = {"principal": 'System::"interferon"', "resource": asset, "context": {**case, "action": "isolate_asset", "type": "plc"}}
        for mode in MODES:
            if cedarpy.is_authorized({**request, "action": f'Action::"{mode}"'}, self._set, entities).allowed:
                return mode
        return "denied"


def _per_second(count: int, decide: Callable[[str, dict[str, Any]], str], warm: int) -> float:
    """Decisions a second of processor time, after `warm` that fill the caches."""
    for target, case in islice(_questions(count), warm):
        decide(target, case)
    done, start = 0, time.process_time()
    for target, case in _questions(count):
        decide(target, case)
        done += 1
        if time.process_time() - start >= SHORT_S:
            break
    return done / (time.process_time() - start)
