"""A sensor and its upstream as programs of their own: an outage of an hour, kills, a diode. Nothing is lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.store import examples, log, sensor_keys
from interferon.store.examples import START
from interferon.store.tokens import Tokens
from tests.integration.live_feeds import rows, soon

Served = Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]
Up = Callable[[], AbstractContextManager["subprocess.Popen[bytes]"]]

PROGRAM = [sys.executable, "-c", "from interferon.cli import main; main()"]
SECOND = 1_000_000
SIGNALS = 10  # of each of two feeds


def readings(second: int, asset: str = "plc-1") -> str:
    """One second of one feed."""
    at = START + second * SECOND
    head = {"family": "telemetry", "time": at, "entity": f"asset:{asset}"}
    return "".join(json.dumps({**head, "signal": f"s{number}", "value": number + second % 60 / 60}) + "\n" for number in range(SIGNALS))


def logins(second: int) -> str:
    row = {"family": "activity", "time": START + second * SECOND, "entity": "asset:hmi-1", "kind": "auth.login", "actor": "identity:op-1"}
    return json.dumps({**row, "outcome": "success"}) + "\n"


def happened(site: Path, begin: int, end: int) -> None:
    """So many seconds of two machines and a login a minute land in the sensor's feeds."""
    for name, asset in (("historian", "plc-1"), ("robot", "robot-1")):
        text = [readings(second, asset) + (logins(second) if name == "robot" and second % 60 == 0 else "") for second in range(begin, end)]
        with (site / "feeds" / f"{name}.ndjson").open("a") as out:
            out.write("".join(text))


def events(folder: Path) -> list[tuple[str, int, str]]:
    """(feed, offset, what it says) of all that the log holds but feed health."""
    found = [*rows(folder), *rows(folder, "activity"), *rows(folder, "trade")]
    said = [(row.pop("feed"), row.pop("offset"), json.dumps(row, sort_keys=True, default=str)) for row in found]
    return [each for each in said if each[0] != "feed-health"]


def missing(site: Path, centre: Path) -> set[tuple[str, int, str]]:
    """What the sensor logged and upstream has not."""
    return {(f"line-4/{feed}", offset, text) for feed, offset, text in events(site)} - set(events(centre))


def caught_up(site: Path, centre: Path) -> bool:
    """Whether upstream has all that the sensor logged; counted first, for that is cheap."""
    return held(centre) >= held(site) and not missing(site, centre)


def held(folder: Path) -> int:
    """Rows in the log but feed health's, cheaply."""
    where = folder / "state" / "log"
    items = [item for item in log.read(where) if isinstance(item, pa.RecordBatch)] if log.segments(where) else []
    return sum(item.num_rows for item in items if "feed-health" not in item.column("feed").dictionary.to_pylist())


def complete(site: Path, centre: Path, feed_rows: int) -> None:
    """Every event of the sensor's log is in upstream's exactly once, unchanged, and there are as many as happened."""
    sent, came = events(site), [each for each in events(centre) if each[0].startswith("line-4/") and each[0] != "line-4/findings"]
    assert len(sent) == len({each[:2] for each in sent}) == feed_rows
    assert len(came) == len({each[:2] for each in came})
    assert set(came) == {(f"line-4/{feed}", offset, text) for feed, offset, text in sent}
    told = [json.loads(line)["id"] for line in (site / "state/records/findings.ndjson").read_bytes().splitlines()]
    heard = [json.loads(json.loads(text)["attributes"])["id"] for feed, _, text in events(centre) if feed == "line-4/findings"]
    assert heard == told


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    examples.write("minimal", tmp_path / "centre")
    (tmp_path / "centre" / "feeds").mkdir()
    return tmp_path / "centre"


@pytest.fixture
def site(tmp_path: Path, centre: Path, free_port: int) -> Path:
    """The folder of the sensor line-4, which the centre knows."""
    folder = tmp_path / "site"
    examples.write("minimal", folder)
    (folder / "feeds").mkdir()
    (folder / "sensor.toml").write_text(f'name = "line-4"\nupstream = "http://127.0.0.1:{free_port}"\n')
    public = sensor_keys.make(folder)
    made = "2026-01-01T00:00:00+00:00"
    families = ["telemetry", "activity", "trade"]
    (folder / "upstream.token").write_text(Tokens(centre).add("line-4", ["line-4/*"], families, 1.0, made, "", public))
    return folder


@pytest.fixture
def up(centre: Path, free_port: int, served: Served, monkeypatch: pytest.MonkeyPatch) -> Up:
    monkeypatch.setenv("XDG_CACHE_HOME", str(centre.parent / "cache"))
    return lambda: served([*PROGRAM, "up", str(centre), "--port", str(free_port)], free_port, centre.parent / "up.log")


