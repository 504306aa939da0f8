"""`interferon discover`: proposes rows of the network's tables from captures and logs; a person accepts them."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from interferon.discover.propose import DIFFERS, NEW, TABLES, UNSEEN, Proposal
from interferon.model.errors import InputError
from interferon.runtime import discovery, formats

SHOWN = 12  # proposals of one table that are printed; all are in the files


def register(app: typer.Typer) -> None:
    @app.command("discover")
    def discover(
        into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Network folder; a new one holds only what is discovered.")],
        sources: Annotated[list[Path] | None, typer.Argument(metavar="SOURCE...", help="Captures, logs, or folders of them.")] = None,
        kind: Annotated[str, typer.Option("--format", help="Told by name and first bytes where it is not given.")] = "",
        site: Annotated[str, typer.Option(help="Site of sites.csv at which the sources were recorded.")] = "",
        accept: Annotated[str, typer.Option(metavar="ID,...|all", help="Add these proposals of DIR/discovered to the tables.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Propose assets, zones, conduits and dependencies from traffic, each with its evidence; --accept makes rows of them."""
        if accept and not sources:
            _accepted(into, [name.strip() for name in accept.split(",") if name.strip()], as_json)
            return
        if accept or not sources:
            raise InputError("discover reads sources first, DIR/discovered then says what it proposes; --accept goes alone, after that")
        formats.checked(kind)
        network = discovery.network_of(into)
        found = discovery.discover(sources, kind, network, site)
        wrote = discovery.write(found.proposals, into)
        if as_json:
            typer.echo(msgspec.json.encode(_document(found)))
            return
        for name in TABLES:
            _show(name, [each for each in found.proposals if each.table == name])
        typer.echo(f"{found.events} events read, {found.dead_letters} dead letters{': ' + found.first_dead if found.first_dead else ''}")
        typer.echo(f"All of it is in {wrote[0].parent}. Accept rows with: interferon discover --into {into} --accept ID,...|all")


def _accepted(into: Path, names: list[str], as_json: bool) -> None:
    added = discovery.accept(into, names)
    if as_json:
        typer.echo(msgspec.json.encode({"added": added}))
        return
    for name, ids in added.items():
        typer.echo(f"{name}.csv: {len(ids)} rows more: {', '.join(ids)}")
    typer.echo(f"Now run: interferon check {into}")


def _show(name: str, rows: list[Proposal]) -> None:
    count = {status: sum(each.status == status for each in rows) for status in (NEW, DIFFERS, UNSEEN)}
    typer.echo(f"{name}: {count[NEW]} new, {count[DIFFERS]} that differ from the tables, {count[UNSEEN]} in the tables but never seen")
    told = [each for each in rows if each.status in count]
    for each in told[:SHOWN]:
        key = each.row.get("id") or f"{each.row['asset']}@{each.row['target']}"
        typer.echo(f"  {each.status:10} {key}: {each.evidence[0] if each.evidence else ''}")
    if len(told) > SHOWN:
        typer.echo(f"  … and {len(told) - SHOWN} more")


def _document(found: discovery.Discovery) -> dict[str, Any]:
    """What `--json` prints: a list a table, each row with its columns, status, confidence and evidence."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for each in found.proposals:
        says = {"status": each.status, "confidence": each.confidence, "evidence": list(each.evidence)}
        rows[each.table].append({**each.row, **says, "first_seen": discovery.moment(each.first), "last_seen": discovery.moment(each.last)})
    return {**rows, "events": found.events, "dead_letters": found.dead_letters}
