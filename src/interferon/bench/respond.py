"""Figures of the response: how many steps a second are on disk before and after they are done. Run by `interferon bench respond`."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from interferon.bench import progress, respond_journal

PARTS: Final[dict[str, Callable[[], Iterable[dict[str, Any]]]]] = {"journal": respond_journal.cases}


def cases(part: str = "") -> Iterable[dict[str, Any]]:
    """All parts, or one of PARTS."""
    for name, found in PARTS.items():
        if part in ("", name):
            progress(f"respond: {name}")
            yield from found()
