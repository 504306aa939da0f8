"""The driver of effects where nobody answers what is in the world: nothing is claimed, a person looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interferon.actions import ACTIONS
from interferon.model.effects import Observed, Outcome, State
from interferon.model.errors import UnreachableError
from interferon.runtime.effects import Effects
from interferon.store.journal import Journal

from .test_act_effects import Scripted, network, wanted


class Cut(Scripted):
    """Answers single calls as it is told, and never what is in the world once `cut` is set."""

    cut = False

    def observed(self) -> frozenset[Observed]:
        if self.cut:
            raise UnreachableError("no route to the effector")
        return super().observed()


@pytest.fixture
def world() -> Cut:
    return Cut()


@pytest.fixture
def effects(tmp_path: Path, world: Cut) -> Iterator[Effects]:
    with Journal(tmp_path / "journal.sqlite") as journal, Effects(journal, world, ACTIONS, network(), lambda: 0) as driver:
        yield driver


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ({"apply": Outcome("unknown", "time-out")}, "no answer whether it took hold: time-out"),
        ({"verify": Outcome("failed", "flows pass")}, "verify failed: flows pass"),
    ],
)
def test_what_nobody_can_look_for_is_escalated(effects: Effects, world: Cut, answers: dict[str, Outcome], detail: str) -> None:
    world.answers, world.cut = answers, True
    (told,) = effects.submit([wanted()])
    assert (told.status, told.detail) == (State.ESCALATED, detail)


def test_an_undo_that_nobody_can_confirm_is_escalated(effects: Effects, world: Cut) -> None:
    effects.submit([wanted()])
    world.cut = True
    (told,) = effects.undo(["e"], "over")
    assert told.status is State.ESCALATED
    world.cut = False
    (told,) = effects.undo(["e"], "over")
    assert told.status is State.UNDONE


def test_a_recovery_without_a_world_judges_nothing(effects: Effects, world: Cut) -> None:
    effects.submit([wanted()])
    world.cut = True
    with pytest.raises(UnreachableError):
        effects.recover()
    world.cut = False
    assert effects.recover().missing == ()
