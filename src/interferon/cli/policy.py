"""`interferon policy sign|show`: puts a policy in force, and shows which one is. Touches the network folder and the key file named."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from interferon.model.errors import InputError
from interferon.store import policy_folder
from interferon.trust.statements import Rule

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds `policy sign` and `policy show`."""
    group = typer.Typer(no_args_is_help=True, help="Sign the policy, or show what it says and whether it is in force.")
    app.add_typer(group, name="policy")

    @group.command("sign")
    def sign(
        folder: Folder,
        key: Annotated[
            Path, typer.Option("--key", metavar="FILE", help="Private key; made if absent. Keep it off this machine if you can.")
        ],
        replace_key: Annotated[bool, typer.Option("--replace-key", help="Accept another key than the one policy.pub names.")] = False,
        as_json: Json = False,
    ) -> None:
        """Check the policy, sign it with an Ed25519 key, and so put it in force."""
        _present(folder)
        done = policy_folder.sign(folder, key, replace_key=replace_key)
        if key.resolve().is_relative_to(folder.resolve()):
            typer.echo(f"warning: {key} lies inside the network folder and travels with it; move it elsewhere", err=True)
        if as_json:
            typer.echo(json.dumps({"fingerprint": done.fingerprint, "made_key": done.made_key, "files": list(done.files)}))
            return
        if done.made_key:
            typer.echo(f"made the private key {key}; whoever has it decides what the system may do on its own")
        typer.echo(f"signed {', '.join(done.files)}")
        typer.echo(f"key {done.fingerprint}")

    @group.command("show")
    def show(folder: Folder, as_json: Json = False) -> None:
        """Show every policy by its id, the key it is signed with, and whether it is in force."""
        _present(folder)
        status = policy_folder.status(folder)
        rules = status.policy.rules if status.policy else ()
        if as_json:
            typer.echo(json.dumps(_document(status, rules)))
            return
        typer.echo(f"in force, key {status.fingerprint}" if not status.problem else f"NOT in force: {status.problem}")
        for rule in rules:
            typer.echo(f"{rule.effect:<7} {rule.id:<28} {rule.file}:{rule.line}")


def _document(status: policy_folder.Status, rules: tuple[Rule, ...]) -> dict[str, Any]:
    return {
        "in_force": not status.problem,
        "problem": status.problem,
        "fingerprint": status.fingerprint,
        "files": list(status.files),
        "policies": [{"id": rule.id, "effect": rule.effect, "file": rule.file, "line": rule.line} for rule in rules],
    }


def _present(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the network folder that `interferon init` made")
