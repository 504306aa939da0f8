"""`interferon replay` as a person uses it: events in, the same bytes out whatever the format, the shards or a kill in the middle."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from interferon.model.network import Network
from interferon.runtime.replay import CHECKPOINT
from interferon.store import checkpoint, folder, log
from interferon.twin.range import Range
from interferon.twin.scenario import parse

FILES = ("findings.ndjson", "incidents.ndjson", "plans.ndjson")
HISTORY_H, HOURS, LEARN_ROWS = 26.0, 7.0, 900
HOUR = 3_600_000_000
ATTACKS = (
    (0.5, "rogue_command", "asset:plc-1"),
    (1.5, "login_stolen", "asset:wks-1"),
    (2.0, "modify_setpoint", "asset:plc-2"),
    (3.0, "encrypt_hosts", "asset:erp-1"),
    (4.0, "exfiltrate", "asset:hist-1"),
)
PROGRAM = [sys.executable, "-c", "from interferon.cli import main; main()"]


@dataclass(frozen=True)
class Recorded:
    """A network folder and its events, as an event log and as NDJSON, and what a replay of the log tells."""

    network: Path
    log: Path
    lines: Path
    rows: int
    summary: dict[str, float]
    told: dict[str, bytes]


def interferon(*words: object) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([*PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def told(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def events(network: Network) -> Iterator[pa.RecordBatch]:
    """A day of normal life, then several attacks that nobody answers."""
    steps = "".join(
        f'[[step]]\nid = "s{place}"\nat_h = {at_h}\nkind = "attack"\naction = "{action}"\ntarget = "{target}"\n'
        for place, (at_h, action, target) in enumerate(ATTACKS)
    )
    script = parse(f'name = "several"\nnetwork = "minimal"\nhours = {HOURS:g}\n{steps}', "several.toml", network)
    start = max(row.as_of for row in network.inventory) // (24 * HOUR) * 24 * HOUR
    world = Range(network, script, 3, start, history_h=HISTORY_H)
    while world.now < world.end:
        yield from world.advance(min(world.now + HOUR // 60, world.end))


def as_lines(batch: pa.RecordBatch) -> Iterator[str]:
    family = batch.schema.metadata[b"family"].decode()
    for row in batch.to_pylist():
        cells = {name: value for name, value in row.items() if value is not None}
        yield json.dumps({"family": family, **cells, **({"raw": cells["raw"].hex()} if "raw" in cells else {})})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    place = tmp_path_factory.mktemp("recorded")
    network = place / "net"
    interferon("init", network)
    settings = network / "network.toml"
    settings.write_text(settings.read_text().replace("learn_rows = 1440", f"learn_rows = {LEARN_ROWS}"))
    interferon("policy", "sign", network, "--key", place / "key.pem")
    rows, written = 0, log.EventLog(place / "log", durable=False)
    with (place / "events.ndjson").open("w", encoding="utf-8") as lines:
        for batch in events(folder.load(network)):
            written.append(batch)
            lines.writelines(line + "\n" for line in as_lines(batch))
            rows += batch.num_rows
    written.close()
    summary = json.loads(interferon("replay", network, place / "log", "--out", place / "out", "--json").stdout)
    return Recorded(network, place / "log", place / "events.ndjson", rows, summary, told(place / "out"))


def test_the_summary_counts_what_is_in_the_files(recorded: Recorded) -> None:
    summary = recorded.summary
    assert (summary["rows"], summary["dead_letters"], summary["duplicates"]) == (recorded.rows, 0, 0)
    counted = [recorded.told[name].count(b"\n") for name in FILES]
    assert counted == [summary["findings"], summary["incidents"], summary["plans"]]
    assert min(counted) >= 2
    plans = [json.loads(line) for line in recorded.told["plans.ndjson"].splitlines()]
    assert all(plan["would"] and plan["mode"] == "suggest" for plan in plans)


def test_the_rules_that_init_wrote_fire_on_the_attack(recorded: Recorded) -> None:
    findings = [json.loads(line) for line in recorded.told["findings.ndjson"].splitlines()]
    hits = {finding["summary"]: finding for finding in findings if finding["detector"] == "rules"}
    assert set(hits) == {
        "erp-1: Shadow copies are deleted (rule of level high)",
        "erp-1: An audit log is cleared or stopped (rule of level medium)",
    }
    incidents = [json.loads(line) for line in recorded.told["incidents.ndjson"].splitlines()]
    joined = {name for incident in incidents for name in incident["findings"]}
    assert all(hit["id"] in joined and hit["evidence"] for hit in hits.values())


def test_a_finding_of_telemetry_names_the_learnt_minute_most_like_it(recorded: Recorded) -> None:
    findings = [json.loads(line) for line in recorded.told["findings.ndjson"].splitlines()]
    told = [finding for finding in findings if finding["family"] == "telemetry"]
    assert told
    learnt = min(finding["time"] for finding in told)
    assert all(finding["nearest"][0] < learnt and finding["nearest"][1] >= 0 for finding in told)
    assert all(finding["nearest"] is None for finding in findings if finding["family"] != "telemetry")


def test_lines_over_four_shards_tell_what_the_log_told(recorded: Recorded, tmp_path: Path) -> None:
    interferon("replay", recorded.network, recorded.lines, "--shards", 4, "--out", tmp_path)
    assert told(tmp_path) == recorded.told


def test_a_log_given_twice_adds_nothing(recorded: Recorded, tmp_path: Path) -> None:
    again = json.loads(interferon("replay", recorded.network, recorded.log, recorded.log, "--out", tmp_path, "--json").stdout)
    assert (again["rows"], again["duplicates"]) == (2 * recorded.rows, recorded.rows)
    assert told(tmp_path) == recorded.told


def test_killed_in_the_middle_and_resumed(recorded: Recorded, tmp_path: Path) -> None:
    for round_number in range(3):
        resume = ["--resume"] if round_number else []
        running = subprocess.Popen([*PROGRAM, "replay", str(recorded.network), str(recorded.log), "--out", str(tmp_path), *resume])
        before = _stamp(tmp_path)
        while running.poll() is None and _stamp(tmp_path) == before:
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        assert (tmp_path / CHECKPOINT).is_file()
    interferon("replay", recorded.network, recorded.log, "--out", tmp_path, "--resume")
    assert told(tmp_path) == recorded.told
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_checkpoint_of_other_detectors_is_refused_in_one_line(recorded: Recorded, tmp_path: Path) -> None:
    command = [*PROGRAM, "replay", str(recorded.network), str(recorded.log), "--out", str(tmp_path)]
    running = subprocess.Popen(command)
    while running.poll() is None and not _stamp(tmp_path):
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    state, *rest = checkpoint.load((tmp_path / CHECKPOINT).read_bytes())
    state.watch.kept_by.pop()
    checkpoint.save(tmp_path / CHECKPOINT, [state, *rest])
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "was kept with other detectors than those of this program; begin anew without --resume" in done.stderr


def _stamp(out: Path) -> int:
    """Changes with every checkpoint."""
    try:
        return (out / CHECKPOINT).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
