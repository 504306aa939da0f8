"""The command line's own part: exit codes and one line for every way to end, progress on a terminal, `bench` and `up` put together."""

import errno
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from interferon import __version__, bench, cli
from interferon.bench import detect, plants, poison, rules, start, stream, throughput, watch
from interferon.cli import progress
from interferon.cli import up as up_command
from interferon.model.errors import InputError
from interferon.store import examples

Main = Callable[..., tuple[int, str]]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Runs `main` over one command that does what it is given; answers with exit code and stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def run(deed: Callable[[], Any]) -> tuple[int, str]:
        app = typer.Typer()
        app.command()(lambda: deed())
        monkeypatch.setattr(cli, "build", lambda: app)
        monkeypatch.setattr(sys, "argv", ["interferon"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        signal.signal(signal.SIGTERM, before)
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


def raises(error: BaseException) -> Callable[[], None]:
    def deed() -> None:
        raise error

    return deed


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (typer.Abort(), 130, "stopped\n"),
        (typer.Exit(1), 1, ""),
        (InputError("net: no such\nfolder"), 2, "interferon: net: no such folder\n"),
        (typer.BadParameter("no"), 2, "interferon: Invalid value: no (see `interferon --help`)\n"),
        (PermissionError(errno.EACCES, "Permission denied", "x.csv"), 2, "interferon: x.csv: Permission denied\n"),
        (OSError("odd"), 2, "interferon: odd\n"),
    ],
)
def test_every_error_is_one_line_and_an_exit_code(main: Main, error: BaseException, code: int, told: str) -> None:
    assert main(raises(error)) == (code, told)


def test_what_ends_well_ends_with_0(main: Main) -> None:
    assert main(lambda: None) == (0, "")


def test_a_reader_that_left_is_no_error(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[int, int]] = []
    monkeypatch.setattr("os.dup2", lambda *ends: moved.append(ends))
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    assert main(raises(BrokenPipeError())) == (0, "")
    assert len(moved) == 1


def test_being_asked_to_stop_unwinds_like_ctrl_c(main: Main) -> None:
    closed: list[bool] = []

    def deed() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            closed.append(True)

    assert main(deed) == (143, "")
    assert closed == [True]


def test_the_version() -> None:
    done = CliRunner().invoke(cli.build(), ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"interferon {__version__}\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_drawn_on_a_terminal_only_and_wiped_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    listener = progress.bar_of("closure table")
    listener(1, 4)
    drawn = capsys.readouterr().err
    assert drawn == ("\r\x1b[Kclosure table:  25%" if terminal else "")
    listener(0, 0)
    assert capsys.readouterr().err == ("\r\x1b[K" if terminal else "")


# ---- bench


def row(holds: bool | None) -> dict[str, Any]:
    return {"case": "c", "metric": "m", "value": 1.0, "target": 2.0, "holds": holds, "baselines": {}}


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (None, 0), (False, 1)])
def test_bench_ends_with_1_where_a_figure_does_not_hold(monkeypatch: pytest.MonkeyPatch, holds: bool | None, code: int) -> None:
    monkeypatch.setattr(bench, "SUITES", ("one", "two"))
    monkeypatch.setattr(bench, "cases", lambda name: [row(holds if name == "two" else True)])
    plain = CliRunner().invoke(cli.build(), ["bench"])
    assert (plain.exit_code, len(plain.stdout.splitlines())) == (code, 2)
    told = CliRunner().invoke(cli.build(), ["bench", "two", "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (code, [row(holds)])


def test_bench_detect_joins_its_parts_and_runs_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((detect, "tables"), *((part, "cases") for part in (watch, plants, start, poison, throughput, stream, rules))):
        case = module.__name__.rpartition(".")[2]
        monkeypatch.setattr(module, name, lambda case=case: [row(True) | {"case": case}])

    def told(*words: str) -> list[str]:
        return [one["case"] for one in json.loads(CliRunner().invoke(cli.build(), ["bench", *words, "--json"]).stdout)]

    assert told("detect") == ["detect", "watch", "plants", "start", "poison", "throughput", "stream", "rules"]
    assert told("detect", "--part", "rules") == told("rules") == ["rules"]
    assert told("detect", "--part", "tables") == ["detect"]
    monkeypatch.setattr(bench, "SUITES", ("detect", *bench.JOINED))
    assert told() == ["detect", "watch", "plants", "start", "poison", "throughput", "stream", "rules"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("detect", "--part", "speed"), "--part speed: detect has tables, watch, plants, start, poison, throughput, stream, rules"),
        (("flow", "--part", "tables"), "--part tables: flow has closures, simulation, speed, joint, stock"),
        (("--part", "tables"), "only detect, flow, respond and sense have parts"),
    ],
)
def test_bench_names_the_parts_there_are(words: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(cli.build(), ["bench", *words], terminal_width=200)
    assert done.exit_code == 2
    assert message in done.stderr


def test_bench_names_the_suites_there_are() -> None:
    done = CliRunner().invoke(cli.build(), ["bench", "none"])
    assert done.exit_code == 2
    assert "'none'" in done.output


# ---- up


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples.write("minimal", tmp_path / "net")
    return tmp_path / "net"


def test_up_serves_the_folder_with_its_accounts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []

    def serve(app: FastAPI, host: str, port: int, tls: object, accounts: bool) -> None:
        assert (host, port, tls, accounts) == ("127.0.0.1", 8601, None, False)
        with TestClient(app, base_url=f"http://{host}", client=(host, 50000)) as client:
            pages.append(client.get("/").text)

    monkeypatch.setattr(up_command, "serve", serve)
    done = CliRunner().invoke(cli.build(), ["up", str(folder), "--port", "8601"])
    assert done.exit_code == 0, done.exception
    assert "observing only" in done.stderr
    assert "No feed has sent anything yet." in pages[0]
    assert (folder / "state" / "log").is_dir()


def test_up_wants_certificate_and_key_together_and_accounts_for_others(folder: Path) -> None:
    half = CliRunner().invoke(cli.build(), ["up", str(folder), "--tls-key", "key.pem"])
    assert (half.exit_code, "--tls-cert and --tls-key go together" in half.output) == (2, True)
    open_to_all = CliRunner().invoke(cli.build(), ["up", str(folder), "--host", "192.0.2.1"])
    assert isinstance(open_to_all.exception, InputError)
    assert "there are no accounts yet" in str(open_to_all.exception)
