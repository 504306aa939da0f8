"""`interferon demo` on the small example: the figures of all five arms, told as JSON and as text, and the refusal of a bad scenario."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from interferon import cli
from interferon.cli import demo as demo_command
from interferon.detect.settings import LIVE
from interferon.runtime import arms, guarded
from interferon.store import examples

SCENARIO = """
name = "short"
network = "minimal"
hours = 8
[[step]]
id = "entry"
at_h = 1.0
kind = "attack"
action = "encrypt_hosts"
target = "asset:srv-1"
[[step]]
id = "drill"
at_h = 2.0
until_h = 3.0
kind = "benign"
action = "pen_test"
target = "zone:plant-1-cell-1"
"""
ARMS = ("", "_no_response", "_human_4h", "_isolate_everything", "_no_attack")
COUNTS = ("seed", "incidents", "lookalikes", "lookalikes_isolated", "violations", *(f"orders_late{arm}" for arm in ARMS))
SHARES = tuple(f"otif{arm}" for arm in ARMS)


@pytest.fixture(scope="module", autouse=True)
def brief() -> Iterator[None]:
    """Six hours of history, of which four are learnt, in place of two days: `make acceptance` plays those."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (guarded, arms):
            patch.setattr(module, "HISTORY_H", 6.0)
        patch.setattr(guarded, "LIVE", replace(LIVE, learn_rows=240))
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    examples.write("minimal", folder / "net")
    examples.write_rules(folder / "net")
    (folder / "short.toml").write_text(SCENARIO)
    return folder


def interferon(*words: object) -> Result:
    return CliRunner().invoke(cli.build(), [str(word) for word in words])


@pytest.fixture(scope="module")
def figures(place: Path) -> Iterator[dict[str, Any]]:
    """What the demo prints with `--json`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        done = interferon("demo", place / "net", "--headless", "--json", "--seed", 3, "--scenario", place / "short.toml")
        assert done.exit_code == 0, (done.stderr, done.exception)
        yield json.loads(done.stdout)


def test_every_figure_is_there_and_in_its_range(figures: dict[str, Any]) -> None:
    assert set(figures) == {"scenario", "contained", "detect_s", "contain_s", *COUNTS, *SHARES}
    assert (figures["seed"], figures["scenario"]) == (3, "short")
    assert all(type(figures[name]) is int and figures[name] >= 0 for name in COUNTS)
    assert all(0.0 <= figures[name] <= 1.0 for name in SHARES)
    assert type(figures["contained"]) is bool
    assert figures["lookalikes"] == 1


def test_the_attack_is_found_and_contained_within_the_limits(figures: dict[str, Any]) -> None:
    assert figures["incidents"] >= 1
    assert 0 <= figures["detect_s"] <= figures["contain_s"] <= 3600
    assert (figures["contained"], figures["violations"], figures["lookalikes_isolated"]) == (True, 0, 0)


def test_answering_is_no_worse_than_not_answering(figures: dict[str, Any]) -> None:
    assert figures["orders_late"] <= figures["orders_late_no_response"]
    assert figures["orders_late_no_attack"] <= figures["orders_late_no_response"]


def test_the_same_seed_gives_the_same_figures_also_as_text(figures: dict[str, Any], place: Path) -> None:
    done = interferon("demo", place / "net", "--headless", "--seed", 3, "--scenario", place / "short.toml")
    assert done.exit_code == 0
    head, found, *rows, last = done.stdout.splitlines()
    assert head == f"scenario short, seed 3: {figures['incidents']} incidents, contained"
    assert found.startswith(f"  found after {figures['detect_s'] / 60:.0f} simulated minutes")
    assert [row.split("OTIF")[0].strip() for row in rows] == [
        "with Interferon",
        "a person after 4 h",
        "isolating everything",
        "no response",
        "no attack",
    ]
    assert [int(row.split()[-1]) for row in rows[3:]] == [figures["orders_late_no_response"], figures["orders_late_no_attack"]]
    assert last == "  look-alikes isolated: 0 of 1; limits violated: 0"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "not valid TOML"),
        (SCENARIO.replace("encrypt_hosts", "melt"), "step 'entry': unknown action 'melt'"),
        (SCENARIO.replace("asset:srv-1", "asset:ghost"), "step 'entry': "),
        (SCENARIO.replace("hours = 8", "hours = 0"), "hours is 0; it must be above 0"),
    ],
)
def test_a_bad_scenario_is_told_in_one_line(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(text)
    monkeypatch.setattr("sys.argv", ["interferon", "demo", str(place / "net"), "--headless", "--json", "--scenario", str(bad)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"interferon: {bad}: ")
    assert told in err


def test_a_scenario_for_another_network_warns_and_the_pages_show_the_attack(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place / "other.toml"
    other.write_text(SCENARIO.replace('network = "minimal"', 'network = "elsewhere"'))
    pages: list[str] = []

    def served(app: FastAPI, host: str, port: int) -> None:
        """In place of a server: a browser that looks until the attacked host is on the page."""
        with TestClient(app, base_url=f"http://{host}", client=(host, 50000)) as client:
            end = time.monotonic() + 120
            while time.monotonic() < end and "srv-1" not in "".join(pages[-1:]):
                pages.append(client.get("/").text)
                time.sleep(0.2)

    monkeypatch.setattr(demo_command, "serve", served)
    done = interferon("demo", place / "net", "--speed", 600, "--scenario", other)
    assert done.exit_code == 0, done.exception
    assert "written for network 'elsewhere'" in done.stderr
    assert "srv-1" in pages[-1]
    assert 'id="case-' in pages[-1]
    assert not [thread for thread in threading.enumerate() if thread.name == "range"]
