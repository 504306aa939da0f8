"""What an action has earned: right and wrong by people's verdicts, and the level that follows; it only ever lowers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.decide import autonomy
from interferon.decide.autonomy import Record, records
from interferon.decide.book import Book, Standing
from interferon.model.network import Conduit, Network

from .test_decide_book import NETWORK, NOW, Rules


def carried(*effects: tuple[str, str, str], status: str = "undone") -> Book:
    """(incident, action, target) of effects that were in the world, in order of time."""
    return Book(
        effects={
            f"e-{place}": Standing("p", incident, action, target, status, NOW + place, 0.0)
            for place, (incident, action, target) in enumerate(effects)
        }
    )


def one(book: Book, verdicts: dict[str, str], network: Network = NETWORK) -> Record:
    (record,) = records(book, verdicts, network).values()
    return record


@pytest.mark.parametrize(("wrong", "level"), [(0, 3), (1, 2), (2, 1), (3, 0), (7, 0)])
def test_each_wrong_one_among_the_last_ten_costs_a_level(wrong: int, level: int) -> None:
    book = carried(*[(f"i-{place}", "isolate_asset", "asset:a") for place in range(10)])
    verdicts = {f"i-{place}": "benign" if place < wrong else "attack" for place in range(10)}
    record = one(book, verdicts)
    assert (record.right, record.wrong, record.level) == (10 - wrong, wrong, level)


def test_what_was_judged_long_ago_is_forgotten_and_what_nobody_judged_is_only_counted() -> None:
    book = carried(*[(f"i-{place}", "isolate_asset", "asset:a") for place in range(14)])
    verdicts = {f"i-{place}": "benign" if place < 2 else "attack" for place in range(12)} | {"i-13": "unsure"}
    assert one(book, verdicts) == Record(action="isolate_asset", zone="z", right=10, wrong=0, open=1)


def test_an_incident_counts_once_however_many_targets_it_had() -> None:
    wrong = [(f"i-{place}", "isolate_asset", "asset:a") for place in range(3)]
    storm = [("i-right", "isolate_asset", f"asset:{name}") for name in "abababababab"]
    told = {f"i-{place}": "benign" for place in range(3)} | {"i-right": "attack"}
    assert one(carried(*wrong, *storm), told) == Record(action="isolate_asset", zone="z", right=1, wrong=3, open=0)
    assert one(carried(*storm), {"i-right": "benign"}).level == 2


@pytest.mark.parametrize("status", ["failed", "refused", "asked", "orphan"])
def test_what_never_was_in_the_world_says_nothing(status: str) -> None:
    assert records(carried(("i-1", "isolate_asset", "asset:a"), status=status), {"i-1": "benign"}, NETWORK) == {}


def test_zones_and_kinds_of_action_earn_apart() -> None:
    conduits = {"c": Conduit(id="c", from_zone="z", to_zone="y", protocol="modbus", port=502)}
    network = NETWORK.__class__(**{**NETWORK.__dict__, "conduits": conduits})
    book = carried(
        ("i-1", "isolate_asset", "asset:a"),
        ("i-1", "cut_conduit", "conduit:c"),
        ("i-1", "disable_identity", "identity:x"),
        ("i-1", "cut_conduit", "conduit:gone"),
    )
    found = records(book, {"i-1": "benign"}, network)
    assert {key: record.level for key, record in found.items()} == {
        ("isolate_asset", "z"): 2,
        ("cut_conduit", "z"): 2,
        ("disable_identity", ""): 2,
        ("cut_conduit", ""): 2,
    }


@given(st.lists(st.sampled_from(["attack", "benign", "unsure", ""]), max_size=30))
def test_the_record_only_lowers(verdicts: list[str]) -> None:
    book = carried(*[(f"i-{place}", "isolate_asset", "asset:a") for place in range(len(verdicts))])
    told = {f"i-{place}": verdict for place, verdict in enumerate(verdicts)}
    standing = autonomy.situation(book, told, Rules(), NOW)
    assert set(standing.earned) <= {("isolate_asset", "z")}
    assert all(0 <= level < 3 for level in standing.earned.values())
    assert bool(standing.earned) == ("benign" in [verdict for verdict in verdicts if verdict in ("attack", "benign")][-10:])
