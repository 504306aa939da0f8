"""A plant in network namespaces, with a gateway between its machines and the effector on the gateway. Used by the tests of ranges.

Each machine is a process in a namespace of its own, one hop from the gateway; everything between two machines passes there.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from interferon.model.errors import UnreachableError
from interferon.runtime.effector_client import EffectorClient

MACHINES = ("plc", "mes", "historian", "host")
PROGRAM = str(Path(__file__).with_name("plant_machine.py"))
COMMAND = [sys.executable, "-c", "from interferon.cli import main; main()", "effector"]

DYING = """
import importlib, os, signal, sys
module, kind, method, when = sys.argv[1:5]
del sys.argv[1:5]
owner = getattr(importlib.import_module(module), kind)
real = getattr(owner, method)

def dying(*words, **named):
    if when == "after":
        real(*words, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, method, dying)
from interferon.cli import main
main()
"""


NURSERY = """
import contextlib, os, sys
import interferon.effector.actuators.nft, interferon.effector.server
from interferon.cli import main

asked, sys.argv = sys.argv, ["interferon", "effector", "check", sys.argv[-1]]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    main()  # loads the rest of what the command needs
sys.argv = asked
for line in sys.stdin:
    child = os.fork()
    if not child:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        main()
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

P = TypeVar("P", bound="Plant")


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


class Plant:
    """Namespaces, machines, and the effector's file. `close` takes all of it away."""

    machines: tuple[str, ...] = MACHINES
    beside: tuple[str, ...] = ()  # what the effector is started by: nothing where it reaches into the gateway from outside

    def __init__(self, folder: Path, limits: str = "", extra_hosts: int = 0) -> None:
        self.folder = folder
        self.mark = f"ifn{os.getpid()}"
        self.gateway = f"{self.mark}-gw"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.effector: subprocess.Popen[bytes] | None = None
        self.socket = folder / "s"
        self.file = folder / "effector.toml"
        self.extra = extra_hosts
        self._network()
        self._write_file(limits)

    # ---- the network

    def space(self, machine: str) -> str:
        return f"{self.mark}-{machine}"

    def address(self, machine: str) -> str:
        return f"10.77.{self.machines.index(machine) + 1}.2"

    def mac(self, machine: str) -> str:
        return f"02:00:00:00:77:{self.machines.index(machine) + 1:02x}"

    def _network(self) -> None:
        run("ip", "netns", "add", self.gateway)
        run("ip", "-n", self.gateway, "link", "set", "lo", "up")
        run("ip", "netns", "exec", self.gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for place, machine in enumerate(self.machines, 1):
            space = self.space(machine)
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "link", "add", f"to{place}", "netns", self.gateway, "type", "veth", "peer", "name", "eth", "netns", space)
            run("ip", "-n", space, "link", "set", "eth", "address", self.mac(machine))
            run("ip", "-n", self.gateway, "addr", "add", f"10.77.{place}.1/24", "dev", f"to{place}")
            run("ip", "-n", space, "addr", "add", f"{self.address(machine)}/24", "dev", "eth")
            run("ip", "-n", self.gateway, "link", "set", f"to{place}", "up")
            run("ip", "-n", space, "link", "set", "eth", "up")
            run("ip", "-n", space, "route", "add", "default", "via", f"10.77.{place}.1")
        self._conntrack()

    def _conntrack(self) -> None:
        """A firewall as gateways have it: what is established passes, whatever comes after."""
        rules = "add table inet site; add chain inet site f { type filter hook forward priority 0; policy accept; }"
        run("ip", "netns", "exec", self.gateway, "nft", f"{rules}; add rule inet site f ct state established,related accept")

    def start(self, machine: str, role: str) -> Path:
        """Run `role` on a machine; the path of its log."""
        log = self.folder / f"{machine}.log"
        log.touch()
        words = ["ip", "netns", "exec", self.space(machine), sys.executable, PROGRAM, role, self.address("plc"), str(log)]
        self.processes.append(subprocess.Popen(words))
        return log

    def reaches(self, machine: str, other: str, port: int = 80) -> bool:
        """Does a packet get there and an answer back? A refused connection is an answer."""
        code = "import socket, sys; s = socket.socket(); s.settimeout(1); sys.exit(s.connect_ex((sys.argv[1], int(sys.argv[2]))))"
        words = ["ip", "netns", "exec", self.space(machine), sys.executable, "-c", code, self.address(other), str(port)]
        return subprocess.run(words, check=False).returncode in (0, errno.ECONNREFUSED)

    # ---- the effector

    def _write_file(self, limits: str) -> None:
        head = f'socket = "{self.socket}"\nstate = "{self.folder}/state"\nkill_switch = "{self.folder}/STOP"\nallow = []\n'
        parts = [head, limits, f'[actuators.nft]\nnetns = "{self.gateway}"\n']
        parts.append('[[protected]]\nref = "asset:plc"\naddresses = ["10.77.1.2"]\nreason = "safety system"\n')
        for machine in MACHINES[1:]:
            parts.append(
                f'[[target]]\nref = "asset:{machine}"\nactuator = "nft"\nactions = ["isolate_asset"]\n'
                f'reach = {{ address = "{self.address(machine)}" }}\nidentity = {{ mac = "{self.mac(machine)}" }}\n'
            )
        parts.append(
            '[[target]]\nref = "zone:office"\nactuator = "nft"\nactions = ["isolate_zone"]\n'
            'reach = { addresses = "10.77.3.0/24 10.77.4.0/24" }\n'
            '[[target]]\nref = "conduit:mes-plc"\nactuator = "nft"\nactions = ["cut_conduit"]\n'
            'reach = { from = "10.77.2.0/24", to = "10.77.1.2", protocol = "tcp", port = 502 }\n'
        )
        for each in range(self.extra):
            parts.append(
                f'[[target]]\nref = "asset:x{each}"\nactuator = "nft"\nactions = ["isolate_asset"]\n'
                f'reach = {{ address = "10.99.{each // 200}.{each % 200 + 1}" }}\n'
            )
        self.file.write_text("".join(parts))
        self.file.chmod(0o600)

    def begin(self, dies_at: tuple[str, str, str, str] | None = None) -> None:
        """Start the effector, without waiting for it. `dies_at`: module, class, method and `before` or `after`: where it kills itself."""
        command = [sys.executable, "-c", DYING, *dies_at] if dies_at else [*COMMAND[:3]]
        with (self.folder / "effector.log").open("ab") as log:
            words = [*self.beside, *command, "effector", "run", "--config", str(self.file)]
            self.effector = subprocess.Popen(words, stderr=log)

    def ready(self) -> EffectorClient:
        """Start the effector and wait until it answers."""
        self.begin()
        client = EffectorClient(self.socket)
        until(lambda: self._runs() and answers(client))
        return client

    def _runs(self) -> bool:
        assert self.effector is not None
        assert self.effector.poll() is None, (self.folder / "effector.log").read_text()[-1000:]
        return True

    def kill(self, how: int = signal.SIGKILL) -> None:
        assert self.effector is not None
        self.effector.send_signal(how)
        self.effector.wait()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*COMMAND, *words, "--config", str(self.file)], capture_output=True, text=True, check=False)

    def close(self) -> None:
        for each in [*self.processes, *([self.effector] if self.effector else [])]:
            if each.poll() is None:
                each.kill()
            each.wait()
        for machine in (*self.machines, "gw"):
            subprocess.run(["ip", "netns", "del", self.space(machine)], check=False, capture_output=True)


