"""Hands a virtual address to the other node of a keepalived pair by a track file. Called by the effector's core.

Source: keepalived.conf(5), `track_file`: its value times its weight is added to the priority, until the peer's is higher (RFC 5798).
Runs on the node that hands over; writes the track file, reads addresses with `ip -j addr`.
"""

import hashlib
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from interferon.effector.answers import Denied, Unanswered, identified, reach, same, shown, stood, told, unfit
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

POLL_S: Final = 0.05


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[keepalived]`: the daemon of this machine, and how long a peer may take to answer at the address."""

    config_file: str = "/etc/keepalived/keepalived.conf"
    machine_id_file: str = "/etc/machine-id"
    takeover_s: float = 10.0


def make(settings: Settings) -> Actuator:
    return Keepalived(settings)


class Keepalived:
    """reach: `track_file` (that the configuration names, with a negative weight), `address`, and `port` where the peer has to answer.

    identity: `router_id`, `config_sha256`, `machine_id`.
    """

    name = "keepalived"
    actions = frozenset({"fail_over"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._config() and _addresses() else "this machine has no address")).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(target, ["track_file", "address"], ("router_id", "config_sha256", "machine_id"))

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{self._meant(job)} is the track file that is meant")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: {"text": _text(self._meant(job))})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._hand_over(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._hand_back(job))

    def _config(self) -> str:
        return _text(Path(self._settings.config_file))

    def _meant(self, job: Job) -> Path:
        """The track file, after this node's identity has been compared and keepalived's reading of the file is sure."""
        config = self._config()
        router = re.search(r"^\s*router_id\s+(\S+)", config, re.MULTILINE)
        digest = hashlib.sha256(config.encode()).hexdigest()
        machine = Path(self._settings.machine_id_file)
        machine_id = _text(machine).strip() if machine.exists() else ""
        same(job, {"router_id": router[1] if router else "", "config_sha256": digest, "machine_id": machine_id})
        track = reach(job, "track_file")
        if not re.search(rf'^\s*file\s+"?{re.escape(track)}"?\s*$', config, re.MULTILINE):
            raise Denied(f"{self._settings.config_file} names no track_file {track}: keepalived would not read it")
        return Path(track)

    def _hand_over(self, job: Job) -> str:
        """Put back where the peer does not take over in time: an address that nobody has is worse than one at the wrong place."""
        track = self._meant(job)
        now = _text(track)
        if _value(now) == 0:
            _write(track, "1\n")
        end = time.monotonic() + self._settings.takeover_s
        while (seen := self._look(job)).standing != "in_force":
            if time.monotonic() > end:
                _write(track, job.before.get("text", now))
                raise Denied(f"{seen.detail} after {self._settings.takeover_s:g} s; it is put back")
            time.sleep(POLL_S)
        return seen.detail

    def _look(self, job: Job) -> Seen:
        track, address = self._meant(job), reach(job, "address")
        if _value(_text(track)) == 0:
            return Seen("absent", f"{track} is 0: this node keeps {address}")
        if address in _addresses():
            return Seen("partial", f"{address} is still at this node")
        if not self._answers(job, address):
            return Seen("partial", f"{address} has left this node, and nothing answers there")
        return Seen("in_force", f"{address} has left this node" + (" and answers" if "port" in job.target.reach else ""))

    def _answers(self, job: Job, address: str) -> bool:
        """Whether somebody takes a connection at the address; not asked without a port."""
        port = job.target.reach.get("port")
        if port is None:
            return True
        try:
            socket.create_connection((address, int(port)), timeout=1.0).close()
        except (OSError, ValueError):
            return False
        return True

    def _hand_back(self, job: Job) -> str:
        track = self._meant(job)
        if not job.before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        if _text(track) != job.before["text"]:
            _write(track, job.before["text"])
        return f"{track} is as it stood; with nopreempt the address stays at the peer until that one hands it over"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unanswered(f"{path} cannot be read: {error}") from error


def _value(text: str) -> int:
    """As keepalived reads a track file: the whole number it begins with, 0 where there is none."""
    found = re.match(r"\s*([+-]?\d+)", text)
    return int(found[1]) if found else 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Denied(f"{path} cannot be written: {error.strerror}") from error


def _addresses() -> set[str]:
    """Every address of this machine, or of the network namespace that the effector runs in."""
    try:
        done = subprocess.run(["ip", "-j", "addr"], capture_output=True, timeout=5, check=True)  # noqa: S607 - from the effector's own PATH
    except (OSError, subprocess.SubprocessError) as error:
        raise Unanswered(f"ip -j addr: {error}; install iproute2") from error
    links = msgspec.json.decode(done.stdout, type=list[dict[str, Any]])
    return {each["local"] for link in links for each in link.get("addr_info", ()) if "local" in each}
