"""Hands a service from one server to another through the runtime API of HAProxy. Called by the effector's core.

Source: HAProxy 2.6 management guide, 9.3 (`set server`, `shutdown sessions server`, `show servers state`, `show stat`). Talks to the admin
socket (level admin); writes the server state file where the settings name one.
"""

import contextlib
import csv
import io
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec

from interferon.effector.answers import Denied, Gone, Unanswered, identified, reach, same, shown, stood, told, unfit
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

NAME: Final = re.compile(r"[A-Za-z0-9_.:-]+")  # what HAProxy takes as a name; nothing else reaches the socket
STOPPED: Final = 0  # srv_op_state
MAINT, DRAIN = 0x01, 0x08  # bits of srv_admin_state that the runtime API sets
OUT: Final = 0x01 | 0x02 | 0x20 | 0x40  # every kind of maintenance; 0x04 only says that the configuration began with one


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[haproxy]`. With `state_file` (HAProxy's `server-state-file`) what was done outlives a reload."""

    socket: str
    state_file: str = ""
    answer_s: float = 5.0


def make(settings: Settings) -> Actuator:
    return HaProxy(settings)


@dataclass(frozen=True)
class Server:
    """One server of a backend as HAProxy runs it now."""

    name: str
    running: bool
    admin: int
    weight: int
    initial_weight: int
    address: str  # ip:port

    @property
    def state(self) -> str:
        """As `set server … state` takes it."""
        return "maint" if self.admin & MAINT else "drain" if self.admin & DRAIN else "ready"

    @property
    def serves(self) -> bool:
        return self.running and not self.admin & (OUT | DRAIN) and self.weight > 0


class HaProxy:
    """reach: `backend`, `server`, and who takes over: `standby`, another server of it, or `standby_address` (ip:port) under the same name.

    identity: `node` (the global setting of HAProxy) and `address` (ip:port of the server). params: `drain = true` lets sessions end by
    themselves.
    """

    name = "haproxy"
    actions = frozenset({"fail_over"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._ask("show info") else "haproxy does not answer")).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(
            target, ["backend", "server", "standby_address" if "standby_address" in target.reach else "standby"], ("node", "address")
        )

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{self._meant(job)[reach(job, 'server')].address} is the server that is meant")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: {name: _kept(server) for name, server in self._meant(job).items() if name in _touched(job)})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._hand_over(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._hand_back(job))

    def _meant(self, job: Job) -> dict[str, Server]:
        """The servers of the backend, after the identity of the one that is meant has been compared."""
        servers, name = self._servers(_name(job, "backend")), _name(job, "server")
        for each in _touched(job):
            if each not in servers:
                raise Gone(f"backend {reach(job, 'backend')} has no server {each}; it has {', '.join(servers)}")
        address = servers[name].address
        if job.before and address == job.target.reach.get("standby_address"):
            address = job.before[name]["address"]  # it is we who moved it
        same(job, {"node": self._node(), "address": address})
        return servers

    def _hand_over(self, job: Job) -> str:
        """The one that takes over first: nothing is taken out before another one serves."""
        servers, backend, name = self._meant(job), _name(job, "backend"), _name(job, "server")
        if "standby_address" in job.target.reach:
            self._move(backend, servers[name], _address(job))
        else:
            self._raise_standby(backend, servers[_name(job, "standby")])
            self._set(backend, name, f"state {'drain' if job.params.get('drain') else 'maint'}")
        if not job.params.get("drain"):
            self._command(f"shutdown sessions server {backend}/{name}")
        return f"{backend}/{name} handed over; {self._keep()}"

    def _raise_standby(self, backend: str, standby: Server) -> None:
        """`Denied`, with the standby as it was, where it does not serve."""
        if standby.admin & (MAINT | DRAIN):
            self._set(backend, standby.name, "state ready")
        if standby.weight == 0:
            self._set(backend, standby.name, f"weight {standby.initial_weight}")
        if not self._servers(backend)[standby.name].serves:
            self._restore(backend, standby.name, _kept(standby))
            raise Denied(f"standby {backend}/{standby.name} is down: nothing would serve, so nothing is handed over")

    def _look(self, job: Job) -> Seen:
        servers, backend = self._meant(job), _name(job, "backend")
        server = servers[_name(job, "server")]
        if "standby_address" in job.target.reach:
            moved = server.address == _address(job)
            return Seen("in_force" if moved else "absent", f"{backend}/{server.name} is {server.address}")
        if not server.admin & (MAINT | DRAIN):
            return Seen("absent", f"{backend}/{server.name} takes requests")
        standby, left = servers[_name(job, "standby")], self._sessions(backend, server.name)
        if not standby.serves:
            return Seen("partial", f"{backend}/{server.name} is out, and {standby.name} does not serve")
        if left and not job.params.get("drain"):
            return Seen("partial", f"{backend}/{server.name} is out, and has {left} sessions")
        return Seen("in_force", f"{backend}/{server.name} is in {server.state} with {left} sessions, {standby.name} serves")

    def _hand_back(self, job: Job) -> str:
        """The server first, then its standby."""
        self._meant(job)
        if not job.before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        for name in _touched(job):
            self._restore(_name(job, "backend"), name, job.before[name])
        return f"{', '.join(_touched(job))} as they stood; {self._keep()}"

    def _restore(self, backend: str, name: str, before: Mapping[str, Any]) -> None:
        now = self._servers(backend)[name]
        if now.address != before["address"]:
            self._move(backend, now, before["address"])
        if now.weight != before["weight"]:
            self._set(backend, name, f"weight {before['weight']}")
        if now.state != before["state"]:
            self._set(backend, name, f"state {before['state']}")

    def _move(self, backend: str, server: Server, address: str) -> None:
        """HAProxy answers with words also where it is done: the address is read again."""
        host, _, port = address.rpartition(":")
        answer = self._ask(f"set server {backend}/{server.name} addr {host} port {port}").strip()
        if self._servers(backend)[server.name].address != address:
            raise Denied(f"{backend}/{server.name} is not moved to {address}: {answer}")

    def _set(self, backend: str, name: str, words: str) -> None:
        self._command(f"set server {backend}/{name} {words}")

    def _command(self, command: str) -> None:
        if answer := self._ask(command).strip():
            raise Denied(f"haproxy answers {command!r} with: {answer}")

    def _servers(self, backend: str) -> dict[str, Server]:
        answer = self._ask(f"show servers state {backend}")
        lines = answer.strip().splitlines()
        if len(lines) < 2 or not lines[1].startswith("# "):
            raise Gone(f"haproxy knows no backend {backend}: {answer.strip()}")
        rows = [dict(zip(lines[1][2:].split(), line.split(), strict=False)) for line in lines[2:]]
        try:
            return {row["srv_name"]: _server(row) for row in rows}
        except (KeyError, ValueError) as error:
            raise Unanswered(f"haproxy tells of its servers otherwise than version 2.4 and newer do: {error}") from error

    def _sessions(self, backend: str, name: str) -> int:
        table = csv.DictReader(io.StringIO(self._ask("show stat").removeprefix("# ")))
        return next((int(row["scur"]) for row in table if (row["pxname"], row["svname"]) == (backend, name)), 0)

    def _node(self) -> str:
        found = re.search(r"^node: (.*)$", self._ask("show info"), re.MULTILINE)
        return found[1] if found else ""

    def _keep(self) -> str:
        """The state of all servers on disk, whole or not at all, for HAProxy to start with."""
        if not self._settings.state_file:
            return "a reload of haproxy loses it (no state_file is set)"
        path = Path(self._settings.state_file)
        try:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(self._ask("show servers state"))
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except OSError as error:
            return f"a reload of haproxy loses it: {path}: {error.strerror}"
        return f"a reload keeps it ({path})"

    def _ask(self, command: str) -> str:
        answer = bytearray()
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
                sock.settimeout(self._settings.answer_s)
                sock.connect(self._settings.socket)
                sock.sendall(command.encode("ascii") + b"\n")
                while part := sock.recv(65536):
                    answer += part
        except OSError as error:
            raise Unanswered(f"haproxy at {self._settings.socket}: {error}") from error
        text = answer.decode("utf-8", "replace")
        if text.startswith("Permission denied"):
            raise Denied(f"haproxy at {self._settings.socket} does not let {command!r} be done: the socket needs level admin")
        return text


def _server(row: Mapping[str, str]) -> Server:
    return Server(
        name=row["srv_name"],
        running=int(row["srv_op_state"]) != STOPPED,
        admin=int(row["srv_admin_state"]),
        weight=int(row["srv_uweight"]),
        initial_weight=int(row["srv_iweight"]),
        address=f"{row['srv_addr']}:{row['srv_port']}",
    )


def _kept(server: Server) -> dict[str, Any]:
    return {"state": server.state, "weight": server.weight, "address": server.address}


def _touched(job: Job) -> list[str]:
    return [_name(job, "server"), *([_name(job, "standby")] if "standby_address" not in job.target.reach else [])]


def _name(job: Job, key: str) -> str:
    name = reach(job, key)
    if not NAME.fullmatch(name):
        raise InputError(f"reach of {job.target.ref} has {key} {name!r}; a name of haproxy has letters, digits and _.:- only")
    return name


def _address(job: Job) -> str:
    host, _, port = reach(job, "standby_address").rpartition(":")
    try:
        return f"{ip_address(host)}:{int(port)}"
    except ValueError:
        raise InputError(f"standby_address of {job.target.ref} is {host}:{port}; write it as 10.0.0.7:8080") from None
