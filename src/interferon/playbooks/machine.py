"""Runs playbooks as a state machine: `step(books, state, event) -> commands`. Called by `runtime.playbook_run` and by tests. Pure.

Changes only the state handed to it, reads no clock and draws no random number: live, simulated and resumed runs are this one function.

What the specification leaves open, and what is done here: a failure that a step does not handle (`on_failure`) is the failure of the
branching step around it, then of the playbook, whose `workflow_exception` runs before it ends as failed. A parallel step waits for all
its branches, also when one has failed. A step whose time is up has failed; what ran in it is cancelled.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from interferon.model.errors import InputError
from interferon.playbooks import scopes
from interferon.playbooks.machine_choices import chosen, command_of, holds, names
from interferon.playbooks.records import Action, AnyStep, End, If, Parallel, Playbook, PlaybookAction, Switch, While
from interferon.playbooks.run_records import (
    ROOT,
    Abort,
    Alarm,
    Begin,
    Branch,
    Cancel,
    Command,
    Event,
    Finished,
    Frame,
    Result,
    SetTimer,
    State,
    Status,
    Task,
    Told,
    outcome,
)
from interferon.playbooks.scopes import Books, Scope


def shelve(playbooks: Iterable[Playbook]) -> dict[str, Playbook]:
    """The books of a run: by identifier (the latest version) and by identifier and time of change."""
    found: dict[str, Playbook] = {}
    for each in sorted(playbooks, key=lambda each: each.modified):
        found |= {each.id: each, f"{each.id}@{each.modified}": each}
    return found


def step(books: Books, state: State, event: Event) -> list[Command]:
    """Moves the run on by one event. An event that nothing waits for (a late result, an old timer) changes nothing."""
    return _Turn(books, state, event.now).take(event)


class _Turn:
    """The consequences of one event. Work is queued, not nested: a long workflow needs no deep stack."""

    def __init__(self, books: Books, state: State, now: int) -> None:
        self._books, self._state, self._now = books, state, now
        self._commands: list[Command] = []
        self._work: deque[Callable[[], None]] = deque()

    def take(self, event: Event) -> list[Command]:
        if isinstance(event, Begin) and self._state.status == "new":
            self._start(event)
        elif not self._state.over:
            self._continue(event)
        while self._work and not self._state.over:
            self._work.popleft()()
        return self._commands

    def _continue(self, event: Event) -> None:
        if isinstance(event, Abort):
            self._stop(event.reason)
        elif isinstance(event, Result) and event.command in self._state.pending:
            self._ended(event)
        elif isinstance(event, Alarm) and self._state.timers.pop(event.timer, None) is not None:
            name, _, what = event.timer.rpartition("~")
            if what == "delay":
                self._begin(name)
            else:
                self._fail(name, "the time for the step is up", "timeout")

    # ---- the whole run

    def _start(self, event: Begin) -> None:
        self._state.limits, self._state.outcomes = event.limits, event.outcomes
        playbook = self._books[event.playbook]
        if problems := scopes.start_problems(playbook, event.variables):
            self._finish("refused", problems)
            return
        self._state.status = "running"
        self._open_frame(ROOT, playbook, event.variables)

    def _open_frame(self, name: str, playbook: Playbook, given: dict[str, str], caller: str = "") -> None:
        key = f"{playbook.id}@{playbook.modified}"
        of_steps = {each: value for each, value in given.items() if each not in playbook.playbook_variables}
        self._state.frames[name] = Frame(key, scopes.initial(playbook, given), of_steps, {}, caller)
        self._open_branch(name, name, "", playbook.workflow_start)

    def _open_branch(self, name: str, frame: str, owner: str, begin: str) -> None:
        self._state.branches[name] = Branch(frame, owner)
        self._work.append(partial(self._enter, name, begin))

    def _finish(self, status: Status, problems: list[str]) -> None:
        self._state.status, self._state.problems = status, problems
        self._commands.append(Finished(status, problems))

    def _stop(self, reason: str) -> None:
        for name in [name for name, each in self._state.branches.items() if not each.owner]:
            self._drop(name)
        self._finish("failed", [f"stopped: {reason}"])

    # ---- steps

    def _step(self, task: Task) -> AnyStep:
        frame = self._state.frames[self._state.branches[task.branch].frame]
        return self._books[frame.playbook].workflow[task.step]

    def _enter(self, branch_name: str, step_name: str) -> None:
        state = self._state
        branch = state.branches[branch_name]
        state.visits += 1
        if state.visits > state.limits.visits:
            self._stop(f"more than {state.limits.visits} steps were begun")
            return
        branch.steps += 1
        branch.task = name = f"{branch_name}/{branch.steps}"
        visit = state.seen[step_name] = state.seen.get(step_name, 0) + 1
        task = state.tasks[name] = Task(step_name, branch_name, {}, visit)
        found = self._step(task)
        task.variables = Scope(self._books, state, task).fresh(found.step_variables)
        if found.delay:
            self._set_timer(f"{name}~delay", found.delay)
        else:
            self._begin(name)

    def _set_timer(self, name: str, after: int) -> None:
        self._state.timers[name] = due = self._now + int(after)
        self._commands.append(SetTimer(name, due))

    def _begin(self, name: str) -> None:
        task = self._state.tasks[name]
        found = self._step(task)
        if wait := self._timeout(found):
            self._set_timer(f"{name}~timeout", wait)
        try:
            self._dispatch(name, task, found)
        except InputError as error:
            self._fail(name, str(error))

    def _timeout(self, found: AnyStep) -> int:
        limits = self._state.limits
        if not isinstance(found, Action) or found.timeout:
            return int(found.timeout)
        return limits.manual_ms if any(each.type == "manual" for each in found.commands) else limits.action_ms

    def _dispatch(self, name: str, task: Task, found: AnyStep) -> None:
        forced = None if isinstance(found, Action) else outcome(self._state.outcomes, task.step, task.visit)
        if forced is not None and forced.result != "success":
            self._fail(name, "as the script says", forced.result)
        elif isinstance(found, PlaybookAction) and forced is not None:
            self._returned(name, found, forced.out)
        elif isinstance(found, Action):
            task.phase = "commands"
            self._run(name, task, found)
        elif isinstance(found, PlaybookAction):
            task.phase = "playbook"
            self._call(name, task, found)
        elif isinstance(found, Parallel):
            self._spread(name, task, found.next_steps)
        elif isinstance(found, While):
            self._again(name, task, found)
        elif isinstance(found, If | Switch):
            branch, why = chosen(Scope(self._books, self._state, task), found)
            if branch:
                self._spread(name, task, [branch])
            else:
                self._succeed(name, why)
        else:
            self._succeed(name)

    def _spread(self, name: str, task: Task, begins: list[str]) -> None:
        task.phase, task.rounds = "branches", task.rounds + 1
        frame = self._state.branches[task.branch].frame
        task.open = [f"{name}#{task.rounds}.{place}" for place in range(len(begins))]
        for branch, begin in zip(task.open, begins, strict=True):
            self._open_branch(branch, frame, name, begin)

    def _again(self, name: str, task: Task, found: While) -> None:
        """Asks the condition of a while, before each round."""
        if not holds(Scope(self._books, self._state, task), found):
            self._succeed(name, f"left after {task.rounds} rounds")
        elif task.rounds < self._state.limits.rounds:
            self._spread(name, task, [found.on_true])
        elif self._state.limits.leave_loops:
            self._succeed(name, f"left at the limit of {task.rounds} rounds, the condition still holds")
        else:
            self._fail(name, f"the condition still holds after the limit of {task.rounds} rounds")

    # ---- commands of an action

    def _run(self, name: str, task: Task, found: Action) -> None:
        due = self._state.timers[f"{name}~timeout"]
        run = command_of(Scope(self._books, self._state, task), f"{name}!{task.at}", task, found, due, due - self._now)
        self._state.pending[run.id] = run
        self._commands.append(run)

    def _ended(self, event: Result) -> None:
        del self._state.pending[event.command]
        name = event.command.rpartition("!")[0]
        task = self._state.tasks[name]
        found = self._step(task)
        assert isinstance(found, Action)
        scope = Scope(self._books, self._state, task)
        refused = [why for each in names(found.out_args) if each in event.out and (why := scope.assign(each, event.out[each]))]
        if event.result != "success" or refused:
            self._fail(name, event.detail or "; ".join(refused), event.result if event.result != "success" else "failure")
        elif task.at + 1 < len(found.commands):
            task.at += 1
            try:
                self._run(name, task, found)
            except InputError as error:
                self._fail(name, str(error))
        else:
            self._succeed(name, event.detail)

    # ---- playbooks within playbooks

    def _call(self, name: str, task: Task, found: PlaybookAction) -> None:
        key = f"{found.playbook_id}@{found.playbook_version}" if found.playbook_version else found.playbook_id
        if key not in self._books:
            raise InputError(f"the playbook {key} was not found")
        if name.count("@") >= self._state.limits.depth:
            raise InputError(f"playbooks call each other more than {self._state.limits.depth} deep")
        called, scope = self._books[key], Scope(self._books, self._state, task)
        wanted = [each for each in names(found.in_args) if each in called.playbook_variables]
        given = {each: value for each in wanted if (value := scope.value(each)) is not None}
        if problems := scopes.start_problems(called, given):
            raise InputError(f"{called.id} cannot begin: {'; '.join(problems)}")
        self._open_frame(f"{name}@", called, given, name)

    def _close_frame(self, frame_name: str) -> None:
        frame = self._state.frames[frame_name]
        if not frame.caller:
            self._finish("failed" if frame.failed else "completed", [frame.failed] if frame.failed else [])
            return
        del self._state.frames[frame_name]
        found = self._step(self._state.tasks[frame.caller])
        assert isinstance(found, PlaybookAction)
        if frame.failed:
            self._fail(frame.caller, frame.failed)
        else:
            self._returned(frame.caller, found, frame.variables)

    def _returned(self, name: str, found: PlaybookAction, out: Mapping[str, str | None]) -> None:
        """A called playbook has ended well: what it returns goes to the variables of the same names here."""
        scope = Scope(self._books, self._state, self._state.tasks[name])
        refused = [why for each in names(found.out_args) if each in out and (why := scope.assign(each, out[each]))]
        if refused:
            self._fail(name, "; ".join(refused))
        else:
            self._succeed(name)

    # ---- ends

    def _succeed(self, name: str, detail: str = "") -> None:
        task, found = self._leave(name, "success", detail)
        if isinstance(found, End):
            self._work.append(partial(self._close, task.branch, ""))
        else:
            self._work.append(partial(self._enter, task.branch, found.after))

    def _fail(self, name: str, why: str, result: str = "failure") -> None:
        task = self._state.tasks[name]
        for branch in (*task.open, f"{name}@", f"{name}@x"):
            self._drop(branch)
        self._cancel(name)
        task, found = self._leave(name, result, why)
        if found.on_failure:
            self._work.append(partial(self._enter, task.branch, found.on_failure))
        else:
            self._work.append(partial(self._close, task.branch, f"{task.step}: {why or result}"))

    def _leave(self, name: str, result: str, detail: str) -> tuple[Task, AnyStep]:
        task = self._state.tasks.pop(name)
        found = self._step(task)
        self._state.timers.pop(f"{name}~timeout", None)
        self._state.timers.pop(f"{name}~delay", None)
        self._commands.append(Told(task.step, found.kind, result, detail, name))
        return task, found

    def _close(self, branch_name: str, failed: str) -> None:
        """A branch has come to its end step, or to a failure that nothing in it handles."""
        branch = self._state.branches.pop(branch_name)
        if branch.owner:
            self._joined(branch.owner, branch_name, failed)
            return
        frame = self._state.frames[branch.frame]
        frame.failed = frame.failed or failed
        handler = self._books[frame.playbook].workflow_exception
        if failed and handler and not frame.handling:
            frame.handling = True
            self._open_branch(f"{branch.frame}x", branch.frame, "", handler)
        else:
            self._close_frame(branch.frame)

    def _joined(self, name: str, branch: str, failed: str) -> None:
        task = self._state.tasks[name]
        task.open.remove(branch)
        # the least, not the first: the order in which branches end must not show
        task.failed = min(filter(None, (task.failed, failed)), default="")
        if task.open:
            return
        found = self._step(task)
        if task.failed:
            self._fail(name, task.failed)
        elif isinstance(found, While):
            try:
                self._again(name, task, found)
            except InputError as error:
                self._fail(name, str(error))
        else:
            self._succeed(name)

    def _drop(self, branch_name: str) -> None:
        """Cancels a branch and all that runs in it, the innermost first."""
        found, waiting = [], [branch_name]
        while waiting:
            name = waiting.pop()
            if (branch := self._state.branches.get(name)) is not None:
                found.append(name)
                task = self._state.tasks.get(branch.task)
                waiting += [*(task.open if task else ()), f"{branch.task}@", f"{branch.task}@x"]
        for name in reversed(found):
            task_name = self._state.branches[name].task
            if task_name in self._state.tasks:
                self._cancel(task_name)
                self._leave(task_name, "cancelled", "")
            branch = self._state.branches.pop(name)
            if not branch.owner:
                self._state.frames.pop(branch.frame, None)

    def _cancel(self, task: str) -> None:
        """What the task has asked for is no longer awaited."""
        for command in [command for command in self._state.pending if command.rpartition("!")[0] == task]:
            del self._state.pending[command]
            self._commands.append(Cancel(command))
