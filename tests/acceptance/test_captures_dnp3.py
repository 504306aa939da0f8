"""DNP3 on recorded captures: what `suricata-verify` states of its own, and every capture of the public collection to its end."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from interferon.dissect import dnp3
from interferon.dissect.conversations import readings
from interferon.dissect.message import Dissector, Plain

from .suricata_dnp3 import answer, is_event

pytestmark = pytest.mark.data
FUNCTIONS = {  # file of the collection: what the master does in it
    "dnp3_del_measure": "delay_measure",
    "dnp3_en_spon": "enable_unsolicited",
    "dnp3_file_del": "delete_file",
    "dnp3_file_read": "open_file",
    "dnp3_file_write": "close_file",
    "dnp3_read": "read",
    "dnp3_rec_time": "record_current_time",
    "dnp3_select_operate": "select",
    "dnp3_write": "write",
}
DAMAGED = {
    "dnp3.pcap",
    "dnp3_test_data_part1.pcap",
    "6.6.2.1",
    "6.6.2.3",
    "6.6.2.4",
}  # captures or conformance cases with frames that are damaged on purpose


def rows(path: Path) -> list[Plain]:
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(1 << 20), b"")
        return [
            row for reading in readings(chunks, (cast(Dissector, dnp3),)) for row in reading.rows if row[3] == "dnp3" and row[4] != "flow"
        ]


def capture_of(folder: Path) -> Path | None:
    stated = yaml.safe_load((folder / "test.yaml").read_text()).get("pcap")
    found = [(folder / stated).resolve()] if stated else sorted(folder.glob("*.pcap"))
    return found[0] if found and found[0].is_file() else None


def filters(folder: Path) -> Iterator[dict[str, Any]]:
    for check in yaml.safe_load((folder / "test.yaml").read_text())["checks"]:
        if check.get("filter", {}).get("match", {}).get("event_type") == "dnp3":
            yield check["filter"]


def test_every_statement_about_a_dnp3_event_is_met(data: Path) -> None:
    met, wrong = 0, []
    for folder in sorted({path.parent for path in (data / "suricata-verify").rglob("test.yaml")}):
        stated = list(filters(folder))
        capture = capture_of(folder) if stated else None
        if capture is None:
            continue
        events = [row for row in rows(capture) if is_event(row)]
        for each in stated:
            wanted = {key: value for key, value in each["match"].items() if key.startswith("dnp3.")}
            matching = [row for row in events if all(answer(row, key) == value for key, value in wanted.items())]
            if len(matching) == each["count"]:
                met += 1
            else:
                wrong.append((folder.name, len(matching), each["count"], wanted))
    assert wrong == []
    assert met > 0


def test_the_captures_of_the_collection_are_read_to_their_end(data: Path) -> None:
    found: Counter[str] = Counter()
    damaged = set()
    paths = sorted((data / "ot-pcaps").glob("**/dnp3/**/*.pcap"))
    for path in paths:
        for row in rows(path):
            found[row[4]] += 1
            if row[4] == "problem":
                damaged.add(path.parent.name if path.stem == "dump" else path.name)
            json.dumps(row, allow_nan=False)
    print(len(paths), dict(found))  # noqa: T201 - the table that the reader of the run wants
    assert found["command"] > 500
    assert found["response"] > 500
    assert damaged <= DAMAGED


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_recorded_exchange_is_named(data: Path, name: str) -> None:
    found = rows(data / f"ot-pcaps/bro/dnp3/{name}.pcap")
    assert FUNCTIONS[name] in [row[5] for row in found if row[4] == "command"]
    assert {row[7] for row in found if row[5] == "response"} == {"success"}


def test_a_file_is_told_by_its_name(data: Path) -> None:
    opened = next(row for row in rows(data / "ot-pcaps/bro/dnp3/dnp3_file_write.pcap") if row[5] == "open_file")
    assert opened[6] == "g70v3:C:/temp/DNPDeviceConfiguration written to Remote Device.xml"
    assert opened[9]["objects"][0]["points"][0]["mode"] == "write"
