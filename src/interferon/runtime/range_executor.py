"""The range as an executor: carries effects out in the simulated network. Used by the demo and the acceptance tests."""

import threading
from collections.abc import Mapping
from typing import Protocol

from interferon.model.effects import Observed, Outcome, Value


class World(Protocol):
    """What this executor needs of `twin.range.Range`."""

    def apply(self, effect_id: str, action: str, target: str, params: dict[str, Value]) -> str: ...

    def undo(self, effect_id: str) -> str: ...

    def verify(self, effect_id: str) -> bool: ...

    def in_force(self) -> dict[str, tuple[str, str]]: ...


class RangeExecutor:
    """`act.protocol.Executor` over one range; refuses what was undone and what comes from an older epoch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._epoch = 0
        self._undone: set[str] = set()

    def fence(self, epoch: int) -> None:
        with self._lock:
            self._epoch = max(self._epoch, epoch)

    def precheck(self, action: str, target: str) -> Outcome:
        """The range has no state in which a known action cannot be tried; `apply` tells."""
        return Outcome("ok")

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        with self._lock:
            if epoch < self._epoch:
                return Outcome("refused", f"epoch {epoch} is over, {self._epoch} rules")
            self._epoch = epoch
            if effect_id in self._undone:
                return Outcome("refused", "this effect was undone")
            why = self._world.apply(effect_id, action, target, dict(params))
            return Outcome("failed", why) if why else Outcome("ok")

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        with self._lock:
            return Outcome("ok") if self._world.verify(effect_id) else Outcome("failed", f"{target} is not shut off")

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        with self._lock:
            if epoch < self._epoch:
                return Outcome("refused", f"epoch {epoch} is over, {self._epoch} rules")
            self._undone.add(effect_id)
            why = self._world.undo(effect_id) if effect_id in self._world.in_force() else ""
            return Outcome("failed", why) if why else Outcome("ok")

    def observed(self) -> frozenset[Observed]:
        with self._lock:
            return frozenset(Observed(name, action, target) for name, (action, target) in self._world.in_force().items())
