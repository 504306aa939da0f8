"""Something that talks to the network and must end by a deadline, whatever the peer does. Called by `exchange` and `smtp`.

A time-out of a socket bounds each read alone: a peer that sends a byte now and then would hold an actuator for ever.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from interferon.effector.answers import Unanswered

T = TypeVar("T")


def within(seconds: float, where: str, do: Callable[[], T], failures: tuple[type[Exception], ...]) -> T:
    """What `do` gives. It runs in a thread of its own; what it raises of `failures` is raised here, `Unanswered` where it did not end."""
    given: list[T] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            given.append(do())
        except failures as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name=f"exchange with {where}")
    thread.start()
    thread.join(max(seconds, 0.0))
    if raised:
        raise raised[0]
    if not given:
        raise Unanswered(f"{where} did not answer in time")
    return given[0]