class Nursed(Plant):
    """Its effector is forked from a process that has loaded everything already: the next one is there in hundredths of a second."""

    nursery: "subprocess.Popen[bytes] | None" = None
    child = 0

    def begin(self, dies_at: tuple[str, str, str, str] | None = None) -> None:
        assert dies_at is None, "only a process that was started by itself can be made to die at a step"
        if self.nursery is None:
            words = [sys.executable, "-c", NURSERY, "effector", "run", "--config", str(self.file)]
            with (self.folder / "effector.log").open("ab") as log:
                self.nursery = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
            self.processes.append(self.nursery)
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(b"another\n")
        self.nursery.stdin.flush()
        self.child = self._told()

    def kill(self, how: int = signal.SIGKILL) -> None:
        os.kill(self.child, how)
        assert self._told() == -how, (self.folder / "effector.log").read_text()[-1000:]
        self.child = 0

    def _told(self) -> int:
        assert self.nursery is not None
        assert self.nursery.stdout is not None
        return int(self.nursery.stdout.readline())

    def _runs(self) -> bool:
        return self.child != 0

    def close(self) -> None:
        if self.child:
            self.kill()
        if self.nursery is not None:
            for pipe in (self.nursery.stdin, self.nursery.stdout):
                assert pipe is not None
                pipe.close()
        super().close()


@contextmanager
def planted(kind: type[P], folder: Path, **more: Any) -> Iterator[P]:
    """A plant, taken away also where it could not be made whole."""
    plant = kind.__new__(kind)
    try:
        plant.__init__(folder, **more)  # type: ignore[misc]
        yield plant
    finally:
        plant.close()


def answers(client: EffectorClient) -> bool:
    try:
        client.status()
    except UnreachableError:
        return False
    return True


def lines(log: Path, word: str, after: float = 0.0) -> list[tuple[float, str]]:
    """(time, rest) of a machine's lines of a kind after a moment. The last line may be under way."""
    found = []
    for line in log.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            at, kind, rest = line.rstrip("\n").split(" ", 2)
            if kind == word and float(at) > after:
                found.append((float(at), rest))
    return found
