"""The range as an executor: what was undone stays undone, an older epoch changes nothing, a refusal of the world is a failure."""

import pytest

from interferon.model.effects import Observed, Value
from interferon.runtime.range_executor import RangeExecutor

ISOLATE = ("isolate_asset", "asset:plc-1")


class World:
    """A world that takes every effect but those named in `stuck`, and keeps in force what is named in `held`."""

    def __init__(self, stuck: frozenset[str] = frozenset(), held: frozenset[str] = frozenset()) -> None:
        self.stuck, self.held = stuck, held
        self.there: dict[str, tuple[str, str]] = {}

    def apply(self, effect_id: str, action: str, target: str, params: dict[str, Value]) -> str:
        if effect_id in self.stuck:
            return "the switch does not answer"
        self.there[effect_id] = (action, target)
        return ""

    def undo(self, effect_id: str) -> str:
        if effect_id in self.held:
            return "the port is locked"
        del self.there[effect_id]
        return ""

    def verify(self, effect_id: str) -> bool:
        return effect_id in self.there

    def in_force(self) -> dict[str, tuple[str, str]]:
        return self.there


@pytest.fixture
def world() -> World:
    return World(stuck=frozenset({"stuck"}), held=frozenset({"held"}))


@pytest.fixture
def executor(world: World) -> RangeExecutor:
    return RangeExecutor(world)


def test_an_effect_is_applied_seen_and_taken_back(executor: RangeExecutor) -> None:
    assert executor.precheck(*ISOLATE).result == "ok"
    assert executor.apply("e-1", *ISOLATE, {}, 1).result == "ok"
    assert executor.observed() == {Observed("e-1", *ISOLATE)}
    assert executor.verify("e-1", *ISOLATE).result == "ok"
    assert executor.undo("e-1", *ISOLATE, 1).result == "ok"
    assert executor.observed() == frozenset()
    assert executor.verify("e-1", *ISOLATE).detail == "asset:plc-1 is not shut off"


def test_what_the_world_does_not_take_failed_with_its_reason(executor: RangeExecutor, world: World) -> None:
    assert executor.apply("stuck", *ISOLATE, {}, 1) == executor.apply("stuck", *ISOLATE, {}, 1)
    assert executor.apply("stuck", *ISOLATE, {}, 1).detail == "the switch does not answer"
    executor.apply("held", *ISOLATE, {}, 1)
    undone = executor.undo("held", *ISOLATE, 1)
    assert (undone.result, undone.detail) == ("failed", "the port is locked")
    assert set(world.there) == {"held"}


def test_an_effect_that_was_undone_does_not_come_back(executor: RangeExecutor, world: World) -> None:
    assert executor.undo("e-1", *ISOLATE, 1).result == "ok"  # before its apply arrived
    answer = executor.apply("e-1", *ISOLATE, {}, 1)
    assert (answer.result, answer.detail) == ("refused", "this effect was undone")
    assert world.there == {}


@pytest.mark.parametrize("raised", ["fence", "apply"])
def test_a_runtime_of_an_older_epoch_changes_nothing(executor: RangeExecutor, world: World, raised: str) -> None:
    executor.apply("e-1", *ISOLATE, {}, 1)
    if raised == "fence":
        executor.fence(3)
        executor.fence(2)  # a late fence does not lower it
    else:
        executor.apply("e-2", *ISOLATE, {}, 3)
    before = dict(world.there)
    for answer in (executor.apply("e-9", *ISOLATE, {}, 2), executor.undo("e-1", *ISOLATE, 2)):
        assert (answer.result, answer.detail) == ("refused", "epoch 2 is over, 3 rules")
    assert world.there == before
