"""Detectors on events over recorded data: real delays, real log lines, real processes. Prints the rates that docs/detection.md tells.

The bounds are floors below what was measured there: the way to no skill is gone at most half before a test fails.
"""

import csv
import gzip
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interferon.detect import stream, stream_templates
from interferon.detect.stream_events import DAY, Event
from interferon.detect.stream_protocol import Context
from interferon.detectors import activity_beacons, activity_execution, activity_lineage, activity_templates, trade_leadtimes

pytestmark = pytest.mark.data
MONTHS = {
    name: number for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}


def day_of(text: str) -> int:
    """`02-Jun-06` → microseconds UTC."""
    day, month, year = text.split("-")
    return int(datetime(2000 + int(year), MONTHS[month], int(day), tzinfo=UTC).timestamp()) * 1_000_000


def deliveries(data: Path) -> list[Event]:
    """Shipment lines as arrivals of their vendor, one a vendor, day and schedule, in order of delivery."""
    path = data / "scms/SCMS_Delivery_History_Dataset.csv"
    with path.open(encoding="latin-1", newline="") as lines:
        rows = {
            (row["Vendor"], day_of(row["Delivered to Client Date"]), day_of(row["Scheduled Delivery Date"]))
            for row in csv.DictReader(lines)
        }
    return [
        Event(came, "scms", number, f"partner:{vendor}", "trade", "shipment.arrived", promised=promised, partner=vendor)
        for number, (vendor, came, promised) in enumerate(sorted(rows, key=lambda row: (row[1], row[0], row[2])))
    ]


def drifts(events: list[Event]) -> tuple[int, float]:
    """Findings, and entity-days that were watched."""
    state, found = stream.new_state(), 0
    last: dict[str, int] = {}
    for event in events:
        found += len(stream.observe(state, [event], [trade_leadtimes], event.time + 1))
        last[event.entity] = event.time
    return found, sum(max(last[entity] - first - DAY, 0) for entity, first in state.first.items()) / DAY


