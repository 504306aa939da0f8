"""One writer thread with a commit queue: each commit takes all that waits, so that one fsync serves many callers.

Called by `store.journal` only. Owns the connection that writes and the lease; each commit fences and renews it. A lost connection fails
what was under way, and the next commit opens a new one.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from time import sleep
from typing import Any, Final, TypeVar, TypeVarTuple

from interferon.model.errors import InputError, JournalError
from interferon.store.journal_answer import Answer, Group
from interferon.store.journal_database import Database
from interferon.store.journal_draft import Draft
from interferon.store.journal_lease import Lease
from interferon.store.journal_schema import MIGRATIONS, migrate

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

GROUP = 4096  # jobs a commit takes at most: bounds what one transaction writes
UNFIT: Final = (ValueError, TypeError, OverflowError)  # what a database's binding raises on a value that it cannot store
Outcome = tuple[Any, Exception | None]


class CommitQueue:
    """Runs jobs in order of arrival on one thread. A job's answer is given only after the commit that holds it is on disk.

    A job that raises leaves no trace and does not disturb its neighbours. Where the commit itself fails (disk full, I/O error, connection
    lost) the whole group is rolled back and every answer in it carries a `JournalError`.
    """

    def __init__(self, connect: Callable[[], Database], lease: Lease) -> None:
        self._connect, self.lease = connect, lease
        self._database: Database | None = connect()
        self._draft: Draft | None = None
        self._committing = False
        self._group = Group()  # takes what comes, until the thread takes it
        self._waiting: queue.SimpleQueue[Group | None] = queue.SimpleQueue()  # from its first job on
        self._lock = threading.Lock()  # between `put` and `close`: no job may land behind the end mark
        self._open = True
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self) -> bool:
        """Take the lease, and start the thread. False where another node has it: ask again later.

        Raises `InputError` on a database of a newer release, and on one that cannot be reached, read or written.
        """
        try:
            taken = self._taken()
        except InputError:
            if not self.lease.holder:  # one that stands by goes on standing by while the database is away
                raise
            return False
        if taken:
            self.lease.confirmed()
            self._thread.start()
        return taken

    def put(self, work: Callable[[Draft, *Ts], T], reads: Sequence[str] = (), *given: *Ts) -> Answer[T]:
        """Queue `work(draft, *given)`; its result or error comes through the answer. `reads`: ids of effects that it will look up."""
        with self._lock:
            if not self._open:
                raise JournalError("the effect journal is closed")
            group = self._group
            answer = Answer(work, reads, given, group.gate)
            group.jobs.append(answer)
            if len(group.jobs) == 1:
                self._waiting.put(group)
            if len(group.jobs) == GROUP:
                self._group = Group()
        return answer

    def draft(self) -> Draft | None:
        """What stands, for a look from another thread."""
        return self._draft

    def close(self) -> None:
        """Commit what is queued, give the lease back, then end the thread and close the connection."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._waiting.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        if self._database is not None:
            self._database.close()

    def _taken(self) -> bool:
        database = self._database = self._database or self._connect()
        try:
            database.begin()
            taken = self._led(database)
            if taken:
                self._commit()
            else:
                database.rollback()
        except InputError:
            database.rollback()
            raise
        except database.errors as error:
            self._drop(database)
            raise InputError(f"{database.name}: cannot be opened as an effect journal ({_line(error)})") from error
        return taken

    def _led(self, database: Database) -> bool:
        """Brings the journal up to date and takes the lease. What another node leads is left as it is: bringing it up to date takes long,
        and would keep that node from renewing."""
        leased = 2 <= database.version() < len(MIGRATIONS)  # there is a lease since version 2
        if leased and not self.lease.take(database):
            return False
        migrate(database)
        return leased or self.lease.take(database)

    # ---- on the writer's thread

    def _run(self) -> None:
        while (group := self._taken_up()) is not None:
            for job, (result, problem) in zip(group.jobs, self._answers(group.jobs), strict=True):
                job.resolve(result, problem)
            group.gate.open()
        self._release()

    def _taken_up(self) -> Group | None:
        """Jobs that wait, as many as one commit takes; none, to renew the lease, where nothing came until then; None at the end."""
        try:
            group = self._waiting.get(timeout=self.lease.every_s)
        except queue.Empty:
            return Group()
        with self._lock:
            if group is self._group:
                self._group = Group()
        return group

    def _answers(self, group: list[Answer[Any]]) -> list[Outcome]:
        """One transaction, or, where something in it cannot be stored, one for each job: the others must not suffer from it."""
        self._committing = False
        try:
            database = self._database or self._reconnected()
        except JournalError as error:
            return [(None, error)] * len(group)
        unfit: tuple[type[Exception], ...] = (*database.errors, *UNFIT)
        try:
            return self._transaction(database, group)
        except JournalError as error:  # the lease is another's
            self._undo(database)
            return [(None, error)] * len(group)
        except unfit as error:
            return self._failed(database, group, error)

    def _transaction(self, database: Database, group: list[Answer[Any]]) -> list[Outcome]:
        draft = self._draft = self._draft or Draft(database)
        database.begin()
        draft.read({name for job in group for name in job.reads})
        answers = [self._attempt(draft, job) for job in group]
        self.lease.renew(database, draft.seq)
        draft.flush()
        self._committing = True
        self._commit()
        draft.committed()
        self.lease.confirmed()
        return answers

    def _attempt(self, draft: Draft, job: Answer[Any]) -> Outcome:
        mark = draft.mark()
        try:
            result = job.work(draft, *job.given)
        except draft.database.errors:
            raise  # disk full, I/O error, connection lost: not this job's fault
        except Exception as problem:  # noqa: BLE001 - whatever a job raises belongs to the caller who waits for its answer
            draft.back(mark)
            return None, problem
        return result, None

    def _failed(self, database: Database, group: list[Answer[Any]], error: Exception) -> list[Outcome]:
        self._undo(database)
        if not isinstance(error, database.faults) and len(group) > 1:
            return [answer for job in group for answer in self._answers([job])]
        unknown = self._committing and database.lost()
        came = (
            "the connection was lost while it was committed: recovery tells whether this step was recorded"
            if unknown
            else "nothing of this step was recorded"
        )
        failure = JournalError(f"the effect journal could not be written ({_line(error)}); {came}")
        failure.__cause__ = error
        return [(None, failure)] * len(group)

    def _undo(self, database: Database) -> None:
        self._draft = None
        try:
            database.rollback()
        except database.errors:
            self._drop(database)
        if database.lost():
            self._drop(database)

    def _drop(self, database: Database) -> None:
        self._draft = self._database = None
        database.close()

    def _reconnected(self) -> Database:
        try:
            self._database = self._connect()
        except InputError as error:
            raise JournalError(f"{error}; nothing of this step was recorded") from error
        return self._database

    def _release(self) -> None:
        database = self._database
        if database is None or not self.lease.epoch:
            return
        try:
            database.begin()
            self.lease.release(database)
            self._commit()
        except database.errors:  # it lapses by itself
            self._undo(database)

    def _commit(self) -> None:
        assert self._database is not None
        self._database.commit()


def stand_by(writer: CommitQueue, told: Callable[[str], None], wait_s: float | None, every_s: float) -> None:
    """Until this node has the lease. `told` hears the name of each node that has it; `JournalError` after `wait_s` seconds."""
    heard, waited = "", 0.0
    while not writer.start():
        if writer.lease.holder != heard:
            heard = writer.lease.holder
            told(heard)
        if wait_s is not None and waited >= wait_s:
            raise JournalError(
                f"node {heard} holds the effect journal, and has renewed its lease for the {waited:.0f} s that this one waited"
            )
        sleep(every_s)
        waited += every_s


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
