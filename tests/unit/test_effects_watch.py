"""What was in force and is not any more: put back under its own id, or escalated; never what ended or what the kill switch holds."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.act import wire
from interferon.act.lifecycle import REPAIRS_PER_HOUR, spent
from interferon.act.protocol import Action, Executor
from interferon.actions import ACTIONS
from interferon.model.effects import Intent, Outcome, State
from interferon.model.network import Asset
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.runtime.range_executor import RangeExecutor
from interferon.store import examples, folder
from interferon.store.examples import START
from interferon.store.journal import Journal
from interferon.store.journal_ledger import verify_ledger
from interferon.twin.range import Range
from interferon.twin.scenario import Scenario

from .effector_world import Effector, World
from .test_act_effects import Scripted, network, wanted

HOUR = 3_600_000_000
FAILED = Outcome("failed", "flows pass")


class Looked(Scripted):
    """Verifies what is in its world."""

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        return self.answers.get("verify", Outcome("ok") if effect_id in self.world else FAILED)


class Plant:
    """A driver over a world, a clock to be moved and a switch to be thrown."""

    def __init__(self, folder: Path, executor: Executor) -> None:
        self.journal = Journal(folder / "journal.sqlite")
        self.now, self.stopped = 1_000_000, ""
        deeds = {
            "opened": Action("opened", "compensable", ("asset",), 60, "Open {target}.", "closed", lambda network, name: ""),
            "switched": Action("switched", "compensable", ("asset",), 60, "", "back", lambda network, name: "", kept=True),
            "written": Action("written", "reversible", ("asset",), 60, "", "back", lambda network, name: "", controller_write=True),
        }
        assets = {name: Asset(id=name, zone="z", type="plc") for name in ("a", "b", "c", "plc")}
        tables = dataclasses.replace(network(), assets=assets)
        self.effects = Effects(
            self.journal, executor, ACTIONS | deeds, tables, lambda: self.now, workers=1, halted=lambda: self.stopped, grace_s=60
        )

    def close(self) -> None:
        self.effects.close()
        self.journal.close()

    def state(self, name: str = "e") -> State:
        effect = self.journal.effect(name)
        assert effect is not None
        return effect.state

    def way(self, name: str = "e") -> list[str]:
        return [msgspec.json.decode(entry.body)["to"] for entry in self.journal.history(name)]


@pytest.fixture
def world() -> Looked:
    return Looked()


@pytest.fixture
def plant(tmp_path: Path, world: Looked) -> Iterator[Plant]:
    made = Plant(tmp_path, world)
    yield made
    made.close()
    assert verify_ledger(tmp_path / "journal.sqlite").problems == ()


def test_what_holds_is_left_alone(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted()])
    assert (plant.effects.watch(), world.calls) == ([], ["apply e"])


def test_what_was_taken_away_is_put_back_under_its_own_id_and_the_ledger_tells(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted()])
    before = plant.journal.effect("e")
    world.world.clear()
    plant.now += 60
    (told,) = plant.effects.watch()
    assert (told.status, told.detail, told.time) == (State.VERIFIED, "it does not hold any more (flows pass): put back", plant.now)
    assert (world.calls, list(world.world)) == (["apply e", "apply e"], ["e"])
    assert plant.way() == ["intent", "applying", "applied", "verified", "applying", "applied", "verified"]
    after = plant.journal.effect("e")
    assert before is not None
    assert after is not None
    assert after.expires == before.expires  # no time is won by it
    assert plant.effects.watch() == []


def test_a_state_that_is_kept_is_put_back_though_its_change_costs_something(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted(action="switched")])
    world.world.clear()
    assert [told.status for told in plant.effects.watch()] == [State.VERIFIED]
    assert ACTIONS["fail_over"].kept


def test_what_cannot_be_looked_at_is_not_judged(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted()])
    world.answers = {"verify": Outcome("unknown", "nobody answers")}
    assert plant.effects.watch() == []
    assert plant.state() is State.VERIFIED


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"precheck": Outcome("refused", "busy")}, "it does not hold any more (flows pass); not put back: precheck refused: busy"),
        ({"apply": Outcome("refused", "it was undone")}, "apply refused: it was undone"),
        ({"apply": Outcome("unknown", "no answer")}, "no answer whether it took hold: no answer"),
        ({"verify": Outcome("failed", "a second way in")}, "verify failed: a second way in"),
    ],
)
def test_what_cannot_be_put_back_is_escalated_and_keeps_its_budget(
    plant: Plant, world: Looked, answers: dict[str, Outcome], why: str
) -> None:
    plant.effects.submit([wanted()])
    world.world.clear()
    world.answers, world.takes_hold = answers, False
    (told,) = plant.effects.watch()
    assert (told.status, told.detail) == (State.ESCALATED, why)
    assert plant.journal.held(plant.now).assets == 1
    assert plant.effects.watch() == []


@pytest.mark.parametrize(("action", "why"), [("opened", "opened is compensable"), ("written", "written is a write to a controller")])
def test_what_may_not_simply_be_repeated_is_not(plant: Plant, world: Looked, action: str, why: str) -> None:
    plant.effects.submit([wanted(action=action)])
    world.world.clear()
    (told,) = plant.effects.watch()
    assert (told.status, told.detail) == (State.ESCALATED, f"it does not hold any more (flows pass); not put back: {why}")
    assert world.calls == ["apply e"]


@pytest.mark.parametrize("due", [False, True])
def test_what_has_ended_is_not_put_back(plant: Plant, world: Looked, due: bool) -> None:
    plant.effects.submit([wanted(), wanted("u")])
    plant.effects.undo(["u"], "over")
    plant.now += 2 * HOUR
    if due:
        plant.effects.expire(plant.now)
    world.world.clear()
    (told,) = plant.effects.watch()
    assert (told.effect, told.status) == ("e", State.ESCALATED)
    assert told.detail.endswith("not put back: its time to live is over")
    assert sorted(world.calls) == ["apply e", "apply u", "undo u"]


def test_the_kill_switch_holds_what_would_be_put_back(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted()])
    world.world.clear()
    plant.stopped = "stopped by hand"
    (told,) = plant.effects.watch()
    assert told.status is State.ESCALATED
    assert told.detail.endswith("not put back: stopped by hand")
    assert world.calls == ["apply e"]


def test_who_takes_it_away_again_and_again_is_a_case_for_a_person(plant: Plant, world: Looked) -> None:
    plant.effects.submit([wanted(ttl_s=36_000)])
    for _ in range(REPAIRS_PER_HOUR):
        world.world.clear()
        assert [told.status for told in plant.effects.watch()] == [State.VERIFIED]
    world.world.clear()
    assert [told.status for told in plant.effects.watch()] == [State.ESCALATED]
    assert len(world.calls) == 1 + REPAIRS_PER_HOUR


def test_repairs_of_an_hour_ago_do_not_count() -> None:
    assert spent([1, 2, 3], 3)
    assert not spent([1, 2, 3], HOUR + 1)
    assert not spent([2, 3], 3)


def test_a_repair_that_a_crash_stopped_is_ended_by_recovery(plant: Plant, world: Looked) -> None:
    """Renewed long after it was asked for: the time to live of now counts."""
    plant.effects.submit([wanted()])
    plant.now += 2 * HOUR
    plant.effects.expire(plant.now)
    plant.effects.renew("e", 3600, "needed")
    world.world.clear()
    plant.journal.advance("e", State.APPLYING, plant.now, "gone: put back").result()
    assert [told.status for told in plant.effects.recover().resumed] == [State.VERIFIED]


class Direct(EffectorClient):
    """The effector's client without its socket."""

    def __init__(self, effector: Effector) -> None:
        super().__init__(Path("unused"))
        self.effector = effector

    def _exchange(self, request: wire.Request) -> wire.Reply:
        return self.effector.core.answer(request)


