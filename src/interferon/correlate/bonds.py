"""How firmly a finding belongs to a case: by what both name, or by standing near each other soon after. Used by `incidents`. Pure."""

import math

from interferon.correlate import evidence
from interferon.correlate.case import Case, IncidentState
from interferon.correlate.graph import nearness, searched
from interferon.model.records import Finding


def bond_of(state: IncidentState, case: Case, finding: Finding) -> float:
    """How firmly a finding belongs to a case, 0–1: shared references, else being neighbours soon after; fades with time."""
    gap = max(finding.time - case.updated, 0)
    if case.status == "closed":
        same = finding.entity in case.entities and gap <= state.settings.reopen_us and case.verdict != "benign"
        return math.exp(-gap / state.settings.fade_us) if same else 0.0
    bond = shared(case, finding)
    if bond < 0.4 and gap <= state.settings.near_us and case.p_attack >= 0.03 and evidence.strength(finding) >= math.log(10):
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
