"""Reads the logs of Azure and Entra: activity, resource, audit and sign-in logs, as diagnostic exports and as the interfaces answer.

Called by replay and discover: `{"records": [...]}`, JSON lines and arrays; gzipped too. What a record means is in `sense.cloud_azure`.
"""

import io
from pathlib import Path
from typing import Final

from interferon.sense import json_records
from interferon.sense.cloud_azure import WRAPPERS, events, is_azure
from interferon.sense.record_rows import Read, of_lines
from interferon.store.recorded_bytes import of_file

NAME: Final = "azure"
SUFFIXES: Final = (".json", ".jsonl")
WHOLE: Final = True
EXAMPLE: Final = (
    b'{"records":[{"time":"2026-01-05T08:00:00.1250000Z","resourceId":"/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/PLANT/PROVIDERS/MICROSOFT.NETWORK/'
    b'NETWORKSECURITYGROUPS/DMZ","operationName":"MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WRITE","category":"Administrative",'
    b'"resultType":"Success","callerIpAddress":"203.0.113.9","identity":{"claims":{"upn":"anna@plant.example"}},"location":"global"},'
    b'{"time":"2026-01-05T08:00:05Z","resourceId":"/tenants/t-1/providers/Microsoft.aadiam","operationName":"Sign-in activity",'
    b'"category":"SignInLogs","resultType":"50126","properties":{"userPrincipalName":"anna@plant.example","appDisplayName":"Portal",'
    b'"ipAddress":"203.0.113.9","status":{"errorCode":50126},"authenticationRequirement":"singleFactorAuthentication",'
    b'"location":{"countryOrRegion":"DE"}}}]}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is one of Azure's or Entra's logs."""
    record = json_records.first(head, WRAPPERS)
    return record is not None and is_azure(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the records, and what could not be read. InputError where there is no such file."""
    yield from of_file(path, feed or path.stem, events, WRAPPERS)


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The same on the bytes of a file, the first event at offset `first`."""
    yield from of_lines(io.BytesIO(data), feed, first, events, WRAPPERS)
