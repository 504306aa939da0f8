"""What `up` acts with: the effector, the driver of effects, the kill switch; and how record, world and pipeline are made one after a start.

Called by `service` on the pipeline's thread. Until the world was looked at once, no new effect begins.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from interferon.act.intents import intents
from interferon.actions import ACTIONS
from interferon.decide.book import ASKED, Standing, lasting_s
from interferon.decide.commands import execute
from interferon.decide.recovery import awaited
from interferon.decide.release import ReleaseSettings
from interferon.decide.restrictions import Readings
from interferon.model.effects import Receipt, State, receipt
from interferon.model.errors import UnreachableError
from interferon.model.events import Inspected
from interferon.model.network import Network
from interferon.pipeline import State as Pipeline
from interferon.runtime.effector_client import PROBE_S, EffectorClient
from interferon.runtime.effects import Effects
from interferon.runtime.inspecting import Inspecting
from interferon.runtime.kill_switch import KillSwitch
from interferon.store.journal import Journal

HANDED_OVER_US: Final = 300_000_000  # so long after it was decided a lost command is still begun


class Acting:
    """The effector at a socket, behind the journal. `tell` takes a line for whoever runs the installation."""

    def __init__(
        self,
        socket: Path,
        folder: Path,
        journal: Journal,
        network: Network,
        clock: Callable[[], int],
        tell: Callable[[str], None],
        readings: Callable[[], Readings] = dict,
    ) -> None:
        """`readings`: what interlocks look at, by default nothing is known."""
        self.switch = KillSwitch(folder)
        self._client = EffectorClient(socket)
        self._probe = EffectorClient(socket, answer_s=PROBE_S)  # events must not wait for an effector that is not there
        self._journal, self._network, self._tell = journal, network, tell
        self._clock = clock
        self._looked = False  # whether the world was looked at since the start
        self._inspecting = Inspecting(self._client, self._probe, network, clock)
        self._watcher = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._watching: Future[list[Receipt]] | None = None
        self._watched = 0  # when that was begun
        self.effects = Effects(journal, self._client, ACTIONS, network, clock, halted=self._halted, readings=readings)

    def close(self) -> None:
        """Waits for what is under way; what is in force stays in force."""
        self._inspecting.close()
        self._watcher.shutdown()
        self.effects.close()
        self._client.close()
        self._probe.close()

    def beyond(self) -> str:
        """What the effector itself keeps effects from beginning by, or that it does not answer; '' where nothing does. From any thread."""
        try:
            return self._probe.status(brief=True).stopped
        except UnreachableError as error:
            return str(error)

    def _halted(self) -> str:
        return self.switch.engaged() or ("" if self._looked else "the effector has not answered since the start")

    def look(self, pipeline: Pipeline) -> Iterator[Receipt]:
        """After a start: brings what was under way to its end, carries out what was decided and never handed over, and tells the
        pipeline whatever it has not heard of. Where the effector does not answer: nothing, and it is tried again at the next call.
        Later, every `recovery.look_seconds`: what does not hold any more, and whether it was put back."""
        if self._looked:
            yield from self._drifted()
            return
        try:
            self._probe.status(brief=True)
            self._looked = True  # what is brought to its end may be applied again
            found = self.effects.recover()
        except UnreachableError as error:
            self._looked = False
            self._tell(f"nothing can be carried out: {error}")
            return
        if found.orphans or found.missing:
            self._tell(f"{len(found.orphans)} effects are in the world without a record, {len(found.missing)} on record are not there")
        yield from self._never_handed_over(pipeline)
        yield from self._unheard(pipeline)

    def inspected(self, pipeline: Pipeline, rules: ReleaseSettings) -> Iterator[Inspected]:
        """What the effector sees of configurations and backups of what would come back now; looked at beside the pipeline."""
        book = pipeline.book
        yield from self._inspecting.news(lambda: awaited(book, pipeline.latest, pipeline.verdicts, self._clock(), rules), book.inspected)

    def _drifted(self) -> Iterator[Receipt]:
        """What the last watch found, and a new one when it is time. It looks beside the pipeline, which no slow machine may hold up."""
        if self._watching is not None:
            if self._watching.done():
                watched, self._watching = self._watching, None
                yield from self._present(watched)
        elif self._clock() - self._watched >= self._network.settings.recovery.look_seconds * 1_000_000:
            self._watched = self._clock()
            self._watching = self._watcher.submit(self._watch)

    def _watch(self) -> list[Receipt]:
        """Nothing where the effector does not answer: then nobody knows."""
        try:
            self._probe.status()
        except UnreachableError:
            return []
        return self.effects.watch()

    def _present(self, watched: Future[list[Receipt]]) -> Iterator[Receipt]:
        """As they stand now: what was taken back since it was looked at must not come to life in the pipeline."""
        for told in watched.result():
            effect = self._journal.effect(told.effect)
            if effect is not None:
                self._tell(f"{effect.intent.action} on {effect.intent.target} ({effect.state}): {told.detail}")
                yield receipt(effect)

    def _never_handed_over(self, pipeline: Pipeline) -> Iterator[Receipt]:
        """What the log commands and the journal does not hold: the crash came in between, or nothing acted then. What is old is not
        begun now, whatever it was decided on; the case is decided again."""
        asked = {name: effect for name, effect in pipeline.book.effects.items() if effect.status == ASKED}
        lost = {name: effect for name, effect in asked.items() if self._journal.effect(name) is None}
        fresh = {effect.plan for effect in lost.values() if self._clock() - effect.since < HANDED_OVER_US}
        for name in sorted(fresh):
            plan, choice = pipeline.book.plans[name], pipeline.book.carried[name]
            since = next(effect.since for effect in lost.values() if effect.plan == name)
            command = execute(plan, choice, plan.mode, since, lasting_s(pipeline.book, plan, since))
            if command is not None:
                yield from self.effects.submit(intents(command, self._network, ACTIONS, "policy", plan.alternatives[choice].orders_late))
        for name, effect in lost.items():
            if effect.plan not in fresh:
                yield Receipt(
                    time=self._clock(),
                    effect=name,
                    plan=effect.plan,
                    incident=effect.incident,
                    action=effect.action,
                    target=effect.target,
                    status=State.FAILED,
                    detail="it was not begun when it was decided",
                )

    def _unheard(self, pipeline: Pipeline) -> Iterator[Receipt]:
        """Effects that stand otherwise than the pipeline knows; those that it asked to be taken back are."""
        back = [name for name, effect in pipeline.book.effects.items() if effect.status == State.UNDOING]
        for effect in self._journal.effects():
            known: Standing | None = pipeline.book.effects.get(effect.id)
            if effect.id in back:
                yield from self.effects.undo([effect.id], "asked for before the restart")
            elif known is None or known.status != effect.state:
                yield receipt(effect)
