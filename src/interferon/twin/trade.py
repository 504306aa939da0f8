"""The forms of trade events that the flow of goods leaves in business systems.

Called by `goods` and `fraud`. Pure.
"""

from interferon.model.network import Lane, Network
from interferon.twin.demand import Line
from interferon.twin.draws import HOUR
from interferon.twin.rows import Record, attributes

ERP, CARRIERS = "erp", "carriers"  # the feeds they arrive by


def order_placed(network: Network, line: Line, when: int) -> Record:
    """A customer order as the ERP tells it."""
    price = round(network.products[line.product].value * line.quantity, 2)
    return (
        when,
        ERP,
        f"node:{line.customer}",
        {
            "kind": "order.placed",
            "order": line.id,
            "product": line.product,
            "quantity": line.quantity,
            "destination": line.customer,
            "promised": line.promised,
            "attributes": attributes(price=price, priority=line.priority),
        },
    )


def moved(kind: str, when: int, lane: Lane, product: str, quantity: float, order: str) -> Record:
    """Goods departed, arrived or were booked in; the carrier tells the first two, the ERP the last."""
    vehicle = f"{lane.carrier or 'own'}/{(len(lane.id) * 7 + when // (6 * HOUR)) % 40:02d}"
    booked = kind == "receipt.posted"
    return (
        when,
        ERP if booked else CARRIERS,
        f"lane:{lane.id}",
        {
            "kind": kind,
            "order": order,
            "product": product,
            "quantity": quantity,
            "origin": lane.origin,
            "destination": lane.destination,
            "lane": lane.id,
            "partner": lane.carrier or None,
            "attributes": attributes(vehicle=vehicle),
        },
    )
