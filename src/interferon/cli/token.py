"""`interferon token add|list|disable`: which programs may send events to `up` or command it. Touches `tokens.toml` of the folder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from interferon.decide.settings import COMMANDED
from interferon.model.errors import InputError
from interferon.model.events import FAMILIES
from interferon.store.tokens import Token, Tokens, in_days

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The token's name: the program that holds it.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds `token add`, `token list` and `token disable`."""
    group = typer.Typer(no_args_is_help=True, help="Tokens of programs: which feeds each may write, which actions it may command.")
    app.add_typer(group, name="token")

    @group.command("add")
    def add(
        folder: Folder,
        name: Name,
        feeds: Annotated[
            list[str] | None, typer.Option("--feed", metavar="NAME|PATTERN", help="A feed it may write; may be given again.")
        ] = None,
        families: Annotated[list[str] | None, typer.Option("--family", help=f"Only these of {', '.join(FAMILIES)}.")] = None,
        actions: Annotated[
            list[str] | None,
            typer.Option("--action", help=f"An action it may command over OpenC2, of {', '.join(COMMANDED)}; may be given again."),
        ] = None,
        level: Annotated[
            int, typer.Option(help="The most that is done on its command: 0 suggest, 1 after approval, 2 unless vetoed, 3 automatic.")
        ] = 1,
        trust: Annotated[float, typer.Option(help="The most that its events and commands are trusted.", min=0, max=1)] = 1.0,
        days: Annotated[int, typer.Option(help="Days until it expires; 0: never.", min=0, max=3650)] = 365,
        key: Annotated[str, typer.Option(help="Public key of the site sensor that alone may use it (`interferon sensor key`).")] = "",
        as_json: Json = False,
    ) -> None:
        """Make a token and print it, this once."""
        now = datetime.now(UTC)
        made = now.isoformat(timespec="seconds")
        secret = _tokens(folder).add(
            name, feeds or [], families or list(FAMILIES), trust, made, in_days(now, days), key, actions or [], level
        )
        typer.echo(json.dumps({"name": name, "token": secret}) if as_json else secret)

    @group.command("list")
    def show(folder: Folder, as_json: Json = False) -> None:
        """List the tokens; none of them can be read back."""
        found = _tokens(folder).listed()
        if as_json:
            typer.echo(json.dumps({"tokens": [_shown(token) for token in found]}))
            return
        for token in found:
            until = f"until {token.expires}" if token.expires else "for ever"
            commands = f"  commands {','.join(token.actions)} at level {token.level}" if token.actions else ""
            marks = "  signed" * bool(token.key) + "  disabled" * token.disabled
            typer.echo(f"{token.name:<24} {','.join(token.feeds) or '-':<24} {until}{commands}{marks}")

    @group.command("disable")
    def disable(
        folder: Folder, name: Name, undo: Annotated[bool, typer.Option("--undo", help="Enable it again.")] = False, as_json: Json = False
    ) -> None:
        """Take a token out of force, at once."""
        token = _tokens(folder).disable(name, not undo)
        typer.echo(json.dumps(_shown(token)) if as_json else f"{'enabled' if undo else 'disabled'} {name}")


def _tokens(folder: Path) -> Tokens:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such network folder")
    return Tokens(folder)


def _shown(token: Token) -> dict[str, Any]:
    shown = ("name", "feeds", "families", "trust", "actions", "level", "created", "expires", "disabled", "key")
    return {name: getattr(token, name) for name in shown}
