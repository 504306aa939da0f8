"""What an actuator must offer, and what it is handed. Called by the effector's core only.

An actuator knows one kind of thing in the world (a packet filter, a broker, a load balancer). It keeps nothing in memory that matters: what
stood before goes into `before`, which the core has on disk before `apply` is called, and what stands now is read from the world each time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from interferon.model.effects import Observed, Outcome, Value

Standing = Literal["in_force", "absent", "partial", "unknown"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A thing the effector may act on, from the effector's own file: how it is reached, and by what it is known for certain.

    `identity` holds facts that an address alone does not give (a MAC address, a certificate's fingerprint, an executable's hash, a
    serial number); the actuator compares them with the world at the moment of the effect.
    """

    ref: str  # reference, e.g. `asset:plc-3`
    reach: Mapping[str, Value] = {}  # what this actuator needs to get there: address, port, path, name …
    identity: Mapping[str, Value] = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One effect on one target. `before` is what `Actuator.before` gave, {} until then."""

    effect: str  # idempotency key
    action: str
    target: Target
    params: Mapping[str, Value] = {}
    ttl_s: int = 0  # where the world can keep a time to live by itself, it is given this one; 0: none
    before: Mapping[str, Any] = {}


class Seen(msgspec.Struct, frozen=True):
    """What the world shows of a job now. `unknown`: it could not be looked at."""

    standing: Standing
    detail: str = ""


class Actuator(Protocol):
    """One way to act. Calls may come from several threads, never two at once for one target. No call raises for what the world does.

    An actuator may also say `at_once`: how many applies it really carries out at a time. Others wait outside, where the kill switch still
    stops them.
    """

    name: str  # as its section in the effector's file, e.g. `nft`
    actions: frozenset[str]  # kinds of action it carries out

    def ready(self) -> str:
        """'' where it can act on this machine, else one line that says what is missing and what would help."""
        ...

    def identify(self, job: Job) -> Outcome:
        """Is what answers at the target's address the thing that is meant? `refused`: it is another one; `unknown`: nothing tells."""
        ...

    def before(self, job: Job) -> dict[str, Any]:
        """What `undo` will need, as plain JSON, read from the world before it is changed. `InputError` where it cannot be read."""
        ...

    def apply(self, job: Job) -> Outcome:
        """Do it. Doing it twice is doing it once. `failed` and `refused` mean that nothing of it is in the world."""
        ...

    def look(self, job: Job) -> Seen:
        """Look at the world, not at what was sent or returned."""
        ...

    def undo(self, job: Job) -> Outcome:
        """Put back what `before` says; `ok` also where nothing of it is there any more. Twice is once."""
        ...


@runtime_checkable
class Census(Protocol):
    """An actuator whose world itself says which effects are in it. Optional."""

    def found(self, targets: Iterable[Target]) -> frozenset[Observed]:
        """Every effect of ours in this world, in whole or in part, also those no record knows. `InputError` where it cannot be read."""
        ...


@runtime_checkable
class Inspector(Protocol):
    """An actuator that can tell whether its target's configuration is the approved one, whoever brought that about. Optional."""

    def inspect(self, job: Job) -> Seen:
        """`in_force`: it is; `absent` or `partial`: it differs, as `detail` says. Reads only. The job may never have been applied."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """An actuator that can tell from the file alone what is wrong with a target. Optional."""

    def wrong(self, target: Target, action: str) -> str:
        """'' or one line: which key of the target is wrong, and what would be right. Does not look at the world."""
        ...
