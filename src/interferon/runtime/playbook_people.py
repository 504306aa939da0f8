"""Manual commands of a playbook: put to the person at the terminal, one at a time. Called by `runtime.playbook_effects`, from any thread.

Reads standard input, writes to standard error.
"""

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Final

from interferon.playbooks import values
from interferon.playbooks.run_records import Run, Scripted

POLL_S: Final = 0.2  # within which a question that nobody needs answered any more is given up
DONE: Final = ("done", "d", "yes", "y")
NOT_DONE: Final = ("not done", "no", "n")


class _GivenUp(Exception):
    """Nobody has to answer any more; `why` is empty where the time for it is up."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Terminal:
    """The person at standard input. `now` gives the run's milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._typed = b""

    def close(self) -> None:
        """Questions that wait are given up, and no more are asked."""
        self._closed.set()

    def ask(self, command: Run, withdrawn: Callable[[], bool]) -> Scripted | None:
        """done / not done, and a value for each variable that the step returns; None where the time for it is up."""
        if not sys.stdin.isatty():
            return Scripted("failure", {}, "nobody could be asked: standard input is no terminal")
        try:
            while not self._turn.acquire(timeout=POLL_S):
                self._goes_on(command, withdrawn)
            try:
                return self._asked(command, lambda: self._goes_on(command, withdrawn))
            finally:
                self._turn.release()
        except _GivenUp as error:
            return Scripted("failure", {}, error.why) if error.why else None

    def _goes_on(self, command: Run, withdrawn: Callable[[], bool]) -> None:
        if self._closed.is_set() or withdrawn():
            raise _GivenUp("not asked any more")
        if self._now() >= command.due:
            raise _GivenUp("")

    def _asked(self, command: Run, goes_on: Callable[[], None]) -> Scripted:
        goes_on()
        text = str(command.command.get("command") or values.decoded(str(command.command.get("command_b64", ""))))
        self._say(f"\n{command.step}, for {_name(command)}:\n{text.strip()}\n")
        while (word := self._line("done or not done? ", goes_on).lower()) not in (*DONE, *NOT_DONE):
            self._say(f"{word!r} is neither: type done, or not done.\n")
        if word in NOT_DONE:
            return Scripted("failure", {}, "a person says that it was not done")
        given = {name: self._line(f"{name} ({kind}): ", goes_on) for name, kind in command.outputs.items()}
        return Scripted("success", {name: value for name, value in given.items() if value}, "a person says that it was done")

    def _line(self, question: str, goes_on: Callable[[], None]) -> str:
        """What was typed. Read past Python's buffers, which would hide from `select` that something waits."""
        self._say(question)
        while b"\n" not in self._typed:
            goes_on()
            if select.select([sys.stdin], [], [], POLL_S)[0]:
                part = os.read(sys.stdin.fileno(), 4096)
                if not part:
                    raise _GivenUp("nobody answered: the input has ended")
                self._typed += part
        line, _, self._typed = self._typed.partition(b"\n")
        return " ".join(line.decode(errors="replace").split())

    def _say(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _name(command: Run) -> str:
    return str((command.agent_definition or {}).get("name") or command.agent or "whoever is there")
