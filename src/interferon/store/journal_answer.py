"""What a caller waits on until its record is on disk. Made by `store.journal_writer`; far cheaper than a `concurrent.futures.Future`.

Records of one commit are on disk at the same moment, so that one gate holds back all who wait for them.
"""

from _thread import allocate_lock
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Gate:
    """Shut until the commit that a group of jobs shares is on disk, or has failed. Opened once; any number of threads may wait."""

    __slots__ = ("_is_open", "_lock")

    def __init__(self) -> None:
        self._is_open = False
        self._lock = allocate_lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let all who wait go on."""
        self._is_open = True
        self._lock.release()

    def passed(self) -> None:
        """Wait until it is open."""
        if not self._is_open:
            with self._lock:  # each lets the next one in, also where it is interrupted
                pass


class Answer(Generic[T_co]):
    """One job and what comes of it, which the writer's thread fills in before it opens the gate."""

    __slots__ = ("_gate", "_problem", "_result", "given", "reads", "work")

    def __init__(self, work: Callable[..., T_co], reads: Sequence[str], given: tuple[Any, ...], gate: Gate) -> None:
        """The writer calls `work(draft, *given)`. `reads`: ids of effects that it will look up."""
        self.work, self.reads, self.given, self._gate = work, reads, given, gate

    def resolve(self, result: Any, problem: BaseException | None) -> None:
        """A result or an error, told once the gate is open."""
        self._result, self._problem = result, problem

    def exception(self) -> BaseException | None:
        """The error, or None; waits until there is one or the other."""
        self._gate.passed()
        return self._problem

    def result(self) -> T_co:
        """What the job gave, on disk; raises the job's error, or the commit's."""
        self._gate.passed()
        if self._problem is not None:
            raise self._problem
        return self._result  # type: ignore[no-any-return]


class Group:
    """Jobs that share a commit, in order of arrival."""

    __slots__ = ("gate", "jobs")

    def __init__(self) -> None:
        self.jobs: list[Answer[Any]] = []
        self.gate = Gate()
