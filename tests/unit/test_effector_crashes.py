"""Any order of calls, crashes, restarts and changes behind its back: the effector's promises hold."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.act import wire
from interferon.model.effects import Outcome

from .effector_world import Effector, Killed, World

STEPS = ("", "", "", "before valve", "between", "after lamp", "before undo", "between undo", "after undo")
moves = st.lists(
    st.tuples(st.sampled_from(("apply", "undo", "restart", "tamper", "stop", "resume")), st.sampled_from("abc"), st.sampled_from(STEPS)),
    max_size=25,
)


def tried(effector: Effector, request: wire.Request) -> Outcome | None:
    """The answer, or None where the effector died on the way; then it is started again."""
    try:
        reply = effector.core.answer(request)
    except Killed:
        effector.restart()
        return None
    assert isinstance(reply, wire.Answer)
    return reply.outcome


@settings(max_examples=25)
@given(moves=moves)
def test_no_order_of_calls_and_crashes_breaks_a_promise(moves: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World()
        effector = Effector(Path(folder), world)
        undone: set[str] = set()
        for move, name, step in moves:
            effector.valve.dies = step
            ref = f"asset:{name}"
            if move == "apply":
                told = tried(effector, wire.Apply(name, "shut", ref, 1))
                if told is not None and told.result == "ok":
                    assert name not in undone
                    assert (world.valves[ref], world.lamps[ref]) == (f"shut:{name}", f"on:{name}")
            elif move == "undo":
                told = tried(effector, wire.Undo(name, "shut", ref, 1))
                undone.add(name) if told is not None else None
                assert told is None or world.valves.get(ref, "open") == "open"
            elif move == "tamper" and ref in world.lamps:
                world.lamps[ref] = "off"
            elif move == "restart":
                effector.restart()
            elif move == "stop":
                effector.switch.engage()
            elif move == "resume":
                effector.switch.release()
        check(effector, world)
        effector.end()


def check(effector: Effector, world: World) -> None:
    """What is in the world is known; everything can be taken back, and then nothing is left."""
    effector.valve.dies = ""
    effector.restart()
    reply = effector.core.answer(wire.Observe())
    assert isinstance(reply, wire.World)
    present = {state.partition(":")[2] for state in (*world.valves.values(), *world.lamps.values()) if ":" in state}
    assert {seen.effect for seen in reply.effects} == present
    for name in "abc":
        told = tried(effector, wire.Undo(name, "shut", f"asset:{name}", 1))
        assert told is not None
        assert told.result == "ok"
    assert {*world.valves.values()} <= {"open"}
    assert {*world.lamps.values()} <= {"off"}
    assert effector.core.answer(wire.Observe()) == wire.World(())
