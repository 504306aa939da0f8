"""Takes back what the baseline of all signals together has followed of a signal that was led away. Called by `watch` after each frame.

A baseline that follows what is slow can be taught: an attacker who moves a signal a little every day has it moved along. One detector is
never moved (`signal_protocol.anchored`). When it alarms at a signal, the others go back to what was learnt of it, and follow it no further
while it does: so what it took to lead the watch away is seen by all of it from then on.
"""

from __future__ import annotations

import numpy as np

from interferon.detect.fleet import Index
from interferon.detect.telemetry_state import TelemetryState
from interferon.detect.windows import Bools


def take_back(state: TelemetryState, entities: Index, strays: Bools) -> None:
    """Undoes the shifts of the baselines of `entities` (n,) in the signals that have strayed (n, S)."""
    if not strays.any():
        return
    places, signals = np.nonzero(strays)
    at = (entities[places], signals)
    state.shift[at], state.quiet_total[at], state.quiet_count[at] = 0.0, 0, 0
