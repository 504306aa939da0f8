"""`interferon respond`: playbooks checked, shown, compared and exported.

Registered by `interferon.cli`; running and signing stand beside it.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from interferon.cli import respond_run, respond_sign
from interferon.model.errors import InputError
from interferon.playbooks.compare import compare
from interferon.playbooks.lint import check as lint
from interferon.playbooks.outline import outline
from interferon.playbooks.picture import picture
from interferon.runtime import playbook_files

JSON: Final = typer.Option("--json", help="Print one JSON document.")
FILE: Final = typer.Argument(metavar="FILE", help="A CACAO v2.0 playbook.")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Playbooks of response: CACAO v2.0 checked, run, compared and signed.", no_args_is_help=True)
    app.add_typer(group, name="respond")
    for command in (check, show, diff, export):
        group.command(command.__name__)(command)
    group.command("list")(listed)
    respond_run.register(group)
    respond_sign.register(group)


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help="Files; of a folder, every *.json.")],
    form: Annotated[Literal["cacao", "openc2"], typer.Option("--format", help="What the files hold.")] = "cacao",
    kind: Annotated[Literal["command", "response"] | None, typer.Option("--kind", help="With --format openc2: what they are.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say everything that is wrong with playbooks or OpenC2 messages; exit 1 where one is not ok."""
    if form == "openc2" and kind is None:
        raise InputError("--format openc2 needs --kind command or --kind response")
    if form == "cacao" and kind is not None:
        raise InputError("--kind is for --format openc2")
    rows = [_checked(path, form, kind) for path in playbook_files.found(paths)]
    if as_json:
        typer.echo(json.dumps({"files": rows}, indent=1, ensure_ascii=False))
    else:
        _print(rows)
    raise typer.Exit(0 if all(row["ok"] for row in rows) else 1)


def _checked(path: Path, form: str, kind: str | None) -> dict[str, Any]:
    data = playbook_files.read(path)
    if form == "openc2":
        problems, warnings = list(import_module("interferon.openc2.check").problems(data, kind)), list[str]()
    else:
        found = lint(data)
        problems, warnings = found.fatal, found.warnings
    return {"file": str(path), "ok": not problems, "problems": problems, "warnings": warnings}


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        typer.echo(f"{row['file']}: {'ok' if row['ok'] else 'not ok'}")
        for problem in row["problems"]:
            typer.echo(f"  error: {problem}")
        for warning in row["warnings"]:
            typer.echo(f"  warning: {warning}")
    typer.echo(f"{sum(row['ok'] for row in rows)} of {len(rows)} files are ok")


def show(
    file: Annotated[Path, FILE],
    svg: Annotated[Path | None, typer.Option("--svg", help="File for a picture of the workflow.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print a playbook as an outline that a person can read."""
    playbook, _ = playbook_files.load(file)
    lines = outline(playbook)
    if svg is not None:
        svg.write_text(picture(playbook), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps({"id": playbook.id, "name": playbook.name, "outline": lines}, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(lines))


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A playbook.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The playbook it is held against.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what is different between two playbooks, by meaning: steps, variables, commands."""
    changes = compare(playbook_files.load(before)[0], playbook_files.load(after)[0])
    if as_json:
        rows = [
            {"change": each.change, "kind": each.kind, "where": each.where, "before": each.before, "after": each.after} for each in changes
        ]
        typer.echo(json.dumps({"changes": rows}, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(map(str, changes)) or "they mean the same")


def listed(as_json: Annotated[bool, JSON] = False) -> None:
    """List the playbooks that ship."""
    rows = []
    for name, data in playbook_files.shipped().items():
        document = lint(data).document or {}
        rows.append({"name": name, "title": document["name"], "id": document["id"], "labels": document.get("labels", [])})
    if as_json:
        typer.echo(json.dumps({"playbooks": rows}, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(f"{row['name']:28} {row['title']}" for row in rows))


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `respond list` names it.")],
    out: Annotated[Path | None, typer.Option("--out", help="File to write; without it, the playbook is printed.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write a playbook that ships, to be changed and kept in `playbooks/` of a network folder."""
    shipped = playbook_files.shipped()
    if name not in shipped:
        raise InputError(f"no playbook {name!r} ships; see `interferon respond list`")
    if out is None:
        typer.echo(shipped[name].decode(), nl=False)
    elif out.exists():
        raise InputError(f"{out}: there is such a file already")
    else:
        out.write_bytes(shipped[name])
        typer.echo(json.dumps({"name": name, "file": str(out)}) if as_json else f"{out}: written")
