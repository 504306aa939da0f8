"""`interferon flow contain`: what to isolate and to cut on a suspicion. Registered by `interferon.cli.flow`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from interferon.flow.contain import NAMES, Containment, Prices, as_json
from interferon.flow.telling import day, named
from interferon.runtime.flow_folder import contain_folder

SHOWN = 12  # ids on the screen; --json holds them all


def contain(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="A network folder.")],
    suspect: Annotated[list[str] | None, typer.Option(metavar="ZONE", help="zone:ID, or zone:ID=0.7 with its chance; repeatable.")] = None,
    until: Annotated[str, typer.Option(metavar="TIME", help="How long what is closed stays so: 48h, 3d or an ISO time.")] = "48h",
    held: Annotated[float, typer.Option(help="What it is worth that he does not come to hold a zone, in currency.")] = 0.0,
    late: Annotated[float, typer.Option(help="What all goods late would cost, in the worst tenth of scenarios.")] = 0.0,
    scenarios: Annotated[int, typer.Option(min=1, max=200, help="Ways it may truly be.")] = 16,
    seconds: Annotated[float, typer.Option(min=1.0, help="Improve the decision for at most this long.")] = 20.0,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Decide which zones to isolate and which conduits to cut, together with how the goods go round it."""
    found = contain_folder(where, suspect or (), until, Prices(late=late, held=held), scenarios=scenarios, seconds=seconds)
    typer.echo(json.dumps(as_json(found), indent=1, ensure_ascii=False) if as_json_ else "\n".join(_lines(found)))


def _lines(found: Containment) -> Iterator[str]:
    best = found.decisions["best"]
    suspected = [f"zone:{zone} {chance:.0%}" for zone, chance in found.suspicion.items()]
    yield f"{found.network} at {day(found.time)} UTC, closed until {day(found.until)}, suspected: {named(suspected, SHOWN)}"
    yield ""
    yield f"  isolate  {named([f'zone:{zone}' for zone in sorted(best.isolated)], SHOWN) if best.isolated else 'nothing'}"
    yield f"  cut      {named([f'conduit:{name}' for name in sorted(best.cut)], SHOWN) if best.cut else 'nothing'}"
    yield ""
    yield f"{'':<22}{'zones':>8}{'conduits':>10}{'cost ' + found.currency:>16}{'late':>8}{'at worst':>10}{'zones held':>12}"
    yield f"{'no intruder':<22}{0:>8}{0:>10}{found.undisturbed[0]:>16,.0f}{found.undisturbed[1]:>8.1%}{'':>10}{0:>12.1f}"
    for name, decision in found.decisions.items():
        closed = f"{len(decision.isolated):>8}{len(decision.cut):>10}{decision.cost:>16,.0f}"
        yield f"{NAMES[name]:<22}{closed}{decision.late:>8.1%}{decision.late_at_risk:>10.1%}{decision.held:>12.1f}"
    yield ""
    yield f"expected over {found.scenarios} scenarios; no decision is more than {found.gap:.1%} better, after {found.rounds} proposals"
