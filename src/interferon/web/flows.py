"""What the screen *Flows* shows, out of a running installation: feeds, crossings of conduits, dead letters. Called by `LiveSource`."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

import pyarrow as pa

from interferon.connectors import event_lines
from interferon.model.records import DeadLetter
from interferon.runtime.running import Running
from interferon.runtime.traffic import Crossing
from interferon.web.tables import well
from interferon.web.view import CrossingView, Feed, FeedHealth, FlowsView, Letters

SHOWN: Final = 200  # crossings and groups of dead letters on one page
AGAIN: Final = "dead-letters"  # feed of what was given in again


class Connection(Protocol):
    """How a live feed is: what the runtime's `FeedState` offers."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def since(self) -> int: ...
    @property
    def error(self) -> str: ...


def view(run: Running, feeds: Sequence[Feed], live: Sequence[Connection], outlets: dict[str, str]) -> FlowsView:
    """Call it under the installation's lock."""
    crossings = [_crossing(run, each) for each in run.traffic.crossings.values()]
    crossings.sort(key=lambda each: (not each.news, bool(each.conduit), -each.last, each.service))
    return FlowsView(
        feeds=_feeds(run, feeds, live),
        crossings=tuple(crossings[:SHOWN]),
        letters=tuple(_letters(run.letters)[:SHOWN]),
        outlets=tuple(sorted(outlets.items())),
        letters_in_all=sum(run.dead.values()),
        can_retry=run.again is not None,
    )


def _crossing(run: Running, each: Crossing) -> CrossingView:
    conduit = each.conduit(run.rules.network)
    return CrossingView(
        source=each.source,
        target=each.target,
        service=each.service,
        conduit=conduit,
        news=not conduit and run.traffic.is_news(each),
        events=each.events,
        bytes=each.bytes,
        last=each.last,
        example=each.example,
        minutes=each.last_hour(),
    )


def _feeds(run: Running, feeds: Sequence[Feed], live: Sequence[Connection]) -> tuple[FeedHealth, ...]:
    """Every feed that spoke, and every live one that has not yet; what needs a look comes first."""
    troubles = {
        finding.entity.removeprefix("feed:"): finding.summary for finding in run.findings.values() if finding.entity.startswith("feed:")
    }
    held = {each.name: each for each in live}
    spoke = {feed.name for feed in feeds}
    never = [
        Feed(name=name, family="", rows=0, dead_letters=run.dead.get(name, 0), last=0, state="silent") for name in held if name not in spoke
    ]
    found = []
    for feed in (*feeds, *never):
        of = held.get(feed.name) or held.get(feed.name.rpartition(".")[0])  # `name.p0`: one partition of a stream
        seen = run.feeds.get(feed.name)
        found.append(
            FeedHealth(
                feed=feed,
                kind=of.kind if of else "",
                connection=of.state if of else "",
                since=of.since if of else 0,
                error=of.error if of else "",
                lag_s=seen.lag_us / 1e6 if seen else None,
                trouble=troubles.get(feed.name, ""),
            )
        )
    return tuple(sorted(found, key=lambda each: (well(each), each.feed.name)))


def _letters(letters: Sequence[DeadLetter]) -> list[Letters]:
    groups: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        groups.setdefault(group(letter), []).append(letter)
    found = [
        Letters(
            key=key,
            feed=mine[-1].feed,
            reason=mine[-1].reason,
            count=len(mine),
            newest=max(letter.time for letter in mine),
            sample=mine[-1].raw[:300],
        )
        for key, mine in groups.items()
    ]
    return sorted(found, key=lambda each: -each.count)


def group(letter: DeadLetter) -> str:
    """Letters of one feed whose reasons differ in numbers alone belong together."""
    return hashlib.sha256(f"{letter.feed}|{re.sub(r'[0-9]+', '#', letter.reason)}".encode()).hexdigest()[:16]


def retried(run: Running, key: str, offset: int) -> str:
    """Reads the letters of one group once more, as the tables are now, and gives in what can be read. Call it under the lock."""
    mine = [letter for letter in run.letters if group(letter) == key]
    if not mine:
        return "These letters are no longer at hand; all are in state/records/dead_letters.ndjson."
    if run.again is None:
        return "Nothing can be given in here."
    events: list[pa.RecordBatch] = []
    for place, letter in enumerate(mine):
        for item in event_lines.normalise([letter.raw.encode()], AGAIN, offset + place):
            if not isinstance(item, DeadLetter) and not any(run.rules.known(name) for name in item.column("entity").to_pylist()):
                events.append(item)
    for batch in events:
        run.again(batch)
    taken = {int(batch.column("offset")[0].as_py()) - offset for batch in events}
    kept = [letter for place, letter in enumerate(mine) if place not in taken]
    others = [letter for letter in run.letters if group(letter) != key]
    run.letters.clear()
    run.letters.extend([*others, *kept])
    run.changed += 1
    if not taken:
        return f"None of the {len(mine)} can be read yet: {mine[-1].reason}"
    return f"{len(taken)} of {len(mine)} were given in again; what is too old for the frames that are closed comes back as late."
