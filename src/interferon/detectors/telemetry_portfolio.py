"""The portfolios of telemetry detectors that ship, in the order in which their evidence is fused.

TELEMETRY judges live: it is handed to `interferon.detect.telemetry` by the pipeline's caller. FILES judges recorded tables: it is handed
to `interferon.detect.recorded` by `interferon detect` and the bench.
"""

from __future__ import annotations

from interferon.detect.protocol import TelemetryDetector
from interferon.detect.recorded import Portfolios
from interferon.detectors.telemetry_ahead import TelemetryAhead
from interferon.detectors.telemetry_distance import TelemetryDistance
from interferon.detectors.telemetry_gaps import TelemetryGaps
from interferon.detectors.telemetry_invariants import TelemetryInvariants
from interferon.detectors.telemetry_lagged import TelemetryLagged
from interferon.detectors.telemetry_nearest import TelemetryNearest
from interferon.detectors.telemetry_rarity import TelemetryRarity
from interferon.detectors.telemetry_residual import TelemetryResidual

TELEMETRY: tuple[TelemetryDetector, ...] = (TelemetryDistance(), TelemetryResidual(), TelemetryGaps(), TelemetryInvariants(1 / 4))
FILES = Portfolios(
    series=(
        *(TelemetryDistance(1 / 4), TelemetryLagged(1 / 12), TelemetryResidual(1 / 3), TelemetryAhead(1 / 3), TelemetryGaps()),
        TelemetryInvariants(1 / 4),  # it says nothing where a table has no states and levels
    ),
    records=(TelemetryDistance(1 / 4), TelemetryResidual(1 / 4), TelemetryRarity(1 / 4), TelemetryNearest(1 / 4), TelemetryGaps()),
)
