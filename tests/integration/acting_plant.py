"""An ERP, an effector that holds orders there, and a network folder with a signed policy. Used by the tests of runs that act."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interferon.store import examples, policy_folder
from interferon.store.accounts import Accounts, Cost

from .test_actuator_erp_files import Erp
from .test_respond_cli import ident

PROGRAM = [sys.executable, "-c", "from interferon.cli import main; main()"]
PEOPLE = {"olga": "operator", "olaf": "owner", "vera": "viewer", "paul": "planner"}
ROBOT = "http-api--11111111-1111-4111-8111-111111111112"


class SlowErp(Erp):
    """Takes each file `takes_s` after it has come, whatever else there is to do."""

    def __init__(self, folder: Path, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.came: dict[str, float] = {}
        self.done = 0.0  # when the last one was taken
        super().__init__(folder, "csv")
        self.status = {f"o-{number}": "open" for number in range(1, 6)}
        self.write()

    def _take(self, path: Path) -> None:
        if time.monotonic() - self.came.setdefault(path.name, time.monotonic()) >= self.takes_s:
            super()._take(path)
            self.done = time.monotonic()


class Acting:
    """Files of the effector and of the network folder, in one folder."""

    def __init__(self, folder: Path, takes_s: float = 0.0) -> None:
        self.folder, self.net = folder, folder / "net"
        (folder / "erp").mkdir()
        self.erp = SlowErp(folder / "erp", takes_s)
        self._write_effector()
        self._write_network()

    def _write_effector(self) -> None:
        own = self.erp.settings(ack_s=8.0)
        paths = {name: getattr(own, name) for name in ("out_dir", "in_dir", "export", "key_file", "ack_key_file")}
        self.file = self.folder / "effector.toml"
        parts = [f'socket = "{self.folder}/s"\nstate = "{self.folder}/state"\nkill_switch = "{self.folder}/STOP"\n']
        parts.append(f"allow = [{os.geteuid()}]\ngroup = {os.getegid()}\n[actuators.erp_files]\nack_s = 8.0\n")
        parts += [f'{name} = "{path}"\n' for name, path in paths.items()]
        for order in self.erp.status:
            parts.append(f'[[target]]\nref = "order:{order}"\nactuator = "erp_files"\nactions = ["hold_transaction"]\n')
            parts.append('identity = { partner = "acme" }\n')
        self.file.write_text("".join(parts))
        self.file.chmod(0o600)

    def _write_network(self) -> None:
        examples.write("minimal", self.net)
        policy_folder.write(self.net, "people")
        policy_folder.sign(self.net, self.folder / "key")
        settings = self.net / "network.toml"
        settings.write_text(f'effector = "{self.folder}/s"\n' + settings.read_text())
        accounts = Accounts(self.net, Cost(n=2**10, r=8, p=1))
        for name, role in PEOPLE.items():
            accounts.add(name, role, "a long enough password", "2025-01-01T00:00:00Z")

    @contextmanager
    def effector(self) -> Iterator["subprocess.Popen[bytes]"]:
        log = self.folder / "effector.log"
        with log.open("wb") as out, subprocess.Popen([*PROGRAM, "effector", "run", "--config", str(self.file)], stderr=out) as made:
            try:
                end = time.monotonic() + 20
                while "listens" not in log.read_text():
                    assert made.poll() is None, log.read_text()
                    assert time.monotonic() < end
                    time.sleep(0.02)
                yield made
            finally:
                made.terminate()

    def words(self, file: Path, *more: str, person: str = "olga") -> list[str]:
        return ["respond", "run", str(file), "--executor", "effector", "--network", str(self.net), "--person", person, "--json", *more]

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([*PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def close(self) -> None:
        self.erp.close()


def openc2(verb: str, target: str, reference: str, **more: Any) -> dict[str, Any]:
    content = json.dumps({"action": verb, "target": {target: reference}, **more})
    return {"type": "openc2-http", "command": "POST /openc2 HTTP/1.1", "content_b64": base64.b64encode(content.encode()).decode()}


def hold(order: str) -> dict[str, Any]:
    return openc2("contain", "x-interferon:transaction", f"order:{order}")


def release(order: str) -> dict[str, Any]:
    return openc2("allow", "x-interferon:transaction", f"order:{order}")


def step(then: str, *commands: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "action", "agent": ROBOT, "commands": list(commands), "on_completion": then, **more}


def playbook(path: Path, workflow: dict[str, Any]) -> Path:
    """The file of a playbook that begins with the first step of `workflow`."""
    start = ident("start", 1)
    path.write_text(
        json.dumps(
            {
                "type": "playbook",
                "spec_version": "cacao-2.0",
                "id": ident("playbook", 9),
                "name": "Acts",
                "created_by": ident("identity", 1),
                "created": "2025-01-01T00:00:00.000Z",
                "modified": "2025-01-01T00:00:00.000Z",
                "workflow_start": start,
                "workflow": {start: {"type": "start", "on_completion": next(iter(workflow))}, **workflow},
                "agent_definitions": {ROBOT: {"type": "http-api", "name": "Interferon", "address": {"dname": ["here.example"]}}},
            }
        )
    )
    return path


def alone(path: Path, *commands: dict[str, Any]) -> Path:
    """A playbook of one action."""
    return playbook(path, {ident("action", 3): step(ident("end", 2), *commands), ident("end", 2): {"type": "end"}})


def side_by_side(path: Path, *commands: dict[str, Any]) -> Path:
    """A playbook whose commands are branches of one parallel step."""
    both = ident("parallel", 10)
    workflow: dict[str, Any] = {both: {"type": "parallel", "next_steps": [], "on_completion": ident("end", 2)}}
    for place, command in enumerate(commands, 30):
        workflow[both]["next_steps"].append(ident("action", place))
        workflow |= {ident("action", place): step(ident("end", place), command), ident("end", place): {"type": "end"}}
    return playbook(path, workflow | {ident("end", 2): {"type": "end"}})