def test_delays_of_real_deliveries(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Delays in a drawn order within each vendor are real values without drift: there p is held to account."""
    events = deliveries(data)
    real, days = drifts(events)
    shuffled = 0
    for seed in range(5):
        draw, delays = random.Random(seed), dict[str, list[int]]()
        for event in events:
            delays.setdefault(event.entity, []).append(event.time - (event.promised or 0))
        for values in delays.values():
            draw.shuffle(values)
        mixed = [Event(e.time, e.feed, e.offset, e.entity, e.family, e.kind, promised=e.time - delays[e.entity].pop()) for e in events]
        shuffled += drifts(mixed)[0]
    with capsys.disabled():
        sys.stdout.write(
            f"\nscms: {len(events)} deliveries, {days:.0f} vendor-days; drift findings {real}; shuffled {shuffled / 5:.1f} a run\n"
        )
    assert shuffled / 5 <= 1e-4 * days
    assert real > shuffled / 5  # vendors did drift in these ten years


def zeek(data: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data / f"zeek/zeek-json/{name}.json.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield msgspec.json.decode(line)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1e6)


def test_clocks_in_a_busy_network(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """21 minutes of a contest's network: which conversations are taken for clocks, and do they agree with one another."""
    events = []
    for name, service in (("dns", "dns/53"), ("ssl", "tls/443"), ("ntp", "ntp/123")):
        for number, row in enumerate(zeek(data, name)):
            source, target = row["id.orig_h"], row["id.resp_h"]
            events.append(Event(moment(row["ts"]), name, number, source, "activity", "network.flow", source, target, object=service))
    events.sort(key=lambda event: (event.time, event.feed, event.offset))
    memories: dict[str, activity_beacons.Memory] = {}
    for event in events:
        ctx = Context(event.entity, event.time, DAY, 0, {}, {}, "")
        activity_beacons.learn(memories.setdefault(event.entity, activity_beacons.memory()), event, ctx, False)
    clocks = [(host, pair) for host, memory in memories.items() for pair in memory.times if pair in memory.clocks.known]
    enough = sum(len(times) > activity_beacons.BEATS for memory in memories.values() for times in memory.times.values())
    periods = [activity_beacons.beat(memories[host].times[pair])[0] / 1e6 for host, pair in clocks]
    half_minutes = sum(25 <= period <= 35 for period in periods)
    with capsys.disabled():
        found = f"{len(clocks)} by a clock, {half_minutes} of them every half minute"
        sys.stdout.write(f"\nzeek: {len(events)} conversations, {enough} pairs with 25 visits or more, {found}\n")
    assert len(clocks) >= 20
    assert half_minutes >= 0.7 * len(clocks)  # one program on many hosts calls home every 30 s; chance would know no such agreement


def test_templates_of_real_log_lines(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mined, lines = stream_templates.Templates(), 0
    for row in zeek(data, "syslog"):
        stream_templates.take(mined, stream_templates.words_of(row.get("message", "")))
        lines += 1
    with capsys.disabled():
        sys.stdout.write(f"\nzeek syslog: {lines} lines, {mined.given} templates\n")
    assert mined.given <= 0.08 * lines


def windows(data: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Name and rows of the recordings of one host each, the smaller ones."""
    for path in sorted((data / "mordor/windows").glob("*/host/*.zip")):
        if path.stat().st_size < 1_000_000:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    lines = archive.read(name).decode("utf-8", "replace").splitlines()
                    yield path.stem, [msgspec.json.decode(line) for line in lines if line.startswith("{")]


def started(row: dict[str, Any], number: int) -> Event:
    attributes = {"parent": row.get("ParentImage"), "command_line": row.get("CommandLine")}
    attributes |= {"pid": row.get("ProcessGuid"), "ppid": row.get("ParentProcessGuid")}
    entity, actor = f"asset:{row.get('Hostname')}", f"identity:{row.get('User')}"
    return Event(
        DAY + number * 1000,
        "evtx",
        number,
        entity,
        "activity",
        "process.start",
        "",
        "",
        actor,
        str(row.get("Image")),
        attributes=attributes,
    )


def test_recorded_attacks_on_windows(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recordings of minutes have no quiet life to learn: what needs none must still be told, and templates must not mix events up."""
    mined, truth = stream_templates.Templates(), Counter[tuple[int, int]]()
    recordings = starts = loud = 0
    for _, rows in windows(data):
        recordings += 1
        state, found = stream.new_state(), 0
        for number, row in enumerate(rows):
            message = str(row.get("Message", ""))
            if message and "EventID" in row:
                truth[stream_templates.take(mined, stream_templates.words_of(message)), int(row["EventID"])] += 1
            if row.get("EventID") == 1 and "Image" in row:
                starts += 1
                event = started(row, number)
                found += len(stream.observe(state, [event], [activity_execution, activity_lineage], event.time + 1))
        loud += found > 0
    pure = sum(max(n for (one, _), n in truth.items() if one == template) for template in {one for one, _ in truth})
    share = pure / sum(truth.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\nmordor: {recordings} recordings, {starts} processes, {loud} with a finding; template purity {share:.4f} of {mined.given}\n"
        )
    assert share > 0.99
    assert loud >= 5
    assert len(mined.words) <= stream_templates.TEMPLATES


def test_the_detector_of_messages_stays_small(data: Path) -> None:
    memory = activity_templates.memory()
    for number, row in enumerate(zeek(data, "syslog")):
        attributes = {"message": row.get("message"), "severity": row.get("severity")}
        event = Event(number * 10**6, "syslog", number, "asset:a", "activity", "log.message", attributes=attributes)
        ctx = Context("asset:a", event.time, event.time, DAY, {}, {}, "")
        assert all(0 < anomaly.p <= 1 for anomaly in activity_templates.score(memory, event, ctx))
        activity_templates.learn(memory, event, ctx, False)
    assert len(memory.hours) <= activity_templates.TALLIES
