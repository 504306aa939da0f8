"""The packet filter's actuator against a real one, in network namespaces of the test. Needs root, nft and ip."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interferon.effector import nft_session
from interferon.effector.actuators.nft import Nft, Settings
from interferon.effector.neighbours import same_machine
from interferon.effector.nft_session import NftError, NftLost, NftSession
from interferon.effector.protocol import Job, Target
from interferon.model.effects import Observed, Outcome, Value
from interferon.model.errors import InputError
from tests.namespaces import needed

MAC = "02:00:00:00:66:02"
HOST = "10.66.0.2"


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    needed("nft", "ip")


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def spaces() -> Iterator[tuple[str, str]]:
    """A gateway and a host beside it, which answers at two addresses."""
    gateway, host = f"ifn-gw-{os.getpid()}", f"ifn-host-{os.getpid()}"
    try:
        for each in (gateway, host):
            run("ip", "netns", "add", each)
        run("ip", "link", "add", "toh", "netns", gateway, "type", "veth", "peer", "name", "eth", "netns", host)
        run("ip", "-n", host, "link", "set", "eth", "address", MAC)
        for space, device, address in ((gateway, "toh", "10.66.0.1"), (host, "eth", HOST), (host, "eth", "10.66.0.3")):
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", space, "link", "set", device, "up")
        run("ip", "-n", gateway, "route", "add", "10.67.0.0/24", "via", HOST)
        yield gateway, host
    finally:
        for each in (gateway, host):
            subprocess.run(["ip", "netns", "del", each], check=False, capture_output=True)


@pytest.fixture
def gateway(spaces: tuple[str, str]) -> str:
    filtering(spaces[0], "flush ruleset")
    return spaces[0]


@pytest.fixture
def nft(gateway: str) -> Iterator[Nft]:
    made = Nft(Settings(netns=gateway, exempt=["10.9.0.1"]))
    yield made
    made._session.close()


def filtering(space: str, words: str) -> str:
    return run("ip", "netns", "exec", space, "nft", words)


def job(effect: str = "e", ttl_s: int = 0, mac: str = MAC, address: str = HOST) -> Job:
    identity: dict[str, Value] = {"mac": mac} if mac else {}
    return Job(
        effect=effect, action="isolate_asset", target=Target(ref="asset:h", reach={"address": address}, identity=identity), ttl_s=ttl_s
    )


ZONE = Job(effect="z", action="isolate_zone", target=Target(ref="zone:z", reach={"addresses": "10.66.0.0/28 10.66.0.16/28"}))
ENDS: dict[str, Value] = {"from": "10.66.0.0/24", "to": "10.68.0.1 10.68.0.2", "protocol": "tcp", "port": 502}
CONDUIT = Job(effect="c", action="cut_conduit", target=Target(ref="conduit:c", reach=ENDS))
PAIR = Job(effect="p", action="cut_conduit", target=Target(ref="conduit:p", reach={"from": "fd00::1", "to": "fd01::/64"}))


@pytest.mark.parametrize("wanted", [job(), ZONE, CONDUIT, PAIR], ids=lambda each: each.effect)
def test_each_effect_comes_once_and_goes_for_good(nft: Nft, gateway: str, wanted: Job) -> None:
    assert nft.ready() == ""
    assert nft.look(wanted).standing == "absent"
    assert nft.before(wanted) == {}
    assert nft.undo(wanted) == Outcome("ok")
    assert [nft.apply(wanted).result for _ in range(2)] == ["ok", "ok"]
    assert nft.look(wanted).standing == "in_force"
    assert nft.found([wanted.target]) == {Observed(wanted.effect, wanted.action, wanted.target.ref)}
    (name,) = [each.effect for each in nft.found([])]
    assert name == wanted.effect
    assert [nft.undo(wanted) for _ in range(2)] == [Outcome("ok")] * 2
    assert nft.look(wanted).standing == "absent"
    assert f'comment "{wanted.effect}"' not in filtering(gateway, "list table inet interferon")


def test_two_effects_never_share_an_element(nft: Nft) -> None:
    nft.apply(job())
    assert nft.apply(job("f")) == Outcome("failed", f"{HOST} is held by effect e already")
    assert nft.undo(job("f")) == Outcome("ok")
    assert nft.look(job()).standing == "in_force"
    wide = Job(effect="w", action="isolate_zone", target=Target(ref="zone:w", reach={"addresses": "10.66.0.0/24"}))
    nft.apply(ZONE)
    assert nft.apply(wide) == Outcome("failed", "nft: interval overlaps with an existing one")
    assert nft.look(wide).standing == "absent"


def test_a_part_that_is_gone_is_seen_and_put_back(nft: Nft, gateway: str) -> None:
    nft.apply(CONDUIT)
    filtering(gateway, "delete element inet interferon flow4 { 10.66.0.0/24 . 10.68.0.1 . tcp . 502 }")
    assert nft.look(CONDUIT) == nft.look(CONDUIT)
    assert nft.look(CONDUIT).standing == "partial"
    assert nft.look(CONDUIT).detail == "1 of 2 elements are in the packet filter"
    assert nft.apply(CONDUIT).result == "ok"
    assert nft.look(CONDUIT).standing == "in_force"
    nft.undo(CONDUIT)


def test_an_element_of_somebody_else_is_left_alone(nft: Nft, gateway: str) -> None:
    nft.apply(ZONE)
    filtering(gateway, f"add element inet interferon asset4 {{ {HOST} }}")
    assert nft.apply(job()) == Outcome("failed", f"{HOST} is held by effect of another program already")
    assert nft.undo(job()) == Outcome("ok")
    assert HOST in filtering(gateway, "list set inet interferon asset4")


def test_the_longest_effect_id_fits(nft: Nft) -> None:
    long = job("x" * 128)
    assert nft.apply(long).result == "ok"
    assert nft.look(long).standing == "in_force"
    assert nft.apply(job("y" * 129, address="10.66.0.3")).detail == "nft: comment too long, 128 characters maximum allowed"


def test_a_time_to_live_ends_in_the_kernel(nft: Nft) -> None:
    nft.apply(job(ttl_s=1))
    assert nft.look(job()).standing == "in_force"
    end = time.monotonic() + 5
    while nft.look(job()).standing != "absent":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert nft.undo(job()) == Outcome("ok")


def test_the_machine_at_the_address_is_known(nft: Nft, spaces: tuple[str, str]) -> None:
    gateway, _ = spaces
    run("ip", "-n", gateway, "neigh", "flush", "all")
    assert nft.identify(job()) == Outcome("ok", f"{HOST} is {MAC}")
    assert nft.identify(job(mac=MAC.upper())).result == "ok"
    assert nft.identify(job(mac="")) == Outcome("unknown", "asset:h has no mac in its identity")
    assert nft.identify(job(address="10.67.0.9")) == Outcome(
        "unknown", f"10.67.0.9 lies behind {HOST}: its MAC address cannot be seen from here"
    )
    assert nft.identify(job(address="192.0.2.1")).detail.startswith("the neighbour table could not be read: ")
    run("ip", "-n", gateway, "neigh", "replace", HOST, "dev", "toh", "lladdr", "02:00:00:00:66:99", "nud", "stale")
    told = nft.identify(job(mac="02:00:00:00:66:99"))  # the wire is asked, and says who it is now
    assert told == Outcome("refused", f"{HOST} is {MAC} now, meant is 02:00:00:00:66:99: the address belongs to another machine")
    assert nft.apply(job(mac="02:00:00:00:66:99")) == told
    assert nft.look(job(mac="02:00:00:00:66:99")).standing == "absent"
    assert nft.identify(job(address="10.66.0.77")) == Outcome(
        "unknown", "nobody answers at 10.66.0.77, so nothing tells which machine it is"
    )


@pytest.mark.parametrize("meanwhile", [True, False])
def test_an_old_entry_that_the_kernel_drops_meanwhile_is_no_fault(spaces: tuple[str, str], tmp_path: Path, meanwhile: bool) -> None:
    gateway, _ = spaces
    run("ip", "-n", gateway, "neigh", "replace", HOST, "dev", "toh", "lladdr", "02:00:00:00:66:99", "nud", "stale")
    script = tmp_path / "ip"  # the entry goes right before it is deleted, or cannot be deleted and stays
    first = 'ip "$@" || exit 9' if meanwhile else 'echo "not permitted" >&2; exit 2'
    script.write_text(f"""#!/bin/sh\ncase "$*" in *"neigh del"*) {first};; esac\nexec ip "$@"\n""")
    script.chmod(0o700)
    kept = Outcome("unknown", "the neighbour table could not be read: not permitted")
    assert same_machine([str(script), "-n", gateway], HOST, MAC) == (Outcome("ok", f"{HOST} is {MAC}") if meanwhile else kept)


