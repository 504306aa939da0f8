"""`interferon flow plan`: the executable way round a closure. Registered by `interferon.cli.flow`; the work is `runtime.flow_folder`'s."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from interferon.flow.plan import Plan
from interferon.flow.plan_rows import OrderRow, Production, Shipment, Transfer
from interferon.flow.plan_table import as_json
from interferon.flow.telling import day, named, units
from interferon.runtime.flow_folder import FolderPlan, plan_folder, write

SHOWN = 20  # rows of each table on the screen; --json and --out hold them all
IDS = 8  # orders named for one reason


def plan(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="A network folder.")],
    close: Annotated[list[str] | None, typer.Option(metavar="REF", help="What is closed, as zone:ID; repeatable.")] = None,
    until: Annotated[str, typer.Option(metavar="TIME", help="When it opens again: 48h, 3d or an ISO time; else not in the horizon.")] = "",
    state: Annotated[list[str] | None, typer.Option(metavar="STATE", help="asset:ID=down, or =restoring:0.5@24h; repeatable.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="By local repair alone, without the linear programme.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write the rows as CSV, and EPCIS and EDIFACT.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Plan the way round a closure: what comes late and why, what is shipped, moved and made instead, ready to be carried out."""
    found = plan_folder(where, close or (), until, fast=fast, state=state or ())
    files = write(found, out) if out is not None else ()
    if as_json_:
        told = as_json(found.plan) | {"problems": [{"file": p.file, "line": p.line, "message": p.message} for p in found.problems]}
        typer.echo(json.dumps(told | {"files": [str(path) for path in files]}, indent=1, ensure_ascii=False))
        return
    for problem in found.problems:
        typer.echo(f"warning: {problem}", err=True)
    typer.echo("\n".join(_lines(found)))
    if files:
        typer.echo(f"\nWrote {', '.join(path.name for path in files)} to {out}")


def _lines(found: FolderPlan) -> Iterator[str]:
    told = found.plan
    until = "all the horizon" if told.until is None else f"until {day(told.until)}"
    yield f"{told.network} at {day(told.time)} UTC, closed: " + (f"{', '.join(told.closed)}, {until}" if told.closed else "nothing")
    if told.states:
        yield f"assets: {', '.join(told.states)}"
    yield from _figures(told)
    yield from _answer(told)
    yield from _causes(told)
    orders = sorted(told.orders, key=lambda row: (not row.by_closure, not row.late))  # by promise among equals, as they come
    yield from _section("late or changed orders", ORDERS, [_order(row) for row in orders if row.late or row.mark != "same"])
    yield from _section("transfers of stock", TRANSFERS, [_transfer(row) for row in told.transfers if row.mark != "same"])
    yield from _section("shipments", SHIPMENTS, [_shipment(row) for row in told.shipments if row.mark != "same"])
    yield from _section("production", PRODUCTION, [_production(row) for row in told.production if row.mark != "same"])


def _figures(told: Plan) -> Iterator[str]:
    yield ""
    yield f"{'':<24}{'orders':>8}{'late':>8}{'OTIF':>8}{'cost ' + told.currency:>16}{'CO2 kg':>12}{'unmet':>10}"
    for name, each in (("nothing closed", told.nominal), ("without a re-route", told.kept), ("this plan", told.rerouted)):
        row = f"{each.orders:>8}{each.orders_late:>8}{each.otif:>8.1%}{each.cost:>16,.0f}{each.co2_kg:>12,.0f}{each.unmet:>10,.0f}"
        yield f"{name:<24}{row}"
    if told.range is not None:
        low, high = told.range.orders_late
        least, most = told.range.cost
        yield f"  dependencies are assumed: {low} to {high} late, {least:,.0f} to {most:,.0f} {told.currency}; planned for the worst"


def _answer(told: Plan) -> Iterator[str]:
    gap = "which no plan with this closure undercuts" if told.answer.gap == 0 else f"at most {told.answer.gap:.2%} above the least possible"
    yield ""
    yield f"answered by the {told.answer.speed}, {gap}"
    yield f"valid until {day(told.answer.valid_until)} UTC, or until the tables are revised or an order comes in, whichever is first"


def _causes(told: Plan) -> Iterator[str]:
    if told.causes:
        yield ""
        yield "why orders are late"
    for cause, orders in told.causes:
        yield f"{len(orders):>6}  {cause}: {named(list(orders), IDS)}"


ORDERS = ("mark", "order", "customer", "product", "quantity", "short", "promised", "before", "expected", "why it is late")
TRANSFERS = ("mark", "lane", "from", "to", "product", "quantity", "before", "leaves", "arrives")
SHIPMENTS = ("mark", "order", "lane", "from", "to", "product", "quantity", "before", "leaves", "arrives")
PRODUCTION = ("mark", "plant", "product", "quantity", "before", "from", "until")


def _order(row: OrderRow) -> tuple[str, ...]:
    times = (day(row.promised), _when(row.expected_before), _when(row.expected))
    return (row.mark, row.order, row.customer, row.product, units(row.quantity), units(row.short), *times, row.reason)


def _transfer(row: Transfer) -> tuple[str, ...]:
    return (row.mark, row.lane, row.origin, row.destination, row.product, *_moved(row))


def _shipment(row: Shipment) -> tuple[str, ...]:
    return (row.mark, row.order, row.lane, row.origin, row.customer, row.product, *_moved(row))


def _moved(row: Shipment | Transfer) -> tuple[str, str, str, str]:
    return units(row.quantity), units(row.quantity_before), day(row.leaves), day(row.arrives)


def _production(row: Production) -> tuple[str, ...]:
    return (row.mark, row.node, row.product, units(row.quantity), units(row.quantity_before), day(row.starts), day(row.ends))


def _when(moment: int | None) -> str:
    return "never" if moment is None else day(moment)


def _section(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table under its title; nothing where it has no rows."""
    if not rows:
        return
    shown = [head, *rows[:SHOWN]]
    widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
    yield ""
    yield f"{title}: {len(rows)}"
    for row in shown:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(rows) > SHOWN:
        yield f"  and {len(rows) - SHOWN} more; --out and --json hold them all"