MOVES = st.lists(
    st.tuples(st.sampled_from(("contain", "undo", "half", "open", "stop", "resume", "later", "watch", "watch")), st.sampled_from("abc")),
    max_size=20,
)


@settings(max_examples=25)
@given(moves=MOVES)
def test_however_the_world_is_tampered_with_the_record_and_the_world_agree_after_a_watch(moves: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        world = World()
        effector = Effector(Path(place), world)
        plant = Plant(Path(place), Direct(effector))
        for move, name in [*moves, ("watch", "a")]:
            moved(plant, effector, move, name)
            ended = [e.id for e in plant.journal.effects([State.UNDONE, State.FAILED])]
            assert not {f"shut:{each}" for each in ended} & set(world.valves.values())
        plant.close()
        effector.end()
        assert verify_ledger(Path(place) / "journal.sqlite").problems == ()


def moved(plant: Plant, effector: Effector, move: str, name: str) -> None:
    world, ref, calls = effector.world, f"asset:{name}", len(effector.valve.calls)
    match move:
        case "contain":
            plant.effects.submit([Intent(id=name, plan="p", incident="i", action="isolate_asset", target=ref, time=1_000_000, ttl_s=3600)])
        case "undo" if plant.journal.effect(name):
            plant.effects.undo([name], "over")
        case "half" if ref in world.lamps:
            world.lamps[ref] = "off"
        case "open":
            world.valves[ref], world.lamps[ref] = "open", "off"
        case "stop" | "resume":
            plant.stopped = "stopped by hand" if move == "stop" else ""
        case "later":
            plant.now += 1_500_000_000
        case "watch":
            plant.effects.watch()
            for effect in plant.journal.effects([State.VERIFIED]):
                assert world.valves[effect.intent.target] == world.lamps[effect.intent.target].replace("on", "shut") == f"shut:{effect.id}"
    applied = [call for call in effector.valve.calls[calls:] if call.startswith("apply")]
    assert not (applied and plant.stopped)
    for call in applied:
        known = plant.journal.effect(call.removeprefix("apply "))
        assert known is not None
        assert known.expires > plant.now


@settings(max_examples=10)
@given(taken=st.lists(st.sets(st.integers(0, 2)), max_size=4))
def test_the_range_gets_back_what_is_taken_from_it(taken: list[set[int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        examples.write("minimal", Path(place) / "net")
        tables = folder.load(Path(place) / "net")
        world = Range(tables, Scenario("s", "minimal", 48.0, ()), 1, START, history_h=0.0, emit=False)
        held = [f"asset:{name}" for name in sorted(tables.assets)][:3]
        with (
            Journal(Path(place) / "journal.sqlite") as journal,
            Effects(journal, RangeExecutor(world), ACTIONS, tables, lambda: 0, workers=1) as effects,
        ):
            asked = [Intent(id=ref, plan="p", incident="i", action="isolate_asset", target=ref, time=0) for ref in held]
            assert {told.status for told in effects.submit(asked)} == {State.VERIFIED}
            for places in taken:
                for each in places:
                    world.undo(held[each])
                effects.watch()
                given_up = {effect.id for effect in journal.effects([State.ESCALATED])}  # taken away too often
                assert set(world.in_force()) == set(held) - given_up
