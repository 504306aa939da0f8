"""The level of autonomy that an action has earned in a zone, from what people judged of the cases in which it was carried out. Pure.

Called by the pipeline for each decision, and by the screen *Autonomy*. The record can only lower what the signed policy allows.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from interferon.decide.book import Book, Standing
from interferon.decide.book import situation as standing
from interferon.decide.recovery import watched
from interferon.decide.situation import Situation, Under
from interferon.model.effects import State
from interferon.model.network import Network

REMEMBERED: Final = 10  # the last so many judged cases of a kind in a zone count
LEVELS: Final = (3, 2, 1)  # with no, one, two wrong ones among them; with more than that 0
HAPPENED: Final = frozenset({State.VERIFIED, State.DUE, State.UNDOING, State.UNDONE, State.ESCALATED})


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one action in one zone, in incidents. `right` and `wrong` are of the last `REMEMBERED` judged; `open` were not yet."""

    action: str
    zone: str  # '' where the targets are in no zone
    right: int = 0
    wrong: int = 0
    open: int = 0

    @property
    def level(self) -> int:
        """0 suggest, 1 after approval, 2 unless vetoed, 3 automatic."""
        return LEVELS[self.wrong] if self.wrong < len(LEVELS) else 0


def situation(book: Book, verdicts: Mapping[str, str], under: Under, now: int) -> Situation:
    """What deciding has to know: which containments stand, what came back, what is left of the budgets, and the earned levels."""
    earned = {key: record.level for key, record in records(book, verdicts, under.network).items() if record.wrong}
    back = watched(book, now, under.network.settings.recovery.watch_hours)
    confirmed = frozenset(incident for incident, verdict in verdicts.items() if verdict == "attack")
    return msgspec.structs.replace(standing(book, under, now), earned=earned, watched=back, confirmed=confirmed)


def records(book: Book, verdicts: Mapping[str, str], network: Network) -> dict[tuple[str, str], Record]:
    """(action, zone) → its record. Only what was in the world counts; `verdicts` are the last ones people gave, by incident.

    An incident counts once, however many effects it had: one right case of ten targets must not outweigh ten wrong cases of one. What a
    producer commanded says nothing about how well we decide.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    happened = [effect for effect in book.effects.values() if effect.status in HAPPENED and effect.incident not in book.asked]
    for effect in sorted(happened, key=lambda effect: (effect.since, effect.plan, effect.target)):
        cases = found.setdefault((effect.action, zone_of(effect, network)), {})
        cases.setdefault(effect.incident, verdicts.get(effect.incident, ""))
    return {key: _record(*key, list(cases.values())) for key, cases in found.items()}


def zone_of(effect: Standing, network: Network) -> str:
    """The zone whose policy is asked for the effect: of a conduit the one it leads from."""
    kind, _, name = effect.target.partition(":")
    if kind == "conduit" and name in network.conduits:
        return network.conduits[name].from_zone
    return network.zone_of(effect.target)


def _record(action: str, zone: str, verdicts: list[str]) -> Record:
    judged = [verdict for verdict in verdicts if verdict in ("attack", "benign")][-REMEMBERED:]
    wrong = judged.count("benign")
    return Record(action=action, zone=zone, right=len(judged) - wrong, wrong=wrong, open=sum(not verdict for verdict in verdicts))
