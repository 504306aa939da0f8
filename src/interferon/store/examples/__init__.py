"""The example networks that `interferon init` writes: `minimal` to read in five minutes, `medica` to try everything on.

Called by the command line, the demo and the benchmarks. Seeded: the same name and start give the same bytes.
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.store import folder_write
from interferon.store.cells import close
from interferon.store.examples import medica, minimal

BUILD: Final[dict[str, Callable[[int], Network]]] = {"minimal": minimal.build, "medica": medica.build}
START: Final = 1_767_571_200_000_000  # 2026-01-05T00:00Z, a Monday


def build(name: str, start: int = START) -> Network:
    """The example as it stands at `start` (UTC microseconds). Raises InputError for an unknown name."""
    if name not in BUILD:
        raise InputError(f"no example is called '{name}'{close(name, BUILD)}; there are {', '.join(BUILD)}")
    return BUILD[name](start)


def write(name: str, folder: Path, start: int = START) -> list[str]:
    """Writes the example into `folder` and returns the file names. Raises InputError for an unknown name, or where it cannot write."""
    return folder_write.write(build(name, start), folder)


def write_rules(folder: Path) -> None:
    """Writes Sigma rules of our own into `folder`/rules: one for hosts, two for what is done to controllers and logs."""
    place = folder / "rules"
    place.mkdir(parents=True)
    for rule in sorted(files("interferon.store.examples").joinpath("rules").iterdir(), key=lambda found: found.name):
        (place / rule.name).write_text(rule.read_text(encoding="utf-8"), encoding="utf-8")
