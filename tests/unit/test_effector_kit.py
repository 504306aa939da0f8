"""The kit finds every broken promise: an actuator on a world in memory that keeps them all, and one change of it for each promise."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from interferon.effector import kit
from interferon.effector.answers import Another, Denied, Gone, Unanswered, identified, reach, same, shown, stood, told
from interferon.effector.protocol import Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError


class Valve:
    """A valve that can be shut. It keeps its promises."""

    name = "valve"
    actions = frozenset({"shut"})

    def __init__(self) -> None:
        self.world: dict[str, Any] = {"open": True, "serial": "7", "moves": 0}
        self.answers = True

    def ready(self) -> str:
        return ""

    def identify(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job))

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: {"open": self._meant(job) and self.world["open"]})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job) and self._turn(False))

    def look(self, job: Job) -> Seen:
        return shown(lambda: Seen("absent" if self._meant(job) and self.world["open"] else "in_force"))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job) and self._turn(job.before["open"]))

    def _meant(self, job: Job) -> str:
        if not self.answers:
            raise Unanswered("the valve does not answer")
        same(job, {"serial": self.world["serial"]})
        return "the valve"

    def _turn(self, way: bool) -> str:
        self.world["open"] = way
        return "turned"

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.answers = False
        try:
            yield
        finally:
            self.answers = True


def job(serial: str = "7") -> Job:
    return Job(effect="e", action="shut", target=Target(ref="asset:valve", identity={"serial": serial}))


def told_of(valve: Valve, undo: Any = "restores", **more: Any) -> list[str]:
    tamper = (lambda: valve.world.update(open=True)) if undo == "restores" else None
    given: dict[str, Any] = {"job": job(), "impostor": job("8"), "tamper": tamper, "undo": undo, **more}
    return kit.problems(kit.World(actuator=valve, state=lambda: dict(valve.world), cut=valve.cut, **given))


class Blind(Valve):
    def identify(self, job: Job) -> Outcome:
        return Outcome("ok")


class Rash(Valve):
    def apply(self, job: Job) -> Outcome:
        self.world["open"] = False
        return Outcome("ok")


class Lying(Valve):
    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job))


class Counting(Valve):
    def _turn(self, way: bool) -> str:
        self.world["moves"] = self.world["moves"] + 1
        return super()._turn(way)


class Remembering(Valve):
    def look(self, job: Job) -> Seen:
        return Seen("in_force")


class Guessing(Valve):
    def before(self, job: Job) -> dict[str, Any]:
        return {"open": True}


class Stuck(Valve):
    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job))


class Touching(Valve):
    def before(self, job: Job) -> dict[str, Any]:
        found = super().before(job)
        self.world["moves"] += 1
        return found


class Absent(Valve):
    def ready(self) -> str:
        return "there is no valve; open the hall"


class Other(Valve):
    actions = frozenset({"open"})


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Blind, "identify of another thing answers ok; right would be refused"),
        (Rash, "apply to another thing changes it; it must be refused first"),
        (Rash, "apply without a world answers ok; right would be unknown or failed"),
        (Lying, "apply answers ok and the world is as it was"),
        (Counting, "the second apply changes the world; doing it twice must be doing it once"),
        (Remembering, "look at another thing answers in_force, which it cannot be"),
        (Remembering, "look without a world answers in_force; right would be unknown"),
        (Remembering, "look after a change behind our back answers in_force; right would be absent or partial"),
        (Guessing, "before without a world answers; it must raise InputError, for what stands there was not read"),
        (Stuck, "look after undo answers in_force; right would be absent"),
        (Touching, "identify, before or look change the world; they may only read"),
        (Absent, "is not ready here: there is no valve; open the hall"),
        (Other, "does not carry out shut: name it in `actions`"),
    ],
)
def test_a_broken_promise_is_found(broken: Callable[[], Valve], why: str) -> None:
    assert why in told_of(broken())


def test_one_that_keeps_them_passes() -> None:
    assert told_of(Valve()) == []


class Drained(Valve):
    """Undo of what is compensable leaves it; of what is irreversible it is refused."""

    def __init__(self, answer: Outcome) -> None:
        super().__init__()
        self._answer = answer

    def undo(self, job: Job) -> Outcome:
        return self._answer


def test_what_undo_cannot_restore_is_held_to_its_class() -> None:
    assert told_of(Drained(Outcome("ok")), "leaves") == []
    assert told_of(Drained(Outcome("refused")), "refuses") == []
    assert "undo answers ok; right would be refused" in told_of(Drained(Outcome("ok")), "refuses")


def failing(error: Exception) -> Callable[[], Any]:
    def do() -> Any:
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "result", "standing"),
    [
        (Unanswered("x"), "unknown", "unknown"),
        (Another("x"), "refused", "unknown"),
        (Gone("x"), "failed", "absent"),
        (InputError("x"), "refused", "unknown"),
        (Denied("x"), "failed", "unknown"),
    ],
)
def test_what_the_world_does_is_an_answer_and_no_exception(error: Exception, result: str, standing: str) -> None:
    assert told(failing(error)) == Outcome(result, "x")  # type: ignore[arg-type]
    assert shown(failing(error)) == Seen(standing, "x")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="x"):
        stood(failing(error))


@pytest.mark.parametrize(
    ("identity", "error", "why"),
    [
        ({"colour": "red"}, InputError, "identity of asset:valve has colour, which cannot be compared; kind, serial can"),
        ({"serial": 7}, Another, "asset:valve shows serial '7', meant is 7"),
    ],
)
def test_an_identity_is_compared_whole(identity: Mapping[str, Any], error: type[Exception], why: str) -> None:
    meant = Job(effect="e", action="shut", target=Target(ref="asset:valve", identity=identity))
    with pytest.raises(error, match=why):
        same(meant, {"serial": "7", "kind": "ball"})
    with pytest.raises(InputError, match="reach of asset:valve has no url: a text is needed there"):
        reach(meant, "url")


def test_without_an_identity_nothing_tells() -> None:
    nobody = Job(effect="e", action="shut", target=Target(ref="asset:valve"))
    assert identified(nobody, lambda: "the valve").result == "unknown"
    assert identified(nobody, failing(Denied("x"))).result == "failed"
    assert identified(job(), lambda: "the valve") == Outcome("ok", "the valve")
