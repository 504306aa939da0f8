"""Which data flows between zones: counted by pair of zones and service as the events come, minute by minute for the last hour.

Filled by `Running.see`, read by the screen *Flows*. One row of memory a pair and service, whatever the traffic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from interferon.discover.seen import named
from interferon.model.network import Network
from interferon.sense.names import decoded

KINDS: Final = ("network.flow", "ot.command", "network.message")
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
    service: str  # `tcp/502`, or the protocol where only its messages were seen
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
                    self.left_out += rows.num_rows
                    continue
                crossing = self.crossings[key] = Crossing(*key, first=int(rows.column("time")[0].as_py()))
            _count(crossing, rows)
            crossing.example = ends

    def _groups(self, batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, str, str], pa.RecordBatch, tuple[str, str]]]:
        """The rows of each pair of ends and service that crosses from one zone into another."""
        kinds, kind_names = decoded(batch.column("kind"))
        wanted = np.isin(kinds, [code for code, name in enumerate(kind_names) if name in KINDS])
        (sources, source_names), (targets, target_names) = decoded(batch.column("source")), decoded(batch.column("target"))
        rows = np.flatnonzero(wanted & (sources >= 0) & (targets >= 0))
        if not len(rows):
            return
        services, service_names = decoded(batch.column("object"))
        is_flow = np.isin(kinds, [code for code, name in enumerate(kind_names) if name == "network.flow"])
        services = np.where(is_flow, services, -1)
        order = rows[np.lexsort((services[rows], targets[rows], sources[rows]))]
        keys = np.stack((sources[order], targets[order], services[order]))
        begins = np.flatnonzero(np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0))))
        for begin, end in zip(begins, [*begins[1:], len(order)], strict=True):
            source, target = source_names[keys[0, begin]], target_names[keys[1, begin]]
            zones = (self.zones.get(source, OUTSIDE), self.zones.get(target, OUTSIDE))
            service = service_names[keys[2, begin]] if keys[2, begin] >= 0 else ""
            if zones[0] != zones[1] and service:
                yield (*zones, service), batch.take(pa.array(np.sort(order[begin:end]))), (source, target)


def _count(crossing: Crossing, rows: pa.RecordBatch) -> None:
    time = rows.column("time").to_numpy()
    crossing.events += len(time)
    crossing.bytes += int(np.nansum(rows.column("bytes").to_numpy(zero_copy_only=False)))
    crossing.last = max(crossing.last, int(time.max()))
    for minute, count in zip(*np.unique(time // MINUTE, return_counts=True), strict=True):
        crossing.minutes[int(minute)] = crossing.minutes.get(int(minute), 0) + int(count)
    oldest = crossing.last // MINUTE - HOUR
    for minute in [minute for minute in crossing.minutes if minute <= oldest]:
        del crossing.minutes[minute]
