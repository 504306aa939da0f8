"""Reads the audit log of a Kubernetes API server: events as JSON lines, and EventLists as its webhook sends; gzipped ones too.

Called by replay, discover and `up`. What an event means is in `sense.cloud_kubernetes`. An event's offset is the number of its line; those
of a list count on from it. Events of earlier stages are counted, and told in one dead letter at the end.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interferon.model.records import DeadLetter
from interferon.sense import json_records
from interferon.sense.cloud_kubernetes import WRAPPERS, Calls, is_audit
from interferon.sense.record_rows import Read, of_lines
from interferon.store.recorded_bytes import of_file

NAME: Final = "kubernetes"
SUFFIXES: Final = (".log", ".json", ".jsonl", ".ndjson")
EXAMPLE: Final = (
    b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-1","stage":"ResponseComplete","requestURI":'
    b'"/api/v1/namespaces/mes/pods/mes-0/exec?command=sh","verb":"create","user":{"username":"anna","groups":["dev"]},'
    b'"sourceIPs":["203.0.113.9"],"userAgent":"kubectl/1.35","objectRef":{"resource":"pods","namespace":"mes","name":"mes-0",'
    b'"apiVersion":"v1","subresource":"exec"},"responseStatus":{"code":101},"requestReceivedTimestamp":"2026-01-05T08:00:00.000000Z",'
    b'"stageTimestamp":"2026-01-05T08:00:00.125000Z"}\n'
    b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{"auditID":"a-2","stage":"ResponseComplete","verb":"list",'
    b'"user":{"username":"system:anonymous"},"sourceIPs":["203.0.113.9"],"objectRef":{"resource":"secrets"},'
    b'"responseStatus":{"code":403},"stageTimestamp":"2026-01-05T08:00:01.000000Z"}]}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is an audit event."""
    record = json_records.first(head, WRAPPERS)
    return record is not None and is_audit(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the events, and what could not be read. InputError where there is no such file."""
    calls = Calls()
    yield from _counted(of_file(path, feed or path.stem, calls.events, WRAPPERS, by_line=True), calls, feed or path.stem)


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`."""
    calls = Calls()
    yield from _counted(of_lines(lines, feed, first, calls.events, WRAPPERS, by_line=True), calls, feed)


def _counted(items: Read, calls: Calls, feed: str) -> Read:
    """The items, and behind them what was counted, which has no place of its own."""
    yield from items
    if told := calls.told():
        yield DeadLetter(feed=feed, offset=-1, time=0, family="activity", entity="", reason=told)
