"""The effector on the gateway of a real plant in network namespaces: containments, crashes, the kill switch, figures.

Needs root, nft and ip; without them it is skipped with the reason (a failure where everything must be there).
"""

import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interferon.actions import ACTIONS
from interferon.bench import respond_contain
from interferon.model.effects import Intent, Outcome, State
from interferon.model.network import Asset, Budgets, Conduit, Network, Settings, Zone
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal
from tests.namespaces import needed

from .effector_plant import MACHINES, Nursed, Plant, answers, lines, planted, run, until

WIDE = "[limits]\neffects = 5000\neffects_a_minute = 100000\nisolated_assets = 5000\n"
KILLS = 200
ANSWERING = 0.75  # of the kills when it answers again; the others may come before
STORM = 1000
ONE_APPLY_S = 0.1  # from its beginning to the answer, on a busy machine
Told = Callable[[str, object], None]


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    needed("nft", "ip")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with planted(Plant, tmp_path, limits=WIDE) as made:
        yield made


@contextmanager
def driver(plant: Plant, client: EffectorClient) -> Iterator[Effects]:
    """The runtime's side: its journal and driver over the client."""
    tables = ("sites", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    assets = {name: Asset(id=name, zone="office", type="host") for name in (*MACHINES, *(f"x{n}" for n in range(plant.extra)))}
    zones = {name: Zone(id=name, site="s", purdue=3, criticality=2) for name in ("office", "cell")}
    conduits = {"mes-plc": Conduit(id="mes-plc", from_zone="office", to_zone="cell", protocol="modbus", port=502)}
    budgets = Budgets(actions_per_hour=1_000_000, isolated_assets=1_000_000)
    network = Network(settings=Settings(name="n", budgets=budgets), revision=1, assets=assets, zones=zones, conduits=conduits, **empty)
    with Journal(plant.folder / "journal.sqlite") as journal, Effects(journal, client, ACTIONS, network, now) as effects:
        yield effects


def now() -> int:
    return time.time_ns() // 1000


def intent(name: str, target: str = "asset:host", action: str = "isolate_asset") -> Intent:
    return Intent(id=name, plan="p", incident="i", action=action, target=target, time=now(), assets=1)


def attack(plant: Plant) -> dict[str, Path]:
    """Everything runs, and the attacker is in: it writes to the PLC through a session of its own."""
    plant.start("plc", "plc")
    logs = {machine: plant.start(machine, "attack" if machine == "host" else "poll") for machine in MACHINES[1:]}
    for log in logs.values():
        until(lambda log=log: len(lines(log, "ok")) > 5)  # type: ignore[misc]
    assert any(value == "666" for _, value in lines(logs["mes"], "ok"))
    return logs


def silent(log: Path, after: float, seconds: float = 1.0) -> bool:
    """No try got through after a moment, and tries were made."""
    until(lambda: len(lines(log, "no", after)) > 0)
    time.sleep(seconds)
    return not lines(log, "ok", after)


def test_a_compromised_host_is_quarantined_and_everybody_else_works_on(plant: Plant, record_property: Told) -> None:
    """Its established session dies though the site's firewall lets what is established pass; undo lets it back in."""
    logs = attack(plant)
    with plant.ready() as client, driver(plant, client) as effects:
        begin = time.time()
        (told,) = effects.submit([intent("e1")])
        assert (told.status, told.detail) == (State.VERIFIED, "1 element in the packet filter")
        cut = time.time()
        assert silent(logs["host"], cut)
        for machine in ("mes", "historian"):
            assert len(lines(logs[machine], "ok", begin)) > 20
            assert lines(logs[machine], "no", begin) == []
            assert len(lines(logs[machine], "session")) == 1
        (told,) = effects.undo(["e1"], "over")
        assert told.status is State.UNDONE
        until(lambda: len(lines(logs["host"], "ok", cut)) > 0)
        assert client.observed() == frozenset()
    record_property("evidence_to_cut_s", round(cut - begin, 3))


def test_a_zone_and_a_conduit_are_cut_and_nothing_else(plant: Plant) -> None:
    logs = attack(plant)
    with plant.ready() as client, driver(plant, client) as effects:
        begin = time.time()
        (told,) = effects.submit([intent("z", "zone:office", "isolate_zone")])
        assert told.status is State.VERIFIED
        assert silent(logs["host"], time.time())
        assert silent(logs["historian"], time.time(), 0)
        assert plant.reaches("host", "historian")
        assert not plant.reaches("host", "mes")
        assert lines(logs["mes"], "no", begin) == []
        effects.undo(["z"], "over")
        (told,) = effects.submit([intent("c", "conduit:mes-plc", "cut_conduit")])
        assert told.status is State.VERIFIED
        assert silent(logs["mes"], time.time())
        assert plant.reaches("mes", "plc")
        assert not plant.reaches("mes", "plc", 502)
        until(lambda: bool(lines(logs["historian"], "ok", time.time() - 0.1)))
        effects.undo(["c"], "over")
        until(lambda: bool(lines(logs["mes"], "ok", time.time() - 0.1)))


def test_another_machine_at_the_address_is_left_alone(plant: Plant) -> None:
    """Address reuse: the host has left, and another machine has its address."""
    with plant.ready() as client, driver(plant, client) as effects:
        run("ip", "-n", plant.space("host"), "link", "set", "eth", "address", "02:00:00:00:77:99")
        (told,) = effects.submit([intent("e1")])
        assert told.status is State.FAILED
        assert "10.77.4.2 is 02:00:00:00:77:99 now, meant is 02:00:00:00:77:04" in told.detail
        run("ip", "-n", plant.space("host"), "link", "set", "eth", "down")
        run("ip", "-n", plant.gateway, "neigh", "flush", "all")
        (told,) = effects.submit([intent("e2")])
        assert told.status is State.FAILED
        assert "nobody answers at 10.77.4.2" in told.detail
        assert client.observed() == frozenset()


@pytest.mark.parametrize(
    ("tamper", "standing"),
    [
        ("flush ruleset", "absent"),
        ("flush set inet interferon asset4", "absent"),
        ("flush chain inet interferon guard", "rules"),
        ("delete chain inet interferon forward", "chain inet interferon forward"),
        ("add table inet interferon { flags dormant; }", "dormant"),
        ("insert rule inet interferon guard accept", "rules"),
    ],
)
def test_a_change_behind_its_back_is_seen_and_mended(plant: Plant, tamper: str, standing: str) -> None:
    with plant.ready() as client:
        assert client.apply("e", "isolate_asset", "asset:host", {"ttl_s": 600}, 1).result == "ok"
        run("ip", "netns", "exec", plant.gateway, "nft", tamper)
        seen = client.verify("e", "isolate_asset", "asset:host")
        assert seen.result == "failed"
        assert standing in seen.detail or standing == "absent"
        assert {each.effect for each in client.observed()} == (set() if standing == "absent" else {"e"})
        assert client.apply("e", "isolate_asset", "asset:host", {"ttl_s": 600}, 1).result == "ok"
        assert client.verify("e", "isolate_asset", "asset:host").result == "ok"
        assert client.undo("e", "isolate_asset", "asset:host", 1).result == "ok"
        assert client.observed() == frozenset()


def test_the_kernel_keeps_a_time_to_live_while_nothing_of_ours_runs(plant: Plant) -> None:
    with plant.ready() as client:
        assert client.apply("short", "isolate_asset", "asset:host", {"ttl_s": 2}, 1).result == "ok"
        assert client.apply("long", "isolate_asset", "asset:mes", {}, 1).result == "ok"
        plant.kill()
        until(lambda: "10.77.4.2" not in run("ip", "netns", "exec", plant.gateway, "nft", "list", "table", "inet", "interferon"), 10)
    with plant.ready() as client:
        assert {each.effect for each in client.observed()} == {"long"}
        assert [each.effect for each in client.status().effects] == ["long"]


def test_effects_are_found_where_the_record_is_lost(plant: Plant) -> None:
    with plant.ready() as client, driver(plant, client) as effects:
        client.apply("lost", "isolate_asset", "asset:host", {}, effects._journal.epoch)
        plant.kill()
        for each in (plant.folder / "state").iterdir():
            each.unlink()
        plant.begin()
        recovery = effects.recover()
        assert [(each.effect, each.target, each.status) for each in recovery.orphans] == [("lost", "asset:host", State.ORPHAN)]
        (told,) = effects.undo(["lost"], "unexplained")
        assert told.status is State.UNDONE


def test_a_packet_filter_flushed_behind_our_back_is_put_right(plant: Plant) -> None:
    with plant.ready() as client, driver(plant, client) as effects:
        plant.start("plc", "plc")
        until(lambda: plant.reaches("host", "plc", 502))
        effects.submit([intent("e"), intent("u", "asset:historian")])
        effects.undo(["u"], "over")
        assert not plant.reaches("host", "plc", 502)
        assert effects.watch() == []
        run("ip", "netns", "exec", plant.gateway, "nft", "flush ruleset")
        until(lambda: plant.reaches("host", "plc", 502))
        (told,) = effects.watch()
        assert (told.effect, told.status) == ("e", State.VERIFIED)
        assert not plant.reaches("host", "plc", 502)
        assert {each.effect for each in client.observed()} == {"e"}
        client.stop()
        run("ip", "netns", "exec", plant.gateway, "nft", "flush ruleset")
        assert [(told.effect, told.status) for told in effects.watch()] == [("e", State.ESCALATED)]
        assert plant.reaches("host", "plc", 502)


def test_killed_at_any_moment_every_effect_is_verified_or_undone(tmp_path: Path, record_property: Told) -> None:
    """SIGKILL at random moments while effects come and go; nothing is lost, done twice or left behind, and nobody has to look."""
    with planted(Nursed, tmp_path, limits=WIDE, extra_hosts=40) as plant, plant.ready() as client, driver(plant, client) as effects:
        done = threading.Event()
        killer = threading.Thread(target=killing, args=(plant, done))
        killer.start()
        told, rounds = [], 0
        while not done.is_set():
            names = [f"r{rounds}-{host}" for host in range(8)]
            hosts = [f"asset:x{(rounds * 8 + host) % plant.extra}" for host in range(8)]
            told += effects.submit([intent(name, host) for name, host in zip(names, hosts, strict=True)])
            told += effects.undo(names, "over")
            rounds += 1
        killer.join()
        assert [each for each in told if each.status not in (State.VERIFIED, State.UNDONE)] == []
        applied = Counter(re.findall(r"^apply (\S+) .*: ok", (plant.folder / "effector.log").read_text(), re.MULTILINE))
        assert set(applied.values()) == {1}
        last = effects.submit([intent(f"last{host}", f"asset:x{host}") for host in range(plant.extra)])
        plant.kill()
        plant.begin()
        recovery = effects.recover()
        assert (recovery.resumed, recovery.orphans, recovery.missing) == ((), (), ())
        assert {each.effect for each in client.observed()} == {each.effect for each in last}
        effects.undo([each.effect for each in last], "over")
        assert client.observed() == frozenset()
    record_property("kills", KILLS)
    record_property("effects", rounds * 8)


def killing(plant: Plant, done: threading.Event) -> None:
    chance = random.Random(8)
    with EffectorClient(plant.socket) as asks:
        for _ in range(KILLS):
            if chance.random() < ANSWERING:
                until(lambda: answers(asks))
            time.sleep(chance.uniform(0.0, 0.1))
            plant.kill()
            plant.begin()
    done.set()


STEPS = {  # where a process dies by itself: module, class, method, before or after it
    "before the record": ("interferon.effector.book", "Book", "begin", "before"),
    "after the record": ("interferon.effector.book", "Book", "begin", "after"),
    "before apply": ("interferon.effector.actuators.nft", "Nft", "apply", "before"),
    "after apply": ("interferon.effector.actuators.nft", "Nft", "apply", "after"),
    "before the answer": ("interferon.effector.carry", "Carrier", "apply", "after"),
    "before the mark": ("interferon.effector.book", "Book", "mark", "before"),
    "after the mark": ("interferon.effector.book", "Book", "mark", "after"),
    "before undo": ("interferon.effector.actuators.nft", "Nft", "undo", "before"),
    "after undo": ("interferon.effector.actuators.nft", "Nft", "undo", "after"),
    "before the answer to undo": ("interferon.effector.carry", "Carrier", "undo", "after"),
}


def follow(plant: Plant, first: "subprocess.Popen[bytes]") -> None:
    """Start the next one as soon as the first has ended, as systemd does."""
    first.wait()
    plant.begin()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step_it_goes_on_where_it_was(plant: Plant, step: str) -> None:
    """The process kills itself at the step, once; the next one starts; the runtime, which waits, notices nothing."""
    plant.begin(dies_at=STEPS[step])
    first = plant.effector
    assert first is not None
    with EffectorClient(plant.socket) as client, driver(plant, client) as effects:
        again = threading.Thread(target=follow, args=(plant, first))
        again.start()
        (told,) = effects.submit([intent("e1")])
        assert told.status is State.VERIFIED
        (told,) = effects.undo(["e1"], "over")
        assert told.status is State.UNDONE
        again.join(10)
        assert first.returncode == -signal.SIGKILL
        assert client.observed() == frozenset()
        assert client.apply("e1", "isolate_asset", "asset:host", {}, effects._journal.epoch).result == "refused"
        log = (plant.folder / "effector.log").read_text()
        assert log.count("listens at") == 2


@pytest.mark.parametrize("how", ["file", "command", "signal", "socket", "line"])
def test_each_kill_switch_stops_a_storm_within_100_ms(tmp_path: Path, how: str, record_property: Told) -> None:
    line = tmp_path / "gpio"
    line.write_text("0")
    with planted(Plant, tmp_path, limits=WIDE, extra_hosts=STORM) as plant:
        if how == "line":
            plant.file.write_text(f'inputs = ["{line}"]\n' + plant.file.read_text())
        with plant.ready() as client, ThreadPoolExecutor(32) as pool:
            storm = [pool.submit(timed, client, number) for number in range(STORM)]
            until(lambda: sum(each.done() for each in storm) > 50, 60)
            begun = engage(how, plant, client, line)
            results = [each.result() for each in storm]
            late = [at - begun for at, outcome in results if outcome.result == "ok" and at > begun]
            assert client.status().stopped
            applied = {each.effect for each in client.observed()}
            assert len(applied) == sum(outcome.result == "ok" for _, outcome in results) < STORM
            assert client.undo("s0", "isolate_asset", "asset:x0", 1).result == "ok"
            assert client.stop(undo_all=True).result == "ok"
            assert client.observed() == frozenset()
            assert client.resume().result == ("failed" if how == "line" else "ok")
    assert max(late, default=0.0) < 0.1 + ONE_APPLY_S, "one was answered too late to have begun within 100 ms"
    record_property("last_answer_after_s", round(max(late, default=0.0), 3))


def timed(client: EffectorClient, number: int) -> tuple[float, Outcome]:
    outcome = client.apply(f"s{number}", "isolate_asset", f"asset:x{number}", {}, 1)
    return time.monotonic(), outcome


def engage(how: str, plant: Plant, client: EffectorClient, line: Path) -> float:
    """Stops; the moment at which it was done."""
    if how == "file":
        (plant.folder / "STOP").touch()
    elif how == "line":
        line.write_text("1")
    elif how == "command":
        assert plant.command("stop").returncode == 0
    elif how == "socket":
        assert client.stop().result == "ok"
    else:
        assert plant.effector is not None
        plant.effector.send_signal(signal.SIGUSR1)
    return time.monotonic()


def test_a_paused_effector_is_stopped_by_the_command_all_the_same(plant: Plant) -> None:
    with plant.ready() as client:
        assert plant.effector is not None
        plant.effector.send_signal(signal.SIGSTOP)
        told = plant.command("stop")
        assert (told.returncode, told.stdout) == (0, f"stopped by {plant.folder / 'STOP'}; the effector does not answer\n")
        plant.effector.send_signal(signal.SIGCONT)
        assert client.apply("e", "isolate_asset", "asset:host", {}, 1).result == "refused"
        assert plant.command("resume").returncode == 0
        assert client.apply("e", "isolate_asset", "asset:host", {}, 1).result == "ok"


def test_it_runs_with_the_capabilities_of_its_actuators_alone(plant: Plant) -> None:
    with plant.ready():
        assert plant.effector is not None
        status = Path(f"/proc/{plant.effector.pid}/status").read_text()
        held = {int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("CapPrm", "CapEff", "CapBnd"))}
        assert held == {1 << 12 | 1 << 21}  # CAP_NET_ADMIN; CAP_SYS_ADMIN for the namespace
        assert "NoNewPrivs:\t1" in status


def test_five_hundred_containments_are_in_time(record_property: Told) -> None:
    rows = respond_contain.rows()
    for row in rows:
        record_property(row["metric"], row["value"])
    assert len(rows) == 4
    assert [row["metric"] for row in rows if row["holds"] is False] == []
