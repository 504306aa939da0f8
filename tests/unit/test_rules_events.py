"""Events in the shapes that exporters give them, out of files in the forms that they are kept in."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from interferon.model.errors import InputError
from interferon.rules.event import fields, getter, place, text, texts
from interferon.store import event_files
from interferon.store.event_files import Unread, chunks, sources

EVENTS: list[dict[str, Any]] = [{"EventID": number, "Channel": "Security", "who": f"é{number}"} for number in range(7)]
LINES = "\n".join(json.dumps(event) for event in EVENTS).encode()


def read(path: Path, unread: Unread | None = None) -> list[Any]:
    return [event for chunk in chunks(path, unread or Unread()) for event in chunk.events if event is not None]


def test_windows_xml_put_into_json() -> None:
    event = {
        "Event": {
            "#attributes": {"xmlns": "x"},
            "System": {
                "Provider": {"#attributes": {"Name": "P", "Guid": "g"}},
                "EventID": {"#text": 4104, "#attributes": {"Qualifiers": 0}},
                "Channel": "C",
                "Correlation": None,
            },
            "EventData": {"Image": "i", "Threat Name": "t", "Data": {"#text": ["a", "b"]}, "#attributes": {"Name": "n"}},
            "UserData": {"Deep": {"#attributes": {"xmlns": "y"}, "Operation": "o", "List": [{"#text": "l"}, "m"]}},
        }
    }
    found = fields(event)
    assert place(found) == ("c", "4104")
    assert {name: found[name] for name in ("Provider_Name", "Image", "Threat Name", "ThreatName", "Data", "Operation", "List")} == {
        "Provider_Name": "P",
        "Image": "i",
        "Threat Name": "t",
        "ThreatName": "t",
        "Data": ["a", "b"],
        "Operation": "o",
        "List": ["l", "m"],
    }
    assert "xmlns" not in found


def test_elastic_and_flat_events() -> None:
    winlog = {"channel": "C", "event_id": 1, "provider_name": "P", "computer_name": "h", "event_data": {"Image": "i"}, "user_data": None}
    found = fields({"@timestamp": "t", "winlog": winlog})
    assert found == {"@timestamp": "t", "Channel": "C", "EventID": 1, "Provider_Name": "P", "Computer": "h", "Image": "i"}
    flat = {"Channel": "C", "EventID": "1", "SourceName": "P", "Message": "m"}
    assert fields(flat) is flat
    assert getter("Provider_Name")(flat) == "P"
    assert getter("Data")(flat) == "m"
    assert getter("Data")({"Data": "d", "Message": "m"}) == "d"
    assert getter("Data")({}) is None


def test_values_as_texts() -> None:
    assert [text(each) for each in ("a", True, False, 5, 5.0, 5.5)] == ["a", "true", "false", "5", "5", "5.5"]
    assert texts(None) == ()
    assert texts([1, None, ["a", {"b": True}]]) == ("1", "a", "true")
    assert place({"Channel": 5, "EventID": None}) == ("", "")


@pytest.mark.parametrize("chunk", [16, 100, 1 << 18])
@pytest.mark.parametrize(
    "data",
    [
        LINES,
        LINES + b"\n",
        b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n\r\n"),
        json.dumps(EVENTS).encode(),
        json.dumps(EVENTS, indent=2).encode(),
        "\n".join(json.dumps(event, indent=1) for event in EVENTS).encode(),
        "".join(json.dumps(event, indent=1) for event in EVENTS).encode(),
    ],
    ids=["lines", "ended", "mark and blank lines", "array", "indented array", "objects", "objects without a blank"],
)
def test_all_forms_hold_the_same_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, chunk: int) -> None:
    monkeypatch.setattr(event_files, "CHUNK", chunk)
    (tmp_path / "plain.json").write_bytes(data)
    (tmp_path / "packed.ndjson.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("a/events.json", data)
        archive.writestr("__MACOSX/a/events.json", b"\x00\x01")
        archive.writestr("packets.cap", b"\x00\x01")
    for path in sources([tmp_path]):
        unread = Unread()
        assert read(path, unread) == EVENTS, path.name
        assert unread.lines == 0
        assert len(unread.skipped) == (path.suffix == ".zip")


def test_lines_are_counted_and_bad_ones_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_files, "CHUNK", 64)
    lines = LINES.split(b"\n")
    path = tmp_path / "some.ndjson"
    path.write_bytes(b"\n".join([*lines[:2], b"{broken", b"", b"[1]", *lines[2:], b'{"a": "\xff"}']))
    unread = Unread()
    found = [
        (chunk.line + offset, event["EventID"]) for chunk in chunks(path, unread) for offset, event in enumerate(chunk.events) if event
    ]
    assert found == [(1, 0), (2, 1), (6, 2), (7, 3), (8, 4), (9, 5), (10, 6)]
    assert unread.lines == 3
    assert unread.first.startswith(f"{path}:3: is not JSON")


def test_a_broken_first_line_of_many(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(b'{"a": oops}\n' + LINES)
    unread = Unread()
    assert read(path, unread) == EVENTS
    assert unread.lines == 1


@pytest.mark.parametrize(
    "data", [b"{\n 'a': 1}", b"\x00\x01\x02", b'{\n"a": "\xff"}', b"[" * 100_000], ids=["quotes", "bytes", "latin", "deep"]
)
def test_a_file_of_something_else_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(data)
    unread = Unread()
    assert read(path, unread) == []
    assert unread.lines == 1
    assert str(path) in unread.first


def test_values_that_are_no_objects_are_told(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(b'[\n1,\n{"a": 1}]')
    unread = Unread()
    assert read(path, unread) == [{"a": 1}]
    assert unread.first == f"{path}: 1 values are not JSON objects"


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    (tmp_path / "some.json").write_bytes(b"")
    assert read(tmp_path / "some.json") == []


def test_damaged_archives_and_absent_files(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK not really")
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(LINES)[:40])
    for name in ("a.zip", "b.json.gz"):
        unread = Unread()
        read(tmp_path / name, unread)
        assert unread.first.startswith(f"{tmp_path / name}: the archive is damaged")
    with pytest.raises(InputError, match="there is no such file"):
        sources([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no events"):
        sources([tmp_path / "empty"])
    assert sources([tmp_path / "a.zip"]) == [tmp_path / "a.zip"]


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_an_archive_gives_the_same_lines_however_it_is_packed(tmp_path: Path, packing: int) -> None:
    lines = b"".join(b'{"n": %d}\n' % n for n in range(60_000))  # several blocks of reading
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packing) as archive:
        archive.writestr("x.json", lines)
    unread = Unread()
    found = [event for chunk in chunks(tmp_path / "a.zip", unread) for event in chunk.events]
    assert [event["n"] for event in found if event] == list(range(60_000))
    assert unread.lines == 0


def _archive(path: Path, *, at: int, to: bytes) -> None:
    """A deflated member of random digits with bytes `at` its packed data overwritten; negative: from the end of the local data."""
    text = b"".join(b'{"n": %d}\n' % (n * 7919 % 10007) for n in range(20_000))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", text)
        size = archive.infolist()[0].compress_size
    data = bytearray(path.read_bytes())
    begin = 30 + len("x.json")
    place = begin + at if at >= 0 else begin + size + at
    data[place : place + len(to)] = to
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("at", "to"),
    [(-40_000, b"\xff" * 64), (1, b"\x00\x00\x00\x00"), (-30, b"\xa5" * 3)],
    ids=["in the middle", "at its begin", "near its end"],
)
def test_damage_inside_an_archive_is_told_and_what_was_read_before_counts(tmp_path: Path, at: int, to: bytes) -> None:
    _archive(tmp_path / "a.zip", at=at, to=to)
    unread = Unread()
    found = [event for chunk in chunks(tmp_path / "a.zip", unread) for event in chunk.events]
    assert unread.lines
    assert len(found) < 20_001
    if at == -40_000:
        assert "damaged" in unread.first or "JSON" in unread.first


def test_a_wrong_checksum_and_a_wrong_place_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", b'{"n": 1}\n')
    whole = (tmp_path / "a.zip").read_bytes()
    listed = whole.index(b"PK\x01\x02")
    for name, at, why in (("crc", listed + 16, "checksum"), ("place", listed + 42, "no member begins")):
        data = bytearray(whole)
        data[at] ^= 1
        (tmp_path / f"{name}.zip").write_bytes(bytes(data))
        unread = Unread()
        list(chunks(tmp_path / f"{name}.zip", unread))
        assert why in unread.first
