"""How much a finding speaks for an attack, how findings add up, and whom they point at. Used by `incidents`. Pure.

A calibrated p becomes a likelihood ratio through the calibrator κ·p^(κ-1) with κ = 1/2 (Vovk & Wang, E-values: calibration,
combination and applications, Ann. Statist. 2021): at most 1 in expectation under ordinary life, so products of independent ones are honest.
It is weighted by how far attackers do this sort of thing, and bounded: no single sensor can prove an attack.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from interferon.model.records import Finding

PRIOR: Final = math.log(1 / 300)  # odds that a case which has just been opened is an attack
DECLARED: Final = 4.0  # nats that a believed work order takes away
SPLIT: Final = 600_000_000  # microseconds: findings this close are simultaneous
CROWD: Final = 5  # entities that show the same thing at once: a common cause (an outage, a season) rather than an intruder
# what a common cause can bring about
COMMON: Final = ("telemetry.", "log.silent", "production.", "order.", "forecast.", "message.", "transit.")

# kind prefix → (weight, greatest likelihood ratio, impact 0–1, shares of suspicion: entity, first related, identities)
KINDS: Final[Mapping[str, tuple[float, float, float, tuple[float, float, float]]]] = {
    "": (1.0, 60.0, 0.4, (0.8, 0.2, 0.2)),
    "telemetry.": (1.0, 25.0, 0.7, (1.0, 0.0, 0.0)),
    "conversation.first_seen": (1.0, 100.0, 0.4, (1.0, 0.25, 0.3)),
    "conversation.from_new_peer": (1.0, 100.0, 0.4, (0.25, 1.0, 0.3)),
    "conversation.from_outside": (4.0, 4000.0, 0.8, (1.0, 0.0, 0.5)),  # a public address on an administrator's or controller's service
    "conversation.fan_out": (3.0, 300.0, 0.6, (1.0, 0.15, 0.3)),
    "login.": (1.5, 150.0, 0.4, (0.6, 0.4, 1.0)),
    "login.guessed": (4.0, 400.0, 0.5, (0.6, 0.5, 1.0)),
    "command.": (0.7, 60.0, 0.9, (0.5, 1.0, 0.5)),
    "command.new_source": (4.0, 500.0, 1.0, (0.3, 1.0, 0.6)),
    "command.new_target": (4.0, 500.0, 1.0, (1.0, 0.3, 0.6)),
    "volume.": (1.5, 200.0, 0.6, (1.0, 0.3, 0.6)),
    "beacon.": (1.5, 150.0, 0.5, (1.0, 0.1, 0.4)),
    "process.": (1.0, 100.0, 0.5, (1.0, 0.1, 0.4)),
    "file.": (5.0, 1000.0, 1.0, (1.0, 0.1, 0.4)),
    "config.": (1.0, 150.0, 0.6, (0.8, 0.4, 0.7)),
    "firmware.": (3.0, 400.0, 0.9, (1.0, 0.3, 0.6)),
    "data.": (0.7, 60.0, 0.5, (0.8, 0.1, 0.7)),
    "agent.": (1.5, 150.0, 0.6, (1.0, 0.2, 0.6)),
    "rule.": (1.0, 500.0, 0.6, (1.0, 0.2, 0.6)),  # what somebody described as an attack
    "message.": (0.5, 20.0, 0.3, (1.0, 0.0, 0.3)),
    "log.": (2.0, 150.0, 0.5, (1.0, 0.0, 0.4)),
    "log.cleared": (4.0, 300.0, 0.6, (1.0, 0.0, 0.6)),
    "log.gap": (0.5, 20.0, 0.3, (1.0, 0.0, 0.0)),
    "log.schema": (0.5, 20.0, 0.3, (1.0, 0.0, 0.0)),
    "log.skew": (0.7, 30.0, 0.3, (1.0, 0.0, 0.0)),
    "log.source": (1.5, 100.0, 0.5, (1.0, 0.0, 0.4)),
    "log.silent": (0.5, 12.0, 0.4, (1.0, 0.0, 0.0)),
    "partner.": (3.0, 600.0, 0.8, (1.0, 0.4, 0.5)),
    "invoice.": (3.0, 600.0, 0.8, (1.0, 0.5, 0.4)),
    "custody.": (2.0, 1200.0, 0.7, (1.0, 0.7, 0.3)),
    "transit.": (1.0, 60.0, 0.6, (1.0, 0.7, 0.3)),
    "order.": (0.7, 50.0, 0.5, (1.0, 0.5, 0.3)),
    "forecast.": (1.5, 200.0, 0.6, (1.0, 0.3, 0.3)),
    "production.": (0.5, 20.0, 0.6, (1.0, 0.0, 0.0)),
    "claim.": (1.0, 60.0, 0.4, (0.6, 0.3, 0.8)),
}
CONTAINABLE: Final = ("asset", "identity", "partner", "feed", "order", "lane", "zone", "process")


@cache
def _kind(kind: str) -> tuple[float, float, float, tuple[float, float, float]]:
    return KINDS[max((prefix for prefix in KINDS if kind.startswith(prefix)), key=len)]


def impact(kind: str) -> float:
    """What a step of this kind can do, 0–1."""
    return _kind(kind)[2]


def comes_from_related(kind: str) -> bool:
    """Whether in findings of this kind the first related reference acts and the entity suffers."""
    entity, first, _ = _kind(kind)[3]
    return first > entity


def strength(finding: Finding) -> float:
    """Log likelihood ratio of one finding, attack against ordinary life; never below 0, since an oddity is no proof of innocence."""
    weight, most, _, _ = _kind(finding.kind)
    ratio = min(weight * 0.5 / math.sqrt(max(finding.p, 1e-300)), most)
    return max(math.log(max(ratio, 1.0)) - (DECLARED if finding.declared else 0.0), 0.0)


def crowds(findings: Iterable[Finding]) -> set[str]:
    """Ids of findings that many entities show at the same time: they have a common cause."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.kind.startswith(COMMON):
            groups.setdefault(finding.kind, []).append(finding)
    found: set[str] = set()
    for group in groups.values():
        group.sort(key=lambda finding: (finding.time, finding.id))
        start = 0
        for end, finding in enumerate(group):
            while finding.time - group[start].time > SPLIT:
                start += 1
            together = group[start : end + 1]
            if len({one.entity for one in together}) >= CROWD:
                found.update(one.id for one in together)
    return found


