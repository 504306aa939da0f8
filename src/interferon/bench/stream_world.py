"""What `bench.stream` watches: quiet weeks of the range, and the same weeks with one attack each, as rows of activity and trade.

Called by `bench.stream` alone. Pure: seeds in, events out. A run with an attack has the draws of the quiet run of the same seed.
"""

import random
from dataclasses import dataclass
from typing import Final

from interferon.detect import stream
from interferon.detect.stream_events import HOUR, Event
from interferon.model.network import Network
from interferon.store.examples import START
from interferon.twin.machines import signals_of
from interferon.twin.range import Range
from interferon.twin.scenario import Scenario, Step, known
from interferon.twin.vocabulary import ATTACKS, Action

HISTORY_H, HOURS, ATTACKED_H, ATTACK_H = 48.0, 120.0, 56.0, 30.0  # history, quiet life, life with an attack, its latest begin
WITHIN_H: Final = 24.0  # an attack counts as seen when it is told of within these hours
TELEMETRY_S: Final = 3600  # nothing here reads telemetry
SILENT: Final = ("spoof_signal", "replay_signal", "freeze_signal", "modify_setpoint")  # seen in the process; telemetry's business


@dataclass(frozen=True)
class Life:
    """One run: the rows of every hour, ordered as the pipeline orders them, and when its attack succeeded (0: never)."""

    hours: list[list[Event]]
    start: int
    succeeded: int = 0


def live(network: Network, seed: int, step: Step | None = None) -> Life:
    """Runs the range and keeps its activity and trade events."""
    scenario = Scenario("bench", network.settings.name, ATTACKED_H if step else HOURS, (step,) if step else ())
    run = Range(network, scenario, seed, START, history_h=HISTORY_H, telemetry_s=TELEMETRY_S)
    hours = []
    while run.now < run.end:
        batches = [batch for batch in run.advance(run.now + HOUR) if b"telemetry" not in (batch.schema.metadata or {}).values()]
        rows = [row for batch in batches for row in stream.rows_from_batch(batch)]
        hours.append(sorted(rows, key=lambda row: (row.entity, row.time, row.feed, row.offset)))
    states = run.manifest()["steps"]
    return Life(hours, START - int(HISTORY_H * HOUR), int(states[0]["succeeded"]) if states else 0)


def attacks(network: Network, seed: int) -> list[Step]:
    """One step for each attack action that leaves activity or trade events, on a target drawn by the seed."""
    draw = random.Random(f"bench stream {seed}")  # noqa: S311 - a seeded draw of targets
    return [_step(action, network, draw) for action in ATTACKS if action.name not in SILENT]


def _step(action: Action, network: Network, draw: random.Random) -> Step:
    names, kind = known(network), draw.choice(action.targets)
    found = sorted(names[kind])
    if kind == "asset" and action.needs_signals:
        found = [name for name in found if signals_of(network.assets[name])]
    if kind == "zone":
        found = [name for name in found if network.assets_in.get(name)]
    return Step("a", ATTACK_H + draw.uniform(-12.0, 0.0), "attack", action.name, f"{kind}:{draw.choice(found)}")
