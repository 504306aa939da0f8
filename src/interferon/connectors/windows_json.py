"""Reads Windows events as JSON: lines of winlogbeat and NXLog, Windows XML put into JSON, and flat exports; gzipped ones too.

Called by replay, discover and `up`. What an event means is in `sense.windows_kinds`. An event's offset is the number of its line.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interferon.sense.json_records import first as first_record
from interferon.sense.record_rows import Read, of_lines
from interferon.sense.windows_kinds import activity
from interferon.sense.windows_record import is_windows
from interferon.store.recorded_bytes import of_file

NAME: Final = "winlog"
SUFFIXES: Final = (".json", ".jsonl", ".ndjson")
EXAMPLE: Final = (
    b'{"@timestamp":"2026-01-05T08:00:00.125Z","winlog":{"channel":"Security","event_id":"4624","computer_name":"HMI-1.plant.example",'
    b'"provider_name":"Microsoft-Windows-Security-Auditing","event_data":{"TargetUserName":"op-1","LogonType":"10","IpAddress":"10.0.0.9"}}}\n'
    b'{"EventTime":"2026-01-05 08:00:02","Hostname":"HMI-1.plant.example","EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational",'
    b'"SourceName":"Microsoft-Windows-Sysmon","UtcTime":"2026-01-05 08:00:02.500","Image":"C:\\\\Windows\\\\System32\\\\cmd.exe",'
    b'"CommandLine":"cmd.exe /c whoami","ParentImage":"C:\\\\Windows\\\\explorer.exe","ProcessId":"4711","User":"PLANT\\\\op-1"}\n'
)


def sniff(head: bytes) -> bool:
    """Whether the first record is a Windows event."""
    record = first_record(head)
    return record is not None and is_windows(record)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the records, and what could not be read. InputError where there is no such file."""
    yield from of_file(path, feed or path.stem, activity, by_line=True)


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`. A record over several lines has the offset of its last one."""
    yield from of_lines(lines, feed, first, activity, by_line=True)
