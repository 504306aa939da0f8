"""Drives effects through their life: journal first, then the world, then the journal again.

Called by the runtime's loop from any thread. Touches the journal and the executor; the clock is handed in. After a start, and after a
`JournalError`, call `recover`.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from interferon.act import lifecycle
from interferon.act.lifecycle import IllegalTransition
from interferon.act.protocol import Action, Executor
from interferon.decide.restrictions import Readings
from interferon.model.effects import Effect, Intent, Observed, Receipt, State, receipt
from interferon.model.errors import JournalError
from interferon.model.network import Network
from interferon.runtime.effect_drive import Drive
from interferon.store.journal import Journal

T = TypeVar("T")

IN_FORCE: Final = (State.VERIFIED, State.DUE)  # what the world has to show as long as the record says so
LOCKS = 256  # effects are locked by stripe: two threads never drive one effect


class Recovery(msgspec.Struct, frozen=True):
    """What a look at journal and world found."""

    resumed: tuple[Receipt, ...]  # were in flight; each now stands where its receipt says
    orphans: tuple[Receipt, ...]  # in the world, but nothing on record explains them
    missing: tuple[Receipt, ...]  # on record as in force, but not in the world: put back, or escalated
    due: tuple[Receipt, ...] = ()  # their time to live ended meanwhile: to be decided again, or escalated where nobody did


class Effects:
    """The driver of one runtime. Any number of threads may call it at once."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        actions: Mapping[str, Action],
        network: Network,
        clock: Callable[[], int],
        *,
        grace_s: int = 900,
        workers: int = 32,
        halted: Callable[[], str] = lambda: "",
        readings: Callable[[], Readings] = dict,
    ) -> None:
        """`clock` gives microseconds UTC; `grace_s`: how long an effect whose time is over waits for a decision before it is escalated;
        `halted`: '' while effects may begin, else who stopped them and why: asked before each one is applied, never before an undo;
        `readings`: what interlocks look at, by default nothing is known."""
        self._drive = Drive(journal, executor, actions, network, clock, halted, readings)
        self._journal = journal
        self._executor = executor
        self._actions = actions
        self._clock = clock
        self._grace_us = grace_s * 1_000_000
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="effect")
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))

    @property
    def network(self) -> Network:
        """What intents are checked against."""
        return self._drive.network

    @network.setter
    def network(self, network: Network) -> None:
        """A new revision was loaded."""
        self._drive.network = network

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is under way; the journal stays open."""
        self._pool.shutdown()

    def submit(self, intents: Sequence[Intent]) -> list[Receipt]:
        """Carry out `intents`; one receipt each, in their order, told only when it is on disk.

        An id that was submitted before gives its present receipt and does nothing. Raises `JournalError` where the journal cannot take a
        step (all others have ended by then); `recover` brings what was under way to an end.
        """
        admitted = self._journal.admit(intents, self.network.settings.budgets, self._clock()).result()
        return self._each(self._settle, [effect.id for effect in admitted])

    def restrained(self, acts: Sequence[tuple[str, str]]) -> str:
        """'' unless the network's tables forbid one of these (action, reference) here and now, done together, else why."""
        found = (self._drive.restrained(act, beside=[other for other in acts if other != act]) for act in acts)
        return next((why for why in found if why), "")

    def undo(self, effect_ids: Iterable[str], reason: str) -> list[Receipt]:
        """Take effects back. One that has ended already gives its present receipt; one that cannot be undone is escalated."""
        return self._each(lambda effect_id: self._undo(effect_id, reason), effect_ids)

    def renew(self, effect_id: str, ttl_s: int, reason: str) -> Receipt:
        """Decide for another time to live, after looking whether the effect still holds; escalates where it does not."""
        with self._lock(effect_id):
            effect = self._known(effect_id)
            if effect.state not in lifecycle.RENEWABLE:
                raise IllegalTransition(f"effect {effect_id} is {effect.state}: only one that waits for a decision can be renewed")
            outcome = self._executor.verify(effect.id, effect.intent.action, effect.intent.target)
            if outcome.result == "ok":
                return receipt(self._drive.step(effect, State.VERIFIED, reason, expires=lifecycle.expiry(self._clock(), ttl_s)))
            if effect.state is State.DUE:
                effect = self._drive.step(effect, State.ESCALATED, f"not renewed, it does not hold: {outcome.detail}")
            return receipt(effect)

    def escalate(self, effect_id: str, reason: str) -> Receipt:
        """Decide that a person has to look; the effect stays in force."""
        with self._lock(effect_id):
            return receipt(self._drive.step(self._known(effect_id), State.ESCALATED, reason))

    def expire(self, now_us: int) -> list[Receipt]:
        """Effects whose time to live is over become due: still in force, to be decided again. Due ones without an answer are escalated."""
        ended = self._journal.effects([State.VERIFIED], expired_by=now_us)
        unanswered = [e for e in self._journal.effects([State.DUE]) if e.changed + self._grace_us <= now_us]
        steps = [self._journal.end(e.id, now_us, "time to live is over: decide again") for e in ended]
        steps += [self._journal.advance(e.id, State.ESCALATED, now_us, "no decision within the grace period") for e in unanswered]
        receipts = []
        for step in steps:
            with suppress(IllegalTransition):  # undone or renewed by another thread since it was read
                receipts.append(receipt(step.result()))
        return receipts

    def watch(self) -> list[Receipt]:
        """Looks at the world for every effect on record as in force, and puts back what does not hold any more, or escalates it.

        Receipts of those that changed. Changes nothing where nobody answers. What was taken back, has ended or is held by the kill switch
        is never applied. To be called every now and then, from any thread: it takes as long as the slowest look.
        """
        looked = self._each(self._watched, [effect.id for effect in self._journal.effects(IN_FORCE)])
        return [told for told in looked if told is not None]

    def recover(self) -> Recovery:
        """Bring what was in flight to its end, compare world and record, and let what ended meanwhile become due. Safe to call at any time.

        The fence goes up first, so that a call of a dead runtime that is still under way cannot land after the world was looked at.
        The order of looking matters: an effect seen in the world has its intent in a journal read *after* that, and one on record both
        before and after must be in the world. Raises `UnreachableError` where the world cannot be looked at; nothing was judged then.
        """
        self._executor.fence(self._journal.epoch)
        before = {effect.id for effect in self._journal.effects(IN_FORCE)}
        world = self._executor.observed()
        present = {seen.effect for seen in world}
        resumed = self._each(lambda i: self._settle(i, present), [e.id for e in self._journal.effects(lifecycle.IN_FLIGHT)])
        orphans = [self._unexplained(seen) for seen in sorted(world, key=lambda seen: seen.effect)]
        missing = [e for e in self._journal.effects(IN_FORCE) if e.id in before and e.id not in present]
        lost = self._each(self._lost, [e.id for e in missing])
        found = tuple(receipt(e) for e in orphans if e is not None)
        return Recovery(tuple(resumed), found, tuple(lost), tuple(self.expire(self._clock())))

    # ---- one effect

    def _settle(self, effect_id: str, present: Iterable[str] = ()) -> Receipt:
        """Drive one effect until nothing is left to do for it. `present`: ids seen in the world before this runtime did anything."""
        with self._lock(effect_id):
            return receipt(self._drive.on(self._known(effect_id), effect_id in present))

    def _unexplained(self, seen: Observed) -> Effect | None:
        """Record what no intent explains; an effect that was taken back since the world was looked at is none of these."""
        with self._lock(seen.effect):
            known = self._journal.effect(seen.effect)
            if known is not None and (lifecycle.holds(known.state) or self._drive.present(seen.effect) is False):
                return None
            return self._journal.adopt(seen, self._clock()).result()

    def _lost(self, effect_id: str) -> Receipt:
        with self._lock(effect_id):
            effect = self._known(effect_id)
            if effect.state in IN_FORCE:  # else another thread has just taken it back
                effect = self._drive.put_back(effect, "not in the world any more")
            return receipt(effect)

    def _watched(self, effect_id: str) -> Receipt | None:
        """None where nothing changed: it holds, nobody can look, or another thread has just taken it back."""
        with self._lock(effect_id):
            effect = self._known(effect_id)
            if effect.state not in IN_FORCE:
                return None
            outcome = self._executor.verify(effect.id, effect.intent.action, effect.intent.target)
            if outcome.result != "failed":
                return None
            return receipt(self._drive.put_back(effect, f"it does not hold any more ({outcome.detail})"))

    def _undo(self, effect_id: str, reason: str) -> Receipt:
        with self._lock(effect_id):
            effect = self._known(effect_id)
            if effect.state is State.INTENT:
                return receipt(self._drive.step(effect, State.FAILED, f"withdrawn before it was applied: {reason}"))
            effect = self._drive.on(effect, seen=False)  # one that a full disk stopped half-way is brought to rest first
            if effect.state in lifecycle.ENDED:
                return receipt(effect)
            action = self._actions.get(effect.intent.action)
            if action is not None and not action.inverse:
                why = f"{action.name} cannot be taken back ({reason})"
                return receipt(effect if effect.state is State.ESCALATED else self._drive.step(effect, State.ESCALATED, why))
            return receipt(self._drive.take_back(self._drive.step(effect, State.UNDOING, reason)))

    # ---- small parts

    def _known(self, effect_id: str) -> Effect:
        effect = self._journal.effect(effect_id)
        if effect is None:
            raise JournalError(f"effect {effect_id} is not on record")
        return effect

    def _lock(self, effect_id: str) -> threading.Lock:
        return self._locks[hash(effect_id) % LOCKS]

    def _each(self, work: Callable[[str], T], effect_ids: Iterable[str]) -> list[T]:
        """`work` on each id, in parallel; the first error is raised when all have ended. A single one is done by the caller."""
        names = list(effect_ids)
        if len(names) == 1:
            return [work(names[0])]
        futures: list[Future[T]] = [self._pool.submit(work, name) for name in names]
        wait(futures)
        return [future.result() for future in futures]
