"""Who carries out the commands of a run, and in what order: one after the other, or all that wait at the same time.

Called by `runtime.playbook_run`. Commands go to an executor, answers come back in the order in which they arrive.
"""

import queue
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from interferon.playbooks.run_records import Run, Scripted

NotDone = Literal["not done", "counts once"]
"""Of a command whose result was lost: nothing was done, or giving it again is asking what became of it."""

MOST: Final = 256  # commands under way at once; threads are made as they are needed


class Executor(Protocol):
    """What carries out commands. `run` and `cancel` are called from any thread where commands run in parallel."""

    def run(self, command: Run) -> Scripted | None:
        """Does it; None where no answer has come when its time is up."""

    def precheck(self, command: Run) -> "Scripted | NotDone | None":
        """Looks at the world for a command whose result was lost: how it ended, that it may be given, or None where nobody can tell."""

    def cancel(self, command_id: str) -> None:
        """Its result is no longer awaited: it is not begun any more; what is half done is brought to its end."""


class Clock(Protocol):
    """Milliseconds. `wait` returns at that moment."""

    def now(self) -> int: ...
    def wait(self, until: int) -> None: ...


class WallClock:
    """Milliseconds since 1970; stands still where the machine's clock is set back."""

    def __init__(self, begin: int = 0) -> None:
        """`begin`: the last moment that the run knows."""
        self._last = begin

    def now(self) -> int:
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last

    def wait(self, until: int) -> None:
        while (left := until - self.now()) > 0:
            time.sleep(left / 1000)


class Crew(Protocol):
    """Hands commands to the executor and answers back."""

    def free(self) -> bool:
        """Whether one more may be given now."""

    def give(self, command: Run) -> None: ...

    def answer(self, until: int | None) -> tuple[Run, Scripted] | None:
        """The next answer; None where none comes until that moment, or (where it is None) where none can come any more."""

    def late(self) -> list[tuple[Run, Scripted]]:
        """Answers that came when nobody waited for them any more; returns when nothing is under way."""


@dataclass(frozen=True)
class Hands:
    """What a run is carried out with; without a crew one command after the other."""

    executor: Executor
    clock: Clock
    crew: Crew | None = None


class InTurn:
    """One command after the other, on the caller's thread: the same order each time."""

    def __init__(self, executor: Executor, clock: Clock) -> None:
        self._executor, self._clock = executor, clock
        self._answers: deque[tuple[Run, Scripted]] = deque()

    def free(self) -> bool:
        return not self._answers

    def give(self, command: Run) -> None:
        found = self._executor.run(command)
        if found is not None:
            self._answers.append((command, found))

    def answer(self, until: int | None) -> tuple[Run, Scripted] | None:
        if self._answers:
            return self._answers.popleft()
        if until is not None:
            self._clock.wait(until)
        return None

    def late(self) -> list[tuple[Run, Scripted]]:
        return []


class AtOnce:
    """Every command on a thread of its own."""

    def __init__(self, executor: Executor, clock: Clock) -> None:
        self._executor, self._clock = executor, clock
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="command")
        self._ended: queue.SimpleQueue[Future[Scripted | None]] = queue.SimpleQueue()
        self._given: dict[Future[Scripted | None], Run] = {}

    def free(self) -> bool:
        return True

    def give(self, command: Run) -> None:
        future = self._pool.submit(self._executor.run, command)
        self._given[future] = command
        future.add_done_callback(self._ended.put)

    def answer(self, until: int | None) -> tuple[Run, Scripted] | None:
        """Raises what the executor raised: a journal that cannot be written ends the run."""
        while self._given:
            left = None if until is None else max(0, until - self._clock.now()) / 1000
            try:
                future = self._ended.get(timeout=left)
            except queue.Empty:
                return None
            command, found = self._given.pop(future), future.result()
            if found is not None:
                return command, found
        if until is not None:
            self._clock.wait(until)
        return None

    def late(self) -> list[tuple[Run, Scripted]]:
        for command in self._given.values():
            self._executor.cancel(command.id)
        found = []
        while (answer := self.answer(None)) is not None:
            found.append(answer)
        return found

    def close(self) -> None:
        """Waits for what is under way."""
        self._pool.shutdown()
