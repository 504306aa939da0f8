"""The few settings of telemetry detection, and the two presets that ship: one for recorded files, one for live operation.

Read by everything in `detect` and by the detectors; holds numbers only, so that a checkpoint can store it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MIN_TRAINING_ROWS = 20


@dataclass(frozen=True)
class Settings:
    """How telemetry is judged. Lengths are in rows, probabilities in p, spreads in the signal's own standard deviations.

    short, long: windows of the fast and the slow detectors.
    spread_floor: a spread below this counts as this; keeps the logarithm of a frozen signal finite.
    shrink_windows: prior weight of the diagonal in a covariance, in independent windows (Ledoit-Wolf may ask for more).
    ridge_windows: prior weight in the regression of a signal on the others, in independent windows.
    blocks: contiguous blocks of the cross-fit that calibration uses.
    prior_windows: weight of the prior tail, counted in independent windows of training data.
    prior_level, prior_scale: tail of a detector's log-statistic to expect where there is little data.
    smooth: span of the exponential mean over the fused evidence.
    p_on, p_off: an alarm begins below the first and ends above the second.
    p_quiet: the baseline learns only from rows above this p, and never during an alarm.
    adapt_rows, adapt_every, adapt_bound: span of that learning, how often it is applied, and how far it may go in all.
    learn_rows: rows of an entity that live operation collects before it judges.
    alarms_per_month: live, alarms of telemetry a machine and month, over all machines of a class: see `budget`.
    max_learn_rows: more training rows than this are thinned, in contiguous pieces.
    """

    short: int = 15
    long: int = 45
    spread_floor: float = 0.03
    shrink_windows: float = 10.0
    ridge_windows: float = 8.0
    blocks: int = 4
    prior_windows: float = 80.0
    prior_level: float = 1.5
    prior_scale: float = 0.5
    smooth: float = 6.0
    p_on: float = 0.036
    p_off: float = 0.045
    p_quiet: float = 0.2
    adapt_rows: int = 5000
    adapt_every: int = 256
    adapt_bound: float = 1.0
    learn_rows: int = 2000
    alarms_per_month: float = 1.0
    max_learn_rows: int = 100_000

    def for_rows(self, rows: int) -> Settings:
        """Returns the settings with windows shortened so that `rows` training rows hold at least eight long ones."""
        longest = max(4, rows // 8)
        return self if self.long <= longest else replace(self, long=longest, short=max(3, min(self.short, longest // 2)))


FILE = Settings()
# live operation learns from days, so that its own data may rule the tail, and a false alarm costs orders
LIVE = Settings(prior_windows=10.0, ridge_windows=4.0, p_on=3e-5, p_off=1e-3)
