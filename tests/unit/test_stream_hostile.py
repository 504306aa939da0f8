"""Rows that somebody wrote to break us: wrong types, endless cardinality, huge text. No exception, bounded memory, a p and a sentence."""

import random
from typing import Any

import pytest

from interferon import plugins
from interferon.checks import _size as values_in
from interferon.detect import stream, stream_peers
from interferon.detect.stream_events import HOUR, Event
from interferon.detect.stream_memory import LIMIT
from interferon.model.records import Finding

DETECTORS: list[Any] = [module for module in plugins.modules("detectors").values() if hasattr(module, "KINDS")]
MOST = 10 * LIMIT  # values that the memory of one entity may come to, whatever it is fed
ODD: list[Any] = ["", "x" * 3000, "\x00\x1b[2J", "‮", -1, 0, 2**70, -0.0, 1e308, float("nan"), float("inf"), None, True, [], {"a": [1]}]
KEYS = (
    *(
        "value",
        "files",
        "entropy",
        "country",
        "device",
        "method",
        "mfa",
        "ticket",
        "bank_account",
        "price",
        "message",
        "severity",
        "tokens",
    ),
    *("records", "scope", "model", "pid", "ppid", "parent", "command_line", "field", "before", "after", "channel", "actor", "approved_by"),
    *("vehicle", "seal", "source", "signed", "vendor", "from", "until"),
)
NAMES = (
    *("source", "target", "actor", "object", "code", "outcome"),
    *("order", "product", "origin", "destination", "lane", "partner"),
)
FRESH = ("asset:", "n-")  # and a number: endless cardinality
WORN = ("", "x" * 2000, "\x00", ":::", "203.0.113.1", "a/b/c")


def hostile(draw: random.Random, kind: str, family: str, number: int) -> Event:
    """Every text new or odd, every number extreme, attributes of any type."""

    def text() -> str:
        at = int(draw.random() * (len(FRESH) + len(WORN)))  # `choice` takes thrice as long, and there are a hundred thousand rows
        return f"{FRESH[at]}{int(draw.random() * 10**9)}" if at < len(FRESH) else WORN[at - len(FRESH)]

    def odd() -> Any:
        at = int(draw.random() * (len(ODD) + 1))
        return ODD[at] if at < len(ODD) else text()

    quantity = draw.choice([None, 0.0, -5.0, 1e300, float("nan"), float("inf"), 3.0])
    attributes = {key: odd() for key in KEYS if draw.random() < 0.6}
    names = {name: text() for name in NAMES}
    promised = draw.choice([None, 0, -(2**62), 2**62])
    size = draw.choice([0, -1, 2**62, 900])
    return Event(
        number * HOUR // 40,
        "f",
        number,
        "asset:a",
        family,
        kind,
        bytes=size,
        quantity=quantity,
        promised=promised,
        attributes=attributes,
        **names,
    )


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.NAME)
def test_hostile_rows_neither_break_nor_swell_a_detector(detector: Any) -> None:
    draw, state, habits = random.Random(detector.NAME), stream.new_state(), stream_peers.Habits()
    found: list[Finding] = []
    for number in range(6000):
        row = hostile(draw, draw.choice(detector.KINDS), detector.FAMILY, number)
        found += stream.observe(state, [row], [detector], row.time + 1, habits=habits)
        if number % 50 == 0:
            stream_peers.take(habits, [row], [detector], {})
    assert values_in(state.memories) <= MOST
    for finding in found:
        assert 0 < finding.p <= 1
        assert abs(sum(share for _, share in finding.why) - 1) < 1e-6
        assert finding.summary
