"""One writer thread with a commit queue: each commit takes all that waits, so that one fsync serves many callers.

Called by `store.journal` only. Owns the write connection; touches the journal's database file and nothing else.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from interferon.model.errors import JournalError

T = TypeVar("T")

GROUP = 4096  # jobs a commit takes at most: bounds the WAL that one transaction writes


class StaleEpoch(JournalError):
    """A newer runtime has taken over this journal; this one must stop acting."""


@dataclass(frozen=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"


class CommitQueue:
    """Runs jobs in order of arrival on one thread. A job's future is resolved only after the commit that holds it is on disk.

    A job that raises leaves no trace (its savepoint is rolled back) and does not disturb its neighbours. Where the commit itself fails
    (disk full, I/O error) the whole group is rolled back and every future in it carries a `JournalError`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # between `put` and `close`: no job may land behind the end mark
        self._open = True
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def put(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queue `work(connection)`; its result or error comes through the future."""
        future: Future[T] = Future()
        with self._lock:
            if not self._open:
                raise JournalError("the effect journal is closed")
            self._jobs.put(_Job(work, future))
        return future

    def close(self) -> None:
        """Commit what is queued, then end the thread and close the connection."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while group := self._take():
            self._commit_group(group)

    def _take(self) -> list[_Job]:
        """All jobs that wait now, at least one; [] at the end mark."""
        job = self._jobs.get()
        group: list[_Job] = []
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._jobs.put(None)  # nothing can stand behind it: seen again on the next turn
        return group

    def _commit_group(self, group: list[_Job]) -> None:
        answers: list[tuple[Any, Exception | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers = [self._attempt(job) for job in group]
            self._commit()
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            failure = JournalError(f"the effect journal could not be written ({error}); nothing of this step was recorded")
            answers = [(None, failure)] * len(group)
        for job, (result, problem) in zip(group, answers, strict=True):
            if problem is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(problem)

    def _attempt(self, job: _Job) -> tuple[Any, Exception | None]:
        self._connection.execute("SAVEPOINT job")
        try:
            result = job.work(self._connection)
        except sqlite3.OperationalError:
            raise  # disk full, I/O error, locked: not this job's fault, and SQLite may have rolled back everything already
        except Exception as problem:  # noqa: BLE001 - whatever a job raises belongs to the caller who waits on its future
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return None, problem
        self._connection.execute("RELEASE job")
        return result, None

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
