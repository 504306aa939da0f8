"""The last taking of each live feed with the place that follows from it, one file a feed, replaced in one step. Called by `Service`.

It is the promise of exactly once: the file is on disk before the event log has the rows. After a crash the log lacks all of them, some or
none; what it lacks is fed from here, and the feed goes on from this place.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from interferon.model.errors import InputError
from interferon.sense.live import Item
from interferon.store import checkpoint

ENDING: Final = ".take"
_decode = msgspec.json.Decoder(dict[str, Any])


class LiveStore:
    """A folder of takings. `places`: feed → JSON of its place."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._left: dict[str, list[Item]] = {}
        self.places: dict[str, bytes] = {}
        for path in sorted(folder.glob(f"*{ENDING}")):
            try:
                self.places[path.name.removesuffix(ENDING)], self._left[path.name] = checkpoint.load(path.read_bytes())
            except (InputError, ValueError, TypeError) as error:
                raise InputError(f"{path}: {error}; without it the feed begins anew, with what its source still has") from None

    def unfinished(self) -> Iterator[Iterator[Item]]:
        """The items of each feed's last taking; the log may have them already."""
        for name in sorted(self._left):
            yield iter(self._left.pop(name))

    def places_beyond(self, high: dict[str, int]) -> dict[str, bytes]:
        """The places, none of which counts on below what the log has: `high`, the newest offset by feed. A file that is gone doubles
        nothing that its source numbers, and loses nothing."""
        found = {}
        for feed in {*self.places, *high}:
            place = _decode.decode(self.places.get(feed, b"{}"))
            found[feed] = msgspec.json.encode({**place, "next": max(place.get("next", 0), high.get(feed, -1) + 1)})
        return found

    def keep(self, feed: str, items: Sequence[Item], place: bytes) -> None:
        """Returns when they are on disk. OSError: the disk did not take them, and the taking before still stands."""
        checkpoint.save(self._folder / f"{feed}{ENDING}", [place, list(items)])
