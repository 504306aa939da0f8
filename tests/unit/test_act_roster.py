"""Who is asked about a plan and when the next ones are: the roster first, else everybody of the role."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.act.roster import LADDER, Rung, ladder
from interferon.model.network import Person, Roster
from interferon.store import examples

BASE = examples.build("minimal")
NETWORK = replace(
    BASE,
    people={
        name: Person(id=name, name=name.title(), role=role)
        for name, role in (("ann", "operator"), ("bob", "Operator"), ("cid", "process owner"), ("dan", "system owner"), ("vera", "viewer"))
    },
    rosters=(Roster(person="ann", role="operator", starts=100, ends=200), Roster(person="bob", role="operator", starts=200, ends=300)),
    assets={name: msgspec.structs.replace(asset, owner="cid" if asset.type == "plc" else "dan") for name, asset in BASE.assets.items()},
)
PLC = next(f"asset:{asset.id}" for asset in NETWORK.assets.values() if asset.type == "plc")
CELL = f"zone:{NETWORK.assets[PLC.removeprefix('asset:')].zone}"


def test_who_is_on_duty_is_asked_first_and_who_answers_for_the_target_when_nobody_has() -> None:
    assert ladder(NETWORK, [PLC], 150, 20) == (
        Rung(role="operator", people=("ann",), time=150, on_duty=True),
        Rung(role="owner", people=("cid",), time=170, on_duty=False),
    )
    assert ladder(NETWORK, [PLC], 200, 20)[0].people == ("bob",)


@pytest.mark.parametrize(
    ("targets", "owners"),
    [
        ([PLC], {"cid"}),
        ([CELL], {"cid", "dan"}),
        (["identity:x"], {"cid", "dan"}),
        (["asset:none", "zone:none"], {"cid", "dan"}),
        ([], {"cid", "dan"}),
    ],
)
def test_owners_are_those_of_what_is_acted_on_else_all(targets: list[str], owners: set[str]) -> None:
    assert set(ladder(NETWORK, targets, 150, 20)[-1].people) == owners


def test_where_nobody_is_on_duty_all_of_the_role_are_asked() -> None:
    assert ladder(NETWORK, [], 300, 20)[0] == Rung(role="operator", people=("ann", "bob"), time=300, on_duty=False)


def test_where_there_is_nobody_nobody_is_asked() -> None:
    assert ladder(replace(NETWORK, people={}, rosters=()), [PLC], 0, 20) == ()


@given(st.integers(0, 400), st.integers(0, 1000))
def test_nobody_is_asked_twice_before_others_were_asked_once(since: int, every: int) -> None:
    rungs = ladder(NETWORK, [PLC], since, every)
    assert [rung.role for rung in rungs] == [role for role in LADDER if role in {rung.role for rung in rungs}]
    assert [rung.time for rung in rungs] == [since + place * every for place in range(len(rungs))]
