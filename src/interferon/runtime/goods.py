"""Orders as trade events tell of them: which are due, which came late. Filled batch by batch; read by the screens.

An order counts as late from the moment it was promised for, plus the network's window, until its goods have arrived or are booked in
full at the destination; OTIF is the share of due orders that were not late (on time and in full).
"""

from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from interferon.detect.stream_events import Event, rows_from_batch


class LateOrder(msgspec.Struct, frozen=True):
    """An order that missed its promise."""

    order: str
    destination: str
    product: str
    promised: int


@dataclass
class Goods:
    """Open and closed orders by id."""

    window_us: int = 0
    since: int = 0  # orders promised before this are not counted
    promised: dict[str, Event] = field(default_factory=dict)
    received: dict[tuple[str, str], float] = field(default_factory=dict)  # (order, how it was told) → quantity
    done: dict[str, int] = field(default_factory=dict)  # order → when its full quantity was booked
    shipments: list[Event] = field(default_factory=list)  # the latest, for timelines

    def take(self, batch: pa.RecordBatch) -> None:
        for event in rows_from_batch(batch):
            if event.kind == "order.placed" and event.order and event.promised is not None:
                self.promised[event.order] = event
            elif event.kind in ("receipt.posted", "shipment.arrived") and event.order in self.promised:
                self._book(event)
            if event.kind.startswith("shipment."):
                self.shipments.append(event)
        del self.shipments[:-2000]

    def _book(self, event: Event) -> None:
        told = (event.order, event.kind)  # a delivery that is told twice, by carrier and by receipt, counts once
        total = self.received[told] = self.received.get(told, 0.0) + (event.quantity or 0.0)
        if total >= (self.promised[event.order].quantity or 0.0) * (1 - 1e-9):
            self.done.setdefault(event.order, event.time)

    def due(self, now: int) -> tuple[int, list[LateOrder]]:
        """How many orders were due by `now`, and which of them missed their promise."""
        late, count = [], 0
        for name, order in self.promised.items():
            limit = (order.promised or 0) + self.window_us
            if limit > now or limit < self.since:
                continue
            count += 1
            if self.done.get(name, now + 1) > limit:
                late.append(LateOrder(name, order.destination, order.product, order.promised or 0))
        return count, late
