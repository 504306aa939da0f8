"""`interferon flow kpi`: key figures of a network's plan by their definitions. Registered by `cli.flow`; the work is `flow.kpi`'s."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from interferon.flow.kpi import BASIS, Figure, Report, Side, report
from interferon.flow.problem import opening
from interferon.model.errors import InputError
from interferon.model.kpis import Kpi, kpis
from interferon.model.network import Network
from interferon.runtime.installation import opening_time
from interferon.store import folder

CLOSABLE = {"asset": "assets", "conduit": "conduits", "zone": "zones", "node": "nodes", "lane": "lanes"}


def register(group: typer.Typer) -> None:
    """Adds the command to `interferon flow`."""
    group.command("kpi")(kpi)


def kpi(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="A network folder.")],
    close: Annotated[list[str] | None, typer.Option(metavar="REF", help="Close this too, as node:dc-1; may be given again.")] = None,
    until: Annotated[float | None, typer.Option(min=0, help="Hours until all is open again; left out: not within the horizon.")] = None,
    horizon: Annotated[int | None, typer.Option(min=1, max=60, help="Days to plan; left out: the network's horizon_days.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell the key figures of the plan over the open orders, and what a closure, re-routed, does to them."""
    network = folder.load(where)
    if horizon is not None:
        network = replace(network, settings=msgspec.structs.replace(network.settings, horizon_days=horizon))
    refs = tuple(close or ())
    _check(network, refs)
    if until is not None and not math.isfinite(until):
        raise InputError(f"--until {until}: write a number of hours")
    if until is not None and not refs:
        raise InputError("--until says how long a closure lasts; name what is closed with --close")
    found = report(network, opening(network, opening_time(network)), refs, until)
    typer.echo(json.dumps(as_json(found), indent=1, ensure_ascii=False) if as_json_ else "\n".join(_lines(found)))


def _check(network: Network, refs: tuple[str, ...]) -> None:
    for ref in refs:
        kind, _, name = ref.partition(":")
        if kind not in CLOSABLE:
            raise InputError(f"--close {ref}: write {', '.join(f'{each}:ID' for each in CLOSABLE)}")
        if name not in getattr(network, CLOSABLE[kind]):
            raise InputError(f"--close {ref}: there is no {kind} '{name}' in {CLOSABLE[kind]}.csv")


def as_json(found: Report) -> dict[str, Any]:
    """The report as plain data: each figure with its name, unit and definition, and every element behind the emissions."""
    rule = {name: None if value == float("inf") else value for name, value in msgspec.to_builtins(found.rule).items()}
    return {
        "network": found.network,
        "currency": found.currency,
        "horizon_days": found.horizon_days,
        "otif": rule,
        "closed": list(found.closed),
        "until_h": found.until_h,
        "kpis": [_row(row, found) for row in kpis().values()],
        "emissions": {name: _elements(side) for name, side in (("plan", found.plan), ("rerouted", found.rerouted)) if side},
    }


def _row(row: Kpi, found: Report) -> dict[str, Any]:
    plan, rerouted = found.plan.figures[row.id], found.rerouted.figures[row.id] if found.rerouted else None
    figures = {"plan": plan.value, "note": plan.note}
    if rerouted is not None:
        figures |= {"rerouted": rerouted.value, "difference": _difference(plan, rerouted), "rerouted_note": rerouted.note}
    return {**msgspec.to_builtins(row), "unit": _unit(row, found), "basis": BASIS, **figures}


def _elements(side: Side) -> list[dict[str, Any]]:
    return [{**msgspec.to_builtins(each), "tkm": each.tkm, "kg": each.kg} for each in side.emissions.elements]


def _difference(plan: Figure, rerouted: Figure) -> float | None:
    return None if plan.value is None or rerouted.value is None else rerouted.value - plan.value


def _unit(row: Kpi, found: Report) -> str:
    return row.unit.replace("currency", found.currency)


def _lines(found: Report) -> Iterator[str]:
    heads = ("plan", "re-routed", "difference") if found.rerouted else ("plan",)
    yield f"{'key figure':<30}  " + "  ".join(f"{head:>13}" for head in heads) + f"  {'unit':<17}  {'basis':<8}  note"
    for row in kpis().values():
        plan = found.plan.figures[row.id]
        shown = [plan.value]
        note = plan.note
        if found.rerouted:
            rerouted = found.rerouted.figures[row.id]
            shown, note = [*shown, rerouted.value, _difference(plan, rerouted)], rerouted.note
        cells = "  ".join(f"{_number(value):>13}" for value in shown)
        yield f"{row.name:<30}  {cells}  {_unit(row, found):<17}  {BASIS:<8}  {note}".rstrip()
    yield ""
    closed = f", {', '.join(found.closed)} closed" if found.closed else ""
    closed += f" for {found.until_h:g} h" if found.until_h is not None else ""
    yield f"{found.network}: open orders of {found.horizon_days:g} days{closed}"
    for source, kilos in _by_source(found.rerouted or found.plan).items():
        yield f"  {kilos:,.0f} kg CO2e by {source}"


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    value = round(value, 9) + 0.0  # no −0
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"


def _by_source(side: Side) -> dict[str, float]:
    """Emissions by where their factors come from."""
    found: dict[str, float] = {}
    for each in side.emissions.elements:
        source = each.source if each.year is None else f"{each.source} ({each.year})"
        found[source] = found.get(source, 0.0) + each.kg
    return found
