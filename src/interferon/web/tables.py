"""The facts of the screens as rows: the queue, what is contained, charts as tables, alternatives with their buttons. Pure.

Called by `pages`; a template only lays out what stands here.
"""

from typing import Final

import msgspec

from interferon.model.network import Network
from interferon.model.records import Alternative, Incident
from interferon.web.maps import states
from interferon.web.view import Band, Decision, FeedHealth, Now, ThingState

APPROVABLE: Final = frozenset({"execute_auto", "execute_unless_vetoed", "execute_approved", "execute_approved_by_two"})
OPEN: Final = frozenset({"waiting", "veto"})
SAMPLES: Final = 24


class Case(msgspec.Struct, frozen=True):
    """An incident with the plan that answers it, as the queue shows it."""

    incident: Incident
    decision: Decision | None
    needs: str  # what a person is asked for: approve | veto | judge | ""


class Choice(msgspec.Struct, frozen=True):
    """One alternative beside the others."""

    index: int
    alternative: Alternative
    chosen: bool
    can_approve: bool
    digest: str
    loss_share: float  # of the largest expected loss of the plan, for the bar


class Excursion(msgspec.Struct, frozen=True):
    """A run of frames in which the alarm stood."""

    start: int
    end: int
    frames: int
    at: int
    value: float | None
    low: float | None
    high: float | None


class Reading(msgspec.Struct, frozen=True):
    time: int
    value: float | None
    low: float | None
    high: float | None
    alarm: bool


def cases(now: Now) -> tuple[Case, ...]:
    """Incidents that are not closed; those that wait for a person first, then by severity."""
    plans = {decision.plan.incident: decision for decision in now.decisions}
    found = [Case(incident, plans.get(incident.id), "") for incident in now.incidents if incident.status != "closed"]
    named = [msgspec.structs.replace(case, needs=_needs(case)) for case in found]
    order = {"veto": 0, "approve": 1, "judge": 2, "": 3}
    return tuple(sorted(named, key=lambda case: (order[case.needs], -case.incident.severity, -case.incident.opened)))


def _needs(case: Case) -> str:
    if case.decision is not None and case.decision.status in OPEN:
        return "veto" if case.decision.status == "veto" else "approve"
    return "judge" if case.incident.status == "open" and case.decision is None else ""


def in_force(now: Now) -> tuple[ThingState, ...]:
    """What is contained, zones first, then newest first."""
    held = [state for state in states(now).values() if state.state == "contained"]
    return tuple(sorted(held, key=lambda state: (not state.ref.startswith("zone:"), -state.since)))


def back(now: Now) -> tuple[ThingState, ...]:
    """What came back from a containment a short while ago, newest first."""
    return tuple(sorted((state for state in states(now).values() if state.state == "watched"), key=lambda state: (-state.since, state.ref)))


def out_of_order(network: Network, now: Now) -> tuple[tuple[ThingState, str], ...]:
    """Everything that is not as usual, with its zone or site: the network map as a table."""
    return tuple((state, network.zone_of(state.ref) or network.site_of(state.ref)) for state in states(now).values())


def choices(decision: Decision) -> tuple[Choice, ...]:
    """The alternatives of a plan side by side, in the plan's order."""
    largest = max((alternative.expected_loss for alternative in decision.plan.alternatives), default=0.0)
    is_open = decision.status in OPEN
    return tuple(
        Choice(
            index,
            alternative,
            index == decision.alternative,
            is_open and bool(alternative.actions) and alternative.mode in APPROVABLE,
            decision.digests[index] if decision.digests else "",
            max(0.0, alternative.expected_loss) / largest if largest > 0 else 0.0,
        )
        for index, alternative in enumerate(decision.plan.alternatives)
    )


def excursions(band: Band) -> tuple[Excursion, ...]:
    """The alarms of a chart as runs of neighbouring frames, each with the reading furthest outside of the band."""
    runs: list[list[int]] = []
    for index in band.alarms:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return tuple(_excursion(band, run) for run in runs)


def _excursion(band: Band, run: list[int]) -> Excursion:
    at = max(run, key=lambda index: _outside(band, index))
    return Excursion(band.times[run[0]], band.times[run[-1]], len(run), band.times[at], band.values[at], band.low[at], band.high[at])


def _outside(band: Band, index: int) -> float:
    value, low, high = band.values[index], band.low[index], band.high[index]
    if value is None or low is None or high is None:
        return 0.0
    return max(low - value, value - high)


def readings(band: Band) -> tuple[Reading, ...]:
    """The chart as a table: evenly spaced frames, and every frame at which an alarm begins or ends."""
    count = len(band.times)
    standing = set(band.alarms)
    edges = {index for index in standing if index - 1 not in standing or index + 1 not in standing}
    wanted = sorted(edges | set(range(0, count, max(1, count // SAMPLES))))
    return tuple(Reading(band.times[i], band.values[i], band.low[i], band.high[i], i in standing) for i in wanted)


def well(health: FeedHealth) -> bool:
    """Whether nobody needs to look at the feed."""
    return health.feed.state == "live" and health.connection in ("", "connected") and not health.trouble
