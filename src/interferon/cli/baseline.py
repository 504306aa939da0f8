"""`interferon baseline list|rollback|accept|relearn`: a person's word on what was learnt of an entity. Touches `words/`."""

import json
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from interferon.model.errors import InputError
from interferon.model.events import Baseline
from interferon.runtime import words
from interferon.runtime.words import Row
from interferon.store import word_folder
from interferon.store.folder import load
from interferon.store.suppression_file import written

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.", show_default=False)]
Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="Its reference, as asset:plc-1.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who come later.")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Key = Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key that signed the policy.")]
Number = Annotated[int, typer.Option("--version", help="Its number, as `baseline list` shows it.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="The versions of a learnt baseline: list, roll back, accept, learn anew; signed.")
    app.add_typer(group, name="baseline")
    group.command("list")(show)
    group.command("rollback")(rollback)
    group.command("accept")(accept)
    group.command("relearn")(relearn)


def show(
    folder: Folder,
    entity: Annotated[str, typer.Argument(metavar="[ENTITY]", help="Only of this one.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Show the versions that `interferon up` keeps, and which are in force."""
    rows = words.listed(folder, entity)
    if as_json:
        typer.echo(json.dumps([_shown(row) for row in rows]))
        return
    for row in rows:
        one, force = row.version, " (in force)" if row.in_force else ""
        note = f"; {one.note}" if one.note else ""
        typer.echo(f"{row.entity} {one.number}{force}: {one.rows} rows until {written(one.time)}, {one.why}{note}")
    if not rows:
        typer.echo(f"nothing of {entity} is learnt" if entity else "nothing is learnt")


def rollback(folder: Folder, entity: Entity, version: Number, reason: Reason, by: By, key: Key, as_json: Json = False) -> None:
    """Put an earlier version in force again; it goes on as it stood."""
    _known(folder, entity, version)
    _say(folder, Baseline(0, entity, by, "rollback", version, reason), key, as_json)


def accept(folder: Folder, entity: Entity, version: Number, reason: Reason, by: By, key: Key, as_json: Json = False) -> None:
    """Note that somebody has looked at a version and found it right."""
    _known(folder, entity, version)
    _say(folder, Baseline(0, entity, by, "accept", version, reason), key, as_json)


def relearn(folder: Folder, entity: Entity, reason: Reason, by: By, key: Key, as_json: Json = False) -> None:
    """Learn a new version from the rows that come now; the one in force judges until then."""
    _say(folder, Baseline(0, entity, by, "relearn", 0, reason), key, as_json)


def _known(folder: Path, entity: str, version: int) -> None:
    numbers = [str(row.version.number) for row in words.listed(folder, entity)]
    if str(version) not in numbers:
        raise InputError(f"there is no version {version} of {entity}; there are {', '.join(numbers) or 'none'}")


def _say(folder: Path, word: Baseline, key: Path, as_json: bool) -> None:
    network, name = load(folder), word.entity.partition(":")[2]
    if not word.entity.startswith("asset:") or name not in network.assets:
        raise InputError(f"{word.entity}: no asset of assets.csv; write asset:ID")
    if not word.reason.strip() or not word.person.strip():
        raise InputError("--reason and --by: a text is needed, for those who come later")
    path = word_folder.add(folder, msgspec.structs.replace(word, written=time.time_ns() // 1000), key)
    typer.echo(json.dumps({"word": str(path)}) if as_json else f"wrote {path}; `interferon up {folder}` follows it within a second")


def _shown(row: Row) -> dict[str, object]:
    return {"entity": row.entity, "in_force": row.in_force, **msgspec.to_builtins(row.version), "time": written(row.version.time)}
