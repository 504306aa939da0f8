"""Which processes and broker's clients of the tables a finding's event names: they may be contained alone. Called by the pipeline. Pure.

A finding gets them as related references; where the tables have none, every finding stays as it is.
"""

from collections.abc import Iterable, Sequence

import msgspec
import pyarrow as pa

from interferon.detect.stream_events import Event, rows_from_batch
from interferon.model.network import Network
from interferon.model.records import Finding


def by_events(network: Network, findings: Sequence[Finding], batches: Iterable[pa.RecordBatch]) -> list[Finding]:
    """The findings of a frame, each with what its first event names; `batches` are the frame's activity and trade rows."""
    if not (network.processes or network.clients) or not any(finding.evidence for finding in findings):
        return list(findings)
    events = {row.id: row for batch in batches for row in rows_from_batch(batch)}
    return [_with(finding, _references(network, events.get(next(iter(finding.evidence), "")))) for finding in findings]


def _with(finding: Finding, refs: Iterable[str]) -> Finding:
    more = tuple(ref for ref in refs if ref not in (finding.entity, *finding.related))
    return msgspec.structs.replace(finding, related=(*finding.related, *more)) if more else finding


def _references(network: Network, event: Event | None) -> list[str]:
    if event is None:
        return []
    if event.kind == "process.start":
        return _processes(network, event)
    return _clients(network, event) if event.text("protocol") == "mqtt" else []


def _processes(network: Network, event: Event) -> list[str]:
    """The program that started, and the one that started it: freezing that one stops both."""
    ran = [text for text in (event.object, event.text("parent")) if text]
    return [
        f"process:{row.id}"
        for row in network.processes.values()
        if f"asset:{row.asset}" == event.entity and any(_is(text, row.executable) for text in ran)
    ]


def _is(text: str, executable: str) -> bool:
    """The path itself, or its last part where the event tells no more than that; a wrong one does not pass the effector's look at it."""
    return text == executable or ("/" not in text and text == executable.rpartition("/")[2])


def _clients(network: Network, event: Event) -> list[str]:
    """By the identifier that an MQTT client showed its own broker, which let it in: anybody can show any to any."""
    if event.outcome not in ("", "success"):
        return []
    shown = {event.text("client_id"), event.object if event.code == "connect" else ""} - {""}
    ends = {event.entity, event.source, event.target}
    return [f"identity:{row.id}" for row in network.clients.values() if row.client_id in shown and f"asset:{row.broker}" in ends]