@contextmanager
def sensor(site: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`interferon sensor`, stopped by SIGTERM at the end."""
    program = [
        sys.executable,
        "-c",
        "from interferon.runtime import forward; forward.LONGEST_S = 1.0; from interferon.cli import main; main()",
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(site.parent / "cache")}
    with (site.parent / "sensor.log").open("ab") as out:
        process = subprocess.Popen([*program, "sensor", str(site)], env=environment, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def kill(process: "subprocess.Popen[Any]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_an_hour_without_upstream_is_caught_up_completely(site: Path, centre: Path, up: Up, record_property: Callable[..., None]) -> None:
    begin = 300
    happened(site, 0, begin)
    with sensor(site) as process:
        with up():
            assert soon(lambda: len(events(site)) == begin * SIGNALS * 2 + begin // 60 and caught_up(site, centre), 60)
        happened(site, begin, 3600)
        total = 3600 * SIGNALS * 2 + 60
        assert soon(lambda: held(site) >= total, 120)
        own = "".join(readings(second, "plc-2") for second in range(3590, 3700))
        (centre / "feeds" / "own.ndjson").write_text(own)  # what upstream sees itself went on meanwhile
        with up() as upstream:
            assert soon(lambda: held(centre) > begin * SIGNALS * 2 + 1100, 60)
            back = time.monotonic()
            assert soon(lambda: caught_up(site, centre), 240)
            record_property("catch_up_s", time.monotonic() - back)
            took = sum(map(float, Path(f"/proc/{upstream.pid}/stat").read_text().rpartition(")")[2].split()[11:13])) / os.sysconf(
                "SC_CLK_TCK"
            )
            record_property("upstream_cpu_s", took)
            for name, of in (("sensor_hwm_mb", process.pid), ("upstream_hwm_mb", upstream.pid)):
                record_property(name, high_water(of))
    complete(site, centre, total)
    record_property("late", len(late(centre)))
    assert all(feed.startswith("line-4/") for feed in late(centre))  # stored, and told: their frames are closed


def late(centre: Path) -> list[str]:
    lines = (centre / "state/records/dead_letters.ndjson").read_bytes().splitlines(keepends=True)
    return [row["feed"] for row in (json.loads(line) for line in lines if line.endswith(b"\n")) if row["reason"].startswith("late")]


def high_water(process: int) -> float:
    """The most memory that a process had, in MB (VmHWM)."""
    path = Path(f"/proc/{process}/status")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def test_kills_of_either_side_in_the_middle_lose_and_double_nothing(site: Path, centre: Path, up: Up) -> None:
    seconds, done = 1200, threading.Event()

    def goes_on() -> None:
        for second in range(0, seconds, 20):
            happened(site, second, second + 20)
            time.sleep(0.25)
        done.set()

    source = threading.Thread(target=goes_on)
    source.start()
    for round_ in range(3):
        with up() as upstream, sensor(site) as process:
            before = len(events(centre))
            assert soon(lambda before=before: len(events(centre)) > before or done.is_set(), 60)  # type: ignore[misc]
            kill(process if round_ % 2 == 0 else upstream)
            time.sleep(0.3)
            kill(upstream if round_ % 2 == 0 else process)
    source.join()
    total = seconds * SIGNALS * 2 + seconds // 60
    with up(), sensor(site):
        assert soon(lambda: len(events(site)) == total and caught_up(site, centre), 120)
    complete(site, centre, total)


def test_through_a_diode_all_comes_and_a_lost_file_is_told(site: Path, centre: Path, up: Up) -> None:
    outbox = site / "outbox"
    outbox.mkdir()
    (site / "sensor.toml").write_text('name = "line-4"\ndiode = "outbox"\n')
    happened(site, 0, 300)
    with sensor(site) as process:
        assert soon(lambda: len(list(outbox.glob("*.ifs"))) >= 5, 60)
        kill(process)
    with sensor(site):
        happened(site, 300, 600)
        assert soon(lambda: len(events(site)) == 600 * SIGNALS * 2 + 10, 60)
        time.sleep(3)
    files = sorted(outbox.glob("*.ifs"))
    numbers = [int(path.stem.rpartition("-")[2]) for path in files]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for path in files:
        if path != files[2]:
            path.rename(centre / "feeds" / path.name)
    lost = files[2].read_bytes()
    with up():
        assert soon(lambda: len({feed for feed, _, _ in events(centre)}) >= 2 and len(reasons(centre)) > 0, 60)
        soon(lambda: len(events(centre)) >= 9000, 20)
    assert [reason for reason in reasons(centre) if "are missing" in reason] == [
        f"files {numbers[2]} to {numbers[2]} of sensor line-4 are missing: they were lost on the way, or come too late to count"
    ]
    head = json.loads(lost.split(b"\n", 1)[0])
    assert len(missing(site, centre)) == head["rows"]


def reasons(centre: Path) -> list[str]:
    path = centre / "state/records/dead_letters.ndjson"
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line)["reason"] for line in lines if line.endswith(b"\n")]
