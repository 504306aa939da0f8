"""Which findings a person's suppressions keep out of correlation. Called by the pipeline, once a frame. Pure.

A suppressed finding is still told, with the id of its suppression. Never suppressed is what a rule of level critical says, and what
concerns a thing of a case with a containment in force: whether that may be lifted rests on what is still found there.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from interferon.model.events import Suppression
from interferon.model.network import Network
from interferon.model.records import Finding

NEVER: Final = ("rule.critical.",)
Entries = tuple[Suppression, ...]


def marked(findings: Iterable[Finding], held: Sequence[Suppression], network: Network, contained: Iterable[str]) -> list[Finding]:
    """The findings in their order, those that a suppression covers with its id. `contained`: references of cases that are acted on."""
    if not held:
        return list(findings)
    kept = set(contained)
    return [finding if finding.entity in kept else _marked(finding, held, network) for finding in findings]


def _marked(finding: Finding, held: Sequence[Suppression], network: Network) -> Finding:
    found = next((one.id for one in held if covers(one, finding, network)), "")
    return msgspec.structs.replace(finding, suppressed=found) if found else finding


def covers(one: Suppression, finding: Finding, network: Network) -> bool:
    """Whether a suppression is about this finding, at the finding's own time."""
    beginning = one.kind.removesuffix("*")
    kind = finding.kind.startswith(beginning) if one.kind.endswith(".*") else finding.kind == one.kind
    leading = finding.why[0][0] if finding.why else ""
    return (
        kind
        and finding.time < one.until
        and finding.detector == one.detector
        and (not one.signal or one.signal == leading)
        and not finding.kind.startswith(NEVER)
        and _within(one.scope, finding.entity, network)
    )


def _within(scope: str, entity: str, network: Network) -> bool:
    kind, _, name = scope.partition(":")
    if kind == "class":
        return network.class_of(entity) == name
    return scope == entity or (kind == "zone" and network.zone_of(entity) == name)
