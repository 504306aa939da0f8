"""How long a containment takes, from the evidence to a drop that was seen in the packet filter: part `contain` of the bench of responses.

The whole path is real: journal, driver, socket, effector process, nft, in network namespaces made for it. Needs root; reads the clock.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from interferon.actions import ACTIONS
from interferon.bench import progress
from interferon.model.effects import Intent, State
from interferon.model.errors import InputError, UnreachableError
from interferon.model.network import Asset, Budgets, Network, Settings
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal

HOSTS: Final = 500
CALLERS: Final = 4
P50_S, P99_S = 0.150, 1.0
MAC: Final = "02:00:00:00:88:02"
_BUDGETS: Final = Budgets(actions_per_hour=1_000_000, isolated_assets=1_000_000)
_START_S: Final = 20.0


def missing() -> str:
    """'' where it can be measured here, else what is lacking."""
    lacks = [program for program in ("nft", "ip") if not shutil.which(program)]
    if os.geteuid() != 0:
        return "containments in a packet filter need root"
    if lacks:
        return f"{lacks[0]} is not installed"
    return "" if _tried("ip", "netns", "list") == 0 else "network namespaces cannot be used here"


def rows() -> list[dict[str, Any]]:
    """Rows of `interferon bench`: case, metric, value, target, holds, baselines."""
    if lacks := missing():
        progress(f"contain: not measured, {lacks}")
        return []
    with tempfile.TemporaryDirectory(prefix="interferon-bench-") as name, _hosts(HOSTS) as namespace:
        folder = Path(name)
        alone = processes(namespace, 50)
        with _effector(folder, namespace) as client, _driver(folder, client) as effects:
            single = contained(effects, "a", 1)
            taken_back(effects, "a")
            several = contained(effects, "b", CALLERS)
    beside = {"p50 of an `nft` process alone, s": round(float(np.percentile(alone, 50)), 4)}
    rows = _told(f"{HOSTS} containments", single, beside)
    return [*rows, *({**row, "target": None, "holds": None} for row in _told(f"{HOSTS} containments, {CALLERS} at once", several, {}))]


def contained(effects: Effects, name: str, callers: int) -> list[float]:
    """Seconds from the evidence to the verified receipt, for each host; `callers` submit at once."""

    def contain(number: int) -> float:
        begin = time.perf_counter()
        (told,) = effects.submit([_intent(f"{name}-{number}", number)])
        if told.status is not State.VERIFIED:
            raise InputError(f"containment {number} is {told.status}: {told.detail}")
        return time.perf_counter() - begin

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(contain, range(HOSTS)))


def taken_back(effects: Effects, name: str) -> None:
    told = effects.undo([f"{name}-{number}" for number in range(HOSTS)], "measured")
    wrong = [each for each in told if each.status is not State.UNDONE]
    if wrong:
        raise InputError(f"{len(wrong)} containments were not taken back, the first: {wrong[0].detail}")


def processes(namespace: str, times: int) -> list[float]:
    """Seconds of the plainest way: a process of `nft` for each element, recorded nowhere and checked by nobody."""
    setup = "add table inet plain; add set inet plain s { type ipv4_addr; }"
    _run("ip", "netns", "exec", namespace, "nft", setup)
    found = []
    for number in range(times):
        begin = time.perf_counter()
        _run("ip", "netns", "exec", namespace, "nft", f"add element inet plain s {{ {_address(number)} }}")
        found.append(time.perf_counter() - begin)
    _run("ip", "netns", "exec", namespace, "nft", "delete table inet plain")
    return found


@contextmanager
def _driver(folder: Path, client: EffectorClient) -> Iterator[Effects]:
    with Journal(folder / "journal.sqlite") as journal, Effects(journal, client, ACTIONS, _network(), _now, workers=CALLERS) as effects:
        yield effects


@contextmanager
def _hosts(number: int) -> Iterator[str]:
    """A gateway's namespace, and one of hosts beside it that answers for `number` addresses."""
    gateway, hosts = (f"ifn-bench-{side}-{os.getpid()}" for side in ("gw", "hosts"))
    try:
        for each in (gateway, hosts):
            _run("ip", "netns", "add", each)
        _run("ip", "link", "add", "up0", "netns", gateway, "type", "veth", "peer", "name", "up1", "netns", hosts)
        _run("ip", "-n", hosts, "link", "set", "up1", "address", MAC)
        _run("ip", "-n", gateway, "addr", "add", "10.88.255.254/16", "dev", "up0")
        batch = "\n".join(f"addr add {_address(each)}/16 dev up1" for each in range(number))
        _run("ip", "-n", hosts, "-batch", "-", text=batch)
        for each, device in ((gateway, "up0"), (hosts, "up1")):
            _run("ip", "-n", each, "link", "set", device, "up")
        yield gateway
    finally:
        for each in (gateway, hosts):
            _tried("ip", "netns", "del", each)


