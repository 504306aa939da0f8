"""The whole response on a whole range: an attack, its containment, what is changed behind our back, and the way back, seen in the world.

Needs root, nft, ip, mosquitto and haproxy; without them it is skipped with the reason (a failure where everything must be there).
"""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from interferon.model.effects import State
from interferon.runtime.effector_client import EffectorClient
from interferon.store import examples, policy_folder
from interferon.store.accounts import Accounts, Cost
from interferon.store.journal import Journal, journal_path
from tests.conftest import PROGRAM, Up
from tests.integration.acting_plant import openc2, side_by_side
from tests.integration.test_up import PASSWORD, cases, token
from tests.integration.test_up import lines as attack
from tests.namespaces import needed

from .effector_plant import lines, planted, until
from .whole_range import Range

SECOND = 1_000_000
WATCHED_S, CHECKED_S = 5.0, 20.0
OFFICE, OPS = "/zone/corp-it", "/zone/plant-1-ops"  # where wks-1 is, and srv-1
CLOSING = {("isolate_asset", "asset:wks-1"), ("disable_client", "identity:agent"), ("fail_over", "asset:srv-1")}
RIGHT = ("roll_back_config", "asset:srv-1")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Range]:
    needed("nft", "ip")
    with planted(Range, tmp_path) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, plant: Range) -> Path:
    """The small example with a second server for what the first one serves, the demo's policy, signed, and the range's effector."""
    made = tmp_path / "net"
    examples.write("minimal", made)
    (made / "feeds").mkdir()
    with (made / "assets.csv").open("a") as assets:
        assets.write("srv-2,plant-1-ops,server,,,,10.1.30.3,plant-1-owner,\n")
    with (made / "dependencies.csv").open("a") as needs:
        needs.write("".join(f"srv-{number},node:plant-1,0.2,0,0,8,plans,declared,1\n" for number in (1, 2)))
    policy_folder.write(made, "demo", "people")
    policy_folder.sign(made, tmp_path / "key")
    Accounts(made, Cost(n=2**10)).add("olga", "operator", PASSWORD, "2025-01-01T00:00:00Z")
    settings = made / "network.toml"
    settings.write_text(f'effector = "{plant.socket}"\n' + settings.read_text())
    changed(made, look_seconds=1.0)
    return made


def changed(folder: Path, **recovery: float) -> None:
    """Other values under `[recovery]` of `network.toml`."""
    path = folder / "network.toml"
    rows = [row.partition(" = ") for row in path.read_text().splitlines()]
    path.write_text("".join(f"{name}{is_}{recovery.get(name, value)}\n" for name, is_, value in rows))


