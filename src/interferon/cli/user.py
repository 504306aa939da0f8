"""`interferon user add|list|disable`: the named accounts of an installation. Touches `accounts.toml` in the network folder."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from interferon.model.errors import InputError
from interferon.store.accounts import Account, Accounts
from interferon.trust.policy import ROLES

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds `user add`, `user list` and `user disable`."""
    group = typer.Typer(no_args_is_help=True, help="Named accounts: who may look, approve, change and sign.")
    app.add_typer(group, name="user")

    @group.command("add")
    def add(
        folder: Folder,
        name: Name,
        role: Annotated[str, typer.Option("--role", metavar="ROLE", help=f"One of {', '.join(ROLES)}.")],
        password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")] = False,
        as_json: Json = False,
    ) -> None:
        """Add an account; asks for its password twice."""
        accounts = _accounts(folder)
        password = (
            sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        )
        account = accounts.add(name, role, password, datetime.now(UTC).isoformat(timespec="seconds"))
        typer.echo(json.dumps(_shown(account)) if as_json else f"added {name} as {role}")

    @group.command("list")
    def show(folder: Folder, as_json: Json = False) -> None:
        """List the accounts; hashes are not shown."""
        found = _accounts(folder).listed()
        if as_json:
            typer.echo(json.dumps({"accounts": [_shown(account) for account in found]}))
            return
        for account in found:
            typer.echo(f"{account.name:<24} {account.role:<10} {account.created}{'  disabled' if account.disabled else ''}")
        if not found:
            typer.echo("no accounts: the screens are served on this machine only", err=True)

    @group.command("disable")
    def disable(
        folder: Folder,
        name: Name,
        undo: Annotated[bool, typer.Option("--undo", help="Enable it again.")] = False,
        as_json: Json = False,
    ) -> None:
        """Disable an account; what it did stays on record."""
        account = _accounts(folder).disable(name, not undo)
        typer.echo(json.dumps(_shown(account)) if as_json else f"{'enabled' if undo else 'disabled'} {name}")


def _accounts(folder: Path) -> Accounts:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the network folder that `interferon init` made")
    return Accounts(folder)


def _shown(account: Account) -> dict[str, str | bool]:
    return {"name": account.name, "role": account.role, "created": account.created, "disabled": account.disabled}
