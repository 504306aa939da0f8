"""Two real keepalived in network namespaces: one hands the virtual address over, the other one takes it, and it comes back."""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from interferon.effector import kit
from interferon.effector.actuators import keepalived
from interferon.effector.protocol import Job, Target
from tests.namespaces import needed

from .live_feeds import soon

T = TypeVar("T")
VIP, PORT = "10.99.7.100", 8080
CONFIG = """
global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_garp_master_delay 0
}}
track_file hand_over {{
    file {folder}/{name}.track
    weight -60
    init_file 0
}}
vrrp_instance mes {{
    state BACKUP
    interface v{name}
    virtual_router_id 51
    priority {priority}
    advert_int 0.05
    virtual_ipaddress {{
        {vip}/24
    }}
    track_file {{
        hand_over
    }}
}}
"""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def inside(namespace: str, work: Callable[[], T]) -> T:
    """`work` in a thread of its own that has entered the network namespace."""
    found: list[T] = []

    def enter() -> None:
        handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        assert ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000) == 0  # CLONE_NEWNET
        os.close(handle)
        found.append(work())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return found[0]


class Pair:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {name: f"ka-{os.getpid()}-{name}" for name in "ab"}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        for space in self.names.values():
            ip("netns", "add", space)
        ip("link", "add", "va", "netns", self.names["a"], "type", "veth", "peer", "name", "vb", "netns", self.names["b"])
        for number, (name, space) in enumerate(self.names.items(), 1):
            ip("-n", space, "addr", "add", f"10.99.7.{number}/24", "dev", f"v{name}")
            for link in ("lo", f"v{name}"):
                ip("-n", space, "link", "set", link, "up")
            (folder / f"{name}.track").write_text("0\n")
            (folder / f"{name}.conf").write_text(CONFIG.format(name=name, folder=folder, priority=110 - 10 * number, vip=VIP))
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> None:
        folder = self.folder
        words = ["keepalived", "-n", "-l", "-P", "-f", folder / f"{name}.conf", "-p", folder / f"{name}.pid", "-r", folder / f"{name}.vrrp"]
        with (folder / f"{name}.log").open("wb") as log:
            command = ["ip", "netns", "exec", self.names[name], *map(str, words)]
            self.daemons[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, name: str) -> None:
        self.daemons[name].terminate()
        self.daemons.pop(name).wait()

    def holder(self) -> str:
        return "".join(name for name, space in self.names.items() if VIP in ip("-n", space, "addr"))

    def state(self) -> Any:
        """The file, and who has the address, once that is settled."""
        text = (self.folder / "a.track").read_text()
        assert soon(lambda: self.holder() == ("a" if text == "0\n" else "b"))
        return text, self.holder()

    def settings(self, **more: Any) -> keepalived.Settings:
        return keepalived.Settings(config_file=str(self.folder / "a.conf"), **more)

    def close(self) -> None:
        for name in list(self.daemons):
            self.stop(name)
        for space in self.names.values():
            ip("netns", "del", space)


def need() -> None:
    needed("ip", "keepalived", "nft")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    need()
    pair = Pair(tmp_path)
    assert soon(lambda: pair.holder() == "a")
    yield pair
    pair.close()


def job(pair: Pair, router: str = "a", **reach: Any) -> Job:
    where = {"track_file": str(pair.folder / "a.track"), "address": VIP, **reach}
    return Job(effect="e-1", action="fail_over", target=Target(ref="asset:mes-1", reach=where, identity={"router_id": router}))


@contextmanager
def cut(pair: Pair) -> Iterator[None]:
    (pair.folder / "a.conf").rename(pair.folder / "away")
    try:
        yield
    finally:
        (pair.folder / "away").rename(pair.folder / "a.conf")


def test_the_kit(pair: Pair) -> None:
    world = kit.World(
        actuator=keepalived.make(pair.settings()),
        job=job(pair),
        impostor=job(pair, "b"),
        state=pair.state,
        tamper=lambda: (pair.folder / "a.track").write_text("0\n"),
        cut=lambda: cut(pair),
    )
    assert inside(pair.names["a"], lambda: kit.problems(world)) == []


def test_the_peer_has_to_answer_and_what_fails_is_put_back(pair: Pair) -> None:
    actuator = keepalived.make(pair.settings(takeover_s=2.0))
    outcome = inside(pair.names["a"], lambda: actuator.apply(job(pair, port=PORT)))
    assert outcome.result == "failed"
    assert outcome.detail == f"{VIP} has left this node, and nothing answers there after 2 s; it is put back"
    assert pair.state() == ("0\n", "a")
    server = inside(pair.names["b"], lambda: socket.create_server(("0.0.0.0", PORT)))
    with server:
        outcome = inside(pair.names["a"], lambda: actuator.apply(job(pair, port=PORT)))
    assert (outcome.result, outcome.detail) == ("ok", f"{VIP} has left this node and answers")


def test_without_a_peer_the_address_stays(pair: Pair) -> None:
    pair.stop("b")
    outcome = inside(pair.names["a"], lambda: keepalived.make(pair.settings(takeover_s=1.0)).apply(job(pair)))
    assert outcome.result == "failed"
    assert f"{VIP} is still at this node after 1 s; it is put back" in outcome.detail
    assert (pair.folder / "a.track").read_text() == "0\n"


def test_a_file_that_keepalived_does_not_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("router_id a\n")
    target = Target(ref="asset:mes-1", reach={"track_file": "/x", "address": VIP}, identity={"router_id": "a"})
    task = Job(effect="e-1", action="fail_over", target=target)
    outcome = keepalived.make(keepalived.Settings(config_file=str(tmp_path / "conf"))).apply(task)
    assert outcome.result == "failed"
    assert "names no track_file /x: keepalived would not read it" in outcome.detail
    assert "cannot be read" in keepalived.make(keepalived.Settings(config_file="/no/such")).ready()
