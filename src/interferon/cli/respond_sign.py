"""`interferon respond sign` and `verify`: signatures of playbooks.

Called by `cli.respond`; the signing is `interferon.playbooks.signing`.
"""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from interferon.model.errors import InputError
from interferon.playbooks import lint, signing
from interferon.runtime import playbook_files

JSON: Final = typer.Option("--json", help="Print one JSON document.")
FILE: Final = typer.Argument(metavar="FILE", help="A CACAO v2.0 playbook.")


def register(group: typer.Typer) -> None:
    """Adds the commands."""
    group.command("sign")(sign)
    group.command("verify")(verify)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sign(
    file: Annotated[Path, FILE],
    key: Annotated[Path, typer.Option("--key", help="Private key in PEM: Ed25519, Ed448, P-256, P-384, P-521 or RSA.")],
    signee: Annotated[str, typer.Option("--signee", help="Who signs, as readers shall see it.")] = "interferon",
    valid_until: Annotated[str, typer.Option("--valid-until", help="Time after which the signature is not valid (UTC, RFC 3339).")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; without it, the playbook itself is replaced.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Add a signature to a playbook."""
    _, checked = playbook_files.load(file)
    document: dict[str, Any] = checked.document or {}
    try:
        signed = signing.sign(document, signing.private_key(playbook_files.read(key)), f"jss--{uuid.uuid4()}", _now(), signee, valid_until)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
    data = json.dumps(signed, indent=2, ensure_ascii=False).encode() + b"\n"
    if wrong := lint.check(data).fatal:
        raise InputError(f"the signature would not be valid: {wrong[0]}")
    target = out or file
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(data)
    beside.replace(target)
    made = signed["signatures"][-1]
    row = {"file": str(target), "signature": made["id"], "algorithm": made["algorithm"], "signee": signee}
    typer.echo(json.dumps(row, indent=1, ensure_ascii=False) if as_json else f"{target}: signed by {signee} with {made['algorithm']}")


def verify(
    file: Annotated[Path, FILE],
    pub: Annotated[Path, typer.Option("--pub", help="Public key in PEM that is trusted.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Hold a playbook's signatures against a public key; exit 1 where none of them is valid."""
    checked = lint.check(playbook_files.read(file))
    if checked.document is None or checked.playbook is None:
        raise InputError(f"{file}: {checked.fatal[0]}")
    try:
        key = signing.public_key(playbook_files.read(pub))
    except InputError as error:
        raise InputError(f"{pub}: {error}") from None
    verdicts = signing.verify(checked.document, key, _now())
    valid = any(not each.why for each in verdicts)
    if as_json:
        rows = [{"id": each.id, "signee": each.signee, "valid": not each.why, "why": each.why} for each in verdicts]
        typer.echo(json.dumps({"valid": valid, "signatures": rows}, indent=1, ensure_ascii=False))
    else:
        for each in verdicts:
            typer.echo(f"{each.id} by {each.signee}: {each.why or 'valid'}")
        typer.echo("valid" if valid else "not valid: " + ("no signature is of this key" if verdicts else "the playbook is not signed"))
    raise typer.Exit(0 if valid else 1)
