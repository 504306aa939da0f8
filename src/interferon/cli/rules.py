"""`interferon rules`: Sigma rules held against recorded events. Registered by `interferon.cli`; the judgement is `interferon.rules`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from interferon.cli.progress import bar, bar_of
from interferon.model.errors import InputError
from interferon.rules.engine import Engine
from interferon.rules.records import Source
from interferon.runtime.rules_run import Hit, Tally, run
from interferon.store.event_files import sources
from interferon.store.rule_folder import RECORDINGS, RuleSet, load, placeholders
from interferon.store.rule_recordings import INFO, Outcome, outcomes, recordings

VALUES: Final = typer.Option("--values", help="TOML of what the rules' %placeholders% stand for.")
JSON: Final = typer.Option("--json", help="Print one JSON document.")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Known bad: Sigma rules held against recorded events.", no_args_is_help=True)
    app.add_typer(group, name="rules")
    group.command("test")(check)
    group.command("run")(judge)


def check(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Rules and recorded tests; a folder may hold both.")],
    values: Annotated[Path | None, VALUES] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Hold rules against the recordings that they must find; exit 1 when one finds too many or too few."""
    rules, recorded = _split(folders)
    found = _load(rules, values)
    tests = [test for folder in recorded for test in recordings(folder)]
    by_id = {rule.id: rule for rule in found.rules}
    judged = list(outcomes(tests, by_id))
    failed = [outcome for outcome in judged if not outcome.exact]
    if as_json:
        rows = [_failure(outcome) for outcome in failed]
        typer.echo(json.dumps({"covered": len(judged), "exact": len(judged) - len(failed), "failed": rows}, indent=1))
    else:
        for outcome in failed:
            note = f" ({outcome.note})" if outcome.note else ""
            typer.echo(f"{outcome.rule.file}: {outcome.rule.title}: expected {outcome.expected}, got {outcome.got}{note}")
        typer.echo(f"{len(judged)} of {len(tests)} recorded tests have their rule here; {len(judged) - len(failed)} are exact")
    raise typer.Exit(1 if failed else 0)


def _failure(outcome: Outcome) -> dict[str, Any]:
    row = {"rule": outcome.rule.id, "title": outcome.rule.title, "expected": outcome.expected, "got": outcome.got}
    return row | ({"note": outcome.note} if outcome.note else {})


def _split(folders: list[Path]) -> tuple[list[Path], list[Path]]:
    """(folders of rules, folders of recorded tests): which is which is told by what they hold."""
    rules: list[Path] = []
    recorded: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        if (folder / RECORDINGS).is_dir():
            recorded.append(folder / RECORDINGS)
            rules.append(folder)
        else:
            (recorded if next(folder.rglob(INFO), None) else rules).append(folder)
    if not recorded:
        raise InputError(f"{folders[0]}: holds no recorded tests ({INFO}); give the folder {RECORDINGS} too")
    if not rules:
        above = next((path for path in (folders[0].resolve() / INFO).parents if path.name == RECORDINGS), None)
        if above is None:
            raise InputError(
                f"{folders[0]}: holds no rules, and is not inside a folder {RECORDINGS} that has them beside it; give theirs too"
            )
        rules.append(above.parent)
    return rules, recorded