class Attack:
    """It runs from the host, and with the account that it found there also from the historian. `logs` by who does what."""

    def __init__(self, plant: Range) -> None:
        plant.serve()
        self.plant, self.logs = plant, {"mes reads": plant.start("mes", "poll"), "historian reads": plant.start("historian", "poll")}
        self.logs["mes asks"], _ = plant.play("mes", "browse", "front")
        self.logs["mes talks"], _ = plant.play("mes", "talk", "broker", "mes", "m")
        for log in self.logs.values():
            until(lambda log=log: len(lines(log, "ok")) > 5)  # type: ignore[misc]
        assert lines(self.logs["mes asks"], "ok")[-1][1] == "srv-1 speed = 40"
        self.logs["host writes"] = plant.start("host", "attack")
        self.own = plant.processes[-1]
        self.logs["host talks"], self.talks = plant.play("host", "talk", "broker", "agent", "a")
        self.logs["thief talks"], self.thief = plant.play("historian", "talk", "broker", "agent", "a")
        _, overwrites = plant.play("host", "overwrite", "srv-1")
        assert overwrites.wait(20) == 0
        for who in ("host writes", "host talks", "thief talks"):
            until(lambda who=who: len(lines(self.logs[who], "ok")) > 5)  # type: ignore[misc]
        until(lambda: lines(self.logs["mes asks"], "ok")[-1][1] == "srv-1 speed = 900")
        until(lambda: lines(self.logs["mes reads"], "ok")[-1][1] == "666")
        assert plant.changed() == "M main.conf"
        self.begun = time.time()

    def alive(self, who: str, after: float) -> None:
        until(lambda: len(lines(self.logs[who], "ok", after)) > 2)

    def cut(self, *those: str, after: float) -> None:
        """Tries fail after a moment; from then on nothing gets through for a second."""
        for who in those:
            until(lambda who=who: bool(lines(self.logs[who], "no", after)))  # type: ignore[misc]
        since = time.time()
        time.sleep(1.0)
        assert [(who, found) for who in those if (found := lines(self.logs[who], "ok", since))] == []

    def unharmed(self) -> None:
        """Those who work on: never refused since the attack, in the session they had then."""
        for who in ("mes reads", "historian reads", "mes talks"):
            assert lines(self.logs[who], "no", self.begun) == [], who
            assert lines(self.logs[who], "session", self.begun) == [], who
        lost = lines(self.logs["mes asks"], "no", self.begun)
        assert len(lost) <= 2  # one that was under way at the server that was taken out, each of the two times

    def over(self) -> None:
        """Host and account are cleaned: what ran there ends, and the host works as it did before."""
        for process in (self.own, self.talks, self.thief):
            self.plant.end(process)
        self.logs["host reads"] = self.plant.start("host", "poll")
        self.logs["host talks"], _ = self.plant.play("host", "talk", "broker", "agent", "a")


def test_a_whole_plant_is_contained_kept_so_and_brought_back(
    plant: Range, folder: Path, up: Up, browser: httpx2.Client, record_property: Callable[[str, object], None]
) -> None:
    begin, attacked = time.monotonic(), Attack(plant)
    with plant.ready() as client:
        with up():
            log_in(browser)
            incident = quarantined(attacked, client, folder, browser)
        responded(attacked, client, folder, incident)
        with up() as process:
            log_in(browser)
            shown(browser, OPS, "fail over by a playbook")  # it has looked at the world, and heard what the playbook did
            mended(attacked, client, process)
            attacked.unharmed()
        assert repairs(folder) == dict.fromkeys({*CLOSING, RIGHT}, 1)
        attacked.over()
        changed(folder, contained_hours=0.0, clean_hours=(quiet(folder) + CHECKED_S) / 3600, watch_hours=WATCHED_S / 3600)
        with up():
            log_in(browser)
            returned(attacked, client, browser)
            attacked.unharmed()
    with Journal(journal_path(folder)) as journal:
        last = {(effect.intent.action, effect.intent.target): effect.state for effect in journal.effects()}
    assert last == dict.fromkeys(CLOSING, State.UNDONE) | {RIGHT: State.VERIFIED}
    record_property("whole_range_s", round(time.monotonic() - begin, 1))


def quarantined(attacked: Attack, client: EffectorClient, folder: Path, browser: httpx2.Client) -> str:
    """The policy has the host cut off; the account that was stolen works on from elsewhere. The incident."""
    at = time.time_ns() // 1000 - 180 * SECOND  # the frame of a minute has closed when the heartbeat behind it comes
    (folder / "feeds" / "edr.ndjson").write_text(attack("wks-1", at))
    until(lambda: standing(client) == {("isolate_asset", "asset:wks-1")})
    cut = time.time()
    attacked.cut("host writes", "host talks", after=cut)
    for who in ("mes reads", "historian reads", "mes talks", "mes asks", "thief talks"):
        attacked.alive(who, cut)
    (incident,) = cases(browser, 1)
    return incident


def responded(attacked: Attack, client: EffectorClient, folder: Path, incident: str) -> None:
    """A playbook in a person's name does the rest: three branches at once."""
    plant = attacked.plant
    asked = (
        openc2("deny", "x-interferon:client", "identity:agent"),
        openc2("redirect", "x-interferon:asset", "asset:srv-1"),
        openc2("restore", "x-interferon:config", "asset:srv-1"),
    )
    file = side_by_side(folder.parent / "respond.json", *asked)
    words = ["respond", "run", str(file), "--executor", "effector", "--network", str(folder), "--person", "olga", "--incident", incident]
    ran = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    contained(attacked, client, time.time())
    assert plant.git("show", f"{branches(plant)[0]}:main.conf") == "speed = 900\n"  # what the attack left is kept