def weigh(findings: Iterable[Finding], damped: Mapping[str, float], nearby: Mapping[str, float]) -> float:
    """Log odds of an attack. `damped`: finding id → factor 0–1 (a common cause, a benign verdict, a thing that we shut off ourselves).

    One channel is (kind, entity): repetition there adds little; all that telemetry says of one machine is one kind, since it looks at the
    same readings. A kind seen on further entities counts 1, 1/2, 1/3 …; further kinds of one detector count 0.6; other detectors and
    other families count in full, since they look at other evidence. `nearby`: channel that belongs to the case by its place alone →
    how many others could have spoken in its stead; its ratio is divided by that: the mean of e-values is an e-value, the one that
    happened to be large is not.
    """
    channels: dict[tuple[str, str], list[float]] = {}
    for finding in findings:
        channels.setdefault((finding.detector, channel(finding)), []).append(strength(finding) * damped.get(finding.id, 1.0))
    kinds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for (detector, name), values in channels.items():
        value = max(values) + (0.1 * math.log2(len(values)) if max(values) > 0 else 0.0)
        left = max(value - math.log(nearby.get(name, 1.0)), 0.0)
        kinds.setdefault((detector, name.partition("|")[0]), []).append((value, left))
    detectors: dict[str, list[float]] = {}
    for (detector, _), pairs in kinds.items():
        pairs.sort(reverse=True)
        counted = sum(min(value / (rank + 1), left) for rank, (value, left) in enumerate(pairs[:6]))
        detectors.setdefault(detector, []).append(counted)
    total = PRIOR
    for values in detectors.values():
        values.sort(reverse=True)
        total += values[0] + 0.6 * sum(values[1:])
    return total


def channel(finding: Finding) -> str:
    """`kind|entity`: what counts once, however often it is told."""
    return f"{'telemetry.' if finding.kind.startswith('telemetry.') else finding.kind}|{finding.entity}"


def probability(log_odds: float) -> float:
    """0–1, kept off both ends: we are never certain."""
    return min(max(1 / (1 + math.exp(-log_odds)), 0.001), 0.999)


def _shrinking(values: Iterable[float]) -> float:
    return sum(value / rank for rank, value in enumerate(sorted(values, reverse=True), 1))


def suspicion(
    findings: Iterable[Finding], damped: Mapping[str, float], nearby: Mapping[str, float], p_attack: float
) -> tuple[tuple[str, float], ...]:
    """References to contain → probability, greatest first, at most eight.

    Each finding spreads its strength over its entity, the first related reference and the identities, as its kind says who acts and
    who suffers; a process of the tables has the share of the machine that it runs on. A reference that several kinds of findings agree
    on rises above one that repeats the same; so does what several entities have in common (each further one counts 1/2, 1/3 …): the
    carrier of all these lanes, the computer that came to all these machines.
    """
    mass: dict[str, dict[str, dict[str, float]]] = {}  # reference → kind → entity → suspicion
    for finding in findings:
        entity, first, identities = _kind(finding.kind)[3]
        counted = strength(finding) - math.log(nearby.get(channel(finding), 1.0))
        value = max(counted * damped.get(finding.id, 1.0), 0.05)
        others = [ref for ref in finding.related if not ref.startswith(("identity:", "process:"))]
        shares = [(finding.entity, identities if finding.entity.startswith("identity:") else entity)]
        shares += [(ref, first) for ref in others[:1]]
        shares += [(ref, identities) for ref in finding.related if ref.startswith("identity:")]
        shares += [(ref, entity) for ref in finding.related if ref.startswith("process:")]  # by which the machine is held
        for ref, share in shares:
            if share > 0 and ref.partition(":")[0] in CONTAINABLE:
                held = mass.setdefault(ref, {}).setdefault(channel(finding).partition("|")[0], {})
                held[finding.entity] = max(held.get(finding.entity, 0.0), value * share)
    scores = {ref: sum(_shrinking(entities.values()) for entities in kinds.values()) for ref, kinds in mass.items()}
    top = max(scores.values(), default=0.0)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return tuple((ref, round(p_attack * score / top, 4)) for ref, score in ranked[:8] if score >= 0.15 * top)
