"""`interferon respond` as a person types it: files written here, every branch driven by a script, wrong input in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

Run = Callable[..., tuple[int, str, str]]
AGENT = "group--11111111-1111-4111-8111-111111111111"


def ident(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-{number:012}"


START, END, LAST = ident("start", 1), ident("end", 2), ident("end", 20)
LOOK, CUT, MEND, ASK, COUNT, CALL = (ident("action", n) for n in (3, 4, 5, 6, 7, 8))
BOTH, WHICH = ident("parallel", 10), ident("switch-condition", 11)
IF, WHILE, SUB = ident("if-condition", 12), ident("while-condition", 13), ident("playbook-action", 14)


def action(then: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "action", "name": text, "agent": AGENT, "commands": [{"type": "manual", "command": text}], "on_completion": then} | more


def document(number: int, workflow: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "playbook", "spec_version": "cacao-2.0", "id": ident("playbook", number), "name": f"Number {number}",
        "created_by": ident("identity", 1), "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z",
        "workflow_start": START, "workflow": {START: {"type": "start", "on_completion": next(iter(workflow))}, **workflow},
        "agent_definitions": {AGENT: {"type": "group", "name": "The shift"}},
    } | more  # fmt: skip


def ends(*numbers: int) -> dict[str, Any]:
    return {ident("end", number): {"type": "end"} for number in numbers}


MAIN = document(
    1,
    {
        LOOK: action(BOTH, "look at __host__:value", out_args=["__kind__"]),
        BOTH: {"type": "parallel", "next_steps": [CUT, ASK], "on_success": WHICH, "on_failure": MEND},
        CUT: action(ident("end", 21), "cut", timeout=1000),
        ASK: action(ident("end", 22), "ask"),
        WHICH: {"type": "switch-condition", "switch": "__kind__:value", "cases": {"loop": WHILE, "default": IF}, "on_completion": SUB},
        IF: {"type": "if-condition", "condition": "__kind__:value = 'call'", "on_true": CALL, "on_completion": ident("end", 23)},
        CALL: action(ident("end", 24), "call somebody"),
        WHILE: {"type": "while-condition", "condition": "__n__:value < 2", "on_true": COUNT, "on_completion": ident("end", 25)},
        COUNT: action(ident("end", 26), "count", out_args=["__n__"]),
        SUB: {"type": "playbook-action", "playbook_id": ident("playbook", 2), "in_args": ["__host__"], "on_completion": END},
        MEND: action(ident("end", 27), "mend"),
        END: {"type": "end"}, **ends(21, 22, 23, 24, 25, 26, 27),
    },
    playbook_variables={
        "__host__": {"type": "string", "external": True}, "__kind__": {"type": "string"}, "__n__": {"type": "integer", "value": "0"},
    },
)  # fmt: skip
CALLED = document(
    2,
    {LOOK: action(END, "inside __host__:value"), END: {"type": "end"}},
    playbook_variables={"__host__": {"type": "string", "external": True}},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "books").mkdir()
    (tmp_path / "books/main.json").write_text(json.dumps(MAIN))
    (tmp_path / "books/called.json").write_text(json.dumps(CALLED))
    return tmp_path / "books"


def told(run: Run, *words: str | Path, code: int = 0) -> dict[str, Any]:
    got, out, err = run("respond", *words, "--json")
    assert got == code, err
    found: dict[str, Any] = json.loads(out)
    return found


def results(report: dict[str, Any], kind: str = "action") -> list[tuple[str, str]]:
    return [(step["id"], step["result"]) for step in report["steps"] if step["kind"] == kind]


def script(folder: Path, **steps: Any) -> Path:
    path = folder.parent / "script.json"
    path.write_text(json.dumps({globals()[name]: said for name, said in steps.items()}))
    return path


def test_check(run: Run, folder: Path) -> None:
    report = told(run, "check", folder)
    assert [(Path(row["file"]).name, row["ok"], row["problems"]) for row in report["files"]] == [
        ("called.json", True, []),
        ("main.json", True, []),
    ]
    (folder / "main.json").write_text(json.dumps(MAIN | {"workflow_start": LOOK}))
    report = told(run, "check", folder / "main.json", code=1)
    assert report["files"][0]["problems"][0] == f"workflow_start: {LOOK} is of type action; it must be a start step"
    code, out, _ = run("respond", "check", folder)
    assert code == 1
    assert "main.json: not ok" in out
    assert out.endswith("1 of 2 files are ok\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check", "gone.json"], "gone.json: there is no such file or folder"),
        (["check", "."], ".: holds no *.json"),
        (["check", "books", "--format", "openc2"], "needs --kind command or --kind response"),
        (["check", "books", "--kind", "command"], "--kind is for --format openc2"),
        (["check", "books", "--format", "xml"], "Invalid value for '--format'"),
        (["run", "gone.json"], "gone.json: No such file or directory"),
        (["run", "books"], "books: is a folder; give a file"),
        (["run", "books/main.json", "--executor", "real"], "Invalid value for '--executor'"),
        (["run", "books/main.json", "--var", "host"], "--var host: must be NAME=VALUE"),
        (["run", "books/main.json", "--script", "bad.txt"], "bad.txt: line 1 column 1: not JSON"),
        (["run", "books/main.json", "--script", "odd.txt"], "names a step that no playbook here has"),
        (["show", "bad.txt"], "bad.txt: line 1 column 1: not JSON"),
        (["diff", "books/main.json", "odd.txt"], "odd.txt: spec_version: is missing (and"),
        (["resume", "bad.txt"], "is not the journal of a run"),
        (["sign", "books/main.json", "--key", "bad.txt"], "bad.txt: is not a private key in PEM"),
        (["verify", "books/main.json", "--pub", "bad.txt"], "bad.txt: is not a public key in PEM"),
        (["verify", "odd.txt", "--pub", "bad.txt"], "odd.txt: spec_version: is missing"),
        (["export", "nothing"], "no playbook 'nothing' ships"),
    ],
)
def test_wrong_usage_is_one_line(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str) -> None:
    monkeypatch.chdir(folder.parent)
    Path("bad.txt").write_text("bad")
    Path("odd.txt").write_text(json.dumps({"type": "playbook", "x": "success"}))
    code, out, err = run("respond", *words)
    assert code == 2
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "status", "actions"),
    [
        ({}, "completed", [LOOK, CUT, ASK, LOOK]),
        ({"LOOK": {"out": {"__kind__": "call"}}}, "completed", [LOOK, CUT, ASK, CALL, LOOK]),
        (
            {"LOOK": {"out": {"__kind__": "loop"}}, "COUNT": [{"out": {"__n__": 1}}, {"out": {"__n__": 2}}]},
            "completed",
            [LOOK, CUT, ASK, COUNT, COUNT, LOOK],
        ),
        ({"CUT": "failure"}, "completed", [LOOK, CUT, ASK, MEND]),
        ({"CUT": "timeout"}, "completed", [LOOK, ASK, CUT, MEND]),
        ({"LOOK": "failure"}, "failed", [LOOK]),
        ({"SUB": "failure"}, "failed", [LOOK, CUT, ASK]),
    ],
)
def test_each_branch_can_be_driven(run: Run, folder: Path, said: dict[str, Any], status: str, actions: list[str]) -> None:
    path = script(folder, **said)
    code = 0 if status == "completed" else 1
    report = told(run, "run", folder / "main.json", "--executor", "sim", "--script", path, "--var", "host=h1", code=code)
    assert report["status"] == status
    assert [step for step, _ in results(report)] == actions
    assert (report["problems"] == []) == (status == "completed")


def test_a_loop_ends_though_nothing_changes(run: Run, folder: Path) -> None:
    path = script(folder, LOOK={"out": {"__kind__": "loop"}})
    report = told(run, "run", folder / "main.json", "--script", path, "--loop-limit", "4")
    assert results(report).count((COUNT, "success")) == 4
    assert "left at the limit of 4 rounds" in json.dumps(report["steps"])


def test_what_is_missing_is_refused_or_told(run: Run, folder: Path) -> None:
    report = told(run, "run", folder / "main.json")
    assert report["notes"] == ["__host__: an external variable without a value; simulated with 'simulated'"]
    report = told(run, "run", folder / "main.json", "--var", "__n__=many", code=1)
    assert report["status"] == "refused"
    assert report["problems"] == ["__n__: 'many' is not a whole number, as the type integer must be"]
    (folder / "called.json").write_text(json.dumps(CALLED | {"workflow": {}}))
    report = told(run, "run", folder / "main.json", code=1)
    assert any(note.startswith("called.json: left out: workflow: has no start step") for note in report["notes"])
    (folder.parent / "lib").mkdir()
    (folder.parent / "lib/c.json").write_text(json.dumps(CALLED))
    assert told(run, "run", folder / "main.json", "--library", folder.parent / "lib")["status"] == "completed"
    report = told(run, "run", folder / "called.json", code=1)
    assert (report["status"], report["steps"]) == ("refused", [])


def test_a_dry_run_says_what_would_be_done(run: Run, folder: Path) -> None:
    journal = folder / "j"
    report = told(run, "run", folder / "main.json", "--var", "__host__=h1", "--dry-run", "--journal", journal)
    assert [each["command"]["command"] for each in report["commands"]] == ["look at h1", "cut", "ask", "inside h1"]
    assert not journal.exists()
    _, out, _ = run("respond", "run", folder / "main.json", "--var", "__host__=h1", "--dry-run")
    assert out.startswith("would: manual: look at h1 [")
    assert out.endswith("completed\n")


def test_a_journal_is_resumed(run: Run, folder: Path) -> None:
    journal = folder / "run.jsonl"
    whole = told(run, "run", folder / "main.json", "--script", script(folder, CUT="timeout"), "--journal", journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[0])["executor"] == "sim"
    for kept in range(2, len(lines)):
        journal.write_bytes(b"".join(lines[:kept]) + b'{"intent": "to')
        again = told(run, "resume", journal)
        assert again["steps"] == whole["steps"]
    assert told(run, "resume", journal)["status"] == "completed"  # it is over: nothing is done
    code, _, err = run("respond", "run", folder / "main.json", "--journal", journal)
    assert (code, "there is such a file already" in err) == (2, True)
    head = b'{"format": "interferon-run-1", "script": %s}\n'
    wrong = [
        (lines[0], "the run stopped before it began"),
        (head % b"1", "the script of the run cannot be read"),
        (head % b"{}" + lines[1], "the playbook of the run cannot be read"),
        (head % b'{}, "playbooks": 5' + lines[1], "the playbook of the run cannot be read"),
        (lines[0] + lines[1].replace(b'"playbook":"playbook--', b'"playbook":"playbook--0'), "the journal was changed"),
    ]
    for line, what in wrong:
        journal.write_bytes(line)
        code, _, err = run("respond", "resume", journal)
        assert (code, what in err) == (2, True), err


def test_a_run_that_is_killed_is_resumed(folder: Path) -> None:
    """SIGKILL while a loop of hundreds of rounds writes its journal."""
    journal = folder / "run.jsonl"
    path = script(folder, LOOK={"out": {"__kind__": "loop"}})
    words = [sys.executable, "-c", "from interferon.cli import main; main()", "respond"]
    given = ["run", str(folder / "main.json"), "--script", str(path), "--loop-limit", "300", "--journal", str(journal), "--json"]
    process = subprocess.Popen([*words, *given], stdout=subprocess.DEVNULL)
    while (not journal.exists() or journal.stat().st_size < 20_000) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = journal.read_bytes()
    assert b'"status"' not in before
    again = subprocess.run([*words, "resume", str(journal), "--json"], capture_output=True, check=False)
    report = json.loads(again.stdout)
    assert report["status"] == "completed"
    assert results(report).count((COUNT, "success")) == 300
    after = journal.read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1])


def test_show_and_diff(run: Run, folder: Path) -> None:
    svg = folder / "w.svg"
    code, out, _ = run("respond", "show", folder / "main.json", "--svg", svg)
    assert code == 0
    assert "manual: look at __host__:value" in out
    assert svg.read_text().startswith("<svg ")
    assert told(run, "show", folder / "main.json")["outline"] == out.splitlines()
    assert told(run, "diff", folder / "main.json", folder / "main.json") == {"changes": []}
    changed = json.loads(json.dumps(MAIN))
    changed["workflow"][CUT]["timeout"] = 5
    (folder / "new.json").write_text(json.dumps(changed))
    row = told(run, "diff", folder / "main.json", folder / "new.json")["changes"]
    assert row == [{"change": "changed", "kind": "step", "where": f"{CUT}.timeout", "before": 1000, "after": 5}]
    assert run("respond", "diff", folder / "main.json", folder / "new.json")[1] == f"step changed: {CUT}.timeout: 1000 → 5\n"
    assert run("respond", "diff", folder / "main.json", folder / "main.json")[1] == "they mean the same\n"


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())])
def test_sign_and_verify(run: Run, folder: Path, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    file, private, public = folder / "main.json", folder / "key.pem", folder / "pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert told(run, "verify", file, "--pub", public, code=1) == {"valid": False, "signatures": []}
    assert run("respond", "verify", file, "--pub", public)[1] == "not valid: the playbook is not signed\n"
    code, out, _ = run("respond", "sign", file, "--key", private, "--signee", "Shift", "--out", folder / "signed.json")
    assert (code, "signed by Shift with" in out) == (0, True)
    assert json.loads(file.read_text()) == MAIN
    code, out, _ = run("respond", "verify", folder / "signed.json", "--pub", public)
    assert (code, out.endswith("valid\n")) == (0, True)
    assert run("respond", "check", folder / "signed.json")[0] == 0
    row = told(run, "sign", file, "--key", private, "--valid-until", "2999-01-01T00:00:00Z")
    assert (row["file"], row["signee"]) == (str(file), "interferon")
    assert told(run, "verify", file, "--pub", public)["valid"]
    file.write_text(file.read_text().replace('"cut"', '"keep"'))
    report = told(run, "verify", file, "--pub", public, code=1)
    assert report["signatures"][0]["why"] == "does not fit: the playbook or the signature was changed"
    code, _, err = run("respond", "sign", folder / "called.json", "--key", private, "--valid-until", "2001-01-01T00:00:00Z")
    assert (code, "the signature would not be valid" in err) == (2, True)


def test_what_ships_is_listed_exported_and_run(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = told(run, "list")["playbooks"]
    assert len(rows) >= 20
    lines = run("respond", "list")[1].splitlines()
    assert [line.split()[0] for line in lines] == [row["name"] for row in rows]
    monkeypatch.chdir(folder)
    assert told(run, "export", "wiper-server", "--out", "wiper.json") == {"name": "wiper-server", "file": "wiper.json"}
    code, _, err = run("respond", "export", "wiper-server", "--out", "wiper.json")
    assert (code, "there is such a file already" in err) == (2, True)
    assert run("respond", "export", "wiper-server")[1] == Path("wiper.json").read_text()
    report = told(run, "run", "wiper.json")  # calls one that ships and is not beside it
    assert report["status"] == "completed"
    assert "playbook-action" in {step["kind"] for step in report["steps"]}


def test_a_historian_that_was_changed_comes_back_by_stages(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restoring fails and people do it; then it is proved, opened, found not quiet, and closed again."""
    monkeypatch.chdir(folder)
    told(run, "export", "compromised-historian", "--out", "historian.json")
    step = {each["name"]: (key, each) for key, each in json.loads(Path("historian.json").read_text())["workflow"].items()}
    script: dict[str, Any] = {step["Bring back what was approved"][0]: "failure"}
    for title, said in (
        ("Compare with what was approved", False),
        ("Compare once more", True),
        ("Prove it clean", True),
        ("Watch for an hour", False),
    ):
        key, each = step[title]
        script[key] = {"result": "success", "out": {each["out_args"][0]: str(said).lower()}}
    Path("said.json").write_text(json.dumps(script))
    report = told(run, "run", "historian.json", "--script", "said.json")
    names = {key: title for title, (key, _) in step.items()}
    went = [names[each["id"]] for each in report["steps"] if each["kind"] == "action"]
    assert report["status"] == "completed"
    assert went[-8:] == [
        "Compare with what was approved", "Bring back what was approved", "Restore it by hand", "Compare once more", "Prove it clean",
        "Let the office read again, watched", "Watch for an hour", "Close it again",
    ]  # fmt: skip


def test_openc2_messages_are_checked_by_the_same_command(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("interferon.openc2.check")
    (tmp_path / "good.json").write_text('{"action": "query", "target": {"features": []}}')
    (tmp_path / "bad.json").write_text('{"action": "query"}')
    report = told(run, "check", tmp_path, "--format", "openc2", "--kind", "command", code=1)
    assert [(Path(row["file"]).name, row["ok"], bool(row["problems"])) for row in report["files"]] == [
        ("bad.json", False, True),
        ("good.json", True, False),
    ]
    assert told(run, "check", tmp_path / "good.json", "--format", "openc2", "--kind", "response", code=1)["files"][0]["problems"]
