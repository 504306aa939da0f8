"""The kit that any actuator is held to, against a world that really is there. Called by the tests of each actuator.

It asks what the protocol promises: apply twice is apply once, undo after apply is the identity, a change behind our back is seen, a world
that cannot be reached is `unknown`, and another thing at the target's address is refused and left as it was.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from interferon.effector.protocol import Actuator, Job
from interferon.model.errors import InputError


@dataclass(frozen=True)
class World:
    """One target in a real world, as a test knows it, without the actuator's eyes."""

    actuator: Actuator
    job: Job  # on the right thing, with `before` still {}
    impostor: Job  # the same, where the world does not show the identity that is meant
    state: Callable[[], Any]  # all that the action may touch, comparable with ==
    tamper: Callable[[], object] | None  # takes an effect that is in force back behind our back, in whole or in part; None: nobody can
    cut: Callable[[], AbstractContextManager[object]]  # within it the world cannot be reached
    undo: Literal["restores", "leaves", "refuses"] = "restores"  # `leaves`: compensable, what was done stays; `refuses`: irreversible


def problems(world: World) -> list[str]:
    """Every broken promise as one line that says what would be right. Ends with the world as it was, where undo restores it."""
    missing = world.actuator.ready()
    if missing:
        return [f"is not ready here: {missing}"]
    if world.job.action not in world.actuator.actions:
        return [f"does not carry out {world.job.action}: name it in `actions`"]
    return [*_impostor(world), *_unreachable(world), *_round(world), *_behind(world)]


def recorded(actuator: Actuator, job: Job) -> Job:
    """The job with what stands before it, once through JSON as the core has it on disk."""
    return msgspec.structs.replace(job, before=msgspec.json.decode(msgspec.json.encode(actuator.before(job))))


def _result(found: list[str], what: str, result: str, *right: str) -> None:
    if result not in right:
        found.append(f"{what} answers {result}; right would be {' or '.join(right)}")


def _impostor(world: World) -> list[str]:
    """Another thing at the address is refused, by `identify` and by `apply` itself, and nothing about it changes."""
    found: list[str] = []
    start = world.state()
    _result(found, "identify of another thing", world.actuator.identify(world.impostor).result, "refused")
    _result(found, "apply to another thing", world.actuator.apply(world.impostor).result, "refused")
    if world.state() != start:
        found.append("apply to another thing changes it; it must be refused first")
    if world.actuator.look(world.impostor).standing == "in_force":
        found.append("look at another thing answers in_force, which it cannot be")
    return found


def _round(world: World) -> list[str]:
    """before, look, apply twice, look, undo twice, look."""
    found: list[str] = []
    actuator, start = world.actuator, world.state()
    _result(found, "identify of the right thing", actuator.identify(world.job).result, "ok")
    job = recorded(actuator, world.job)
    _result(found, "look before apply", actuator.look(job).standing, "absent")
    if world.state() != start:
        found.append("identify, before or look change the world; they may only read")
    _result(found, "apply", actuator.apply(job).result, "ok")
    _result(found, "look after apply", actuator.look(job).standing, "in_force")
    applied = world.state()
    if applied == start:
        found.append("apply answers ok and the world is as it was")
    _result(found, "the second apply", actuator.apply(job).result, "ok")
    if world.state() != applied:
        found.append("the second apply changes the world; doing it twice must be doing it once")
    return [*found, *_undone(world, job, start if world.undo == "restores" else applied)]


def _undone(world: World, job: Job, wanted: Any) -> list[str]:
    found: list[str] = []
    for time in ("undo", "the second undo"):
        _result(found, time, world.actuator.undo(job).result, "refused" if world.undo == "refuses" else "ok")
        if world.state() != wanted:
            found.append(f"{time} leaves {world.state()!r}; it should be {wanted!r}")
    _result(found, "look after undo", world.actuator.look(job).standing, "absent" if world.undo == "restores" else "in_force")
    return found


def _behind(world: World) -> list[str]:
    """What somebody took back is seen, repaired by `apply`, and put back by `undo` from what stood before the first apply."""
    if world.tamper is None:
        return []
    found: list[str] = []
    start = world.state()
    job = recorded(world.actuator, world.job)
    world.actuator.apply(job)
    world.tamper()
    _result(found, "look after a change behind our back", world.actuator.look(job).standing, "absent", "partial")
    _result(found, "apply after a change behind our back", world.actuator.apply(job).result, "ok")
    _result(found, "look after the repair", world.actuator.look(job).standing, "in_force")
    return [*found, *_undone(world, job, start)]


def _unreachable(world: World) -> list[str]:
    """Where nothing answers, nothing is claimed."""
    found: list[str] = []
    job = recorded(world.actuator, world.job)
    with world.cut():
        _result(found, "identify without a world", world.actuator.identify(job).result, "unknown")
        _result(found, "look without a world", world.actuator.look(job).standing, "unknown")
        _result(found, "apply without a world", world.actuator.apply(job).result, "unknown", "failed")
        if world.undo == "restores":
            _result(found, "undo without a world", world.actuator.undo(job).result, "unknown", "failed")
        try:
            world.actuator.before(world.job)
            found.append("before without a world answers; it must raise InputError, for what stands there was not read")
        except InputError:
            pass
    return found
