"""The plant with all that a response acts on: a broker, a service of two servers behind a balancer, a configuration under git.

Used by `test_range_whole.py`. The effector runs on the gateway, from where it reaches them all.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from interferon.effector.actuators import haproxy
from tests.conftest import absent
from tests.integration.test_actuator_mosquitto import CONTROL, PLUGINS, WRITE, account

from .effector_plant import MACHINES, Plant, run

PROGRAM = str(Path(__file__).with_name("range_machine.py"))
WITHIN = "/usr/sbin:/usr/bin:/usr/local/sbin"
BALANCER = """
global
    stats socket {folder}/haproxy mode 600 level admin
    node line-1
defaults
    mode http
    option redispatch
    retries 3
    timeout connect 1s
    timeout client 20s
    timeout server 20s
frontend plans
    bind {front}:8080
    default_backend plans
backend plans
    server a {first}:8080 weight 10
    server b {second}:8080 weight 10 disabled
"""
BROKER = {
    "defaultACLAccess": {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True},
    "clients": [
        account("effector", "e", ["admin"]),
        account("agent", "a", ["line"], textname="agent of wks-1"),
        account("mes", "m", ["line"], textname="MES"),
    ],
    "roles": [{"rolename": "admin", "acls": [*WRITE, *CONTROL]}, {"rolename": "line", "acls": WRITE}],
}


def program(name: str) -> str:
    return shutil.which(name, path=WITHIN) or absent(name)


class Range(Plant):
    """`host` is asset `wks-1` of the small example; `srv-1` and `srv-2` serve the plans that `front` hands out."""

    machines = (*MACHINES, "broker", "front", "srv-1", "srv-2")

    def __init__(self, folder: Path) -> None:
        if not PLUGINS:
            absent("the dynamic security plugin of mosquitto")
        self.programs = {name: program(name) for name in ("mosquitto", "haproxy", "git")}
        self.config, self.repository = folder / "srv-1", folder / "repository"
        self._configurations(folder)
        super().__init__(folder)
        self.beside = ("ip", "netns", "exec", self.gateway)

    # ---- what runs

    def serve(self) -> None:
        """PLC, broker, balancer and both servers."""
        self.start("plc", "plc")
        for name in ("srv-1", "srv-2"):
            self.play(name, "service", name, name, str(self.folder / name))
        (self.folder / "dynsec.json").write_text(json.dumps(BROKER))
        (self.folder / "password").write_text("e\n")
        conf = f"listener 1883 {self.address('broker')}\nallow_anonymous false\nuser root\nplugin {PLUGINS[0]}\n"
        (self.folder / "mosquitto.conf").write_text(f"{conf}plugin_opt_config_file {self.folder}/dynsec.json\n")
        self._launch("broker", self.programs["mosquitto"], "-c", str(self.folder / "mosquitto.conf"))
        ends = {name: self.address(machine) for name, machine in (("front", "front"), ("first", "srv-1"), ("second", "srv-2"))}
        (self.folder / "haproxy.cfg").write_text(BALANCER.format(folder=self.folder, **ends))
        self._launch("front", self.programs["haproxy"], "-f", str(self.folder / "haproxy.cfg"), "-db")

    def play(self, machine: str, role: str, at: str, *words: str) -> tuple[Path, "subprocess.Popen[bytes]"]:
        """A role of `range_machine` on a machine, towards the machine `at`: its log, and the process."""
        log = self.folder / f"{machine}-{role}.log"
        log.touch()
        return log, self._launch(machine, sys.executable, PROGRAM, role, self.address(at), str(log), *words)

    def _launch(self, machine: str, *words: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{machine}.out").open("ab") as out:
            made = subprocess.Popen(["ip", "netns", "exec", self.space(machine), *words], stdout=out, stderr=out)
        self.processes.append(made)
        return made

    def end(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()

    # ---- what is seen, and changed behind our back

    def git(self, *words: str) -> str:
        own = ["-c", "user.name=x", "-c", "user.email=x@x", "--git-dir", str(self.repository), "--work-tree", str(self.config)]
        return run(self.programs["git"], *own, *words)

    def changed(self) -> str:
        """Files of the configuration that are not as approved, as git names them; '' where all are."""
        return self.git("status", "--porcelain").strip()

    def serving(self) -> set[str]:
        """The servers that the balancer gives requests to."""
        servers = haproxy.HaProxy(haproxy.Settings(socket=str(self.folder / "haproxy")))._servers("plans")
        return {name for name, server in servers.items() if server.serves}

    def let_in(self) -> None:
        """What an intruder does who has the gateway, the broker and the balancer: all is open again, and the configuration bad."""
        run("ip", "netns", "exec", self.gateway, "nft", "flush set inet interferon asset4")
        self._enable("agent")
        haproxy.HaProxy(haproxy.Settings(socket=str(self.folder / "haproxy")))._command("set server plans/a state ready")
        (self.config / "main.conf").write_text("speed = 901\n")

    def _enable(self, username: str) -> None:
        """By a second administrator, from the broker's own machine."""
        code = (
            "import sys; from interferon.effector.actuators import mosquitto_dynsec as m; "
            "print(m._exchange(m.Settings(host=sys.argv[1], port=1883, username='effector', password_file=sys.argv[2]), "
            "{'command': 'enableClient', 'username': sys.argv[3], 'correlationData': 'another'}))"
        )
        told = run(
            *("ip", "netns", "exec", self.space("broker"), sys.executable, "-c", code),
            *(self.address("broker"), str(self.folder / "password"), username),
        )
        assert "error" not in told, told

    # ---- files

    def _configurations(self, folder: Path) -> None:
        for name in ("srv-1", "srv-2"):
            (folder / name).mkdir()
            (folder / name / "main.conf").write_text("speed = 40\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "approved")
        self.approved = self.git("rev-parse", "HEAD").strip()

    def _write_file(self, limits: str) -> None:
        super()._write_file(limits)
        more = [f'[actuators.mosquitto_dynsec]\nhost = "{self.address("broker")}"\nport = 1883\nusername = "effector"\n']
        more.append(f'password_file = "{self.folder}/password"\n[actuators.haproxy]\nsocket = "{self.folder}/haproxy"\n')
        more.append('[actuators.git_config]\n[[target]]\nref = "identity:agent"\nactuator = "mosquitto_dynsec"\n')
        more.append('actions = ["disable_client"]\nreach = { username = "agent" }\nidentity = { textname = "agent of wks-1" }\n')
        more.append('[[target]]\nref = "asset:srv-1"\nactuator = "haproxy"\nactions = ["fail_over"]\n')
        more.append('reach = { backend = "plans", server = "a", standby = "b" }\n')
        more.append(f'identity = {{ node = "line-1", address = "{self.address("srv-1")}:8080" }}\n')
        more.append('[[target]]\nref = "asset:srv-1"\nactuator = "git_config"\nactions = ["roll_back_config"]\n')
        more.append(f'reach = {{ path = "{self.config}", git_dir = "{self.repository}", approved = "{self.approved}" }}\n')
        more.append(f'identity = {{ first_commit = "{self.approved}" }}\n')
        text = self.file.read_text().replace('"asset:host"', '"asset:wks-1"')
        self.file.write_text(text.replace('ref = "asset:mes"', 'ref = "asset:mes-1"') + "".join(more))
