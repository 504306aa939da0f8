"""What the records themselves see to."""

import msgspec

from interferon.model.records import DeadLetter


def test_the_reason_of_a_dead_letter_is_one_line_and_what_it_said_stays_as_it_came() -> None:
    letter = DeadLetter(feed="f", offset=0, time=0, family="", entity="", reason="no field `s\n\r\nsor`", raw="s\nsor")
    assert (letter.reason, letter.raw) == ("no field `s sor`", "s\nsor")
    assert msgspec.json.decode(msgspec.json.encode(letter), type=DeadLetter) == letter
