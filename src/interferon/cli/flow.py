"""`interferon flow`: the goods of a network. Registered by `interferon.cli`; the work is `interferon.flow`'s."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from interferon.cli import flow_kpi
from interferon.cli.flow_contain import contain
from interferon.cli.flow_plan import plan
from interferon.cli.flow_stress import stress
from interferon.flow.stock_places import Terms
from interferon.flow.stock_report import Report, Row, as_json, report
from interferon.store import folder


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="The flow of goods: ways round closures, what to close, outages, stock, key figures.", no_args_is_help=True)
    app.add_typer(group, name="flow")
    group.callback()(_group)
    group.command("plan")(plan)
    group.command("contain")(contain)
    group.command("stress")(stress)
    group.command("stock")(stock)
    flow_kpi.register(group)


def _group() -> None:
    """The flow of goods: ways round closures, what to close, outages, stock, key figures."""


def stock(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="A network folder.")],
    service: Annotated[float, typer.Option(help="Share of days on which stock covers demand.")] = 0.95,
    holding: Annotated[float, typer.Option(help="What holding stock for a year costs, as a share of its value.")] = 0.25,
    quote_days: Annotated[int, typer.Option("--quote-days", help="Days that customers may wait before their goods leave.")] = 0,
    make_days: Annotated[int, typer.Option("--make-days", help="Days it takes to make a product whose components are there.")] = 1,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Size safety stock at every place that orders reach, and say how long today's stock lasts against how long a refill takes."""
    found = report(folder.load(where), Terms(service, holding, quote_days, make_days))
    typer.echo(json.dumps(as_json(found), indent=1, ensure_ascii=False) if as_json_ else "\n".join(_lines(found)))


HEADER = ("place", "product", "quotes d", "safety", "target", "on hand", f"{'a year':>12}", "survives d", "recovers d")


def _lines(found: Report) -> Iterator[str]:
    places = max(len("place"), *(len(row.node) for row in found.rows)) if found.rows else 5
    goods = max(len("product"), *(len(row.product) for row in found.rows)) if found.rows else 7
    yield f"{HEADER[0]:<{places}}  {HEADER[1]:<{goods}}  " + "  ".join(f"{name:>10}" for name in HEADER[2:])
    for row in found.rows:
        yield f"{row.node:<{places}}  {row.product:<{goods}}  " + "  ".join(f"{cell:>10}" for cell in _cells(row))
    exposed = sum(row.exposed for row in found.rows)
    proof = "which is optimal" if found.gap == 0 else f"at most {found.gap:.1%} above the optimum"
    yield ""
    yield f"{found.network}: {len(found.rows)} places, demand of {found.days} days, service {found.service:.1%}"
    yield f"  safety stock costs {found.total:,.0f} {found.currency} a year, {proof}"
    yield f"  every place quotes zero:                 {found.every_stage_quotes_zero:,.0f}"
    yield f"  only customer-facing places hold stock:  {found.only_customer_facing:,.0f}"
    yield f"  at {exposed} places (!) today's stock ends before a refill arrives"


def _cells(row: Row) -> tuple[str, ...]:
    survives = "" if row.survive_days is None else f"{row.survive_days:.1f}"
    numbers = (f"{row.safety_stock:,.0f}", f"{row.target:,.0f}", f"{row.on_hand:,.0f}", f"{row.holding_cost:>12,.0f}")
    return (str(row.quoted_days), *numbers, survives + ("!" if row.exposed else " "), str(row.recover_days))
