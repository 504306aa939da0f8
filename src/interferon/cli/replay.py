"""`interferon replay`: a recording through the main path, as if it were live, with nothing executed."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from interferon.cli.progress import bar_of
from interferon.connectors.telemetry_rows import Mapping, load_mapping
from interferon.detect.stream_protocol import Detector
from interferon.flow.problem import opening
from interferon.flow.reroute import nominal
from interferon.model.errors import InputError, PolicyError
from interferon.model.events import Suppression
from interferon.pipeline import new_state
from interferon.runtime import formats, installation, known_bad
from interferon.runtime import replay as replaying
from interferon.store import policy_folder, suppression_file
from interferon.store.folder import load
from interferon.trust.policy import Policy


def register(app: typer.Typer) -> None:
    @app.command("replay")
    def replay(
        directory: Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.")],
        sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Recordings; several are merged by time.")],
        kind: Annotated[str, typer.Option("--format", help="Told by name and first bytes where it is not given.")] = "",
        mapping: Annotated[Path | None, typer.Option(help="TOML that says which columns are time, entity and signal.")] = None,
        out: Annotated[Path | None, typer.Option(help="Folder for findings.ndjson, incidents.ndjson, plans.ndjson.")] = None,
        shards: Annotated[int, typer.Option(help="Shards that detection runs in; changes no result.", min=1, max=64)] = 1,
        resume: Annotated[bool, typer.Option("--resume", help="Go on where a replay into the same --out was stopped.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Run recordings through detection, correlation and decision; shows what would have been done."""
        formats.checked(kind)
        if resume and out is None:
            raise InputError("--resume needs the --out folder of the replay that was stopped")
        network = load(directory)
        fitting = load_mapping(mapping) if mapping else Mapping()
        start = installation.opening_time(network)
        ask, sigma = policy_of(directory).ask, rules_of(directory)
        opened = replaying.sources(sources, kind, fitting, network)
        inspects = opened.recorded and bool(network.settings.effector)  # what an effector saw stands in the log of `up`
        table = bar_of("closure table")
        rules = installation.rules(network, ask, observing=True, now=start, progress=table, known_bad=sigma, inspects=inspects)
        for note in opened.notes:
            typer.echo(note, err=True)
        state = new_state(rules, installation.telemetry_settings(network), shards=shards, width=opened.width)
        summary = replaying.replay(
            state,
            rules,
            opened.items if opened.recorded else replaying.suppressing(opened.items, suppressions_of(directory)),
            out,
            resume=resume,
            keep_checkpoints=True,
            base=None if opened.recorded else nominal(network, opening(network, start)),
        )
        for note in suppression_file.expired(state.suppressions, state.admission.newest or 0):
            typer.echo(f"note: {note}", err=True)
        if as_json:
            typer.echo(msgspec.json.encode(summary))
            return
        typer.echo(
            f"{summary.rows} rows in {summary.seconds:.1f} s: {summary.findings} findings, {summary.incidents} incident revisions, "
            f"{summary.plans} plans, {summary.dead_letters} dead letters" + (f"; see {out}" if out else "; --out DIR keeps them")
        )


def policy_of(directory: Path) -> Policy:
    """The folder's signed policy; where it has none, one line on stderr and the policy that only observes."""
    try:
        return policy_folder.load(directory)
    except PolicyError as error:
        typer.echo(f"interferon: observing only: {error}", err=True)
        return Policy.observing()


def rules_of(directory: Path) -> list[Detector]:
    """The detector of the folder's Sigma rules, if it has any; one line on stderr for each rule that cannot be judged."""
    found, problems = known_bad.detectors(directory)
    for problem in problems:
        typer.echo(f"note: {directory}/{problem}", err=True)
    return found


def suppressions_of(directory: Path) -> tuple[Suppression, ...]:
    """The folder's suppressions that are in force; one line on stderr where they are not."""
    held, notes = suppression_file.load(directory)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    return held
