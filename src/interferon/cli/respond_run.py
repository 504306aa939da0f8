"""`interferon respond run` and `resume`: a playbook carried out step by step, with a journal that outlives the process.

Called by `cli.respond`.
"""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from interferon.cli import respond_acting
from interferon.model.errors import InputError
from interferon.playbooks import document, lint, simulate
from interferon.playbooks.machine import shelve
from interferon.playbooks.records import Playbook
from interferon.playbooks.run_records import Begin, Limits, Script
from interferon.runtime import playbook_files, playbook_live
from interferon.runtime.playbook_run import Running, events
from interferon.store.run_journal import RunJournal

JSON: Final = typer.Option("--json", help="Print one JSON document.")


def register(group: typer.Typer) -> None:
    """Adds the commands."""
    group.command("run")(run)
    group.command("resume")(resume)


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CACAO v2.0 playbook.")],
    executor: Annotated[
        Literal["sim", "effector", "up"],
        typer.Option("--executor", help="Who carries out commands: sim touches nothing, effector acts, up has a running `up` act."),
    ] = "sim",
    network: Annotated[Path | None, typer.Option("--network", metavar="DIR", help="Network folder that the effector acts for.")] = None,
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="Whose account answers for what is done.")] = "",
    incident: Annotated[str, typer.Option("--incident", metavar="ID", help="The case it is about: what is done comes back with it.")] = "",
    url: Annotated[str, typer.Option("--url", metavar="URL", help=f"Where that `up` is; else {respond_acting.UP}.")] = "",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A token for `up`, of `interferon token add --action`.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option("--ca-file", metavar="FILE", help="PEM of the authorities to believe of `up`.")] = None,
    script: Annotated[Path | None, typer.Option("--script", help="JSON: how each step ends, by step id.")] = None,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable's value; repeatable.")] = None,
    journal: Annotated[Path | None, typer.Option("--journal", help="New file that the run can be resumed from.")] = None,
    library: Annotated[Path | None, typer.Option("--library", help="Folder of playbooks that it may call; else the file's own.")] = None,
    loop_limit: Annotated[int, typer.Option("--loop-limit", min=1, max=10_000, help="Rounds of one while at most.")] = 100,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which commands would be given, in order.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Run a playbook; exit 1 where it does not complete."""
    acts = executor != "sim" and not dry_run
    respond_acting.fitting(executor, network, person, incident, script if acts else None)
    upstream = respond_acting.upstream(executor, url, token_file, ca_file)
    checked = lint.check(playbook_files.read(file))
    playbook = checked.playbook
    if playbook is None:
        _end({"status": "refused", "steps": [], "problems": checked.fatal}, as_json)
        return
    called, notes = playbook_files.beside(playbook, library or file.parent)
    playbooks, given = [playbook, *(each for each, _ in called)], _values(var or [])
    samples = {} if acts else simulate.samples(playbook, given)
    notes += [f"{name}: an external variable without a value; simulated with {value!r}" for name, value in samples.items()]
    said, now = _script(script, playbooks), time.time_ns() // 1_000_000
    begin = Begin(now if acts else 0, playbook.id, samples | given, Limits(rounds=loop_limit, leave_loops=not acts), said)
    documents = [checked.document, *(each.document for _, each in called)]
    head = {"executor": executor, "playbooks": documents, "script": msgspec.to_builtins(said), "begun_ms": now}
    acting = respond_acting.new(network, person, incident, upstream) if acts else None
    if acting is not None:
        playbook_live.refuse_foreign(playbooks)
        head |= {"acting": msgspec.to_builtins(acting)}
    with ExitStack() as stack:
        hands = stack.enter_context(respond_acting.hands(acting, said, begin.now))
        if acting is not None:
            journal = journal or respond_acting.run_file(acting)
            typer.echo(f"If it is stopped: interferon respond resume {journal}", err=True)
        kept = stack.enter_context(RunJournal.create(journal, head)) if journal is not None and not dry_run else None
        running = Running(shelve(playbooks), hands.executor, hands.clock, kept, hands.crew)
        running.begin(begin)
        running.finish()
    _end(_report(running, notes, dry_run), as_json)


def resume(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="The file that `respond run --journal` wrote.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Continue a run that was stopped; exit 1 where it does not complete."""
    kept, head, lines = RunJournal.open(journal)
    with ExitStack() as stack:
        stack.enter_context(kept)
        said = _head(journal, head)
        past, begun = events(lines)
        if not past:
            raise InputError(f"{journal}: the run stopped before it began; nothing was done: run it again with a new journal")
        books = shelve(_books(journal, head))
        hands = stack.enter_context(respond_acting.hands(respond_acting.kept(journal, head), said, max(each.now for each in past)))
        running = Running(books, hands.executor, hands.clock, kept, hands.crew)
        try:
            running.restore(past, begun)
        except InputError as error:
            raise InputError(f"{journal}: {error}") from None
        running.finish()
    _end(_report(running, [], False), as_json)


def _head(journal: Path, head: dict[str, Any]) -> Script:
    try:
        return msgspec.convert(head.get("script"), Script)
    except msgspec.ValidationError as error:
        raise InputError(f"{journal}:1: the script of the run cannot be read: {error}") from None


def _books(journal: Path, head: dict[str, Any]) -> list[Playbook]:
    kept = head.get("playbooks")
    found = [lint.check(json.dumps(each).encode()).playbook for each in kept] if isinstance(kept, list) else []
    if not found or None in found:
        raise InputError(f"{journal}:1: the playbook of the run cannot be read")
    return [each for each in found if each is not None]


def _values(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        name = name.removesuffix(":value")
        if not equals or not name:
            raise InputError(f"--var {each}: must be NAME=VALUE, such as __host__=10.0.0.7")
        found[name if name.startswith("__") else f"__{name}__"] = value
    return found


def _script(path: Path | None, playbooks: list[Playbook]) -> Script:
    if path is None:
        return {}
    try:
        found = document.read(playbook_files.read(path))
        return simulate.script(found, (step for each in playbooks for step in each.workflow))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _report(running: Running, notes: list[str], dry_run: bool) -> dict[str, Any]:
    state = running.state
    frame = state.frames.get("0")
    report: dict[str, Any] = {
        "status": state.status,
        "steps": [
            {"id": each.step, "kind": each.kind, "result": each.result} | ({"detail": each.detail} if each.detail else {})
            for each in running.told
        ],
        "problems": state.problems,
        "variables": (frame.variables | frame.returned) if frame else {},
        "notes": notes + running.notes,
    }
    if dry_run:
        report["commands"] = [
            {"step": each.step, "type": each.kind, "agent": each.agent, "targets": list(each.targets), "command": each.command}
            for each in running.given
        ]
    return report


def _end(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print(report)
    raise typer.Exit(0 if report["status"] == "completed" else 1)


def _print(report: dict[str, Any]) -> None:
    for each in report.get("commands", []):
        text = each["command"].get("command") or each["command"].get("command_b64", "")
        typer.echo(f"would: {each['type']}: {' '.join(text.split())} [{each['step']}]")
    for each in report["steps"]:
        typer.echo(f"{each['result']:9} {each['id']}" + (f": {each['detail']}" if "detail" in each else ""))
    for note in report.get("notes", []):
        typer.echo(f"note: {note}")
    for problem in report["problems"]:
        typer.echo(f"problem: {problem}")
    typer.echo(report["status"])
