"""What a run of a playbook is made of: its state, the events that move it and the commands that it gives. Plain data, no behaviour.

Pure.

The state, an event and a command are JSON by `msgspec`; the state is the fold of `machine.step` over the events from the empty state on.
"""

from typing import Any, Final, Literal

import msgspec

Outcome = Literal["success", "failure", "timeout"]
Status = Literal["new", "running", "completed", "failed", "refused"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a run. Times in milliseconds, used where a step names none (clause 4.1 asks for such a maximum)."""

    rounds: int = 100  # of one while
    visits: int = 10_000  # steps begun in all
    depth: int = 8  # playbooks within playbooks
    action_ms: int = 3_600_000
    manual_ms: int = 86_400_000
    leave_loops: bool = False  # at the limit of a while: True goes on after it, False fails it


class Scripted(msgspec.Struct, frozen=True):
    """How a step ends, and what it returns: as a script says, or as an executor answers."""

    result: Outcome
    out: dict[str, str] = {}
    detail: str = ""


Script = dict[str, list[Scripted]]  # by step id, one for each visit; the last one counts for all after it


def outcome(script: Script, step: str, visit: int) -> Scripted | None:
    """What a script says of the `visit`-th visit (from 1 on) of a step, if anything."""
    said = script.get(step)
    return said[min(visit, len(said)) - 1] if said else None


# ---- events


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """The first event: the playbook, and values of its variables from outside."""

    now: int  # milliseconds, of any clock that does not run backwards
    playbook: str
    variables: dict[str, str] = {}
    limits: Limits = Limits()
    outcomes: Script = {}  # of a simulation: steps without commands that shall fail, calls that shall not be made


class Result(msgspec.Struct, frozen=True, tag="result"):
    """A command has ended. `out` holds variables of the step's `out_args`."""

    now: int
    command: str
    result: Outcome
    out: dict[str, str] = {}
    detail: str = ""


class Alarm(msgspec.Struct, frozen=True, tag="alarm"):
    """A timer has gone off."""

    now: int
    timer: str


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """A person, or the kill switch, ends the run: what is under way is cancelled, nothing more is begun."""

    now: int
    reason: str


Event = Begin | Result | Alarm | Abort

# ---- commands


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Have the agent carry out one command on the targets; variables are put in. Answer with a `Result` of the same id."""

    id: str
    step: str
    visit: int  # which visit of the step this is, from 1 on
    kind: str
    command: dict[str, Any]
    agent: str
    agent_definition: dict[str, Any] | None
    targets: dict[str, dict[str, Any] | None]
    inputs: dict[str, str | None]
    outputs: dict[str, str]  # name to type, of those that the step may return
    unknown: list[str]  # of the outputs, those that have no value yet
    timeout_ms: int
    due: int


class SetTimer(msgspec.Struct, frozen=True, tag="set_timer"):
    """Send an `Alarm` at `due`. A timer that the state no longer holds may still go off; it is then ignored."""

    id: str
    due: int


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """The result of this command is no longer awaited: stop it if that can be done."""

    command: str


class Told(msgspec.Struct, frozen=True, tag="told"):
    """A step has ended. `result`: success, failure, timeout or cancelled."""

    step: str
    kind: str
    result: str
    detail: str = ""
    task: str = ""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The run is over."""

    status: Status
    problems: list[str] = []


Command = Run | SetTimer | Cancel | Told | Finished

# ---- state


class Frame(msgspec.Struct):
    """One playbook that is being run: the first one, or one that a playbook-action has called from `caller`."""

    playbook: str
    variables: dict[str, str | None]
    given: dict[str, str] = {}  # values from outside for variables of steps
    returned: dict[str, str | None] = {}  # last values of steps' own variables that out_args have returned
    caller: str = ""
    failed: str = ""
    handling: bool = False  # the workflow_exception has begun


class Branch(msgspec.Struct):
    """A line of steps that ends at an end step: the main one of a frame, or one that a branching task has begun."""

    frame: str
    owner: str = ""
    steps: int = 0
    task: str = ""


class Task(msgspec.Struct):
    """One visit of one step. `phase`: delay, commands, branches or playbook."""

    step: str
    branch: str
    variables: dict[str, str | None]
    visit: int = 1
    phase: str = "delay"
    at: int = 0
    rounds: int = 0
    open: list[str] = []
    failed: str = ""


class State(msgspec.Struct):
    """A run. Identifiers say the place in the tree of branches, so that they do not depend on the order of events."""

    status: Status = "new"
    limits: Limits = Limits()
    frames: dict[str, Frame] = {}
    branches: dict[str, Branch] = {}
    tasks: dict[str, Task] = {}
    pending: dict[str, Run] = {}
    timers: dict[str, int] = {}
    visits: int = 0
    seen: dict[str, int] = {}  # visits by step
    outcomes: Script = {}
    problems: list[str] = []

    @property
    def over(self) -> bool:
        return self.status not in ("new", "running")


ROOT: Final = "0"
