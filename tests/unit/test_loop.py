"""The shell around `step`: what is written before what is done, who hears of it, and what comes of commands that came too late."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from interferon.act.lifecycle import IllegalTransition
from interferon.actions import ACTIONS
from interferon.bench.respond_journal import Memory
from interferon.decide.approval import yes
from interferon.model.effects import State as Effect
from interferon.model.errors import JournalError
from interferon.model.events import Control, Receipted, Rerouted, Tick, Verdict
from interferon.model.records import Execute, Plan, Renew, Solve, Undo
from interferon.pipeline import Rules
from interferon.runtime.effects import Effects
from interferon.runtime.loop import Hooks, Loop
from interferon.store import log
from interferon.store.examples import START
from interferon.store.journal import Journal

from .attacked import HOUR, MINUTE, always, attack, fresh, rules


@dataclass
class Ears:
    """Everything that the hooks were told, in order."""

    told: list[object] = field(default_factory=list)
    recorded: list[tuple[str, str]] = field(default_factory=list)
    batches: int = 0

    def hooks(self) -> Hooks:
        return Hooks(see=self.see, heard=self.told.append, sink=self.told.append, record=self.record)

    def see(self, batch: pa.RecordBatch) -> None:
        self.batches += 1

    def record(self, kind: str, subject: str, content: object, at: int) -> Future[int]:
        self.recorded.append((kind, subject))
        done: Future[int] = Future()
        done.set_result(len(self.recorded))
        return done

    def of(self, kind: type) -> list[object]:
        return [one for one in self.told if isinstance(one, kind)]


@dataclass
class Clock:
    now: int = START + 2 * MINUTE

    def __call__(self) -> int:
        return self.now


Ready = Callable[..., tuple[Loop, Effects, Ears]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ready(tmp_path: Path, clock: Clock) -> Iterator[Ready]:
    """Makes a loop over a world in memory."""
    under = rules()
    with Journal(tmp_path / "j.sqlite") as journal, Effects(journal, Memory(), ACTIONS, under.network, clock) as effects:

        def make(rules: Rules = under) -> tuple[Loop, Effects, Ears]:
            ears = Ears()
            return Loop(fresh(rules), rules, effects=effects, actions=ACTIONS, hooks=ears.hooks()), effects, ears

        yield make


def contained(loop: Loop, ears: Ears) -> list[Receipted]:
    loop.feed(attack())
    loop.feed(Tick(time=START + 2 * MINUTE))
    return [one for one in ears.told if isinstance(one, Receipted)]


def test_an_item_is_in_the_log_before_anybody_sees_it(tmp_path: Path) -> None:
    under, place = rules(), tmp_path / "log"
    written = log.EventLog(place, durable=False)
    seen: list[int] = []

    def count(item: object) -> None:
        seen.append(len(list(log.read(place))))

    loop = Loop(fresh(under), under, log=written, hooks=Hooks(see=count, heard=count))
    items: list[pa.RecordBatch | Control] = [attack(), Tick(time=START + 2 * MINUTE), attack("erp-1", START + HOUR, 10)]
    for item in items:
        loop.feed(item)
    written.close()
    assert seen == [1, 2, 3]
    assert [type(item) for item in log.read(place)] == [type(item) for item in items]


def test_a_log_with_the_answers_in_it_gives_the_same_outputs_without_an_executor(tmp_path: Path, ready: Ready) -> None:
    loop, _, live = ready()
    written = log.EventLog(tmp_path / "log", durable=False)
    loop._log = written
    contained(loop, live)
    loop.feed(Verdict(time=START + HOUR, incident=next(iter(loop.state.latest)), person="ann", verdict="benign"))
    written.close()
    under, again = rules(), Ears()
    replayed = Loop(fresh(under), under, hooks=again.hooks())
    for item in log.read(tmp_path / "log"):
        replayed.feed(item)
    assert again.of(Plan) == live.of(Plan)
    assert again.of(Execute | Undo | Solve) == live.of(Execute | Undo | Solve)  # type: ignore[arg-type]
    assert replayed.state.book == loop.state.book


def test_what_is_commanded_is_carried_out_and_its_receipts_come_back(ready: Ready) -> None:
    loop, _, ears = ready()
    done = contained(loop, ears)
    (command,) = ears.of(Execute)
    assert isinstance(command, Execute)
    assert [(one.effect, one.status) for one in done] == [(name, "verified") for name, *_ in command.effects]
    assert {effect.status for effect in loop.state.book.effects.values()} == {"verified"}
    assert ears.batches == 1


def test_decisions_are_recorded_before_what_follows_from_them(ready: Ready) -> None:
    loop, _, ears = ready(rules(always("execute_approved")))
    contained(loop, ears)
    (plan,) = loop.state.book.plans.values()
    loop.feed(yes(plan, plan.chosen, "ann", START + HOUR))
    loop.feed(Verdict(time=START + HOUR, incident=plan.incident, person="ann", verdict="benign"))
    assert ears.recorded[:3] == [("plan", plan.id), ("approval", plan.id), ("verdict", plan.incident)]
    assert {one.status for one in ears.told if isinstance(one, Receipted)} == {"verified", "undone"}


def test_nothing_is_carried_out_where_the_decision_cannot_be_recorded(ready: Ready) -> None:
    loop, effects, _ = ready()
    full: Future[int] = Future()
    full.set_exception(JournalError("the disk is full"))
    loop._hooks = Hooks(record=lambda *told: full)
    loop.feed(attack())
    with pytest.raises(JournalError, match="the disk is full"):
        loop.feed(Tick(time=START + 2 * MINUTE))
    assert effects.expire(START + 99 * HOUR) == []


def test_effects_whose_time_is_over_are_renewed_and_after_too_often_escalated(ready: Ready, clock: Clock) -> None:
    loop, _, ears = ready()
    done = contained(loop, ears)
    (plan,) = loop.state.book.plans.values()
    for _ in range(loop.rules.release.most_renewals + 1):
        clock.now += plan.ttl_s * 1_000_000 + MINUTE
        loop.expire(clock.now)
    answers = [one.answer for one in ears.told if isinstance(one, Renew)]
    most = loop.rules.release.most_renewals
    assert answers == ["renew"] * (most * len(done)) + ["escalate"] * len(done)
    assert {effect.status for effect in loop.state.book.effects.values()} == {str(Effect.ESCALATED)}


def test_an_effect_that_a_person_took_back_meanwhile_is_not_renewed(ready: Ready, clock: Clock) -> None:
    loop, effects, ears = ready()
    done = contained(loop, ears)
    effects.undo([one.effect for one in done], "by hand")
    for answer in ("renew", "escalate"):
        command = Renew(clock.now, done[0].plan, done[0].incident, (done[0].effect,), answer, 60, "late")
        assert loop._do(effects, command) == []
        with pytest.raises(IllegalTransition):
            effects.escalate(done[0].effect, "late")


def test_without_an_executor_nothing_expires_and_nothing_is_done() -> None:
    under, ears = rules(), Ears()
    loop = Loop(fresh(under), under, hooks=ears.hooks())
    assert contained(loop, ears) == []
    loop.expire(START + 99 * HOUR)
    assert ears.of(Receipted) == []
    assert len(ears.of(Execute)) == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_solver_answers_at_once_or_later(late: bool) -> None:
    under, ears = rules(), Ears()
    asked: list[Solve] = []

    def solver(command: Solve) -> Rerouted | None:
        asked.append(command)
        return None if late else Rerouted(time=command.time, plan=command.plan, route={})

    loop = Loop(fresh(under), under, solver=solver, hooks=ears.hooks())
    loop.feed(attack())
    loop.finish()
    assert len(asked) == 1
    assert len(ears.of(Rerouted)) == (0 if late else 1)
    if late:
        loop.feed(Rerouted(time=START + HOUR, plan=asked[0].plan, route={}))
    assert set(loop.state.routes) == {asked[0].plan}


def test_hooks_that_nobody_set_hear_nothing_and_break_nothing() -> None:
    under = rules()
    loop = Loop(fresh(under), under)
    loop.feed(attack())
    loop.finish()
    assert len(loop.state.latest) == 1
