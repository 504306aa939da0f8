"""The detectors of single signals that ship for live telemetry, in the order in which findings name them.

Handed to `interferon.detect.signals` by whoever runs it (the pipeline's caller, the bench).
"""

from __future__ import annotations

from interferon.detect.signal_protocol import SignalDetector
from interferon.detectors.telemetry_agreement import TelemetryAgreement
from interferon.detectors.telemetry_cusum import TelemetryCusum
from interferon.detectors.telemetry_drift import TelemetryDrift
from interferon.detectors.telemetry_dwell import TelemetryDwell
from interferon.detectors.telemetry_flatline import TelemetryFlatline
from interferon.detectors.telemetry_level import TelemetryLevel
from interferon.detectors.telemetry_profile import TelemetryProfile
from interferon.detectors.telemetry_replay import TelemetryReplay
from interferon.detectors.telemetry_silence import TelemetrySilence
from interferon.detectors.telemetry_step import TelemetryStep

SIGNALS: tuple[SignalDetector, ...] = (
    TelemetryFlatline(),
    TelemetryReplay(),
    TelemetryStep(),
    TelemetryLevel(3),
    TelemetryLevel(180, 3.2),
    TelemetryAgreement(),
    TelemetryDwell(),
    TelemetryDrift(),
    TelemetryCusum(),
    TelemetrySilence(),
    TelemetryProfile(),
)
