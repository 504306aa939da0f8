"""Which data flows between zones: counted by pair of zones and service as the events come, minute by minute for the last hour.

Filled by `Running.see`, read by the screen *Flows*. One row of memory a pair and service, whatever the traffic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from interferon.discover.seen import named
from interferon.model.network import Network
from interferon.sense.names import decoded

KIND: Final = "network.flow"  # messages of the same conversation are told besides, by some sensors
MINUTE: Final = 60_000_000
DAY: Final = 1440 * MINUTE
HOUR: Final = 60  # minutes that are kept
MOST: Final = 5000  # pairs and services; more of a network's traffic is no crossing that a person reads
OUTSIDE: Final = ""  # the zone of what no table knows


@dataclass
class Crossing:
    """Traffic from one zone to another by one service."""

    source: str  # zone id, or OUTSIDE
    target: str
    service: str  # `tcp/502`
    events: int = 0
    bytes: int = 0
    first: int = 0
    last: int = 0
    example: tuple[str, str] = ("", "")  # the two ends of the newest
    minutes: dict[int, int] = field(default_factory=dict)  # minute of the log → events, the last hour

    def conduit(self, network: Network) -> str:
        """The id of the conduit of the tables that allows it, or ''."""
        port = self.service.rpartition("/")[2]
        protocol = named("", self.service) or self.service
        for conduit in network.conduits.values():
            if (conduit.from_zone, conduit.to_zone) == (self.source, self.target) and (
                conduit.port == (int(port) if port.isdigit() else -1) or (not conduit.port and conduit.protocol in (protocol, "any"))
            ):
                return conduit.id
        return ""

    def last_hour(self) -> tuple[int, ...]:
        """Events of each of the last sixty minutes up to the newest, oldest first."""
        newest = self.last // MINUTE
        return tuple(self.minutes.get(minute, 0) for minute in range(newest - HOUR + 1, newest + 1))


@dataclass
class Traffic:
    """All crossings. `zones`: reference of an asset → its zone."""

    zones: dict[str, str]
    crossings: dict[tuple[str, str, str], Crossing] = field(default_factory=dict)
    left_out: int = 0  # events of pairs beyond MOST
    began: int = 0  # time of the first event
    newest: int = 0

    def is_news(self, crossing: Crossing) -> bool:
        """Whether a flow that no conduit allows deserves a look: one end is in no table, or it began within a day, after a day of watching.

        Tables are rarely complete. What flowed from the first day on is a row that is missing rather than an intruder.
        """
        outside = OUTSIDE in (crossing.source, crossing.target)
        return outside or (crossing.first - self.began > DAY and self.newest - crossing.first < DAY)

    def take(self, batch: pa.RecordBatch) -> None:
        """Counts the events of one batch of activity."""
        times = batch.column("time").to_numpy()
        self.began, self.newest = self.began or int(times[0]), max(self.newest, int(times.max()))
        for key, rows, ends in self._groups(batch):
            crossing = self.crossings.get(key)
            if crossing is None:
                if len(self.crossings) >= MOST:
                    self.left_out += len(rows.time)
                    continue
                crossing = self.crossings[key] = Crossing(*key, first=int(rows.time[0]))
            _count(crossing, rows)
            crossing.example = ends

    def _groups(self, batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, str, str], "_Rows", tuple[str, str]]]:
        """The rows of each pair of zones and service that crosses from one zone into another, and the ends of the newest row."""
        kinds, kind_names = decoded(batch.column("kind"))
        if KIND not in kind_names:
            return
        (sources, source_names), (targets, target_names) = decoded(batch.column("source")), decoded(batch.column("target"))
        services, service_names = decoded(batch.column("object"))
        zones: dict[str, int] = {}
        begins, ends = self._numbers(zones, sources, source_names), self._numbers(zones, targets, target_names)
        wanted = (kinds == kind_names.index(KIND)) & (sources >= 0) & (targets >= 0) & (services >= 0)
        rows = np.flatnonzero(wanted & (begins[sources] != ends[targets]))
        if not len(rows):
            return
        order = rows[np.lexsort((services[rows], ends[targets[rows]], begins[sources[rows]]))]  # stable: rows of a group keep their order
        keys = np.stack((begins[sources[order]], ends[targets[order]], services[order]))
        cuts = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
        time, size = batch.column("time").to_numpy()[order], batch.column("bytes").fill_null(0).to_numpy()[order]
        names = list(zones)
        for begin, end in pairwise((0, *cuts.tolist(), len(order))):
            service, newest = service_names[services[order[begin]]], order[end - 1]
            if service:
                key = (names[keys[0, begin]], names[keys[1, begin]], service)
                yield key, _Rows(time[begin:end], size[begin:end]), (source_names[sources[newest]], target_names[targets[newest]])

    def _numbers(self, zones: dict[str, int], codes: np.ndarray, names: list[str]) -> np.ndarray:
        """The number of the zone of each code that rows use; new zones are numbered."""
        found = np.full(len(names) + 1, -1)
        for code in np.unique(codes).tolist():
            if code >= 0:
                found[code] = zones.setdefault(self.zones.get(names[code], OUTSIDE), len(zones))
        return found


class _Rows(NamedTuple):
    """Times, in microseconds, and bytes of some flows."""

    time: np.ndarray
    size: np.ndarray


def _count(crossing: Crossing, rows: _Rows) -> None:
    first, last = int(rows.time.min()), int(rows.time.max())
    crossing.events += len(rows.time)
    crossing.bytes += int(rows.size.sum())
    crossing.last = max(crossing.last, last)
    if first // MINUTE == last // MINUTE:  # as nearly always
        crossing.minutes[last // MINUTE] = crossing.minutes.get(last // MINUTE, 0) + len(rows.time)
    else:
        for minute, count in zip(*np.unique(rows.time // MINUTE, return_counts=True), strict=True):
            crossing.minutes[int(minute)] = crossing.minutes.get(int(minute), 0) + int(count)
    oldest = crossing.last // MINUTE - HOUR
    if next(iter(crossing.minutes)) <= oldest:  # they come nearly in order
        crossing.minutes = {minute: count for minute, count in crossing.minutes.items() if minute > oldest}