def test_a_filter_that_does_not_answer_is_unknown(gateway: str) -> None:
    nft = Nft(Settings(netns=f"{gateway}-none"))
    assert nft.ready().startswith("nft cannot be used: nft does not answer: ")
    assert nft.look(job()).standing == "unknown"
    assert nft.apply(job(mac="")).result == nft.undo(job()).result == "unknown"
    for ask in (lambda: nft.before(job()), lambda: nft.found([])):
        with pytest.raises(InputError):
            ask()


def test_a_reach_that_is_wrong_is_told(nft: Nft) -> None:
    wrong = Job(effect="e", action="isolate_asset", target=Target(ref="asset:h"))
    assert nft.apply(wrong).result == "refused"
    assert nft.look(wrong).standing == "unknown"
    assert nft.found([wrong.target]) == frozenset()


def test_a_machine_without_the_programs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert Nft(Settings()).ready() == "the program nft is not installed (packages nftables, iproute2)"


def test_a_process_that_died_is_started_again(gateway: str) -> None:
    session = NftSession(["ip", "netns", "exec", gateway])
    session.ask("list tables")
    process = session._process
    assert process is not None
    process.kill()
    process.wait()
    assert session.listed("list tables") == []
    assert session._process is not process
    with pytest.raises(NftError, match="No such file or directory"):
        session.ask("list table inet nowhere")
    with pytest.raises(NftError, match="a command is one line"):
        session.ask("list tables\nflush ruleset")
    with pytest.raises(NftLost, match="not its JSON"):
        session.listed("add table inet probe")
    session.close()
    session.close()


def test_a_process_that_is_silent_is_lost_and_replaced(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft_session, "ANSWER_S", 0.2)
    session = NftSession(["ip", "netns", "exec", gateway])
    session.ask("list tables")
    process: Any = session._process
    process.send_signal(19)  # SIGSTOP
    with pytest.raises(NftLost, match=r"silent for 0.2 s"):
        session.ask("list tables")
    monkeypatch.setattr(nft_session, "ANSWER_S", 10.0)
    assert session.listed("list tables") == []
    session.close()


def test_many_threads_get_their_own_answers(nft: Nft) -> None:
    results: list[tuple[str, str]] = []

    def one(number: int) -> None:
        mine = job(f"t{number}", mac="", address=f"10.66.1.{number}")
        results.append((nft.apply(mine).result, nft.look(mine).standing))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 33)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert results == [("ok", "in_force")] * 32
    assert len(nft.found([])) == 32
