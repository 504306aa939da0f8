"""The tour is true: its commands run in a folder of their own, and print what the page says they print."""

import re
import shlex
from pathlib import Path
from typing import Final

import msgspec
import pytest
from typer.testing import CliRunner

from interferon.cli import build

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
PAIR: Final = re.compile(r"^```\n(?P<lines>[^`]*?)^```\n(?:\n```\n(?P<output>[^`]*?)^```$)?", re.MULTILINE)
SECONDS: Final = re.compile(r"in \d+\.\d s")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout to who follows the tour."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(*wanted: str) -> list[str]:
    """Runs the page's commands that hold one of the words, compares what the page shows, returns what they printed."""
    printed = []
    for pair in PAIR.finditer(PAGE):
        lines = [line for line in pair["lines"].splitlines() if line.startswith("interferon ") and any(word in line for word in wanted)]
        for line in lines:
            result = CliRunner().invoke(build(), shlex.split(line)[1:])
            assert result.exit_code == 0, (line, result.output, result.exception)
            printed.append(SECONDS.sub("in N s", result.output))
        if lines and pair["output"]:
            assert printed[-1] == SECONDS.sub("in N s", pair["output"])
    return printed


def test_an_export_is_judged_and_a_network_replayed(place: Path) -> None:
    detected, made, checked, replayed = outputs("detect examples/", "init plant", "check plant", "replay plant")
    assert detected.startswith("examples/historian.csv: 720 rows judged")
    assert made.startswith("Wrote plant: 15 assets")
    assert checked.startswith("plant: no problems")
    assert "see run" in replayed
    summaries = [msgspec.json.decode(line)["summary"] for line in (place / "run/findings.ndjson").read_bytes().splitlines()]
    for told in re.findall(r"`([^`]*\bplc-1\b[^`]* [^`]*)`", PAGE.partition("- `findings.ndjson`")[2].partition("- `incidents")[0]):
        assert told in summaries
    last = msgspec.json.decode((place / "run/incidents.ndjson").read_bytes().splitlines()[-1])
    assert (last["suspects"][0][0], set(last["families"])) == ("asset:ews-1", {"activity", "telemetry"})
    assert all(msgspec.json.decode(line)["would"] for line in (place / "run/plans.ndjson").read_bytes().splitlines())
    assert (place / "run/dead_letters.ndjson").read_bytes() == b""


@pytest.mark.data
def test_a_recording_of_a_real_testbed_is_judged(place: Path, data: Path) -> None:
    (place / "SKAB").mkdir()
    (place / "SKAB/data").symlink_to(data / "skab")
    (printed,) = outputs("detect SKAB")
    assert "2 stretches" in printed


@pytest.mark.data
def test_a_recording_of_a_real_testbed_goes_the_whole_path(place: Path, data: Path) -> None:
    (place / "SKAB").mkdir()
    (place / "SKAB/data").symlink_to(data / "skab")
    assert CliRunner().invoke(build(), ["init", "testbed"]).exit_code == 0
    told = re.search(r"^```toml\n(?P<lines>frame_s[^`]*)^```$", PAGE, re.MULTILINE)
    assert told is not None
    settings = place / "testbed/network.toml"
    for line in told["lines"].splitlines():
        key = line.partition(" ")[0]
        text, changed = re.subn(rf"(?m)^{key} = .*$", line, settings.read_text(encoding="utf-8"))
        assert changed == 1
        settings.write_text(text, encoding="utf-8")
    (printed,) = outputs("replay testbed")
    assert "9176 rows" in printed
    first, second = [msgspec.json.decode(line) for line in (place / "skab/findings.ndjson").read_bytes().splitlines()]
    assert {finding["entity"] for finding in (first, second)} == {"asset:plc-1"}
    assert (first["why"][0][0], first["time"]) == ("Volume Flow RateRMS", 1_583_749_478_000_000)  # 10:24:38
    assert (second["why"][0][0], second["time"]) == ("Temperature", 1_583_749_588_000_000)  # 10:26:28
