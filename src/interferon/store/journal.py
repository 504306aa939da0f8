"""The effect journal: every intent, every step of its life and every decision, on disk before the world is touched.

Called by the runtime; reads may come from any thread. Touches one SQLite file, or one PostgreSQL database that several nodes share. Times
are handed in, ids are the caller's. Write methods return answers to wait for: given means that the record survives a power cut.
"""

import platform
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from interferon.act import budget, lifecycle
from interferon.model.effects import Effect, Held, Intent, LedgerEntry, Observed, State
from interferon.model.errors import InputError, JournalError
from interferon.model.network import Budgets
from interferon.store import journal_draft, journal_rows
from interferon.store.journal_answer import Answer
from interferon.store.journal_database import Database, Place, is_url, open_reader, open_writer
from interferon.store.journal_draft import COLUMNS, Draft, effect_of
from interferon.store.journal_lease import Lease
from interferon.store.journal_writer import CommitQueue, stand_by

T = TypeVar("T")

LEASE_S = 10.0  # seconds after its last sign of life in which nobody takes over from a node


class Journal:
    """The journal of one installation, opened for writing. Opening takes the lease and the next fencing epoch: older ones are out.

    A lease that another node holds is waited for, until it has lapsed or is given back; one under the same node's name is taken at once,
    for it is that of a process which was there before a restart.
    """

    def __init__(
        self,
        place: Place,
        *,
        checkpoint_pages: int = 1000,
        node: str = "",
        lease_s: float = LEASE_S,
        wait_s: float | None = None,
        standing_by: Callable[[str], None] = lambda holder: None,
    ) -> None:
        """Open or create the journal at `place`. Raises `InputError` where that cannot be done.

        `node`: this node's name, by default the machine's. `standing_by` is told who has the lease while this node waits, for at most
        `wait_s` seconds (None: for ever), then `JournalError`.
        """
        self.place = place
        lease = Lease(node or platform.node() or "node", lease_s)
        self._queue = CommitQueue(lambda: open_writer(place, checkpoint_pages), lease)
        try:
            stand_by(self._queue, standing_by, wait_s, min(0.25, lease.every_s / 2))
            self._reader = open_reader(place)
        except BaseException:
            self._queue.close()
            raise
        self._reading = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is queued, give the lease back and let go of the database."""
        with self._reading:
            self._reader.close()
        self._queue.close()

    @property
    def epoch(self) -> int:
        """The fencing epoch that this node writes and acts under."""
        return self._queue.lease.epoch

    @property
    def lost(self) -> str:
        """In one line who has taken over, once this node has noticed, else ''. It looks at least every third of the lease."""
        return self._queue.lease.lost

    def guard(self) -> None:
        """To be asked before each touch of the world: raises `StaleEpoch` where another node has taken over.

        Costs nothing while the lease runs. A node that slept past its end looks into the database first, and renews it where nobody
        has taken it; `JournalError` where the database cannot be asked.
        """
        if self._queue.lease.lapsed():
            self._queue.put(lambda draft: None).result()

    # ---- writing

    def admit(self, intents: Sequence[Intent], limits: Budgets, at: int) -> Answer[list[Effect]]:
        """Record each intent and reserve its budgets in one transaction; one beyond a budget is recorded as refused.

        An id that is known already gives the effect as it stands (nothing is recorded twice); the same id with another content is a
        `JournalError`, and then none of `intents` is recorded.
        """
        return self._queue.put(self._admit_all, [each.id for each in intents], intents, limits, at)

    def advance(self, effect_id: str, to: State, at: int, detail: str = "", expires: int | None = None) -> Answer[Effect]:
        """Take one step; `IllegalTransition` where it may not follow the state on disk. `expires`: a new end of its time to live."""
        return self._queue.put(self._advance, (effect_id,), effect_id, to, at, detail, expires)

    def walk(self, effect_id: str, steps: Sequence[tuple[State, str, int | None]], at: int) -> Answer[Effect]:
        """Take several steps (to, detail, expires), in order and all or none."""
        return self._queue.put(self._walk, (effect_id,), effect_id, steps, at)

    def end(self, effect_id: str, at: int, detail: str) -> Answer[Effect]:
        """A time to live that is over by `at`; `IllegalTransition` where the effect was renewed meanwhile."""
        return self._queue.put(self._end, (effect_id,), effect_id, at, detail)

    def adopt(self, found: Observed, at: int) -> Answer[Effect | None]:
        """Record an effect that is in the world although no record explains it; None where a record in force does explain it."""
        return self._queue.put(self._adopt, (found.effect,), found, at)

    def record(self, kind: str, subject: str, content: Any, at: int) -> Answer[int]:
        """Add a decision, approval, verdict … to the ledger; `content` is anything msgspec encodes. Gives the row's number."""
        return self._queue.put(self._record, (), kind, subject, content, at)

    # ---- reading

    def effect(self, effect_id: str) -> Effect | None:
        """The effect as it stands on disk."""
        draft = self._queue.draft()
        known = draft.known(effect_id) if draft else None
        return known or self._read(lambda reader: journal_draft.find(reader, effect_id))

    def effects(self, states: Iterable[State] | None = None, incident: str | None = None, expired_by: int | None = None) -> list[Effect]:
        """Effects by admission; if given, only those in `states`, of `incident`, or whose time to live was over at `expired_by`."""
        wanted = list(State if states is None else states)
        if not wanted:
            return []
        sql = f"SELECT {COLUMNS} FROM effects WHERE state IN ({','.join('?' * len(wanted))})"  # noqa: S608 - question marks only
        if all(map(lifecycle.holds, wanted)):
            sql += " AND standing = 1"
        values: list[str | int] = [*wanted]
        if incident is not None:
            sql += " AND incident = ?"
            values.append(incident)
        if expired_by is not None:
            sql += " AND expires BETWEEN 1 AND ?"
            values.append(expired_by)
        return self._read(lambda reader: [effect_of(row) for row in reader.execute(sql + " ORDER BY admitted, number", values)])

    def history(self, effect_id: str) -> list[LedgerEntry]:
        """Every step of an effect, oldest first."""
        return self._read(lambda reader: journal_rows.steps(reader, effect_id))

    def rows(self, kind: str, subject: str) -> list[LedgerEntry]:
        """What the ledger holds of that kind, which is not `effect`, about a subject, oldest first."""
        return self._read(lambda reader: journal_rows.about(reader, kind, subject))

    def ledger(self, after: int = 0, limit: int = 1000) -> list[LedgerEntry]:
        """Rows of the ledger after number `after`, oldest first."""
        return self._read(lambda reader: journal_rows.entries(reader, after, limit))

    def held(self, now: int) -> Held:
        """What is taken from the budgets at `now`."""
        return self._read(lambda reader: journal_draft.held(reader, now))

    def _read(self, look: Callable[[Database], T]) -> T:
        """A lost connection is opened anew, once."""
        with self._reading:
            try:
                return look(self._reader)
            except msgspec.DecodeError as error:
                told = "a row of the ledger cannot be read: `interferon ledger verify` tells which was changed"
                raise JournalError(f"{self._reader.name}: {told}") from error
            except self._reader.errors as error:
                if not self._reader.lost():
                    raise _unread(self._reader, error) from error
            try:
                self._reader = open_reader(self.place)
                return look(self._reader)
            except InputError as error:
                raise JournalError(str(error)) from error
            except self._reader.errors as error:
                raise _unread(self._reader, error) from error

    # ---- what a commit is drafted from, on the writer's thread

    def _admit_all(self, draft: Draft, intents: Sequence[Intent], limits: Budgets, at: int) -> list[Effect]:
        return [self._admit(draft, intent, limits, at) for intent in intents]

    def _admit(self, draft: Draft, intent: Intent, limits: Budgets, at: int) -> Effect:
        known = draft.find(intent.id)
        if known is not None:
            if known.intent != intent:
                raise JournalError(f"effect {intent.id} is on record with another content: an id names one intent for ever")
            return known
        why = budget.refusal(intent, draft.held(at), limits)
        return draft.insert(intent, State.REFUSED if why else State.INTENT, at, self.epoch, why)

    def _advance(self, draft: Draft, effect_id: str, to: State, at: int, detail: str, expires: int | None) -> Effect:
        before = draft.find(effect_id)
        if before is None:
            raise JournalError(f"effect {effect_id} is not on record")
        lifecycle.advance(effect_id, before.state, to)
        return draft.change(before, to, at, self.epoch, detail, before.expires if expires is None else expires)

    def _walk(self, draft: Draft, effect_id: str, steps: Sequence[tuple[State, str, int | None]], at: int) -> Effect:
        return [self._advance(draft, effect_id, to, at, detail, expires) for to, detail, expires in steps][-1]

    def _end(self, draft: Draft, effect_id: str, at: int, detail: str) -> Effect:
        effect = draft.find(effect_id)
        if effect is not None and effect.expires > at:
            raise lifecycle.IllegalTransition(f"effect {effect_id}: its time to live was made longer; nothing was changed")
        return self._advance(draft, effect_id, State.DUE, at, detail, None)

    def _adopt(self, draft: Draft, found: Observed, at: int) -> Effect | None:
        known = draft.find(found.effect)
        why = "found in the world without an intent on record"
        if known is None:
            intent = Intent(id=found.effect, plan="", incident="", action=found.action, target=found.target, ttl_s=0, time=at)
            return draft.insert(intent, State.ORPHAN, at, self.epoch, why)
        if lifecycle.holds(known.state):
            return None
        return self._advance(draft, found.effect, State.ORPHAN, at, f"found in the world although it is on record as {known.state}", None)

    def _record(self, draft: Draft, kind: str, subject: str, content: Any, at: int) -> int:
        if kind == "effect":
            raise JournalError("steps of an effect are recorded by `admit` and `advance`, not as free ledger rows")
        return draft.append(at, kind, subject, content)


def _unread(reader: Database, error: Exception) -> JournalError:
    return JournalError(f"{reader.name}: the effect journal could not be read ({' '.join(str(error).split())})")


def journal_path(folder: Path) -> Path:
    """Where the journal of a network folder lies by default; a path to a file is taken as the journal itself."""
    return folder if folder.is_file() else folder / "state" / "journal.sqlite"


def journal_place(folder: Path, named: str | None) -> Place:
    """The journal of a network folder: what `--journal` or `network.toml` name (a URL, or a file seen from the folder), or the default."""
    if not named:
        return journal_path(folder)
    return named if is_url(named) else folder / named