def judge(
    rules: Annotated[Path, typer.Argument(metavar="RULES", help="A folder of Sigma rules, or one file.")],
    events: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Events: JSON, also gzipped or in zips; folders of them.")],
    out: Annotated[Path | None, typer.Option("--out", help="File for the hits, one JSON line each.")] = None,
    product: Annotated[
        str, typer.Option(help="The events are of this product's log; without it, Windows events are told by channel.")
    ] = "",
    category: Annotated[str, typer.Option(help="The events are of this category.")] = "",
    service: Annotated[str, typer.Option(help="The events are of this service.")] = "",
    values: Annotated[Path | None, VALUES] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Hold events against rules: what fired, where, and which ATT&CK techniques that names."""
    paths = sources(events)
    if out is not None and any(out.exists() and out.samefile(path) for path in paths):
        raise InputError(f"{out}: --out would overwrite a file that is read")
    found = _load([rules], values)
    declared = Source(product.casefold(), category.casefold(), service.casefold())
    engine = Engine(found.rules, declared if any((product, category, service)) else None)
    if len(engine.unplaced) == len(found.rules):
        told = (
            f"no rule reads {declared}"
            if any((product, category, service))
            else "no rule reads Windows logs; say what the events are: --product"
        )
        raise InputError(f"{rules}: {told}")
    tallies = []
    with _hits(out) as told_hit:
        for number, path in enumerate(paths):
            bar(f"{path.name}", number / len(paths))
            tallies.append(run(engine, path, told_hit))
            _tell(tallies[-1])
    bar("events", 1.0)
    if not any(tally.events for tally in tallies) and (broken := next((tally for tally in tallies if tally.unread.lines), None)):
        raise InputError(f"{broken.unread.first}; no event could be read")
    report = _report(engine, found, tallies, out)
    typer.echo(json.dumps(report, indent=1) if as_json else "\n".join(_lines(report)))


@contextmanager
def _hits(out: Path | None) -> Iterator[Callable[[Hit], None] | None]:
    if out is None:
        yield None
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        yield lambda hit: _write(file.write, hit)


def _write(write: Callable[[bytes], int], hit: Hit) -> None:
    write(msgspec.json.encode(hit.record()) + b"\n")


def _tell(tally: Tally) -> None:
    for line in tally.unread.skipped:
        typer.echo(f"note: {line}, left out", err=True)
    if tally.unread.lines:
        typer.echo(f"note: {tally.unread.first} ({tally.unread.lines} such in all), left out", err=True)


def _load(folders: list[Path], values: Path | None) -> RuleSet:
    found = load(folders, placeholders(values) if values else {}, bar_of("rules"))
    for problem in found.problems:
        typer.echo(f"note: {problem}", err=True)
    return found


def _report(engine: Engine, found: RuleSet, tallies: list[Tally], out: Path | None) -> dict[str, Any]:
    events, cpu = sum(tally.events for tally in tallies), sum(tally.cpu_seconds for tally in tallies)
    seconds = sum(tally.seconds for tally in tallies)
    return {
        "rules": len(found.rules) - len(engine.unplaced),
        "elsewhere": len(engine.unplaced),
        "problems": [{"file": problem.file, "message": problem.message} for problem in found.problems],
        "events": events,
        "unread": sum(tally.unread.lines for tally in tallies),
        "hits": sum(tally.hits.total() for tally in tallies),
        "alerted": sum(bool(tally.hits) for tally in tallies),
        "seconds": round(seconds, 3),
        "events_per_s": round(events / seconds) if seconds else 0,
        "events_per_cpu_s": round(events / cpu) if cpu else 0,
        "techniques": _techniques(engine, tallies),
        "sources": [_source(engine, tally) for tally in tallies],
        "out": None if out is None else str(out),
    }


def _techniques(engine: Engine, tallies: list[Tally]) -> list[str]:
    return sorted({technique for tally in tallies for rule in tally.rules(engine) for technique in rule.techniques})


def _source(engine: Engine, tally: Tally) -> dict[str, Any]:
    fired = [
        {"rule": rule.id, "title": rule.title, "level": rule.level, "hits": tally.hits[number]}
        for number, rule in sorted((number, engine.rules[number]) for number in tally.hits)
    ]
    return {
        "source": str(tally.source),
        "events": tally.events,
        "hits": tally.hits.total(),
        "techniques": _techniques(engine, [tally]),
        "rules": fired,
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    for source in report["sources"]:
        if source["hits"]:
            yield f"{source['source']}: {source['events']} events, {source['hits']} hits"
            yield from (f"  {rule['level']:13} {rule['hits']:6} × {rule['title']}" for rule in source["rules"])
    yield (
        f"{report['events']} events in {report['seconds']} s ({report['events_per_s']} a second) against {report['rules']} rules: "
        f"{report['hits']} hits in {report['alerted']} of {len(report['sources'])} sources, {len(report['techniques'])} techniques"
        + ("" if report["out"] is None else f"; see {report['out']}")
    )
    if report["elsewhere"]:
        yield f"{report['elsewhere']} rules read other logs"
