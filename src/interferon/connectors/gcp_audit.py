"""Reads Google Cloud's audit logs: Cloud Logging entries as JSON lines (exports, Pub/Sub messages) or arrays; gzipped ones too.

Called by replay, discover and `up`. What an entry means is in `sense.cloud_gcp`. An event's offset is the number of its line; where an
entry stands over several lines, of its last one, and where several share a line, they count on from it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interferon.sense import json_records
from interferon.sense.cloud_gcp import WRAPPERS, events, is_audit
from interferon.sense.record_rows import Read, of_lines
from interferon.store.recorded_bytes import of_file

NAME: Final = "gcp"
SUFFIXES: Final = (".json", ".jsonl", ".ndjson")
EXAMPLE: Final = (
    b'{"logName":"projects/plant/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-01-05T08:00:00.125Z","severity":"NOTICE",'
    b'"resource":{"type":"gce_firewall_rule","labels":{"project_id":"plant"}},"protoPayload":{"@type":'
    b'"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"compute.googleapis.com","methodName":"v1.compute.firewalls.insert",'
    b'"resourceName":"projects/plant/global/firewalls/any","authenticationInfo":{"principalEmail":"anna@plant.example"},'
    b'"requestMetadata":{"callerIp":"203.0.113.9","callerSuppliedUserAgent":"gcloud"}}}\n'
    b'{"logName":"projects/plant/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-01-05T08:00:01Z","protoPayload":{"@type":'
    b'"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.objects.get",'
    b'"resourceName":"projects/_/buckets/plans/objects/a.dwg","authenticationInfo":{"principalEmail":"anna@plant.example"},'
    b'"status":{"code":7,"message":"denied"},"requestMetadata":{"callerIp":"203.0.113.9"}}}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is a log entry with an audit record."""
    record = json_records.first(head, WRAPPERS)
    return record is not None and is_audit(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the entries, and what could not be read. InputError where there is no such file."""
    yield from of_file(path, feed or path.stem, events, WRAPPERS, by_line=True)


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`."""
    yield from of_lines(lines, feed, first, events, WRAPPERS, by_line=True)
