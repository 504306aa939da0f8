"""Figures about known bad: SigmaHQ's recorded tests, and Windows attack recordings against all Windows rules, beside plain closures.

Data: the folders `sigma` and `mordor` of INTERFERON_DATA. Run by `interferon bench rules`.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from interferon.model.errors import InputError
from interferon.rules import plain
from interferon.rules.engine import Engine
from interferon.rules.event import Fields, place
from interferon.rules.logsource import placed, places
from interferon.rules.records import Rule
from interferon.runtime.rules_run import Tally, events, judgements, run
from interferon.store.event_files import sources
from interferon.store.rule_folder import RECORDINGS, load
from interferon.store.rule_recordings import outcomes, recordings

EVERY: Final = 40  # plain closures judge one event of so many, which takes as long as the engine takes for all
GRAVE: Final = ("high", "critical")

Judge = Callable[[Fields], tuple[int, ...]]


def cases() -> Iterator[dict[str, Any]]:
    """Every figure about rules. Raises InputError where there is no data."""
    data = Path(os.environ.get("INTERFERON_DATA", "../shared/data"))
    for name in ("sigma", "mordor"):
        if not (data / name).is_dir():
            raise InputError(
                f"{data / name}: bench rules reads SigmaHQ's rules and the Mordor recordings; INTERFERON_DATA names their folder"
            )
    rules = load([data / "sigma"], {}).rules
    yield from recorded(data / "sigma" / RECORDINGS, rules)
    windows = [rule for rule in rules if rule.source.product == "windows"]
    yield from attacks(data / "mordor", windows)


def recorded(folder: Path, rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    """SigmaHQ's own tests."""
    judged = list(outcomes(recordings(folder), {rule.id: rule for rule in rules}))
    yield _row("sigma recorded tests", "covered", len(judged), (">=", 201), {})
    exact = sum(outcome.exact for outcome in judged)
    yield _row("sigma recorded tests", "exact", exact, (">=", 196), {"at least one hit": sum(outcome.got > 0 for outcome in judged)})


@dataclass
class Measured:
    """Seconds of the processor: the engine on all events, reading alone, and the two kinds of closures on a part of the events."""

    events: int = 0
    engine: float = 0.0
    reading: float = 0.0
    part: int = 0
    plain: float = 0.0
    indexed: float = 0.0
    unequal: int = 0

    def rate(self, judging: float) -> float:
        """Events a second, reading included, of what took `judging` seconds for its part."""
        return 1.0 / (self.reading / self.events + judging / self.part)


