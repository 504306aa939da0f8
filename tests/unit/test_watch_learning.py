"""Machines that have collected enough rows together are learnt a few a frame, the same ones however many shards there are."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.bench.throughput_world import SIGNALS, Plant
from interferon.detect import telemetry_state, watch
from interferon.detect.settings import LIVE
from interferon.detectors.telemetry_portfolio import TELEMETRY
from interferon.detectors.telemetry_signals import SIGNALS as SINGLE

MACHINES, LEARN, MINUTE = 8, 120, 60_000_000


@pytest.mark.parametrize("shards", [1, 3])
def test_a_frame_learns_so_many_and_the_others_go_on_collecting(monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    monkeypatch.setattr(watch, "FITS", 3)
    plant, portfolios = Plant(MACHINES), watch.Portfolios(TELEMETRY, (), tuple(SINGLE))
    settings = replace(LIVE, learn_rows=LEARN)
    state = watch.new_watch(plant.network, settings, portfolios, shards=shards, learn_us=0, width=SIGNALS)
    watched: list[list[int]] = []
    for tick, values in enumerate(plant.ticks(LEARN + 4)):
        frame = (tick * MINUTE, (tick + 1) * MINUTE, np.arange(MACHINES, dtype=np.int32), values)
        watch.observe(state, portfolios, plant.names, plant.slots, frame, ())
        of = [state.shards[state.home[whole]].telemetry.status[state.local[whole]] for whole in range(MACHINES)]
        watched.append([whole for whole, status in enumerate(of) if status == telemetry_state.WATCHING])
    assert watched[LEARN - 2 :] == [[], [0, 1, 2], [0, 1, 2, 3, 4, 5], [*range(8)], [*range(8)], [*range(8)]]
    assert not any(telemetry_state.due(shard.telemetry) for shard in state.shards)
