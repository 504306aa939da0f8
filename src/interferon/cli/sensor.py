"""`interferon sensor`: the service of one site, without screens, that sends upstream what it logs. `sensor key` makes its key pair."""

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from interferon.cli.progress import bar_of
from interferon.cli.replay import policy_of, rules_of, suppressions_of
from interferon.model.errors import InputError
from interferon.runtime import feed_settings, sensor_settings
from interferon.runtime.sensor import Sensor, lean
from interferon.runtime.service import FEEDS, Service
from interferon.store import sensor_keys
from interferon.store.folder import load

KEY = "key"


def register(app: typer.Typer) -> None:
    """Adds `sensor`. A folder named `key` is written `./key`."""

    @app.command("sensor")
    def sensor(
        words: Annotated[list[str], typer.Argument(metavar="[key] DIR", help="The sensor's network folder; `key` makes its key pair.")],
    ) -> None:
        """Watch one site and forward its events upstream, signed; `sensor key DIR` makes the key pair and prints the public key."""
        if len(words) == 2 and words[0] == KEY:
            typer.echo(_made(Path(words[1])))
        elif len(words) == 1:
            _run(Path(words[0]))
        else:
            raise typer.BadParameter("give one folder: `interferon sensor DIR`, or `interferon sensor key DIR`")


def _made(directory: Path) -> str:
    if not directory.is_dir():
        raise InputError(f"{directory}: no such network folder")
    return sensor_keys.make(directory)


def _run(directory: Path) -> None:
    lean()
    settings = sensor_settings.load(directory)

    def service() -> Service:
        live = feed_settings.load(directory)
        bar, held = bar_of("closure table"), suppressions_of(directory)
        return Service(directory, load(directory), policy_of(directory), bar, rules_of(directory), held, live, charts=False)

    with Sensor(settings, directory, service, _tell):
        where = settings.upstream or f"{directory / settings.diode}"
        _tell(f"Sensor {settings.name} reads {directory / FEEDS} and forwards to {where}; stop with Ctrl-C.")
        threading.Event().wait()


def _tell(line: str) -> None:
    typer.echo(line, err=True)
    sys.stderr.flush()
