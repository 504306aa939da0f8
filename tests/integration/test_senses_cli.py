"""`discover`, `export` and `token` as a person types them, and a replay of a capture: what they print, write and refuse."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from interferon import cli
from interferon.connectors import capture
from interferon.model.errors import InputError
from interferon.model.records import Finding, Incident
from interferon.store import examples
from interferon.store.folder import load

FINDING = Finding(
    id="f-1", time=1_767_600_000_000_000, entity="asset:plc-1", detector="activity_commands", family="activity", kind="command.new_source",
    p=1e-5, score=5.0, why=(("source", 1.0),), summary="a stranger wrote",
)  # fmt: skip
INCIDENT = Incident(
    id="i-1", revision=1, opened=1, updated=2, status="open", title="case", severity=0.9, p_attack=0.8, findings=("f-1",),
    entities=("asset:plc-1",), zones=(), sites=(), suspects=(), path=(), techniques=("T0855",), families=("activity",),
)  # fmt: skip


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.build(), [str(word) for word in words])


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.pcap"
    path.write_bytes(capture.EXAMPLE)
    return path


def test_a_capture_is_discovered_into_a_new_folder(trace: Path, tmp_path: Path) -> None:
    told = run("discover", trace, "--into", tmp_path / "net")
    assert told.exit_code == 0
    assert "zones:" in told.stdout
    assert "0 dead letters" in told.stdout
    found = json.loads(run("discover", trace, "--into", tmp_path / "net", "--json").stdout)
    assert {row["status"] for row in found["assets"]} == {"new"}
    assert found["events"] >= 2
    assert (tmp_path / "net" / "discovered" / "assets.csv").is_file()


def test_proposals_are_accepted_by_name_or_all(trace: Path, tmp_path: Path) -> None:
    examples.write("minimal", tmp_path / "net")
    listed = json.loads(run("discover", trace, "--into", tmp_path / "net", "--site", "plant-1", "--json").stdout)
    name = (
        listed["assets"][0]["id"]
        if listed["assets"][0]["status"] == "new"
        else next(r["id"] for r in listed["assets"] if r["status"] == "new")
    )
    added = json.loads(run("discover", "--into", tmp_path / "net", "--accept", name, "--json").stdout)["added"]
    assert added["assets"] == [name]
    told = run("discover", "--into", tmp_path / "net", "--accept", "all")
    assert "Now run: interferon check" in told.stdout
    assert name in load(tmp_path / "net").assets


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "discover reads sources first"),
        (("TRACE", "--accept", "all"), "--accept goes alone"),
        (("TRACE", "--format", "xls"), "not a format that is read"),
        (("nothing.pcap",), "no such file"),
    ],
)
def test_discover_refuses_what_makes_no_sense(trace: Path, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    given = [str(trace) if word == "TRACE" else word for word in words]
    told = run("discover", *given, "--into", tmp_path / "net")
    assert isinstance(told.exception, InputError)
    assert why in str(told.exception)


def test_a_site_that_is_in_no_table_is_refused(trace: Path, tmp_path: Path) -> None:
    examples.write("minimal", tmp_path / "net")
    told = run("discover", trace, "--into", tmp_path / "net", "--site", "atlantis")
    assert "not in sites.csv" in str(told.exception)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "findings.ndjson").write_bytes(msgspec.json.encode(FINDING) + b"\n")
    (folder / "incidents.ndjson").write_bytes(msgspec.json.encode(INCIDENT) + b"\n")
    return folder


@pytest.mark.parametrize(
    ("form", "sign"), [("ocsf", "class_uid"), ("stix", "spec_version"), ("cef", "CEF:0|Interferon"), ("json", "p_attack")]
)
def test_records_are_exported(records: Path, tmp_path: Path, form: str, sign: str) -> None:
    told = run("export", records, "--as", form)
    assert told.exit_code == 0
    assert sign in told.stdout
    summary = json.loads(run("export", records, "--as", form, "--out", tmp_path / "out", "--json").stdout)
    assert summary == {"file": str(tmp_path / "out"), "records": 2, "format": form}
    assert len((tmp_path / "out").read_bytes().splitlines()) == 2
    assert "2 records to" in run("export", records, "--as", form, "--out", tmp_path / "out").stdout


def test_export_refuses_what_makes_no_sense(records: Path, tmp_path: Path) -> None:
    for words, why in (
        (("export", records, "--as", "pdf"), "not a format that is written"),
        (("export", records, "--as", "ocsf", "--json"), "name it with --out"),
        (("export", tmp_path, "--as", "ocsf"), "holds neither"),
    ):
        told = run(*words)
        assert isinstance(told.exception, InputError)
        assert why in str(told.exception)


def test_tokens_are_made_listed_and_disabled(tmp_path: Path) -> None:
    secret = run("token", "add", tmp_path, "line-4", "--feed", "plant-*", "--family", "telemetry", "--days", "0").stdout.strip()
    assert secret.startswith("ifn_")
    made = json.loads(run("token", "add", tmp_path, "line-5", "--feed", "a", "--feed", "b", "--json").stdout)
    assert made["name"] == "line-5"
    listed = run("token", "list", tmp_path).stdout
    assert "for ever" in listed
    assert "until 20" in listed
    assert run("token", "disable", tmp_path, "line-4").stdout.strip() == "disabled line-4"
    shown = {row["name"]: row for row in json.loads(run("token", "list", tmp_path, "--json").stdout)["tokens"]}
    assert shown["line-4"]["disabled"] is True
    assert shown["line-5"]["feeds"] == ["a", "b"]
    assert json.loads(run("token", "disable", tmp_path, "line-4", "--undo", "--json").stdout)["disabled"] is False
    assert "disabled" not in run("token", "list", tmp_path).stdout
    assert isinstance(run("token", "disable", tmp_path, "nobody").exception, InputError)
    assert isinstance(run("token", "list", tmp_path / "none").exception, InputError)


def test_a_capture_is_replayed(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples.write("minimal", tmp_path / "net")
    told = run("replay", tmp_path / "net", trace, "--out", tmp_path / "out", "--json")
    summary = json.loads(told.stdout)
    assert summary["rows"] >= 2
    assert summary["dead_letters"] == 0
