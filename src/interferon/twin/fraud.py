"""What the attack actions on business do: falsified demand, diverted payments, false carriers; and the traces they leave in trade events.

Called by `campaign` through the table in `adversary`; `range` borrows the everyday forms of the same events.
"""

from interferon.twin.campaign import Campaign
from interferon.twin.demand import Line
from interferon.twin.draws import HOUR, MINUTE, draws, pick
from interferon.twin.rows import Fields, Record, attributes
from interferon.twin.scenario import Step
from interferon.twin.trade import order_placed


def tell_flow(c: Campaign, when: int, source: str, target: str, entity: str, what: str, size: int, seconds: float) -> None:
    """Tell of one conversation; `entity` is whose behaviour it is."""
    place = (entity if entity.startswith("asset:") else target).partition(":")[2]
    c.world.tell(
        "activity",
        (
            when,
            c.world.hosts.feed(place),
            entity,
            {
                "kind": "network.flow",
                "source": source,
                "target": target,
                "object": what,
                "outcome": "success",
                "bytes": size,
                "attributes": attributes(packets=size // 700 + 3, duration_s=seconds),
            },
        ),
    )


def poison_feed(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Hourly: forecasts shift; the nodes restock to a falsified level; false orders take their stock and capacity."""
    world, factor = c.world, step.number("factor")
    nodes = _fed(c, step)
    for node in nodes:
        world.forecast.setdefault(node, {})[step.id] = factor
    if pulse == 0 and step.target.startswith("asset:"):
        tell_flow(c, when, c.foothold(step), step.target, step.target, "https/443", 400_000, 12.0)
    rng = draws(world.seed, f"false {step.id}", 0, when // HOUR)
    for node in nodes:
        for row in forecasts(c, node, when, factor):
            world.tell("trade", row)
        _false_orders(c, step, node, when, pulse, rng.random(64).tolist())
    return when + HOUR if pulse < 240 else 0


def _fed(c: Campaign, step: Step) -> list[str]:
    """Nodes that the falsified feed rules: the one named, or the half of those that serve customers."""
    network, (kind, _, name) = c.world.network, step.target.partition(":")
    serving = sorted({x.origin for x in network.lanes.values() if network.nodes[x.destination].kind == "customer"})
    if kind == "node":
        return (
            [name]
            if name in serving
            else [x.origin for x in network.lanes.values() if x.destination == name and x.origin in serving][:1] or serving[:1]
        )
    first = pick(c.world.seed, f"fed {step.id}", max(len(serving), 1))
    return [serving[(first + k) % len(serving)] for k in range((len(serving) + 1) // 2)]


def forecasts(c: Campaign, node: str, when: int, factor: float) -> list[Record]:
    """The demand feed's values for a node: its five largest products."""
    goods = c.world.goods
    rates = sorted(((goods.target[goods.n[node], k], p) for p, k in goods.p.items()), reverse=True)[:5]
    return [
        (
            when + k * 1_000_000,
            "forecast",
            "feed:forecast",
            {
                "kind": "forecast.published",
                "product": p,
                "destination": node,
                "quantity": round(rate / 3 * factor * (1 + 0.03 * ((when // HOUR + k) % 3 - 1)), 1),
                "attributes": attributes(source="demand-service"),
            },
        )
        for k, (rate, p) in enumerate(rates)
    ]


def _false_orders(c: Campaign, step: Step, node: str, when: int, pulse: int, u: list[float]) -> None:
    world, goods = c.world, c.world.goods
    ways = [
        (cust, p)
        for (cust, p), lanes in goods.sourcing.items()
        if world.network.nodes[cust].kind == "customer" and any(world.network.lanes[x].origin == node for x, _ in lanes)
    ]
    if not ways:
        return
    volume = step.number("phantom") * world.network.nodes[node].capacity_per_day * 0.75 / 24
    number = max(1, round(volume / 24))
    for k in range(min(number, 16)):
        customer, product = ways[int(u[k] * len(ways))]
        quantity = max(1.0, round(volume / number * (0.7 + 0.6 * u[k + 16])))
        ident = f"o-{90000 + pick(world.seed, f'{step.id} {node} {pulse} {k}', 900000)}"
        line = Line(ident, customer, product, quantity, when, when + 24 * HOUR, 1, u[k + 32], 1.0, 0.0, false=True)
        goods.add(line)
        world.tell("trade", order_placed(world.network, line, when + k * MINUTE))


def change_bank_details(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """First the account is changed and an invoice to it follows; the unpaid partner then withholds its capacity."""
    world, partner = c.world, step.target.partition(":")[2]
    account = f"XX{pick(world.seed, 'account ' + step.id, 10**9):010d}"
    if pulse == 0:
        row: Fields = {
            "kind": "partner.changed",
            "partner": partner,
            "attributes": attributes(
                field="bank_account", before=account_of(partner), after=account, channel="email", actor=c.identity(step), approved_by=""
            ),
        }
        world.tell("trade", (when, "erp", f"partner:{partner}", row))
        return when + int(step.number("hold_after_h") * HOUR)
    if pulse == 1:
        world.tell("trade", invoice(c, partner, when, account, 40_000.0))
        world.goods.books.cost += 40_000.0
        for lane in c.lanes(step):
            world.condition.withheld.setdefault(f"lane:{lane}", {})[step.id] = step.number("hold_share")
    return 0


def account_of(partner: str) -> str:
    """The account a partner has always had."""
    return f"EU{pick(0, 'account of ' + partner, 10**9):010d}"


def invoice(c: Campaign, partner: str, when: int, account: str, price: float) -> Record:
    products = c.world.goods.products
    product = products[pick(c.world.seed, f"invoice {partner}", len(products))]
    row: Fields = {
        "kind": "invoice.received",
        "partner": partner,
        "product": product,
        "quantity": 100.0,
        "attributes": attributes(price=round(price, 2), bank_account=account),
    }
    return (when, "erp", f"partner:{partner}", row)


def fake_shipment(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Loads are handed to a false carrier; arrivals and receipts are booked for what never departed."""
    world, lanes = c.world, c.lanes(step)
    if not lanes:
        return 0
    for lane in lanes:
        world.stolen.setdefault(lane, {})[step.id] = step.number("share")
    lane_row = world.network.lanes[lanes[pulse % len(lanes)]]
    product = next(
        (p for (node, p), ways in world.goods.sourcing.items() if node == lane_row.destination and ways), world.goods.products[0]
    )
    name = f"t-{lane_row.id}-{70000 + pick(world.seed, f'{step.id} {pulse}', 20000)}"
    for kind, feed, entity in (
        ("shipment.arrived", "carriers", f"lane:{lane_row.id}"),
        ("receipt.posted", "erp", f"lane:{lane_row.id}"),
    ):
        row: Fields = {
            "kind": kind,
            "order": name,
            "product": product,
            "quantity": 40.0,
            "origin": lane_row.origin,
            "destination": lane_row.destination,
            "lane": lane_row.id,
            "partner": lane_row.carrier or None,
            "attributes": attributes(vehicle="hired/00"),
        }
        world.tell("trade", (when if kind == "shipment.arrived" else when + 5 * MINUTE, feed, entity, row))
    return when + int(HOUR / max(step.number("per_hour"), 0.05)) if pulse < 200 else 0
