"""Has a running `interferon up` carry out a playbook's commands: OpenC2 in our own namespace goes to it, people are asked at the terminal.

Called by `cli.respond_run`. `up` holds the effect journal, decides on each command as on any plan, and shows what waits on *Approvals*.

The ids of commands follow from the run's id: one that is given again counts once and is answered with how it stands.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from interferon.model.errors import InputError
from interferon.openc2.inbound import TAKE_BACK
from interferon.openc2.records import STATUS, Args, Command, Response
from interferon.playbooks.run_records import Outcome, Run, Scripted
from interferon.runtime import openc2_client
from interferon.runtime.openc2_client import Unreached, Upstream
from interferon.runtime.playbook_crew import AtOnce, Hands, NotDone, WallClock
from interferon.runtime.playbook_effects import KINDS, own_command
from interferon.runtime.playbook_people import Terminal

PAUSE_S: Final = 10.0  # between two looks at a command that waits: a token may send 60 a minute
STEP_S: Final = 0.1  # within which it is noticed that nobody waits any more


@dataclass(frozen=True)
class Through:
    """Which `up` carries a run out, and the run's id, which the ids of its commands follow from."""

    upstream: Upstream
    run: str


class UpExecutor:
    """`playbook_crew.Executor` of one run. Any number of threads may call it at once."""

    def __init__(
        self,
        through: Through,
        terminal: Terminal,
        now: Callable[[], int],
        tell: Callable[[str], None],
        say: Callable[[Upstream, Command, str], Response] = openc2_client.say,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`now` gives the run's milliseconds; `tell` gets a line for the person when a command begins to wait."""
        self._through, self._terminal, self._now, self._tell = through, terminal, now, tell
        self._say, self._pause_s = say, pause_s
        self._withdrawn: set[str] = set()
        self._named: dict[str, str] = {}  # by the id under which it is sent, the command
        self._closed = threading.Event()

    def run(self, command: Run) -> Scripted | None:
        if command.kind == "manual":
            return self._terminal.ask(command, lambda: command.id in self._withdrawn)
        if command.kind not in KINDS:
            return Scripted("failure", {}, f"{command.kind} commands are not carried out here: {' and '.join(KINDS)} are")
        if command.id in self._withdrawn:
            return Scripted("failure", {}, "withdrawn before it was begun")
        try:
            said = _said(self._through.run, command)
        except InputError as error:
            return Scripted("failure", {}, str(error))
        if self._named.setdefault(said.command_id, command.id) != command.id:
            return Scripted("failure", {}, "its command_id was given in this run already: another one, or none, would be right")
        return self._ended(command, said)

    def precheck(self, command: Run) -> "Scripted | NotDone | None":
        """Whether it was done `up` alone knows, and asking is giving it again. A person alone knows about a manual command."""
        return "counts once" if command.kind == "openc2-http" else None

    def cancel(self, command_id: str) -> None:
        self._withdrawn.add(command_id)

    def close(self) -> None:
        """Nobody is asked any more, and nobody waits for what `up` was asked for: it goes on, and `resume` finds how it stands."""
        self._closed.set()
        self._terminal.close()

    def _ended(self, command: Run, said: Command) -> Scripted | None:
        """How the command ended; None where the run is stopped first. One that nobody waits for any more is taken back there."""
        waits, unsure = "", False
        while not self._closed.is_set():
            if why := self._over(command):
                return self._given_up(said, why, waits, unsure)
            before = waits
            try:
                answer = self._say(self._through.upstream, said, said.command_id)
                if answer.status not in (102, 503):
                    return _result(said, answer)
                waits = (answer.status_text or "under way").partition(": send the same command")[0]
                unsure = answer.status == 503
            except (Unreached, InputError) as error:  # also a token file that is being written
                waits, unsure = str(error), True
            if waits != before:
                self._tell(f"{command.step}: {waits}; {self._through.upstream.url}/approvals shows what waits for people")
            self._pause(command)
        return None

    def _over(self, command: Run) -> Outcome | None:
        """How it counts where nobody waits for it any more."""
        if self._now() >= command.due:
            return "timeout"
        return "failure" if command.id in self._withdrawn else None

    def _pause(self, command: Run) -> None:
        end = time.monotonic() + self._pause_s
        while time.monotonic() < end and not (self._closed.is_set() or self._over(command)):
            time.sleep(STEP_S)

    def _given_up(self, said: Command, result: Outcome, waits: str, unsure: bool) -> Scripted:
        """One that waits is withdrawn, and one that was done meanwhile taken back. `unsure`: `up` may hear of it later still.

        One whose time was up while the run was stopped may be in force: it is left as it is.
        """
        if not waits:
            look = f"{self._through.upstream.url}/approvals and the incidents show whether one that was sent before waits or stands"
            return Scripted(result, {}, f"nothing was sent, for nobody waits for it any more; {look}")
        if said.action in TAKE_BACK:
            return Scripted(result, {}, f"not ended in time: {waits}")
        back = Command(action="cancel", target="command", specifier=said.command_id, command_id=_id(f"cancel {said.command_id}"))
        try:
            status = self._say(self._through.upstream, back, back.command_id).status
            done = status == 200 or (status == 404 and not unsure)  # 404: nothing of it is there
        except (Unreached, InputError):
            done = False
        end = "it was withdrawn, or taken back" if done else "it could not be withdrawn: look at Approvals"
        return Scripted(result, {}, f"not ended in time ({waits}); {end}")


def _id(name: str) -> str:
    """Up to 36 characters, as OpenC2 wants them; the same whenever it is asked."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _said(run: str, command: Run) -> Command:
    """What is sent: the message under an id of this run, so that neither another run nor a second try is taken for it."""
    found = own_command(command)
    name = _id(f"{run}={found.command_id}" if found.command_id else f"{run}:{command.id}")
    if (found.action, found.target) == ("cancel", "command"):
        found = msgspec.structs.replace(found, specifier=_id(f"{run}={found.specifier}"))
    args: Args = msgspec.structs.replace(found.args, response_requested="complete")
    return msgspec.structs.replace(found, command_id=name, args=args)


def _result(said: Command, answer: Response) -> Scripted:
    what, text = f"{said.action} {said.specifier}", answer.status_text
    if answer.status == 200:
        return Scripted("success", {}, f"{what}: {text or 'done'}")
    return Scripted("failure", {}, f"{what}: {answer.status}: {text or STATUS[answer.status]}")


def run_file(through: Through) -> Path:
    """Where a run's own journal lies if nobody names another place."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = home / "interferon" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{through.run}.jsonl"


@contextmanager
def hands(through: Through, begin: int, tell: Callable[[str], None]) -> Iterator[Hands]:
    """What a run acts with. `begin`: the last moment it knows, milliseconds.

    Raises `InputError` where nothing can be carried out: `up` does not answer, or lets the token command nothing.
    """
    upstream, clock = through.upstream.checked(), WallClock(begin)
    ask = Command(action="query", target="features", specifier=["profiles", "pairs"], command_id=_id(through.run))
    try:
        answer = openc2_client.say(upstream, ask, ask.command_id)
    except Unreached as error:
        raise InputError(f"nothing is carried out: {error}") from None
    offered = answer.results.pairs if answer.status == 200 and answer.results else None
    if not offered or len(offered) < 2:  # `query features` is always there
        why = answer.status_text or "it carries nothing out: it has no effector"
        raise InputError(f"nothing is carried out: {upstream.url} answers {answer.status}: {why}")
    with ExitStack() as stack:
        executor = UpExecutor(through, Terminal(clock.now), clock.now, tell)
        crew = AtOnce(executor, clock)
        stack.callback(crew.close)
        stack.callback(executor.close)
        yield Hands(executor, clock, crew)
