"""Where a network should hold safety stock, what it has there today, and how long that lasts against how long a refill takes.

Called by the command line and by notebooks (`interferon.flow_stock`). Pure.
"""

from dataclasses import asdict, dataclass
from typing import Any

from interferon.flow.stock_model import Policy, all_zero, only_customer_facing
from interferon.flow.stock_places import Places, Terms, places
from interferon.flow.stock_solve import EFFORT, solve
from interferon.model.network import Network


@dataclass(frozen=True)
class Row:
    """One place. Units are the product's; times are days; `holding_cost` is currency a year.

    `survive_days`: how long the stock on hand lasts at mean demand when nothing comes in any more; None where nothing is asked for.
    `recover_days`: how long a refill takes from the order on, what comes in included. `exposed`: the first is shorter than the second.
    """

    node: str
    product: str
    quoted_days: int
    inbound_days: int
    safety_stock: float
    target: float  # base-stock level: on hand and on order together
    on_hand: float
    holding_cost: float
    survive_days: float | None
    recover_days: int
    exposed: bool


@dataclass(frozen=True)
class Report:
    """All places that orders reach, the dearest first, and totals in currency a year. `gap`: share of the total that may still be saved."""

    network: str
    currency: str
    service: float
    holding: float
    days: int
    total: float
    bound: float
    gap: float
    every_stage_quotes_zero: float
    only_customer_facing: float
    rows: tuple[Row, ...]


def report(network: Network, terms: Terms | None = None, effort: float = EFFORT) -> Report:
    """Sizes safety stock from the tables. Raises InputError as `stock_places.places` does."""
    terms = terms or Terms()
    found = places(network, terms)
    answer = solve(found.model, effort)
    rows = _rows(network, found, answer.policy)
    return Report(
        network=network.settings.name,
        currency=network.settings.currency,
        service=terms.service,
        holding=terms.holding,
        days=found.days,
        total=answer.policy.total,
        bound=answer.bound,
        gap=answer.gap,
        every_stage_quotes_zero=all_zero(found.model).total,
        only_customer_facing=only_customer_facing(found.model).total,
        rows=tuple(sorted(rows, key=lambda row: (-row.holding_cost, row.node, row.product))),
    )


def as_json(found: Report) -> dict[str, Any]:
    """What `--json` prints."""
    told = asdict(found)
    rows = told.pop("rows")
    baselines = {name: told.pop(name) for name in ("every_stage_quotes_zero", "only_customer_facing")}
    return told | {"baselines": baselines, "exposed": sum(row["exposed"] for row in rows), "stages": list(rows)}


def _rows(network: Network, found: Places, policy: Policy) -> list[Row]:
    stock = {(row.node, row.product): row.quantity for row in sorted(network.inventory, key=lambda row: row.as_of)}
    rows = []
    for i, (node, product) in enumerate(found.at):
        mean, on_hand = float(found.model.mean[i]), stock.get((node, product), 0.0)
        survive, recover = on_hand / mean if mean > 0 else None, int(policy.inbound[i] + found.model.time[i])
        rows.append(
            Row(
                node=node,
                product=product,
                quoted_days=int(policy.quoted[i]),
                inbound_days=int(policy.inbound[i]),
                safety_stock=float(policy.safety[i]),
                target=float(policy.target[i]),
                on_hand=on_hand,
                holding_cost=float(policy.cost[i]),
                survive_days=survive,
                recover_days=recover,
                exposed=survive is not None and survive < recover,
            )
        )
    return rows