def attacks(folder: Path, rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    """All Windows rules on all attack recordings. The yardsticks run beside it archive by archive, so that all share the machine."""
    engine, plainly, indexed = Engine(rules), Plain(rules), Indexed(rules)
    measured, tallies = Measured(), []
    for path in sources([folder]):
        tally = run(engine, path)
        if not tally.events:
            continue  # an archive of packets alone
        tallies.append(tally)
        measured.events += tally.events
        measured.engine += tally.cpu_seconds
        _beside(path, measured, engine, plainly, indexed)
    yield from _speed(measured)
    yield from _meaning(folder, engine, tallies)


def _beside(path: Path, measured: Measured, engine: Engine, plainly: Judge, indexed: Judge) -> None:
    started = time.process_time()
    part = [event for number, event in enumerate(events(path)) if number % EVERY == 0]
    measured.reading += time.process_time() - started
    measured.part += len(part)
    found = []
    for judge, name in ((plainly, "plain"), (indexed, "indexed")):
        started = time.process_time()
        found.append([judge(event) for event in part])
        setattr(measured, name, getattr(measured, name) + time.process_time() - started)
    tally = Tally(path)
    hits = {judged.number: judged.hits for judged in judgements(engine, path, tally)}
    ours = [hits.get(number, ()) for number in range(1, tally.events + 1, EVERY)]
    measured.unequal += sum(not (mine == first == second) for mine, first, second in zip(ours, *found, strict=True))


def _speed(measured: Measured) -> Iterator[dict[str, Any]]:
    ours = measured.events / measured.engine
    plainly, indexed = measured.rate(measured.plain), measured.rate(measured.indexed)
    beside = {"plain closures": plainly, "closures by channel and event id": indexed, "reading alone": measured.events / measured.reading}
    case = "windows rules on attack recordings"
    yield _row(case, "events a second of one core, reading included", ours, (">=", 40_000), beside)
    yield _row(case, "times as fast as plain closures", ours / plainly, (">=", 5), {"by channel and event id": ours / indexed})
    yield _row(case, f"events of {measured.part} with other hits than the closures'", measured.unequal, ("<=", 0), {})


class Plain:
    """Every rule asked of every event: is this its log, and does its closure hold?"""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._asked = [
            (
                number,
                [(at.channel, at.ids, plain.closure(placed(rule.condition, at))) for at in found],
                None if found else plain.closure(rule.condition),
            )
            for number, rule in enumerate(rules)
            if (found := places(rule.source)) is not None
        ]

    def __call__(self, event: Fields) -> tuple[int, ...]:
        (channel, event_id), seen = place(event), plain.Seen(event)
        return tuple(number for number, found, always in self._asked if _fires(seen, channel, event_id, found, always))


def _fires(
    seen: plain.Seen, channel: str, event_id: str, found: list[tuple[str, frozenset[str], plain.Holds]], always: plain.Holds | None
) -> bool:
    if always is not None:
        return bool(channel) and always(seen)
    return any(at == channel and (not ids or event_id in ids) and holds(seen) for at, ids, holds in found)


class Indexed:
    """The same closures, asked only where the channel and the event id fit."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._gates: dict[tuple[str, str], list[tuple[int, plain.Holds]]] = {}

    def __call__(self, event: Fields) -> tuple[int, ...]:
        where = place(event)
        if where not in self._gates:
            self._gates[where] = list(self._gate(*where))
        seen = plain.Seen(event)
        return tuple(number for number, holds in self._gates[where] if holds(seen))

    def _gate(self, channel: str, event_id: str) -> Iterator[tuple[int, plain.Holds]]:
        for number, rule in enumerate(self._rules):
            found = places(rule.source)
            if found == () and channel:
                yield number, plain.closure(rule.condition)
            for at in found or ():
                if at.channel == channel and (not at.ids or event_id in at.ids):
                    yield number, plain.closure(placed(rule.condition, at))


def _meaning(folder: Path, engine: Engine, tallies: Sequence[Tally]) -> Iterator[dict[str, Any]]:
    """What the hits say about the attacks: told, without a target."""
    case = f"{len(tallies)} attack recordings with events"
    grave = sum(any(rule.level in GRAVE for rule in tally.rules(engine)) for tally in tallies)
    yield _row(case, "alerted", sum(bool(tally.hits) for tally in tallies), None, {"by a rule of level high or critical": grave})
    played = techniques_played(folder)
    named = [{technique for rule in tally.rules(engine) for technique in rule.techniques} for tally in tallies]
    known = [(found, played[tally.source.name]) for tally, found in zip(tallies, named, strict=True) if tally.source.name in played]
    right = sum(_names(found, truth) for found, truth in known)
    others = [sum(_names(found, truth) for found, _ in known) for _, truth in known]
    beside = {
        "of": len(known),
        "by the hits of another recording": (sum(others) - right) / max(1, len(known) - 1),
        "techniques named in one recording, mean": sum(map(len, named)) / max(1, len(named)),
    }
    yield _row(case, "whose technique is named", right, None, beside)


def techniques_played(folder: Path) -> dict[str, set[str]]:
    """The ATT&CK techniques of each archive, by its file name, from the metadata beside the recordings."""
    found: dict[str, set[str]] = {}
    for path in sorted((folder / "_metadata").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        played = {_technique(each) for each in content.get("attack_mappings") or ()}
        for file in content.get("files") or ():
            found.setdefault(str(file["link"]).rpartition("/")[2], set()).update(played)
    return found


def _technique(mapping: dict[str, Any]) -> str:
    below = mapping.get("sub-technique")
    return f"{mapping['technique']}.{below:0>3}" if below else str(mapping["technique"])


def _names(found: set[str], played: set[str]) -> bool:
    """Whether one of the techniques played is named, itself or as the technique that it is a part of."""
    return any(technique in found or technique.partition(".")[0] in found for technique in played)


def _row(case: str, metric: str, value: float, target: tuple[str, float] | None, baselines: dict[str, float]) -> dict[str, Any]:
    holds = None if target is None else value >= target[1] if target[0] == ">=" else value <= target[1]
    told = None if target is None else f"{target[0]} {target[1]}"
    return {"case": case, "metric": metric, "value": value, "target": told, "holds": holds, "baselines": baselines}
