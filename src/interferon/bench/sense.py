"""Figures about the senses: Zeek's logs and captures to stored or dissected events, HTTP ingest, a sensor's memory.

Run by `interferon bench sense`; each part runs alone too.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from interferon.bench import progress, sense_capture, sense_hour, sense_ingest, sense_sensor, sense_zeek

PARTS: Final[dict[str, Callable[[], Iterator[dict[str, Any]]]]] = {
    "zeek": sense_zeek.cases,
    "captures": sense_capture.captures,
    "ingest": sense_ingest.cases,
    "sensor": sense_sensor.cases,
    "hour": sense_hour.cases,
}


def cases(part: str = "") -> Iterator[dict[str, Any]]:
    """All parts, or one of PARTS. Raises InputError where recorded data that a part reads is not there."""
    for name, found in PARTS.items():
        if part in ("", name):
            progress(f"sense: {name}")
            yield from found()
