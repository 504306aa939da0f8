"""What an action declares and what an executor must offer; every file in `actions/` and every executor is held to it.

An action is the vocabulary: a name, a class, a sentence for a person, and pure checks on the network. An executor carries actions out in
some world (the range, a firewall, a vendor's API). Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from interferon.model.action_class import Kind
from interferon.model.effects import Observed, Outcome, Value
from interferon.model.network import Network

SAFETY = "sis"
"""Asset type of a safety instrumented system (IEC 61511): never a target."""


@dataclass(frozen=True)
class Action:
    """One kind of containment.

    `fits(network, name)` answers '' or one line why this target cannot be contained so; `closes(network, name)` are the ids of the assets
    that it takes off the network. Both get the target's id without its kind; `fits` that of the machine where the target is a process.

    `kept`: what it brings about is a state, so that doing it again where somebody changed it does no more than what was approved. What is
    reversible is so anyway.
    """

    name: str
    kind: Kind
    targets: tuple[str, ...]  # kinds of reference, e.g. ("asset",)
    ttl_s: int
    sentence: str  # for the person who approves; `{target}` stands for the reference
    inverse: str  # how it is taken back, for the same person; '' where it cannot be
    fits: Callable[[Network, str], str]
    closes: Callable[[Network, str], tuple[str, ...]] = lambda network, name: ()
    controller_write: bool = False  # it writes to a controller: never without the approval of the process owner
    kept: bool = False
    device_write: bool = False  # it changes what its target holds or runs: where that is a controller, the same holds

    def precheck(self, network: Network, target: str) -> str:
        """'' where the action may be tried on the reference `target`, else one line why not."""
        kind, colon, name = target.partition(":")
        if not colon or not name or kind not in self.targets:
            return f"{self.name} takes {' or '.join(f'{k}:ID' for k in self.targets)}, not {target!r}"
        host = network.host_of(target)
        if kind == "process" and host == target:
            return f"{target} is not in the network"
        return self.fits(network, host.partition(":")[2])

    def describe(self, target: str) -> str:
        """The sentence about `target`."""
        return self.sentence.format(target=target)


def no_safety_system(network: Network, name: str) -> str:
    """'' unless the asset is a safety system. One that is in no table is none: clients and accounts come with the events."""
    asset = network.assets.get(name)
    return f"asset:{name} is a safety system: never a target" if asset is not None and asset.type == SAFETY else ""


def touchable(network: Network, name: str) -> str:
    """'' where the asset is in the tables and no safety system: what most actions on assets ask in `fits`."""
    return no_safety_system(network, name) if name in network.assets else f"asset:{name} is not in the network"


class Executor(Protocol):
    """Carries effects out in one world. Thread-safe; called by the runtime only.

    The effect's id is the idempotency key: applying under a key that is in force changes nothing and answers `ok`; under a key that was
    undone it answers `refused` and changes nothing, so that a journal which lost its end cannot make anything happen twice. A call that
    carries an epoch older than the newest one seen is `refused`. An answer that did not come is `unknown`, not an exception; `fence` and
    `observed`, which have no such answer, raise `UnreachableError`.
    """

    def fence(self, epoch: int) -> None:
        """From now on refuse every call with an older epoch."""
        ...

    def precheck(self, action: str, target: str) -> Outcome:
        """Can it be done here and now? Changes nothing."""
        ...

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        """Do it; `failed` and `refused` mean that nothing of it is in the world."""
        ...

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        """Look at the world, not at what was sent: does it hold?"""
        ...

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        """Take it back; `ok` also where nothing of it is there any more."""
        ...

    def observed(self) -> frozenset[Observed]:
        """Every effect of ours that is in the world now."""
        ...
