"""`interferon ledger verify DIR`: walk the hash-chained ledger and say which row does not fit.

Called by the command line; reads the journal only.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from interferon.model.errors import InputError
from interferon.store import settings_file
from interferon.store.journal import journal_place
from interferon.store.journal_database import Place, is_url
from interferon.store.journal_ledger import LedgerReport, verify_ledger


def register(app: typer.Typer) -> None:
    """Add the `ledger` group to `app`."""
    group = typer.Typer(help="The ledger of every decision and receipt.", no_args_is_help=True)
    group.command("verify")(verify)

    @group.callback()
    def ledger() -> None:
        """The ledger of every decision and receipt."""

    app.add_typer(group, name="ledger")


def verify(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Network folder, or the journal itself: its file or postgresql:// URL.")],
    journal: Annotated[str, typer.Option(help="The folder's journal, where network.toml does not name it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Prove that no row of the ledger was changed, removed or put in between. Exit code 1 where one was."""
    report = verify_ledger(place_of(folder, journal))
    typer.echo(msgspec.json.encode(report).decode() if as_json else told(report))
    if report.problems:
        raise typer.Exit(1)


def place_of(folder: str, named: str) -> Place:
    """The journal that is meant. Raises `InputError` where `network.toml` has to tell it and cannot be read."""
    if is_url(folder):
        return folder
    settings = Path(folder) / settings_file.FILE
    if named or not settings.is_file():
        return journal_place(Path(folder), named)
    found, problems = settings_file.parse(settings.read_bytes())
    if found is None:
        raise InputError(f"{settings}:{problems[0].line}: {problems[0].message}")
    return journal_place(Path(folder), found.journal)


def told(report: LedgerReport) -> str:
    """The report for a person: one line a problem, then the sum."""
    lines = [problem.message for problem in report.problems]
    result = f"{len(lines)} problem{'s' if len(lines) != 1 else ''}" if lines else "the chain is whole"
    return "\n".join([*lines, f"{report.rows} rows, {result}; head {report.head}"])
