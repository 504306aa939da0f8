"""The `interferon` command: gathers the subcommands and turns every error into one line and an exit code.

Each module of this package has `register(app)`. Exit 0: done; 1: problems were found where finding them is the job; 2: wrong usage or
unreadable input.
"""

import importlib
import os
import signal
import sys
from types import FrameType
from typing import Any, Final

import typer

from interferon import __version__
from interferon.model.errors import InterferonError

UsageError: Any = typer.BadParameter.__mro__[1]  # typer carries its own copy of click and exports no base of its usage errors
COMMANDS = (
    "network",
    "demo",
    "up",
    "sensor",
    "replay",
    "discover",
    "export",
    "detect",
    "rules",
    "user",
    "token",
    "policy",
    "suppress",
    "baseline",
    "ledger",
    "flow",
    "respond",
    "effector",
    "bench",
)
MODULES: Final = {"init": "network", "check": "network"}  # commands that are not named as their module


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"interferon {__version__}")
        raise typer.Exit


def build(word: str = "") -> typer.Typer:
    """The command line: with `word`, the subcommand of that name alone, which imports a third of the rest; without it, every one."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version and end."),
    ) -> None:
        """The immune system of a supply network: sees, detects, contains within set limits, routes the goods around."""

    asked = MODULES.get(word, word)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        importlib.import_module(f"interferon.cli.{name}").register(app)
    return app


def main() -> None:
    """Entry point of the `interferon` script."""
    signal.signal(signal.SIGTERM, _asked_to_stop)
    try:
        code = typer.main.get_command(build(*sys.argv[1:2])).main(standalone_mode=False, prog_name="interferon")
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped", 130)
    except UsageError as error:
        where = error.ctx.command_path if error.ctx else "interferon"
        _fail(f"{where}: {error.format_message()} (see `{where} --help`)", 2)
    except InterferonError as error:
        _fail(f"interferon: {error}", 2)
    except BrokenPipeError:  # the reader of a pipe left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"interferon: {where}{error.strerror or error}", 2)
    sys.exit(code if isinstance(code, int) else 0)


def _asked_to_stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM unwinds the stack as Ctrl-C does: threads end, files are closed and temporary folders go."""
    sys.exit(128 + number)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(" ".join(message.split()) + "\n")
    sys.exit(code)
