"""`interferon demo`: a supply network attacked, defended and re-routed, in the browser or, headless, as figures."""

import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from interferon.cli.progress import bar
from interferon.cli.replay import rules_of
from interferon.detect.stream_protocol import Detector
from interferon.model.network import Network
from interferon.runtime import demo as arms
from interferon.runtime.show import Show
from interferon.store import examples
from interferon.store.folder import load
from interferon.trust.policy import builtin_policy
from interferon.twin import catalog, scenario
from interferon.web.app import create_app
from interferon.web.live import LiveSource, policy_lines
from interferon.web.serve import serve


def register(app: typer.Typer) -> None:
    @app.command("demo")
    def demo(
        directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A network folder; without it, the medica example.")] = None,
        port: Annotated[int, typer.Option(help="Where the pages are served, on 127.0.0.1.", min=0, max=65535)] = 8600,
        speed: Annotated[float, typer.Option(help="Simulated minutes in one second.", min=0.1, max=600.0)] = 6.0,
        headless: Annotated[
            bool, typer.Option(help="No pages: run to the end, with the other arms beside it, and print the figures.")
        ] = False,
        seed: Annotated[int, typer.Option(help="Picks the scenario and every draw.", min=0, max=2**31)] = 1,
        scenario_file: Annotated[Path | None, typer.Option("--scenario", help="A scenario file instead of the seed's.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document (with --headless).")] = False,
    ) -> None:
        """Watch a supply network being attacked, the attack found and contained, and the goods re-routed."""
        with tempfile.TemporaryDirectory(prefix="interferon-demo-") as place:
            network = _network(directory, Path(place))
            script = scenario.load(scenario_file, network) if scenario_file else catalog.scenario_for(network, seed)
            for warning in script.warnings:
                typer.echo(warning, err=True)
            sigma = rules_of(directory) if directory else []
            if headless:
                _headless(network, script, seed, as_json, sigma)
                return
            policy = builtin_policy("demo", "people")
            with Show(network, script, seed, speed, policy.ask, bar, sigma) as show:
                screens = create_app(LiveSource(show.running, policy_lines(policy)), None, secrets.token_bytes(32), policy)
                serve(screens, "127.0.0.1", port)


def _network(directory: Path | None, place: Path) -> Network:
    if directory is None:
        directory = place / "medica"
        examples.write("medica", directory)
    return load(directory)


def _headless(network: Network, script: scenario.Scenario, seed: int, as_json: bool, known_bad: Sequence[Detector]) -> None:
    stage = arms.stage(network, builtin_policy("demo", "people").ask, bar, known_bad)
    result = arms.run(stage, script, seed, bar)
    bar("", 1.0)
    if as_json:
        typer.echo(msgspec.json.encode(result))
        return
    verdict = "contained" if result.contained else "NOT contained"
    typer.echo(f"scenario {result.scenario}, seed {result.seed}: {result.incidents} incidents, {verdict}")
    if result.detect_s is not None:
        typer.echo(
            f"  found after {result.detect_s / 60:.0f} simulated minutes"
            + (f", contained after {result.contain_s / 60:.0f}" if result.contain_s else "")
        )
    rows = (
        ("with Interferon", result.otif, result.orders_late),
        ("a person after 4 h", result.otif_human_4h, result.orders_late_human_4h),
        ("isolating everything", result.otif_isolate_everything, result.orders_late_isolate_everything),
        ("no response", result.otif_no_response, result.orders_late_no_response),
        ("no attack", result.otif_no_attack, result.orders_late_no_attack),
    )
    for name, otif, late in rows:
        typer.echo(f"  {name:<21} OTIF {otif:6.1%}   orders late {late:4d}")
    typer.echo(f"  look-alikes isolated: {result.lookalikes_isolated} of {result.lookalikes}; limits violated: {result.violations}")
