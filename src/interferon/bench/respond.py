"""Figures of the response: steps a second that are on disk, and the time of a containment. Run by `interferon bench respond`."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from interferon.bench import progress, respond_contain, respond_journal

PARTS: Final[dict[str, Callable[[], Iterable[dict[str, Any]]]]] = {"journal": respond_journal.cases, "contain": respond_contain.rows}


def cases(part: str = "") -> Iterable[dict[str, Any]]:
    """All parts, or one of PARTS."""
    for name, found in PARTS.items():
        if part in ("", name):
            progress(f"respond: {name}")
            yield from found()
