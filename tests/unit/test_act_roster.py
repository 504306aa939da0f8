"""Who is asked about a plan and when the next ones are: the roster first, else everybody of the role."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from interferon.act.roster import LADDER, Rung, ladder
from interferon.model.network import Person, Roster
from interferon.store import examples

NETWORK = replace(
    examples.build("minimal"),
    people={
        name: Person(id=name, name=name.title(), role=role)
        for name, role in (("ann", "operator"), ("bob", "operator"), ("cid", "owner"), ("vera", "viewer"))
    },
    rosters=(Roster(person="ann", role="operator", starts=100, ends=200), Roster(person="bob", role="operator", starts=200, ends=300)),
)


def test_who_is_on_duty_is_asked_first_and_the_owner_when_nobody_has_answered() -> None:
    assert ladder(NETWORK, 150, 20) == (
        Rung(role="operator", people=("ann",), time=150, on_duty=True),
        Rung(role="owner", people=("cid",), time=170, on_duty=False),
    )
    assert ladder(NETWORK, 200, 20)[0].people == ("bob",)


def test_where_nobody_is_on_duty_all_of_the_role_are_asked() -> None:
    assert ladder(NETWORK, 300, 20)[0] == Rung(role="operator", people=("ann", "bob"), time=300, on_duty=False)


def test_where_there_is_nobody_nobody_is_asked() -> None:
    assert ladder(replace(NETWORK, people={}, rosters=()), 0, 20) == ()


@given(st.integers(0, 400), st.integers(0, 1000))
def test_nobody_is_asked_twice_before_others_were_asked_once(since: int, every: int) -> None:
    rungs = ladder(NETWORK, since, every)
    assert [rung.role for rung in rungs] == [role for role in LADDER if role in {rung.role for rung in rungs}]
    assert [rung.time for rung in rungs] == [since + place * every for place in range(len(rungs))]