@contextmanager
def _effector(folder: Path, namespace: str) -> Iterator[EffectorClient]:
    """The effector as a process of its own, and its client."""
    file = folder / "effector.toml"
    file.write_text(_file(folder, namespace), encoding="utf-8")
    file.chmod(0o600)
    command = [sys.executable, "-c", "from interferon.cli import main; main()", "effector", "run", "--config", str(file)]
    with (folder / "effector.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:  # noqa: S603 - this very program
        try:
            with EffectorClient(folder / "s") as client:
                _wait(client.status, process, folder / "effector.log")
                yield client
        finally:
            process.terminate()


def _wait(asks: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            asks()
        except UnreachableError as error:
            if process.poll() is None and time.monotonic() < end:
                continue
            raise InputError(f"the effector did not start: {error}; {log.read_text(errors='replace')[-500:]}") from None
        return


def _file(folder: Path, namespace: str) -> str:
    head = f'socket = "{folder}/s"\nstate = "{folder}/state"\nkill_switch = "{folder}/STOP"\nallow = []\n'
    limits = "[limits]\neffects = 100000\neffects_a_minute = 100000\nisolated_assets = 100000\n"
    targets = [
        f'[[target]]\nref = "asset:h{each}"\nactuator = "nft"\nactions = ["isolate_asset"]\n'
        f'reach = {{ address = "{_address(each)}" }}\nidentity = {{ mac = "{MAC}" }}\n'
        for each in range(HOSTS)
    ]
    return "".join([head, limits, f'[actuators.nft]\nnetns = "{namespace}"\n', *targets])


def _address(number: int) -> str:
    return f"10.88.{number // 200 + 1}.{number % 200 + 1}"


def _intent(name: str, number: int) -> Intent:
    return Intent(id=name, plan="p", incident="i", action="isolate_asset", target=f"asset:h{number}", time=_now(), assets=1)


def _network() -> Network:
    tables = ("sites", "zones", "conduits", "partners", "nodes", "lanes", "products", "orders", "people")
    empty: dict[str, Any] = {table: {} for table in tables}
    assets = {f"h{each}": Asset(id=f"h{each}", zone="z", type="host", address=_address(each)) for each in range(HOSTS)}
    return Network(settings=Settings(name="bench", budgets=_BUDGETS), revision=1, assets=assets, **empty)


def _now() -> int:
    return time.time_ns() // 1000


def _run(*words: str, text: str = "") -> None:
    subprocess.run(words, check=True, capture_output=True, input=text.encode())  # noqa: S603 - fixed programs


def _tried(*words: str) -> int:
    return subprocess.run(words, check=False, capture_output=True).returncode  # noqa: S603 - fixed programs


def _told(what: str, seconds: Sequence[float], beside: dict[str, float]) -> list[dict[str, Any]]:
    rows = []
    for share, target in ((50, P50_S), (99, P99_S)):
        value = round(float(np.percentile(seconds, share)), 4)
        metric = f"{what}, evidence to verified drop, p{share} s"
        rows.append({"case": "contain", "metric": metric, "value": value, "target": target, "holds": value < target, "baselines": beside})
    return rows
