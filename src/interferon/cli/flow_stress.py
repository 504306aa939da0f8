"""`interferon flow stress`: what each outage costs. Registered by `interferon.cli.flow`; the work is `runtime.flow_folder`'s."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from interferon.cli.progress import bar_of
from interferon.flow.stress import RECOVER_H, Stress, StressReport, as_json
from interferon.runtime.flow_folder import stress_folder


def stress(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="A network folder.")],
    recover: Annotated[float, typer.Option(metavar="HOURS", help="How long each outage lasts.")] = RECOVER_H,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Take each node, zone and carrier away in turn: how long orders survive it, how long it takes to be back, and what is lost."""
    found = stress_folder(where, recover, bar_of("outages"))
    typer.echo(json.dumps(as_json(found), indent=1, ensure_ascii=False) if as_json_ else "\n".join(_lines(found)))


HEAD = ("survives h", "recovers h", "first late", "at risk", "late", "cost", "cost a day")


def _lines(found: StressReport) -> Iterator[str]:
    width = max(len("outage"), *(len(row.ref) for row in found.rows)) if found.rows else len("outage")
    yield f"{'outage':<{width}}  " + "  ".join(f"{name:>12}" for name in HEAD)
    for row in found.rows:
        yield f"{row.ref:<{width}}  " + "  ".join(f"{cell:>12}" for cell in _cells(row)) + ("  exposed" if row.exposed else "")
    exposed = sum(row.exposed for row in found.rows)
    yield ""
    yield f"{found.network}: {len(found.rows)} outages of {found.outage_h:g} h, one at a time; costs in {found.currency}"
    yield f"  {exposed} exposed: they survive less than such an outage, which makes orders late whichever way the goods go"
    yield f"  first late, at risk: were it closed for good, within {found.horizon_days} days"


def _cells(row: Stress) -> tuple[str, ...]:
    survives, first = ("" if hours is None else f"{hours:.0f}" for hours in (row.survive_h, row.first_late_h))
    orders = (f"{row.orders_at_risk:g}", str(row.orders_late))
    return (survives, f"{row.recover_h:.0f}", first, *orders, f"{row.cost:,.0f}", f"{row.cost_per_day:,.0f}")
