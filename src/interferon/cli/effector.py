"""`interferon effector run|check|init|unit|stop|resume|status|inspect`: the privileged process and those who look after it.

`run` is the process itself; the others read its file, speak to its socket, or write its kill switch.
"""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from interferon.act import wire
from interferon.effector import proposal, settings, switch
from interferon.effector.registry import kinds
from interferon.effector.trusted import mistrust
from interferon.effector.unit import unit
from interferon.model.errors import InputError, UnreachableError
from interferon.model.problem import Problem
from interferon.runtime.effector_client import EffectorClient

FILE: Final = Path("/etc/interferon/effector.toml")
LOOK_S: Final = 60.0  # a configuration of many files takes its time
ANSWER_S: Final = 2.0  # after that the process is held for hanging
UNDO_S: Final = 120.0
Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The effector's file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Adds `effector run`, `check`, `init`, `unit`, `stop`, `resume`, `status` and `inspect`."""
    group = typer.Typer(no_args_is_help=True, help="The process that acts: run it, check its file, stop it.")
    app.add_typer(group, name="effector")
    group.command("run")(run)
    group.command("check")(check)
    group.command("init")(init)
    group.command("unit")(show_unit)
    group.command("stop")(stop)
    group.command("resume")(resume)
    group.command("status")(status)
    group.command("inspect")(inspect)


def run(config: Config = FILE) -> None:
    """Carry effects out for who may ask, within the limits of the file; until SIGTERM. SIGUSR1 engages the kill switch."""
    from interferon.effector import server

    server.run(settings.load(config), lambda line: typer.echo(line, err=True))


def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="The effector's file.")], as_json: Json = False) -> None:
    """Name every mistake in the file as `file:line: message`, and who else could change it; exit 1 where there is one."""
    _, problems = settings.read(file)
    if why := mistrust(file):
        problems.append(Problem(file=str(file), line=1, message=why))
    if as_json:
        typer.echo(json.dumps({"problems": [{"file": each.file, "line": each.line, "message": each.message} for each in problems]}))
    else:
        for each in problems:
            typer.echo(str(each))
        typer.echo(f"{len(problems)} problems" if problems else f"{file}: no problems", err=bool(problems))
    raise typer.Exit(1 if problems else 0)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The network folder.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there; an existing file is left alone.")] = None,
    as_json: Json = False,
) -> None:
    """Propose the effector's file from the tables of a network; what they do not say is marked in it."""
    from interferon.store.folder import load

    text = proposal.proposal(load(folder))
    if out is not None:
        _write(out, text)
    if as_json:
        typer.echo(json.dumps({"file": str(out) if out else "", "text": text}))
    elif out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Wrote {out}. Fill in what is marked, then: interferon effector check {out}")


def show_unit(
    config: Config = FILE,
    user: Annotated[str, typer.Option(help="User and group that it runs as; also the name of its folders.")] = "interferon-effector",
    as_json: Json = False,
) -> None:
    """Print the systemd unit, with the capabilities that the file's actuators need and no others."""
    found = settings.load(config)
    program = Path(shutil.which("interferon") or sys.argv[0]).absolute()
    text = unit(program, config.absolute(), user, found.capabilities(), set(found.kinds.values()) & set(kinds()))
    typer.echo(json.dumps({"unit": text}) if as_json else text, nl=as_json)


def stop(
    undo_all: Annotated[bool, typer.Option("--undo-all", help="Also take back every effect on record.")] = False,
    config: Config = FILE,
    as_json: Json = False,
) -> None:
    """Engage the kill switch: no new effect begins. Where the process does not answer, its file is written directly."""
    found = settings.load(config)
    path = Path(found.head.kill_switch)
    early = switch.write(path)  # before the process is asked: it may hang
    with EffectorClient(Path(found.head.socket), answer_s=UNDO_S if undo_all else ANSWER_S) as client:
        outcome = client.stop(undo_all=undo_all)
    stopped = outcome.result != "unknown" or not early
    if not stopped:
        raise InputError(f"not stopped: {outcome.detail}; {early}")
    if outcome.result in ("failed", "refused") or (outcome.result == "unknown" and undo_all):
        raise InputError(f"stopped by {path}; {outcome.detail}{'; nothing was undone' if outcome.result == 'unknown' else ''}")
    told = f"stopped by {path}; the effector does not answer" if outcome.result == "unknown" else f"stopped; {outcome.detail}".rstrip("; ")
    typer.echo(json.dumps({"stopped": True, "detail": told}) if as_json else told)


def resume(config: Config = FILE, as_json: Json = False) -> None:
    """Release the kill switch; root only."""
    found = settings.load(config)
    with EffectorClient(Path(found.head.socket), answer_s=ANSWER_S) as client:
        outcome = client.resume()
    if outcome.result == "unknown":
        switch.remove(Path(found.head.kill_switch))
    elif outcome.result != "ok":
        raise InputError(f"still stopped: {outcome.detail}")
    typer.echo(json.dumps({"stopped": False}) if as_json else "effects are let through again")


def status(config: Config = FILE, as_json: Json = False) -> None:
    """What is in force, what is overdue, what stops new effects, and what its actuators lack."""
    found = settings.load(config)
    with EffectorClient(Path(found.head.socket), answer_s=ANSWER_S) as client:
        try:
            standing = client.status()
        except UnreachableError as error:
            raise InputError(str(error)) from None
    typer.echo(msgspec.json.encode(standing).decode() if as_json else _shown(standing))


def inspect(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The asset, as `asset:hmi-1`.")], config: Config = FILE, as_json: Json = False
) -> None:
    """Is the asset's configuration the approved one, and its backup what was recorded? Changes nothing; exit 1 where one is not."""
    found = settings.load(config)
    if not any(each == ref for each, _ in found.targets) and ref not in found.backups:
        raise InputError(f"{config} has no [[target]] and no [[backup]] {ref}; a reference that one of them has would be right")
    place = Path(found.head.socket)
    with EffectorClient(place, answer_s=ANSWER_S) as probe, EffectorClient(place, answer_s=LOOK_S) as client:
        try:
            probe.status(brief=True)  # one that is not there is not waited for
            checks = client.inspect(ref)
        except UnreachableError as error:
            raise InputError(str(error)) from None
    lines = [f"{each.what} {each.standing}: {each.detail}" for each in checks] or [f"nothing here can see the configuration of {ref}"]
    typer.echo(msgspec.json.encode(checks).decode() if as_json else "\n".join(lines))
    raise typer.Exit(1 if any(each.standing == "failed" for each in checks) else 0)


def _shown(standing: wire.Standing) -> str:
    limits = standing.limits
    lines = [
        standing.stopped or "effects are let through",
        f"{len(standing.effects)} of {limits['effects']} effects, {standing.isolated} of {limits['isolated_assets']} assets isolated",
        *(f"{name}: {lacks or 'ready'}" for name, lacks in standing.actuators.items()),
    ]
    for each in standing.effects:
        since = datetime.fromtimestamp(each.since / 1e6, UTC).isoformat(timespec="seconds")
        lines.append(f"{each.effect}  {each.action}  {each.target}  since {since}{'  OVERDUE: decide again' * each.overdue}")
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path}: is there already; name another file") from None
    path.chmod(0o600)
