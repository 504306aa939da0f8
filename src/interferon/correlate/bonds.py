"""How firmly a finding belongs to a case: by what both name, or by standing near each other soon after. Used by `incidents`. Pure."""

import math

from interferon.correlate import evidence
from interferon.correlate.case import Case, IncidentState
from interferon.correlate.graph import nearness, searched, site
from interferon.model.records import Finding


def bond_of(state: IncidentState, case: Case, finding: Finding) -> float:
    """How firmly a finding belongs to a case, 0–1: shared references, else being neighbours soon after; fades with time."""
    gap = max(finding.time - case.updated, 0)
    if case.status == "closed":
        same = finding.entity in case.entities and gap <= state.settings.reopen_us and case.verdict != "benign"
        return math.exp(-gap / state.settings.fade_us) if same else 0.0
    bond = shared(case, finding)
    # once a case is contained, to stand near it says nothing new, but what the containment itself brought about belongs to it
    near = gap <= state.settings.near_us and case.p_attack >= 0.03 and (not case.contained or echoes(state, case, finding))
    if bond < 0.4 and near and evidence.strength(finding) >= math.log(10):
        bond = max(bond, (0.4, 0.3, 0.0)[_closest(state, case, finding)])
    return bond * math.exp(-gap / state.settings.fade_us)


def shared(case: Case, finding: Finding) -> float:
    """The bond of shared references, 0–1."""
    bond = 1.0 if finding.entity in case.entities else 0.8 if finding.entity in case.related else 0.0
    for ref in finding.related:
        if ref in case.entities:
            bond = max(bond, 0.8)
        elif ref in case.related:  # a shared person, partner or order says more than a server everybody talks to
            bond = max(bond, 0.3 if ref.startswith("asset:") else 0.5)
    return bond


def _closest(state: IncidentState, case: Case, finding: Finding) -> int:
    return min((nearness(state.graph, finding.entity, ref) for ref in list(case.entities)[-20:]), default=2)


def note_nearby(state: IncidentState, case: Case, finding: Finding) -> None:
    """Remembers what shares nothing with the case but the neighbourhood, and how many could have spoken in its stead.

    Of N places the first is one of N, the first two are one of N(N − 1)/2 pairs, and so on: the k-th adds about a factor N / k.
    """
    name = evidence.channel(finding)
    if shared(case, finding) == 0 and name not in case.nearby:
        hops = min(_closest(state, case, finding), 1)
        case.nearby[name] = max(searched(state.graph, finding.entity, hops) / (len(case.nearby) + 1), 1.0)


def echoes(state: IncidentState, case: Case, finding: Finding) -> bool:
    """Whether a finding after a containment is only the echo of it: on what was shut off, or a machine nearby that now stands still."""
    zone = state.graph.zone_of.get(finding.entity, "")
    place = site(state.graph, finding.entity)
    for target, since in case.contained.items():
        if finding.time < since or finding.entity == target or target == f"zone:{zone}":
            return True
        nearby = nearness(state.graph, finding.entity, target) == 0 or target.startswith("conduit:")
        if nearby and finding.family == "telemetry":
            return True
        if place and place == site(state.graph, target) and finding.kind.startswith(("production.", "log.silent")):
            return True
    return False
