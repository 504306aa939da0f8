"""`interferon bench [SUITE]`: runs the measurements we claim and prints each beside its target and its baselines."""

import json
import sys
from typing import Annotated

import typer

from interferon import bench


def register(app: typer.Typer) -> None:
    @app.command("bench")
    def run(
        suite: Annotated[
            str,
            typer.Argument(help="path, sense, detect or one of its parts, flow, respond or policy; without it, all of them."),
        ] = "",
        part: Annotated[
            str,
            typer.Option(
                "--part",
                help="Of detect: tables, watch, plants, start, poison, throughput, stream, rules; of sense: zeek …; "
                "of respond: journal, contain.",
            ),
        ] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Measure, and print every figure with its target and baselines; exit 1 when one does not hold."""
        if suite and suite not in bench.SUITES:
            raise typer.BadParameter(f"no suite is named {suite!r}; there are {', '.join(bench.SUITES)}")
        if part and part not in (known := bench.parts(suite) if suite else ()):
            told = f"{suite} has {', '.join(known)}" if known else "only detect, flow, respond and sense have parts; name one of them first"
            raise typer.BadParameter(f"--part {part}: {told}")
        rows = []
        for name in [suite] if suite else [one for one in bench.SUITES if one not in bench.JOINED]:
            for row in bench.cases(name, *([part] if part else [])):
                rows.append(row)
                print(bench.line(row), file=sys.stderr if as_json else sys.stdout, flush=True)
        if as_json:
            typer.echo(json.dumps(rows, indent=1))
        raise typer.Exit(0 if all(row["holds"] is not False for row in rows) else 1)
