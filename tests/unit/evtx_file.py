"""Windows event log files built by hand: file header, chunks and records of binary XML without templates.

Layout: Microsoft's [MS-EVEN6] 2.2.12 to 2.2.17 for binary XML, libevtx's description of the format for headers and chunks.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

EPOCH = 116_444_736_000_000_000  # 1970 in units of 100 ns since 1601
CHUNK = 65_536
HEADER = 4096
FIRST = 512  # of the records within their chunk


class Binary:
    """Binary XML at a place of a chunk, whose names are told by their offsets there."""

    def __init__(self, place: int) -> None:
        self.place, self.data = place, bytearray()

    def name(self, text: str) -> None:
        offset = self.place + len(self.data) + 4
        code = 0
        for letter in text:
            code = (code * 65_599 + ord(letter)) & 0xFFFF_FFFF
        self.data += struct.pack("<IIHH", offset, 0, code & 0xFFFF, len(text)) + text.encode("utf-16-le") + b"\0\0"

    def text(self, text: str) -> None:
        coded = text.encode("utf-16-le")
        self.data += struct.pack("<BBH", 5, 1, len(coded) // 2) + coded

    def element(self, name: str, attributes: Mapping[str, str], content: "str | Sequence[tuple[str, Mapping[str, str], object]]") -> None:
        self.data += struct.pack("<BI", 0x41 if attributes else 0x01, 0)
        sized = len(self.data) - 4
        self.name(name)
        if attributes:
            listed = len(self.data)
            self.data += b"\0\0\0\0"
            for number, (key, value) in enumerate(attributes.items(), 1):
                self.data += bytes([0x46 if number < len(attributes) else 0x06])
                self.name(key)
                self.text(value)
            struct.pack_into("<I", self.data, listed, len(self.data) - listed - 4)
        self.data += b"\x02"
        if isinstance(content, str):
            if content:
                self.text(content)
        else:
            for child in content:
                self.element(*child)  # type: ignore[arg-type]
        self.data += b"\x04"
        struct.pack_into("<I", self.data, sized, len(self.data) - sized - 4)


def record(number: int, place: int, event: Mapping[str, object]) -> bytes:
    """One record at a place of its chunk. `event`: Channel, EventID, Computer, time (microseconds), Provider, and Data as a mapping."""
    binary = Binary(place + 24)
    binary.data += b"\x0f\x01\x01\x00"
    micros = int(str(event["time"]))
    moment = f"{stamp(micros)}Z"
    data = event.get("Data", {})
    assert isinstance(data, Mapping)
    system = [
        ("Provider", {"Name": str(event.get("Provider", "Test"))}, ""),
        ("EventID", {}, str(event["EventID"])),
        ("Level", {}, "4"),
        ("TimeCreated", {"SystemTime": moment}, ""),
        ("EventRecordID", {}, str(number)),
        ("Channel", {}, str(event["Channel"])),
        ("Computer", {}, str(event["Computer"])),
    ]
    fields = [("Data", {"Name": name}, str(value)) for name, value in data.items()]
    binary.element(
        "Event", {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}, [("System", {}, system), ("EventData", {}, fields)]
    )
    binary.data += b"\0"
    size = 24 + len(binary.data) + 4
    head = struct.pack("<4sIQQ", b"**\0\0", size, number, EPOCH + micros * 10)
    return head + bytes(binary.data) + struct.pack("<I", size)


def stamp(micros: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%f")


def chunk(first: int, events: Sequence[Mapping[str, object]]) -> bytes:
    records, last = bytearray(), FIRST
    for number, event in enumerate(events, first):
        last = FIRST + len(records)
        records += record(number, last, event)
    end, number = FIRST + len(records), first + len(events) - 1
    assert end <= CHUNK
    head = struct.pack("<8sQQQQIIII", b"ElfChnk\0", first, number, first, number, 128, last, end, zlib.crc32(records)).ljust(FIRST, b"\0")
    sum_ = zlib.crc32(head[:120] + head[128:])
    return (head[:124] + struct.pack("<I", sum_) + head[128:] + bytes(records)).ljust(CHUNK, b"\0")


def built(*chunks: Sequence[Mapping[str, object]]) -> bytes:
    """A log file of one chunk for each sequence of events."""
    first, body = 1, b""
    for events in chunks:
        body += chunk(first, events)
        first += len(events)
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, len(chunks) - 1, first, 128, 1, 3, HEADER, len(chunks)).ljust(120, b"\0")
    return (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(HEADER, b"\0") + body
