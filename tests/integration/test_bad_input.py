"""Bad input through the real command line: each kind is told in one clear line, or kept as a dead letter; nothing is lost."""

import json
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from interferon import cli
from interferon.model.events import Tick
from interferon.store import log

from .bad_inputs import DETECT, LETTERS, OTHERS, REPLAYED, DeadLetters, Refused, lines, reading

REFUSED = (*DETECT, *REPLAYED, *OTHERS)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good network, `net`, under a signed policy."""
    place = tmp_path_factory.mktemp("installed")
    with pytest.MonkeyPatch.context() as patch:
        for words in (f"init {place}/net", f"policy sign {place}/net --key {place}/key.pem"):
            patch.setattr("sys.argv", ["interferon", *words.split()])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            assert ended.value.code == 0
    return place


class Shell:
    """The command line, in this process: `sys.argv` in, exit code and streams out."""

    def __init__(self, patch: pytest.MonkeyPatch, streams: pytest.CaptureFixture[str]) -> None:
        self._patch, self._streams = patch, streams

    def __call__(self, words: str, stdin: Path | None = None) -> Ended:
        self._streams.readouterr()
        with self._patch.context() as patch:
            patch.setattr("sys.argv", ["interferon", *shlex.split(words)])
            if stdin is not None:
                patch.setattr("sys.stdin", stdin.open())
            with pytest.raises(SystemExit) as ended:
                cli.main()
        out, err = self._streams.readouterr()
        return Ended(int(ended.value.code or 0), out, err)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capfd)


def written(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def told_in_one_line(ended: Ended, says: str) -> None:
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err + ended.out
    complaints = [line for line in ended.err.splitlines() if not line.startswith("Reading what lands in")]
    assert len(complaints) == 1, ended.err
    assert re.search(says, ended.err), ended.err


def test_the_kinds_differ_and_are_many() -> None:
    names = [case.name for case in (*REFUSED, *LETTERS)]
    assert len(set(names)) == len(names) >= 40


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused_in_one_line(case: Refused, shell: Shell, installed: Path, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    written(place, case.files)
    typed = tmp_path / "stdin"
    typed.write_text(case.stdin)
    ended = shell(case.words.format(net=installed / "net", tmp=place, key=installed / "key.pem"), typed)
    told_in_one_line(ended, case.says)
    assert ended.out == ""
    for name, content in case.files.items():
        assert (place / name).read_bytes() == (content if isinstance(content, bytes) else content.encode()), f"{name} was touched"


@pytest.mark.parametrize("case", LETTERS, ids=lambda case: case.name)
def test_bad_rows_are_kept_with_a_reason(case: DeadLetters, shell: Shell, installed: Path, tmp_path: Path) -> None:
    written(tmp_path, {case.file: case.content, "m.toml": 'entity = "asset:plc-1"' if case.file.endswith(".csv") else ""})
    ended = shell(f"replay {installed}/net {tmp_path}/{case.file} --mapping {tmp_path}/m.toml --out {tmp_path}/out --json")
    assert (ended.code, ended.err) == (0, "")
    summary = json.loads(ended.out)
    letters = [json.loads(line) for line in (tmp_path / "out/dead_letters.ndjson").read_text().splitlines()]
    assert len(letters) == len(case.reasons) == summary["dead_letters"]
    for letter, reason in zip(letters, case.reasons, strict=True):
        assert re.search(reason, letter["reason"]), letter["reason"]
    assert (summary["rows"], summary["duplicates"]) == (case.rows, case.duplicates)


def test_a_port_in_use(shell: Shell, installed: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told_in_one_line(shell(f"up {installed}/net --port {port}"), rf"port {port} is in use; choose another with --port")
        told_in_one_line(shell(f"demo {installed}/net --port {port}"), rf"port {port} is in use; choose another with --port")


def test_the_torn_end_of_a_log_is_told_and_the_rest_used(shell: Shell, installed: Path, tmp_path: Path) -> None:
    events = log.EventLog(tmp_path / "log", durable=False)
    for minute in range(3):
        events.append(Tick(time=minute * 60_000_000))
    events.close()
    segment = log.segments(tmp_path / "log")[0]
    whole = segment.stat().st_size
    with segment.open("ab") as out:
        out.write(b"".join(log.packed(Tick(time=1)))[:-2])
    ended = shell(f"replay {installed}/net {tmp_path}/log --out {tmp_path}/out")
    assert (ended.code, ended.err) == (0, "")
    (letter,) = (tmp_path / "out/dead_letters.ndjson").read_text().splitlines()
    assert f"from byte {whole} on, are no whole record" in json.loads(letter)["reason"]


def limited(words: list[str], most: int) -> Ended:
    """A process of its own that can write no file beyond `most` bytes, as on a disk that is full."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    # -B: what Python compiles would be cut off too, without a word, and break every later process that imports it
    program = [sys.executable, "-B", "-c", "from interferon.cli import main; main()", *words]
    done = subprocess.run(program, preexec_fn=limit, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_full_disk_stops_a_replay_in_one_line(shell: Shell, installed: Path, tmp_path: Path) -> None:
    ghosts = [reading(9, entity=f"asset:ghost-{number}") for number in range(400)]
    (tmp_path / "t.ndjson").write_text(lines(*ghosts))
    ended = limited(["replay", f"{installed}/net", f"{tmp_path}/t.ndjson", "--out", f"{tmp_path}/out"], 8192)
    told_in_one_line(ended, r"out/dead_letters\.ndjson: cannot be written: File too large; make room")
    again = shell(f"replay {installed}/net {tmp_path}/t.ndjson --out {tmp_path}/out --json")
    assert json.loads(again.out)["dead_letters"] == len((tmp_path / "out/dead_letters.ndjson").read_text().splitlines()) == 400


def test_a_full_disk_stops_init_in_one_line(tmp_path: Path) -> None:
    told_in_one_line(limited(["init", f"{tmp_path}/net", "--example", "medica"], 8192), r"File too large")
