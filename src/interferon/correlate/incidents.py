"""Findings to incidents: which belong together, how likely an attack they are, whom to contain, and the likely path.

Called by the pipeline's judge once a frame, with the findings of all shards in order. Pure; the state is plain.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from interferon.correlate import evidence
from interferon.correlate.bonds import bond_of, echoes, note_nearby
from interferon.correlate.case import Case, CorrelateSettings, IncidentState
from interferon.correlate.declared import explained
from interferon.correlate.graph import graph_of, nearness, site, way
from interferon.model.network import Network
from interferon.model.records import Finding, Incident

KEPT: Final = 300  # findings that a case holds; beyond it only ids that say something new
PATH: Final = 12  # references that a path visits: beyond that nobody reads it


def new_state(settings: CorrelateSettings | None = None) -> IncidentState:
    """Empty state."""
    return IncidentState(settings or CorrelateSettings())


def update(state: IncidentState, network: Network, findings: Sequence[Finding], now: int) -> list[Incident]:
    """Take the findings of one frame, ordered by (time, entity, detector, kind); return the incidents that are new or have changed.

    `now` is the end of the frame in microseconds UTC; cases that have been quiet for long enough are closed.
    """
    if state.graph.revision != network.revision:
        state.graph = graph_of(network)
    changed: dict[str, Case] = {}
    for finding in findings:
        ticket = explained(state.declared, state.graph, finding.entity, finding.kind, finding.time, finding.declared, finding.related)
        for case in _place(state, msgspec.structs.replace(finding, declared=ticket)):
            changed[case.id] = case
    for case in list(state.cases.values()):
        if case.status != "closed" and now - case.updated > state.settings.quiet_us:
            case.status = "closed"
            changed[case.id] = case
        elif case.status == "closed" and now - case.updated > state.settings.quiet_us + state.settings.reopen_us:
            del state.cases[case.id]
    return [_revise(state, case) for case in changed.values()]


def note_contained(state: IncidentState, incident: str, targets: Iterable[str], time: int) -> Incident | None:
    """Receipts say that these references are shut off, or still are. None if the incident is not known (any more)."""
    case = state.cases.get(incident)
    if case is None:
        return None
    new = [target for target in targets if target not in case.contained]
    case.contained.update(dict.fromkeys(new, time))
    if case.status == "open":
        case.status = "contained"
    if new:  # a renewal is no news of the attack: a case that is renewed every few hours must be able to fall quiet
        case.updated = max(case.updated, time)
    return _revise(state, case)


def note_released(state: IncidentState, incident: str, targets: Iterable[str]) -> None:
    """These references have been let back in: findings on them count again."""
    case = state.cases.get(incident)
    for target in targets if case is not None else ():
        state.cases[incident].contained.pop(target, None)


def verdict(state: IncidentState, incident: str, verdict: str, finding: str = "") -> Incident | None:
    """A person's judgement of a case, or of one `finding` of it. None if it is not known (any more).

    Of a case: `benign` closes it and makes the same kind on the same entity speak softer from now on; `attack` raises its probability
    to near certainty. Of a finding: `benign`: it no longer counts, and its kind on its entity speaks softer; `attack`: it counts in
    full, whatever spoke against it, and its kind is heard again. `unsure` takes the word back.
    """
    case = state.cases.get(incident)
    if case is None or (finding and finding not in {one.id for one in case.findings}):
        return None
    if finding:
        _judge(state, case, next(one for one in case.findings if one.id == finding), verdict)
        return _revise(state, case)
    case.verdict = verdict if verdict in {"benign", "attack"} else ""
    if verdict == "benign":
        case.status = "closed"
        for key in {(one.kind, one.entity) for one in case.findings}:
            state.benign[key] = state.benign.get(key, 0) + 1
    return _revise(state, case)


def _judge(state: IncidentState, case: Case, finding: Finding, verdict: str) -> None:
    key, before = (finding.kind, finding.entity), case.judged.pop(finding.id, "")
    if verdict in {"benign", "attack"}:
        case.judged[finding.id] = verdict
    count = state.benign.get(key, 0) + (verdict == "benign") - (before == "benign")
    state.benign[key] = 0 if verdict == "attack" else max(count, 0)


def _place(state: IncidentState, finding: Finding) -> list[Case]:
    """Put a finding where it belongs; returns the cases that changed."""
    bonds = [
        (bond_of(state, case, finding), case) for case in state.cases.values() if finding.time - case.updated <= 3 * state.settings.fade_us
    ]
    joined = [(bond, case) for bond, case in bonds if bond >= state.settings.join]
    if not joined:
        name = "i-" + hashlib.blake2b(finding.id.encode(), digest_size=6).hexdigest()
        case = Case(name, finding.time, finding.time)
        state.cases[name] = case
        _add(state, case, finding)
        case.p_attack = evidence.probability(evidence.weigh(case.findings, {}, {}))  # what comes in the same frame asks for it
        return [case]
    joined.sort(key=lambda item: (-item[0], item[1].opened, item[1].id))
    strong = [case for bond, case in joined if bond >= state.settings.merge and not case.contained and case.status == "open"]
    case = min(strong, key=lambda one: (one.opened, one.id)) if len(strong) > 1 else joined[0][1]
    merged = [one for one in strong if one is not case] if case in strong else []
    for other in merged:
        _merge(state, case, other)
    note_nearby(state, case, finding)
    _add(state, case, finding)
    return [case, *merged]


def _merge(state: IncidentState, case: Case, other: Case) -> None:
    """Two cases turn out to be one: the older one goes on."""
    for finding in sorted(other.findings, key=lambda one: (one.time, one.id)):
        _add(state, case, finding)
    case.nearby.update(other.nearby)
    case.judged.update(other.judged)
    case.opened = min(case.opened, other.opened)
    other.findings, other.status, other.verdict = other.findings[:1], "closed", f"joined {case.id}"


def _add(state: IncidentState, case: Case, finding: Finding) -> None:
    channel = f"{finding.kind}|{finding.entity}"
    case.repeats[channel] = case.repeats.get(channel, 0) + 1
    if len(case.findings) < KEPT or case.repeats[channel] == 1:
        case.findings.append(finding)
    case.updated = max(case.updated, finding.time)
    case.entities.setdefault(finding.entity, finding.time)
    for ref in finding.related:
        case.related.setdefault(ref, finding.time)
    news = evidence.strength(finding) > 0 and not echoes(state, case, finding)  # what an announced change explains is none
    if case.status == "closed" or (case.status == "contained" and news):
        case.status = "open"


def _damped(state: IncidentState, case: Case) -> dict[str, float]:
    """Finding id → factor for what speaks softer than it seems."""
    crowd = evidence.crowds(case.findings)
    factors = {}
    for finding in case.findings:
        factor = 0.25 if finding.id in crowd else 1.0
        factor *= 0.5 ** state.benign.get((finding.kind, finding.entity), 0)
        since = min(case.contained.values(), default=None)
        if since is not None and finding.time >= since and echoes(state, case, finding):
            factor = 0.0
        factors[finding.id] = {"benign": 0.0, "attack": 1.0}.get(case.judged.get(finding.id, ""), factor)
    return factors


def _revise(state: IncidentState, case: Case) -> Incident:
    """The next revision of a case as a record."""
    case.revision += 1
    damped = _damped(state, case)
    p_attack = evidence.probability(evidence.weigh(case.findings, damped, case.nearby))
    if case.verdict:
        p_attack = max(p_attack, 0.98) if case.verdict == "attack" else 0.001
    case.p_attack = p_attack
    graph = state.graph
    zones = tuple(dict.fromkeys(graph.zone_of[ref] for ref in case.entities if ref in graph.zone_of))
    sites = tuple(dict.fromkeys(place for ref in case.entities if (place := site(graph, ref))))
    worst = max((graph.criticality.get(zone, 3) for zone in zones), default=3) / 5
    weighty = sorted(case.findings, key=lambda one: (-evidence.strength(one) * damped[one.id], one.time, one.id))
    declared = {finding.declared for finding in case.findings}
    return Incident(
        id=case.id,
        revision=case.revision,
        opened=case.opened,
        updated=case.updated,
        status=case.status,
        title=_title(case, weighty),
        severity=round(max(evidence.impact(one.kind) for one in case.findings) * (0.4 + 0.6 * worst) * math.sqrt(p_attack), 4),
        p_attack=round(p_attack, 4),
        findings=tuple(finding.id for finding in case.findings),
        entities=tuple(case.entities),
        zones=zones,
        sites=sites,
        suspects=evidence.suspicion(case.findings, damped, case.nearby, p_attack),
        path=_path(state, case),
        techniques=tuple(dict.fromkeys(technique for one in weighty for technique in one.techniques)),
        families=tuple(sorted({finding.family for finding in case.findings})),
        declared=declared.pop() if len(declared) == 1 else "",
    )


def _title(case: Case, weighty: Sequence[Finding]) -> str:
    if case.verdict.startswith("joined "):
        return f"Joined with {case.verdict.removeprefix('joined ')}"
    others = len(case.entities) - 1
    return weighty[0].summary + (f"; {others} more {'entity' if others == 1 else 'entities'} involved" if others else "")


def _path(state: IncidentState, case: Case) -> tuple[tuple[str, str, str], ...]:
    """Hops to each reference, by first appearance, from an earlier one it is tied to (best one with a place), else a neighbour."""
    ties = _ties(state, case)
    hops: dict[tuple[str, str, str], None] = {}
    reached: list[str] = []
    for ref, tied in list(ties.items())[:PATH]:
        ranked = sorted(
            (one not in tied and ref not in ties[one], one not in state.graph.zone_of, nearness(state.graph, one, ref), place)
            for place, one in enumerate(reached)
        )
        if ranked and (not ranked[0][0] or ranked[0][2] < 2):
            hops.update(dict.fromkeys(way(state.graph, reached[ranked[0][3]], ref)))
        reached.append(ref)
    return tuple(hops)


def _ties(state: IncidentState, case: Case) -> dict[str, set[str]]:
    """References that the attacker may have stood on, in order, with what each was seen together with."""
    ties: dict[str, set[str]] = {}
    for finding in case.findings:
        placed = [ref for ref in finding.related if ref in state.graph.zone_of]
        actors = placed[:1] if evidence.comes_from_related(finding.kind) else []
        for ref in [*actors, finding.entity, *placed]:
            ties.setdefault(ref, set()).update(other for other in (finding.entity, *finding.related) if other != ref)
    return ties
