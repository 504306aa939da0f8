"""A world of two-part effects in memory, which can be told to fail, and an effector's settings, record and core around it."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from interferon.effector.core import Core
from interferon.effector.limits import Limits
from interferon.effector.protocol import Job, Seen, Target
from interferon.effector.record import Record
from interferon.effector.settings import ActionRow, Head, Settings
from interferon.effector.switch import Switch
from interferon.effector.targets import Protected, TargetRow
from interferon.model.effects import Observed, Outcome, Value
from interferon.model.errors import InputError

KNOWN: dict[str, Value] = {"mac": "02:00:00:00:00:01"}
OK = Outcome("ok")


class Killed(Exception):
    """The process ends here, as by kill -9."""


class World:
    """Each target has a valve, `open` or `shut:EFFECT`, and a lamp likewise. It outlives the effector."""

    def __init__(self) -> None:
        self.valves: dict[str, str] = {}
        self.lamps: dict[str, str] = {}
        self.macs: dict[str, str] = {}
        self.lock = threading.Lock()

    def state(self) -> tuple[dict[str, str], dict[str, str]]:
        return dict(self.valves), dict(self.lamps)


class Valve:
    """`effector.protocol.Actuator` on a `World`. `answers[call]`: told in place of what happens; `dies`: raises `Killed` at that step."""

    name = "valve"
    at_once = 32
    actions = frozenset({"isolate_asset", "shut"})

    def __init__(self, world: World) -> None:
        self.world = world
        self.answers: dict[str, Outcome] = {}
        self.blind = False  # the world does not answer
        self.lacks = ""
        self.dies = ""
        self.takes_s = 0.0
        self.calls: list[str] = []
        self.begun: list[float] = []

    def ready(self) -> str:
        return self.lacks

    def identify(self, job: Job) -> Outcome:
        seen = self.world.macs.get(job.target.ref)
        if seen is None:
            return Outcome("unknown", "nobody answers")
        return OK if seen == job.target.identity["mac"] else Outcome("refused", f"it is {seen}")

    def before(self, job: Job) -> dict[str, Any]:
        if self.blind:
            raise InputError("the valve does not answer")
        return {"valve": self.world.valves.get(job.target.ref, "open"), "lamp": self.world.lamps.get(job.target.ref, "off")}

    def apply(self, job: Job) -> Outcome:
        self.begun.append(time.monotonic())
        self.calls.append(f"apply {job.effect}")
        time.sleep(self.takes_s)
        self._step("before valve")
        if "apply" in self.answers:
            return self.answers["apply"]
        with self.world.lock:
            self.world.valves[job.target.ref] = f"shut:{job.effect}"
        self._step("between")
        with self.world.lock:
            self.world.lamps[job.target.ref] = f"on:{job.effect}"
        self._step("after lamp")
        return OK

    def look(self, job: Job) -> Seen:
        if self.blind:
            return Seen("unknown", "the valve does not answer")
        parts = [self.world.valves.get(job.target.ref) == f"shut:{job.effect}", self.world.lamps.get(job.target.ref) == f"on:{job.effect}"]
        return Seen("in_force" if all(parts) else "partial" if any(parts) else "absent")

    def undo(self, job: Job) -> Outcome:
        self.calls.append(f"undo {job.effect}")
        self._step("before undo")
        if "undo" in self.answers:
            return self.answers["undo"]
        with self.world.lock:
            if self.world.valves.get(job.target.ref) == f"shut:{job.effect}":
                self.world.valves[job.target.ref] = job.before["valve"]
            self._step("between undo")
            if self.world.lamps.get(job.target.ref) == f"on:{job.effect}":
                self.world.lamps[job.target.ref] = job.before["lamp"]
        self._step("after undo")
        return OK

    def _step(self, name: str) -> None:
        if self.dies == name:
            raise Killed(name)


class CountedValve(Valve):
    """One whose world knows the effects in it, and takes them back without a record."""

    def found(self, targets: Iterable[Target]) -> frozenset[Observed]:
        if self.blind:
            raise InputError("the valves do not answer")
        return frozenset(Observed(state[5:], "shut", ref) for ref, state in self.world.valves.items() if state.startswith("shut:"))

    def undo(self, job: Job) -> Outcome:
        return super().undo(msgspec.structs.replace(job, before={"valve": "open", "lamp": "off"} | dict(job.before)))


def settings(folder: Path, names: Iterable[str] = ("a", "b", "c"), limits: Limits | None = None, **more: Any) -> Settings:
    """Targets `asset:NAME`; `asset:known` has an identity; `asset:sis` is protected."""
    rows = [TargetRow(ref=f"asset:{name}", actuator="valve", actions=["isolate_asset", "shut"]) for name in names]
    rows.append(TargetRow(ref="asset:known", actuator="valve", actions=["isolate_asset", "shut"], identity=KNOWN))
    return Settings(
        path=folder / "effector.toml",
        head=Head(socket=str(folder / "s"), state=str(folder), kill_switch=str(folder / "STOP"), allow=[]),
        limits=limits or Limits(effects=5000, effects_a_minute=5000, isolated_assets=5000),
        targets={(row.ref, action): row for row in rows for action in row.actions},
        protected={"asset:sis": Protected(ref="asset:sis", reason="safety system")},
        actions={"shut": ActionRow(unidentified="act")},
        kinds={"valve": "valve"},
        sections={},
        uids=frozenset({0}),
        gid=0,
        **more,
    )


class Effector:
    """A core that can be ended and started again on the same record and world."""

    def __init__(self, folder: Path, world: World, *, counted: bool = False, **more: Any) -> None:
        self.folder, self.world = folder, world
        self.now = 1_000_000_000
        self.said: list[str] = []
        self.valve = (CountedValve if counted else Valve)(world)
        self.settings = settings(folder, **more)
        self.switch = Switch(folder / "STOP")
        self.record: Record
        self.core: Core
        self.start()

    def start(self, valve: Valve | None = None) -> None:
        self.valve = valve or self.valve
        self.record = Record(self.folder / "effects.sqlite")
        clock: Callable[[], int] = lambda: self.now  # noqa: E731
        self.core = Core(self.settings, {"valve": self.valve}, self.record, self.switch, clock, self.said.append)

    def end(self) -> None:
        self.core.close()
        self.record.close()

    def restart(self, valve: Valve | None = None) -> None:
        self.end()
        self.start(valve or type(self.valve)(self.world))
