"""One line of progress on a terminal; silent where nobody looks."""

import sys
from collections.abc import Callable


def bar(what: str, share: float) -> None:
    """Draws `what` and its share (0–1) over the last line; wipes it when the share is 1."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}: {share:4.0%}" if share < 1 else "\r\x1b[K")
        sys.stderr.flush()


def bar_of(what: str) -> Callable[[int, int], None]:
    """A listener that is told how many of how many are done."""
    return lambda done, of: bar(what, done / of if of else 1.0)
