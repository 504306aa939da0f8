"""What dissectors remember by its octets: never more than it takes, and not the same for ever."""

from interferon.dissect.known import PATIENCE, Known


def test_a_full_memory_keeps_what_it_has_for_a_while_and_then_begins_anew() -> None:
    known = Known[int, str](3)
    for number in range(3 + PATIENCE * 3 - 1):
        if known.room():
            known[number] = "old"
    assert list(known) == [0, 1, 2]
    assert known.room()
    assert not known
    known.update({1: "new", 2: "new", 3: "new"})
    assert not known.room()
