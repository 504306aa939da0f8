"""The portfolio of telemetry detectors that ships, in the order in which their evidence is fused.

Handed to `interferon.detect.telemetry` by whoever runs it (the pipeline's caller, `interferon detect`, the bench).
"""

from __future__ import annotations

from interferon.detect.protocol import TelemetryDetector
from interferon.detectors.telemetry_distance import TelemetryDistance
from interferon.detectors.telemetry_gaps import TelemetryGaps
from interferon.detectors.telemetry_residual import TelemetryResidual

TELEMETRY: tuple[TelemetryDetector, ...] = (TelemetryDistance(), TelemetryResidual(), TelemetryGaps())
