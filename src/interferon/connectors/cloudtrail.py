"""Reads AWS CloudTrail: log files (`{"Records": [...]}`), JSON lines, and what EventBridge and CloudWatch Logs put around; gzipped too.

Called by replay and discover. What a record means is in `sense.cloud_aws`. Events and dead letters are counted for their offsets.
"""

import io
from pathlib import Path
from typing import Final

from interferon.sense import json_records
from interferon.sense.cloud_aws import WRAPPERS, events, is_trail
from interferon.sense.record_rows import Read, of_lines
from interferon.store.recorded_bytes import of_file

NAME: Final = "cloudtrail"
SUFFIXES: Final = (".json", ".jsonl")
WHOLE: Final = True
EXAMPLE: Final = (
    b'{"Records":[{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/anna",'
    b'"accountId":"123456789012","userName":"anna"},"eventTime":"2026-01-05T08:00:00Z","eventSource":"s3.amazonaws.com",'
    b'"eventName":"DeleteBucketPolicy","awsRegion":"eu-central-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.15",'
    b'"errorCode":"AccessDenied","requestParameters":{"bucketName":"plans"},"recipientAccountId":"123456789012"},'
    b'{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/anna"},'
    b'"eventTime":"2026-01-05T08:00:10Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1",'
    b'"sourceIPAddress":"203.0.113.9","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"}}]}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is one of CloudTrail, or the file is one of its digests."""
    record = json_records.first(head, WRAPPERS)
    return record is not None and is_trail(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the records, and what could not be read. InputError where there is no such file."""
    yield from of_file(path, feed or path.stem, events, WRAPPERS)


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The same on the bytes of a file, the first event at offset `first`."""
    yield from of_lines(io.BytesIO(data), feed, first, events, WRAPPERS)
