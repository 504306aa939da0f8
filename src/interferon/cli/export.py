"""`interferon export`: the findings and incidents of a run in the format of another tool."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from interferon.export.about import About
from interferon.model.errors import InputError
from interferon.runtime.discovery import network_of
from interferon.runtime.outlets import FILES, body, lines

FORMATS = ("ocsf", "stix", "cef", "json")


def register(app: typer.Typer) -> None:
    @app.command("export")
    def export(
        run: Annotated[Path, typer.Argument(metavar="RUN", help="The --out folder of a replay, or DIR/state/records of an installation.")],
        form: Annotated[str, typer.Option("--as", metavar="|".join(FORMATS), help="One JSON document or line for each record.")],
        network: Annotated[Path | None, typer.Option(metavar="DIR", help="Network folder: adds what the tables say of each asset.")] = None,
        out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; else to stdout.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document about what was written.")] = False,
    ) -> None:
        """Write findings and incidents as OCSF, STIX 2.1, or CEF in syslog lines; to stdout or a file."""
        if form not in FORMATS:
            raise InputError(f"--as {form}: not a format that is written; there are {', '.join(FORMATS)}")
        if as_json and out is None:
            raise InputError("--json tells what was written to a file; name it with --out FILE")
        if not any((run / file).is_file() for file, _ in FILES.values()):
            raise InputError(f"{run}: holds neither {' nor '.join(file for file, _ in FILES.values())}; name the --out folder of a replay")
        about = About(version("interferon"), network_of(network) if network else None)
        found = [record for file, kind in FILES.values() for record, _ in lines(run / file, 0, kind)]
        written = b"".join(body(record, form, about, about.producer)[0] + b"\n" for record in found)
        if out is None:
            sys.stdout.buffer.write(written)
            sys.stdout.buffer.flush()
            return
        out.write_bytes(written)
        summary = {"file": str(out), "records": len(found), "format": form}
        typer.echo(msgspec.json.encode(summary) if as_json else f"{len(found)} records to {out}")
