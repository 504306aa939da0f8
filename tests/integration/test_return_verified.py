"""A host that was cut off comes back once the real effector has seen its configuration in a real repository and its backup to be right."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interferon.actions import ACTIONS
from interferon.decide.approval import yes
from interferon.decide.recovery import held_back
from interferon.decide.release import ReleaseSettings
from interferon.model.events import Inspected, Tick
from interferon.model.records import Plan, Undo
from interferon.pipeline import Output, step
from interferon.runtime.acting import Acting
from interferon.runtime.loop import Hooks, Item, Loop, heard
from interferon.store.examples import START
from interferon.store.journal import Journal
from interferon.trust.policy import Decision, builtin_policy
from tests.unit.attacked import HOUR, MINUTE, attack, fresh, rules

from .acting_plant import PROGRAM
from .live_feeds import absent
from .product import serving
from .test_actuator_git import Managed
from .test_actuator_rest import EDR, Edr

REF, CASE = "asset:wks-1", ReleaseSettings(inspects=True)
KEPT = b"an image of wks-1"
POLICY = builtin_policy("demo", "people").ask


def ask(principal: str, action: str, target_type: str, target: str, context: Mapping[str, Any], /) -> Decision:
    """The demo's policy, with a person before each roll-back."""
    if action == "roll_back_config":
        return Decision("execute_approved", ("own",))
    return POLICY(principal, action, target_type, target, context)


class Site:
    """A host known to an EDR, its managed configuration and backup, the effector over both, and an installation on a clock of its own."""

    def __init__(self, folder: Path, port: int, edr: Edr) -> None:
        self.edr, self.managed, self.backup = edr, Managed(folder), folder / "wks-1.img"
        self.backup.write_bytes(KEPT)
        self._write(folder, port)
        self.log = (folder / "effector.log").open("wb")
        self.process = subprocess.Popen([*PROGRAM, "effector", "run", "--config", str(folder / "effector.toml")], stderr=self.log)
        self.wait(lambda: b"listens" in (folder / "effector.log").read_bytes())
        self.now, self.told = START, list[str]()
        self.items, self.outputs = list[Item](), list[Output]()
        self.rules = replace(rules(ask), release=CASE)
        self.journal = Journal(folder / "journal.sqlite")
        self.acting = Acting(folder / "s", folder, self.journal, self.rules.network, lambda: self.now, self.told.append)
        hooks = Hooks(see=self.items.append, heard=self.items.append, sink=self.outputs.append)
        self.loop = Loop(fresh(self.rules), self.rules, effects=self.acting.effects, actions=ACTIONS, hooks=hooks)
        self.wait(lambda: self.acting._looked or bool(list(self.acting.look(self.loop.state))))

    def _write(self, folder: Path, port: int) -> None:
        contract = EDR.replace("PORT", str(port)).replace("[[contracts]]", "[[actuators.rest.contracts]]")
        contract = contract.replace("[contracts.", "[actuators.rest.contracts.")
        (folder / "effector.toml").write_text(
            f"""
socket = "{folder}/s"
state = "{folder}/state"
kill_switch = "{folder}/STOP"
allow = [{os.geteuid()}]
group = {os.getegid()}
[actuators.git_config]
{contract}
[[target]]
ref = "{REF}"
actuator = "rest"
actions = ["isolate_asset"]
reach = {{ product = "edr", host = "h2" }}
identity = {{ serial = "S-2" }}
[[target]]
ref = "{REF}"
actuator = "git_config"
actions = ["roll_back_config"]
reach = {{ path = "{self.managed.live}", git_dir = "{self.managed.repository}", approved = "{self.managed.commit}" }}
identity = {{ first_commit = "{self.managed.commit}" }}
[[backup]]
ref = "{REF}"
path = "{self.backup}"
sha256 = "{hashlib.sha256(KEPT).hexdigest()}"
"""
        )
        (folder / "effector.toml").chmod(0o600)

    def wait(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "did not come true in time"
            time.sleep(0.01)

    def passes(self, us: int) -> None:
        """Time passes; the effector is asked, and what it saw is heard."""
        self.now += us
        self.loop.feed(Tick(time=self.now))
        for told in self.acting.look(self.loop.state):
            self.loop.feed(heard(told))
        self.loop.expire(self.now)
        for seen in self.acting.inspected(self.loop.state, self.rules.release):
            self.loop.feed(seen)

    def until(self, true: Callable[[], bool]) -> None:
        """Time passes, a quarter of a minute at once, until it is so."""
        end = time.monotonic() + 20
        while not true():
            assert time.monotonic() < end, f"did not come true in time: {self.waits()}"
            self.passes(MINUTE // 4)
            time.sleep(0.01)

    def waits(self) -> str:
        return held_back(self.loop.state.book, self.loop.state.latest, REF, self.now, self.rules.release)

    def plans(self) -> list[Plan]:
        return [each for each in self.outputs if isinstance(each, Plan)]

    def undone(self) -> list[Undo]:
        return [each for each in self.outputs if isinstance(each, Undo)]

    def close(self) -> None:
        self.acting.close()
        self.journal.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for program in ("git", "ssh-keygen"):
        if shutil.which(program) is None:
            absent(program)
    edr = Edr()
    with ExitStack() as stack:
        made = Site(tmp_path, stack.enter_context(serving(edr.answer)), edr)
        stack.callback(made.close)
        yield made


def contained(site: Site) -> None:
    site.loop.feed(attack("wks-1"))
    site.passes(2 * MINUTE)
    assert site.edr.hosts["h2"]["state"] == "contained"


def test_a_host_is_held_until_configuration_and_backup_are_right(site: Site) -> None:
    approved = site.managed.state()
    contained(site)
    first = len(site.plans())
    site.managed.drift()
    site.backup.unlink()
    for _ in range(20):
        site.passes(HOUR)
    site.until(lambda: site.waits().startswith(f"configuration of {REF} is not the approved one ({site.managed.live} differs from "))
    (proposal,) = site.plans()[first:]
    assert (proposal.alternatives[proposal.chosen].actions, proposal.mode) == ((("roll_back_config", REF),), "execute_approved")
    site.loop.feed(yes(proposal, proposal.chosen, "ann", site.now))
    assert site.managed.state() == approved
    gone = f"backup of {REF} is not what was recorded ({site.backup} cannot be read: No such file or directory)"
    site.until(lambda: site.waits() == gone)
    assert site.plans()[first:] == [proposal]
    assert site.edr.hosts["h2"]["state"] == "contained"
    site.backup.write_bytes(KEPT)
    site.until(lambda: bool(site.undone()))
    assert site.edr.hosts["h2"]["state"] == "normal"
    (undo,) = site.undone()
    assert undo.reason.endswith("; configuration and backup verified")
    assert site.managed.state() == approved


def test_a_replay_of_the_log_decides_the_same_without_looking(site: Site) -> None:
    contained(site)
    for _ in range(20):
        site.passes(HOUR)
    site.until(lambda: bool(site.undone()))
    state = fresh(site.rules)
    again = [output for item in site.items for output in step(state, site.rules, item)]
    assert again == site.outputs
    assert any(isinstance(item, Inspected) for item in site.items)
