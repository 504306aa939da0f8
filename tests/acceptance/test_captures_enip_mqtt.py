"""MQTT and EtherNet/IP on recorded captures: what `suricata-verify` states of its own, and the captures of the public collection."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import yaml

from interferon.dissect import enip, mqtt
from interferon.dissect.conversations import readings
from interferon.dissect.message import Dissector, Plain

from . import suricata_enip, suricata_mqtt

pytestmark = pytest.mark.data
LIMITS = {  # folder: Suricata's `max-msg-length` and `string-log-limit` in its own configuration, which the captures' folder has not
    "mqtt-limit-1": (20_000, 1 << 20),
    "mqtt-limit-2": (1_000, 1 << 20),
    "mqtt-limit-log-1": (1 << 20, 10),
}


def rows(path: Path, dissector: ModuleType) -> list[Plain]:
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(1 << 20), b"")
        read = readings(chunks, (cast(Dissector, dissector),))
        return [row for reading in read for row in reading.rows if row[3] == dissector.NAME and row[4] != "flow"]


def flows(found: list[Plain]) -> Iterator[list[Plain]]:
    for flow in sorted({row[1] for row in found}):
        yield [row for row in found if row[1] == flow]


def capture_of(folder: Path) -> Path | None:
    stated = yaml.safe_load((folder / "test.yaml").read_text()).get("pcap")
    found = [(folder / stated).resolve()] if stated else sorted(folder.glob("*.pcap"))
    return found[0] if found and found[0].is_file() else None


def filters(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    for check in yaml.safe_load((folder / "test.yaml").read_text())["checks"]:
        if check.get("filter", {}).get("match", {}).get("event_type") == kind:
            yield check["filter"]


def matches(event: dict[str, Any], match: dict[str, Any], prefix: str) -> bool:
    wanted = {key: value for key, value in match.items() if key.startswith(f"{prefix}.")}
    if "has-key" in match and suricata_mqtt.answer({prefix: event}, match["has-key"]) is None:
        return False
    return all(suricata_mqtt.answer({prefix: event}, key) == value for key, value in wanted.items())


def statements(data: Path, kind: str, dissector: ModuleType, events: Any) -> tuple[int, list[tuple[Any, ...]]]:
    """How many statements about events of this kind are met, and those that are not."""
    met, wrong = 0, []
    for folder in sorted({path.parent for path in (data / "suricata-verify").rglob("test.yaml")}):
        stated = list(filters(folder, kind))
        capture = capture_of(folder) if stated else None
        if capture is None:
            continue
        told = [each for flow in flows(rows(capture, dissector)) for each in events(flow, *LIMITS.get(folder.name, ()))]
        for each in stated:
            matching = sum(matches(event, each["match"], kind) for event in told)
            if matching == each["count"]:
                met += 1
            else:
                wrong.append((folder.name, matching, each["count"], each["match"]))
    print(met, f"statements about {kind} are met")  # noqa: T201 - the number that the reader of the run wants
    return met, wrong


@pytest.mark.parametrize(("kind", "dissector", "events"), [("mqtt", mqtt, suricata_mqtt.events), ("enip", enip, suricata_enip.events)])
def test_every_statement_about_an_event_is_met(data: Path, kind: str, dissector: ModuleType, events: Any) -> None:
    met, wrong = statements(data, kind, dissector, events)
    assert wrong == []
    assert met > 0


def test_the_captures_of_the_collection_are_read_to_their_end(data: Path) -> None:
    found: Counter[tuple[str, str]] = Counter()
    paths = sorted((data / "ot-pcaps/EthernetIP").glob("*.pcap"))
    for path in paths:
        for row in rows(path, enip):
            found[row[4], row[5]] += 1
            json.dumps(row, allow_nan=False)
            assert "malformed" not in json.dumps(row[9])
    print(len(paths), dict(found))  # noqa: T201 - the table that the reader of the run wants
    assert not any(role == "problem" for role, _ in found)
    assert found["command", "multiple_service_packet"] > 4000
    assert found["response", "multiple_service_packet"] > 4000


def test_a_controller_is_stopped_and_started(data: Path) -> None:
    for name in ("stop", "start"):
        (found,) = rows(data / f"ot-pcaps/EthernetIP/cip_{name}_plc.pcap", enip)
        assert (found[4], found[5], found[6]) == ("command", name, "class:142/instance:1")


def test_a_device_names_itself(data: Path) -> None:
    answer = rows(data / "ot-pcaps/EthernetIP/enip_test.pcap", enip)[1]
    assert answer[9]["device"] == {
        "vendor": "Rockwell Automation/Allen-Bradley", "model": "1756-ENBT/A", "firmware": "4.3", "serial": "00524d8e",
    }  # fmt: skip


def test_nearly_every_response_of_a_long_capture_has_its_request(data: Path) -> None:
    responses = [row for row in rows(data / "ot-pcaps/EthernetIP/EthernetIP-CIP.pcap", enip) if row[4] == "response"]
    assert sum(not row[9]["matched"] for row in responses) <= 1
