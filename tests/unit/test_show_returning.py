"""What the screens tell of a contained thing on its way back: what it waits for, and what was verified before."""

from dataclasses import replace

import msgspec

from interferon.decide.settings import HOUR_US
from interferon.model.effects import Check
from interferon.model.events import Inspected, Receipted
from interferon.web.view import Returning

from .attacked import always
from .showing import Shown, shown


def contained() -> Shown:
    """One whose case has been quiet for long."""
    one = shown(always("execute_auto"))
    release = msgspec.structs.replace(one.run.rules.release, inspects=True)
    one.run.rules = one.loop.rules = replace(one.run.rules, release=release)
    one.attacked()
    one.tell("verified")
    return one


def returning(one: Shown) -> tuple[Returning, ...]:
    view = one.source.incident(one.plan.incident)
    assert view is not None
    return view.returning


def notes(one: Shown, ref: str) -> list[str]:
    return [state.note for state in one.source.now().states if state.ref == ref]


def test_each_stage_is_told_with_what_it_waits_for() -> None:
    one = contained()
    refs = tuple(dict.fromkeys(effect.target for effect in one.loop.state.book.effects.values()))
    assert returning(one) == tuple(Returning(ref=ref, stage="contained") for ref in refs)
    one.now += 30 * HOUR_US
    case = one.plan.incident
    one.loop.state.latest[case] = msgspec.structs.replace(one.loop.state.latest[case], status="contained")
    waits = {each.ref: each.note for each in returning(one)}
    asked = [ref for ref in refs if ref.startswith(("asset:", "zone:"))]
    assert asked
    for ref in asked:
        assert waits[ref] == "its configuration and backup are still to be looked at"
        assert f"checked before it comes back: {waits[ref]}" in notes(one, ref)[0]
        one.loop.feed(Inspected(one.now, ref, (Check(ref, "backup", "failed", "/b cannot be read"),)))
    assert {each.ref: each.note for each in returning(one)}[
        asked[0]
    ] == f"backup of {asked[0]} is not what was recorded (/b cannot be read)"


def test_what_is_back_is_told_with_what_was_verified() -> None:
    one = contained()
    book = one.loop.state.book
    ref = next(effect.target for effect in book.effects.values() if effect.target.startswith(("asset:", "zone:")))
    one.loop.feed(Inspected(one.now, ref, (Check(ref, "configuration", "verified", "x"), Check(ref, "backup", "unknown", "why"))))
    book.returned[ref] = one.now
    one.tell("undone")
    one.now = book.returned[ref] + HOUR_US
    told = f"configuration verified; backup of {ref} is unknown (why)"
    assert {each.ref: (each.stage, each.note) for each in returning(one)}[ref] == ("watched", told)
    assert notes(one, ref) == [f"back from a containment; evidence counts more; {told}"]
    one.now += 10 * HOUR_US
    assert ref not in {each.ref for each in returning(one)}


def test_what_was_put_right_is_not_told_as_contained() -> None:
    one = contained()
    effect = next(iter(one.loop.state.book.effects.values()))
    at = one.now + HOUR_US
    one.loop.feed(Receipted(at, "r", effect.plan, effect.incident, "roll_back_config", "asset:plc-1", "verified"))
    assert notes(one, "asset:plc-1") == []
    assert "asset:plc-1" not in {each.ref for each in returning(one)}


def test_what_has_ended_is_contained_until_its_time_is_over() -> None:
    one = contained()
    effect = next(iter(one.loop.state.book.effects.values()))
    for status, shown_as in (("verified", ["kill process by plan"]), ("escalated", [])):
        one.loop.feed(Receipted(one.now + HOUR_US, "k", effect.plan, effect.incident, "kill_process", "process:agentd", status))
        assert [note[:20] for note in notes(one, "process:agentd")] == shown_as
