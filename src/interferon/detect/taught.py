"""Takes back what the baseline of all signals together has followed of a signal that was led away. Called by `watch` after each frame.

A baseline that follows what is slow can be taught: an attacker who moves a signal a little every day has it moved along. One detector is
never moved (`signal_protocol.anchored`). When it alarms at a signal, the others go back to what was learnt of it, and follow it no further
while it does: so what it took to lead the watch away is seen by all of it from then on.
"""

from __future__ import annotations

import math

import numpy as np

from interferon.detect.fleet import Index
from interferon.detect.signal_protocol import anchored
from interferon.detect.signal_state import Detectors
from interferon.detect.signals import Seen
from interferon.detect.telemetry import TelemetryState


def take_back(state: TelemetryState, entities: Index, seen: Seen, detectors: Detectors) -> None:
    """Undoes the shifts of the baselines of `entities` (n,), of which `seen` tells what their single signals showed in this row."""
    held, limit, (count, signals) = np.array([anchored(detector) for detector in detectors]), -math.log(state.settings.p_on), seen.shape
    for where, evidence in seen.beyond:
        alarming = where[evidence > limit]
        alarming = alarming[held.take(alarming // signals % count)] if len(alarming) else alarming
        if len(alarming):
            at = (entities[alarming // (count * signals)], alarming % signals)
            state.shift[at], state.quiet_total[at], state.quiet_count[at] = 0.0, 0, 0