def contained(attacked: Attack, client: EffectorClient, since: float) -> None:
    """All that was decided is so in the world."""
    plant = attacked.plant
    assert standing(client) == {*CLOSING, RIGHT}
    attacked.cut("host writes", "host talks", "thief talks", after=since)
    assert "ConnectionRefusedError Not authorized" in {told for _, told in lines(attacked.logs["thief talks"], "no", since)}
    for who in ("mes reads", "historian reads", "mes talks", "mes asks"):
        attacked.alive(who, since)
    assert lines(attacked.logs["mes asks"], "ok")[-1][1] == "srv-2 speed = 40"
    assert plant.serving() == {"b"}
    assert (plant.changed(), (plant.config / "main.conf").read_text()) == ("", "speed = 40\n")


def mended(attacked: Attack, client: EffectorClient, process: "subprocess.Popen[bytes]") -> None:
    """Somebody opens everything while nobody looks; the next look finds it and puts it right."""
    plant = attacked.plant
    process.send_signal(signal.SIGSTOP)
    opened = time.time()
    plant.let_in()
    for who in ("host writes", "host talks", "thief talks"):
        attacked.alive(who, opened)
    assert (plant.serving(), plant.changed()) == ({"a", "b"}, "M main.conf")
    process.send_signal(signal.SIGCONT)
    until(lambda: standing(client) == {*CLOSING, RIGHT} and plant.serving() == {"b"} and not plant.changed())
    contained(attacked, client, time.time())


def returned(attacked: Attack, client: EffectorClient, browser: httpx2.Client) -> None:
    """Checked, then back and watched, then as before; the configuration stays as approved."""
    plant = attacked.plant
    shown(browser, OFFICE, "checked before it comes back: something was found on it within")
    assert standing(client) == {*CLOSING, RIGHT}
    until(lambda: standing(client) == {RIGHT}, CHECKED_S + 20)
    back = time.time()
    shown(browser, OFFICE, "back from a containment; evidence counts more")
    for who in ("host reads", "host talks", "mes reads", "historian reads", "mes talks", "mes asks"):
        attacked.alive(who, back)
    assert lines(attacked.logs["mes asks"], "ok")[-1][1] == "srv-1 speed = 40"
    assert (plant.serving(), plant.changed()) == ({"a"}, "")
    until(lambda: "back from a containment" not in browser.get(OFFICE).text, WATCHED_S + 20)
    assert standing(client) == {RIGHT}


def log_in(browser: httpx2.Client) -> None:
    page = browser.get("/login").text
    assert browser.post("/login", data={"name": "olga", "password": PASSWORD, "csrf": token(page)}).url.path == "/"


def shown(browser: httpx2.Client, page: str, words: str) -> None:
    until(lambda: words in browser.get(page).text)


def standing(client: EffectorClient) -> set[tuple[str, str]]:
    return {(each.action, each.target) for each in client.observed()}


def branches(plant: Range) -> list[str]:
    return plant.git("branch", "--list", "--format=%(refname:short)", "interferon/*").split()


def quiet(folder: Path) -> float:
    """Seconds since something was found last."""
    rows = (folder / "state/records/incidents.ndjson").read_text().splitlines()
    return time.time() - max(int(json.loads(row)["updated"]) for row in rows) / SECOND


def repairs(folder: Path) -> dict[tuple[str, str], int]:
    """How often each effect was put back, as the ledger tells."""
    found = {}
    with Journal(journal_path(folder)) as journal:
        for effect in journal.effects():
            steps = [msgspec.json.decode(entry.body) for entry in journal.history(effect.id)]
            back = [step for step in steps if (step["from"], step["to"]) == ("verified", "applying")]
            found[effect.intent.action, effect.intent.target] = len(back)
    return found
