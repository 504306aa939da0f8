"""A playbook that a running `up` carries out: it decides, a person approves, a real effector holds orders; killed, resumed, timed out."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interferon.runtime import playbook_live
from interferon.store import policy_folder

from .acting_plant import PROGRAM, Acting, alone, hold, openc2, playbook, release, step
from .test_respond_cli import ident
from .test_up import _log_in
from .test_up import token as csrf

Run = Callable[..., tuple[int, str, str]]
Served = Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]


class Plant:
    """An `up` that acts, two tokens that may have it hold orders, and a person in front of its screens."""

    def __init__(self, acting: Acting, run: Run, port: int) -> None:
        self.acting, self.run, self.url = acting, run, f"http://127.0.0.1:{port}"
        self.folder, self.erp = acting.folder, acting.erp
        for name, level in (("desk", 3), ("asking", 1)):
            code, told, _ = run("token", "add", acting.net, name, "--action", "hold_transaction", "--level", str(level))
            assert code == 0
            (self.folder / name).write_text(told)

    def words(self, file: Path, *more: str, token: str = "desk") -> list[str]:
        return [
            "respond",
            "run",
            str(file),
            "--executor",
            "up",
            "--url",
            self.url,
            "--token-file",
            str(self.folder / token),
            "--json",
            *more,
        ]

    def report(self, *words: str) -> tuple[int, dict[str, Any]]:
        code, out, told = self.run(*words)
        assert out, told
        return code, json.loads(out)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return self.acting.start(*words)


@pytest.fixture
def plant(tmp_path: Path, run: Run, free_port: int, served: Served) -> Iterator[Plant]:
    acting = Acting(tmp_path)
    policy_folder.write(acting.net, "demo", "people")
    policy_folder.sign(acting.net, tmp_path / "key")
    made = Plant(acting, run, free_port)
    with acting.effector(), served([*PROGRAM, "up", str(acting.net), "--port", str(free_port)], free_port, tmp_path / "up.log"):
        yield made
    acting.close()


def waiting(client: httpx2.Client, order: str) -> str:
    """Address of the plan that waits for a person about an order, once it is on *Approvals*."""
    end = time.monotonic() + 20
    while f"hold_transaction of order:{order} " not in (page := client.get("/approvals").text):
        assert time.monotonic() < end
        time.sleep(0.1)
    return "/plan/" + page.partition('href="/plan/')[2].partition('"')[0]


def approve(client: httpx2.Client, plan: str) -> None:
    page = client.get(plan).text
    digest = page.partition('name="digest" value="')[2].partition('"')[0]
    assert client.post(f"{plan}/approve", data={"alternative": "1", "digest": digest, "csrf": csrf(page)}).status_code == 200


def test_up_carries_a_playbook_out(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbook_live, "WAIT_S", 0.2)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    _done_at_once(plant, tmp_path)
    code, out, told = plant.run(*plant.acting.words(tmp_path / "p.json"))  # the journal is `up`'s: one line, and what to do
    assert (code, out, told.splitlines()[-1].count("--executor up --url URL --token-file FILE")) == (2, "", 1)
    with httpx2.Client(base_url=plant.url, timeout=30, follow_redirects=True) as client:
        assert _log_in(client, "olga", "a long enough password").status_code == 200
        _killed_while_it_waits(plant, client, tmp_path)
        _timed_out(plant, client, tmp_path)
    assert [plant.erp.status[f"o-{number}"] for number in (1, 2, 3)] == ["open", "held", "open"]
    assert len(plant.erp.taken) == 3


def _done_at_once(plant: Plant, folder: Path) -> None:
    """Held, let go, and what the token may not command or `up` has no word for fails with the reason."""
    both = {ident("action", 3): step(ident("action", 4), hold("o-1")), ident("action", 4): step(ident("end", 2), release("o-1"))}
    code, told = plant.report(*plant.words(playbook(folder / "p.json", both | {ident("end", 2): {"type": "end"}})))
    assert (code, told["status"], [each.get("detail") for each in told["steps"][1:3]]) == (
        0, "completed", ["contain order:o-1: done", "allow order:o-1: done"],
    )  # fmt: skip
    (kept,) = (folder / "own" / "interferon" / "runs").iterdir()
    assert plant.report("respond", "resume", str(kept), "--json")[1]["status"] == "completed"
    for command, why in (
        (openc2("contain", "x-interferon:asset", "asset:wks-1"), "403: the token desk may not command isolate_asset"),
        (openc2("restore", "x-interferon:config", "asset:wks-1"), "501: restore x-interferon:config is not supported here"),
    ):
        code, told = plant.report(*plant.words(alone(folder / "q.json", command)))
        assert (code, why in told["steps"][1]["detail"]) == (1, True), told


def _killed_while_it_waits(plant: Plant, client: httpx2.Client, folder: Path) -> None:
    kept = folder / "run.jsonl"
    asked = plant.start(*plant.words(alone(folder / "w.json", hold("o-2")), "--journal", str(kept), token="asking"))
    plan = waiting(client, "o-2")
    asked.send_signal(signal.SIGKILL)
    asked.communicate()
    approve(client, plan)
    code, told = plant.report("respond", "resume", str(kept), "--json")
    assert (code, told["status"], told["notes"][0].endswith("it is given again, which does no harm")) == (0, "completed", True)


def _timed_out(plant: Plant, client: httpx2.Client, folder: Path) -> None:
    """What nobody approves in the step's time is withdrawn: it is not begun behind the playbook's back."""
    file = playbook(
        folder / "t.json", {ident("action", 3): step(ident("end", 2), hold("o-3"), timeout=3000), ident("end", 2): {"type": "end"}}
    )
    code, told = plant.report(*plant.words(file, token="asking"))
    assert (code, told["steps"][1]["result"]) == (1, "timeout")
    assert "order:o-3" not in client.get("/approvals").text


def test_wrong_use_is_one_line_and_nothing_is_begun(run: Run, tmp_path: Path, free_port: int) -> None:
    file, token = alone(tmp_path / "p.json", hold("o-1")), tmp_path / "token"
    token.write_text("ifn_x\n")
    words = ["respond", "run", str(file), "--executor", "up", "--url", f"http://127.0.0.1:{free_port}", "--token-file", str(token)]
    for asked, why in (
        (words[:5], "--executor up needs --token-file FILE"),
        ([*words, "--person", "olga"], "in `up` each command is a case of its own"),
        (["respond", "run", str(file), "--token-file", str(token)], "--token-file and --ca-file are for --executor up"),
        ([*words[:-1], str(tmp_path / "none")], "none: No such file or directory"),
        ([*words[:6], "http://elsewhere.example:8600", *words[7:]], "https://HOST:PORT of another machine would be right"),
        (words, "nothing is carried out: http://127.0.0.1:"),
    ):
        code, out, told = run(*asked)
        assert (code, out, told.count("\n")) == (2, "", 1), told
        assert why in told
