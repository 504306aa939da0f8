"""`interferon suppress add|list|remove|sign`: what a person keeps out of correlation for a while. Touches `suppressions.*`."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from interferon.model.errors import InputError
from interferon.model.events import Suppression
from interferon.store import suppression_file
from interferon.store.folder import load

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Keep findings out of correlation for a while: scoped, with a reason, expiring, signed.")
    app.add_typer(group, name="suppress")
    group.command("add")(add)
    group.command("list")(show)
    group.command("remove")(remove)
    group.command("sign")(sign)


def add(
    folder: Folder,
    scope: Annotated[
        str, typer.Argument(metavar="SCOPE", help="asset:ID or another reference, zone:ID, or class:TYPE.", show_default=False)
    ],
    detector: Annotated[str, typer.Option("--detector", help="The detector, as findings name it.")],
    kind: Annotated[str, typer.Option("--kind", help="The kind of finding, or its beginning and `.*`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who come later.")],
    until: Annotated[str, typer.Option("--until", help="When it ends, as 2026-03-31 or 2026-03-31T12:00:00Z.")],
    signal: Annotated[str, typer.Option("--signal", help="Only where this signal or field leads.")] = "",
    name: Annotated[str, typer.Option("--id", help="Its name; made from the rest if absent.")] = "",
    as_json: Json = False,
) -> None:
    """Write a suppression. It has no effect before `suppress sign`."""
    network = load(folder)
    if wrong := suppression_file.unknown(scope, network):
        raise InputError(f"{scope}: {wrong}")
    ends = suppression_file.moment(until)
    if ends <= _now():
        raise InputError(f"--until {until} is over; a suppression ends in the future")
    done = suppression_file.add(
        folder, Suppression(id=name, scope=scope, detector=detector, kind=kind, signal=signal, reason=reason, until=ends)
    )
    typer.echo(json.dumps(_shown(done)) if as_json else f"added {done.id}; `interferon suppress sign {folder} --key FILE` puts it in force")


def show(folder: Folder, as_json: Json = False) -> None:
    """Show every suppression, and whether it is in force."""
    _present(folder)
    found = suppression_file.status(folder)
    if as_json:
        rows = [_shown(one) | {"expired": one.until <= _now()} for one in found.entries]
        typer.echo(json.dumps({"in_force": not found.problem, "problem": found.problem, "suppressions": rows}))
        return
    if found.problem:
        typer.echo(f"NOT in force: {suppression_file.FILE} {found.problem}")
    for one in found.entries:
        over = " (ended)" if one.until <= _now() else ""
        signal = f", signal {one.signal}" if one.signal else ""
        typer.echo(
            f"{one.id}: {one.detector} {one.kind} of {one.scope}{signal}, until {suppression_file.written(one.until)}{over}: {one.reason}"
        )
    if not found.entries:
        typer.echo("nothing is suppressed")


def remove(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="ID", help="As `suppress list` shows it.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Take a suppression out. The file must be signed again; until then nothing is suppressed."""
    _present(folder)
    suppression_file.remove(folder, name)
    typer.echo(json.dumps({"removed": name}) if as_json else f"removed {name}; sign the file again")


def sign(
    folder: Folder,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key that signed the policy.")],
    as_json: Json = False,
) -> None:
    """Sign the file as it stands, and so put it in force from the next start on."""
    _present(folder)
    count = suppression_file.sign(folder, key)
    typer.echo(json.dumps({"signed": count}) if as_json else f"signed {count} suppressions")


def _shown(one: Suppression) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in ("id", "scope", "detector", "kind", "signal", "reason")}
    return row | {"until": suppression_file.written(one.until)}


def _now() -> int:
    return time.time_ns() // 1000


def _present(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the network folder that `interferon init` made")
