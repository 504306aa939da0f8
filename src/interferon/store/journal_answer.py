"""What a caller waits on until its record is on disk. Made by `store.journal_writer`; far cheaper than a `concurrent.futures.Future`."""

from _thread import allocate_lock
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Answer(Generic[T_co]):
    """One job and what comes of it. Resolved once, by the writer's thread; any number of threads may wait."""

    __slots__ = ("_gate", "_problem", "_result", "given", "reads", "work")

    def __init__(self, work: Callable[..., T_co], reads: Sequence[str], given: tuple[Any, ...]) -> None:
        """The writer calls `work(draft, *given)`. `reads`: ids of effects that it will look up."""
        self.work, self.reads, self.given = work, reads, given
        self._gate = allocate_lock()
        self._gate.acquire()
        self._problem: BaseException | None = None

    def resolve(self, result: Any, problem: BaseException | None) -> None:
        """Let the waiting go on, with a result or an error."""
        self._result, self._problem = result, problem
        self._gate.release()

    def exception(self) -> BaseException | None:
        """The error, or None; waits until there is one or the other."""
        self._gate.acquire()
        self._gate.release()
        return self._problem

    def result(self) -> T_co:
        """What the job gave, on disk; raises the job's error, or the commit's."""
        if (problem := self.exception()) is not None:
            raise problem
        return self._result  # type: ignore[no-any-return]
