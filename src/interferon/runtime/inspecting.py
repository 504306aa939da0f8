"""Has the effector look at configurations and backups of what would come back, beside the pipeline. Called by `acting`.

Touches the effector's socket; what was seen is handed over as a record of the log, so that a replay decides on the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from interferon.decide.verification import FRESH_US, NOBODY
from interferon.model.effects import Check
from interferon.model.errors import UnreachableError
from interferon.model.events import Inspected
from interferon.model.network import Network
from interferon.runtime.effector_client import EffectorClient

NAMED: Final = 5  # assets that a line names
AGAIN_US: Final = FRESH_US // 2  # after so long the same is told again, so that it still counts

Seen = tuple[str, tuple[Check, ...]]  # reference of what is contained, and its checks


class Inspecting:
    """One look at a time, on a thread of its own. `probe`: a client that does not wait for an effector that is not there."""

    def __init__(self, client: EffectorClient, probe: EffectorClient, network: Network, clock: Callable[[], int]) -> None:
        self._client, self._probe, self._network, self._clock = client, probe, network, clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="inspect")
        self._looking: Future[list[Seen]] | None = None
        self._begun = 0

    def close(self) -> None:
        """Waits for the look that is under way."""
        self._worker.shutdown()

    def news(self, targets: Callable[[], Sequence[str]], known: Mapping[str, Inspected]) -> Iterator[Inspected]:
        """What the last look saw beyond what is `known`; a new one begins when it is time. `targets`: what would come back now."""
        if self._looking is not None:
            if self._looking.done():
                looked, self._looking = self._looking, None
                yield from self._new(looked.result(), known)
        elif self._clock() - self._begun >= self._network.settings.recovery.look_seconds * 1_000_000 and (wanted := targets()):
            self._begun = self._clock()
            self._looking = self._worker.submit(self._look, wanted)

    def _new(self, seen: list[Seen], known: Mapping[str, Inspected]) -> Iterator[Inspected]:
        now = self._clock()
        for target, checks in seen:
            before = known.get(target)
            if before is None or before.checks != checks or now - before.time >= AGAIN_US:
                yield Inspected(self._begun, target, checks)

    def _look(self, targets: Sequence[str]) -> list[Seen]:
        """Nothing of what the effector does not answer about: it is still to be looked at then."""
        try:
            self._probe.status(brief=True)
            return [(target, self._checks(target)) for target in targets]
        except UnreachableError:
            return []

    def _checks(self, target: str) -> tuple[Check, ...]:
        """A check for each configuration and backup that the effector sees, and one for all that nobody can see."""
        kind, _, name = target.partition(":")
        zoned = [f"asset:{each}" for each in self._network.assets_in.get(name, ())] if kind == "zone" else []
        assets = [target] if kind == "asset" else zoned
        found = [check for asset in assets for check in self._client.inspect(asset)]
        told = {check.ref for check in found if check.what == "configuration"}
        unseen = [asset for asset in assets if asset not in told]
        return (*found, *([_unseen(target, unseen)] if unseen else []))


def _unseen(target: str, assets: list[str]) -> Check:
    more = f" and {len(assets) - NAMED} more" if len(assets) > NAMED else ""
    which = f": {', '.join(assets[:NAMED])}{more}" if assets != [target] else ""
    return Check(target, "configuration", "unknown", f"{NOBODY}{which}")
