"""Reads the event log from a place on, also while somebody writes it. Called by `runtime.forward` and after a restart; it only reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

from isal import isal_zlib

from interferon.store import log
from interferon.store.log import Item, Place


def stands(path: Path, place: Place) -> bool:
    """Whether a record ends in this segment where the place says, and is the one that ended there before."""
    if not place.byte:
        return True
    at = len(log.MAGIC)
    with path.open("rb") as source:
        source.seek(at)
        for _, body in log.records(source):
            at += log.HEAD.size + len(body)
            if at >= place.byte:
                return at == place.byte and isal_zlib.crc32(body) == place.crc
    return False


def tailed(folder: Path, begin: Place, torn: Callable[[str], None]) -> Iterator[tuple[Item, Place]]:
    """Every whole record of the log from a place on, each with the place behind it.

    A segment's half-written end waits for its rest where it is the last segment; where others follow, `torn` is told and it is passed over.
    """
    paths = log.segments(folder)
    for path in paths:
        number = int(path.stem.split("-")[1])
        if number < begin.segment:
            continue
        with path.open("rb") as source:
            at = begin.byte if number == begin.segment and begin.byte else len(log.MAGIC)
            source.seek(at)
            for kind, body in log.records(source):
                where = f"{path}: byte {at}"
                at += log.HEAD.size + len(body)
                yield log.item_of(kind, body, where), Place(number, at, isal_zlib.crc32(body))
        if path is not paths[-1] and at < path.stat().st_size:
            torn(f"{path}: from byte {at} on there is no whole record; what those bytes held is passed over")
