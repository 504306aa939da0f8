"""`interferon init` writes an example network, `interferon check` names every problem in one.

Called by the command line. Reads the folder; only `init` writes, into an empty folder.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.model.problem import Problem
from interferon.runtime import action_names, feed_settings, known_bad, outlet_settings, pager_settings, plugin_check
from interferon.store import examples, folder, folder_docs, folder_write, policy_folder, suppression_file

Check = Callable[[Path], list[Problem]]


@dataclass(frozen=True)
class Hooks:
    """What other parts add: the policy and the Sigma rules that `init` writes, more checks of a folder, and the check of a plugin file."""

    policy_writer: Callable[[Path], None] | None = None
    rules_writer: Callable[[Path], None] | None = None
    checks: Iterable[Check] = ()
    plugin_check: Check | None = None


OBSERVING: Final = Hooks(
    policy_writer=policy_folder.write_observing,
    rules_writer=examples.write_rules,
    checks=(
        policy_folder.problems,
        known_bad.problems,
        suppression_file.problems,
        outlet_settings.problems,
        pager_settings.problems,
        feed_settings.problems,
        action_names.problems,
    ),
    plugin_check=plugin_check.problems,
)


def register(app: typer.Typer, hooks: Hooks = OBSERVING) -> None:
    """Adds `init` and `check`."""

    @app.command()
    def init(
        where: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
        example: Annotated[
            str, typer.Option(help="minimal: one plant, fifteen assets; medica: a whole medical-supplies network.")
        ] = "minimal",
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Write an example network to start from. It grants the system nothing: a new installation observes."""
        network = examples.build(example)
        wrote = write_example(network, where, hooks)
        typer.echo(json.dumps({"dir": str(where), "example": example, "wrote": wrote}) if as_json else _written(network, where, wrote))

    @app.command()
    def check(
        where: Annotated[
            Path, typer.Argument(metavar="DIR | PLUGIN_FILE", help="A network folder, a plugin's .py or a scenario's .toml file.")
        ],
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
        columns: Annotated[
            bool, typer.Option("--columns", is_eager=True, callback=_show_columns, help="Print what every table and column means, and end.")
        ] = False,
    ) -> None:
        """Name every problem in a network folder, plugin or scenario as file:line: message; exit 1 when there is one."""
        network, problems = check_path(where, hooks)
        if as_json:
            rows = [{"file": problem.file, "line": problem.line, "message": problem.message} for problem in problems]
            typer.echo(json.dumps({"problems": rows}, indent=1, ensure_ascii=False))
        else:
            typer.echo("\n".join([*map(str, problems), _summary(where, network, len(problems))]))
        raise typer.Exit(1 if problems else 0)


def write_example(network: Network, where: Path, hooks: Hooks) -> list[str]:
    """Writes the network, and policy and rules where there is a writer. Raises InputError where the folder is not new or empty."""
    if where.exists() and not where.is_dir():
        raise InputError(f"{where} is a file; name a new or empty folder")
    if where.is_dir() and (found := next(where.iterdir(), None)):
        raise InputError(f"{where} is not empty (it holds {found.name}); name a new or empty folder")
    wrote = folder_write.write(network, where)
    if hooks.policy_writer:
        hooks.policy_writer(where)
        wrote.append("policy")
    if hooks.rules_writer:
        hooks.rules_writer(where)
        wrote.append("rules")
    return wrote


def check_path(where: Path, hooks: Hooks) -> tuple[Network | None, list[Problem]]:
    """The network, unless a problem is fatal or it is a plugin, and every problem. Raises InputError where there is nothing to check."""
    if where.suffix in plugin_check.SUFFIXES and not where.is_dir() and hooks.plugin_check:
        return None, hooks.plugin_check(where)
    network, problems = folder.read(where)
    for more in hooks.checks:
        problems += more(where)
    return network, problems


def _show_columns(wanted: bool) -> None:
    if wanted:
        typer.echo(folder_docs.render(), nl=False)
        raise typer.Exit


def _written(network: Network, where: Path, wrote: list[str]) -> str:
    return f"Wrote {where}: {_size(network)}.\n  {', '.join(wrote)}\nNext: interferon check {where}"


def _summary(where: Path, network: Network | None, count: int) -> str:
    if count:
        return f"{where}: {count} problem{'s' if count > 1 else ''}"
    return f"{where}: no problems" + (f"; {_size(network)}" if network else "")


def _size(network: Network) -> str:
    parts = ("assets", "zones", "nodes", "lanes", "products", "orders")
    return ", ".join(f"{len(getattr(network, part))} {part}" for part in parts)
