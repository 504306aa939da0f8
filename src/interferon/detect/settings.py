"""The few settings of telemetry detection, and the two presets that ship: one for recorded files, one for live operation.

Read by everything in `detect` and by the detectors; holds numbers only, so that a checkpoint can store it as it is.
"""

from __future__ import annotations

import math
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
    centre_on_mean: a signal's zero is its mean, not its median, so that a skewed one (a pump that seldom runs) has no drift to learn.
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
    smooth: float = 3.0
    p_on: float = 0.036
    p_off: float = 0.045
    centre_on_mean: bool = True
    p_quiet: float = 0.2
    adapt_rows: int = 5000
    adapt_every: int = 256
    adapt_bound: float = 1.0
    learn_rows: int = 2000
    alarms_per_month: float = 1.0
    max_learn_rows: int = 100_000

    def paced(self, dependence: float) -> Settings:
        """Returns the settings with windows of at most three times the memory of the rows, whose correlation with the row before is
        `dependence` (0 to 1): a window over rows that know nothing of each other only blurs them. One row each where nothing is left.
        """
        memory = -3.0 / math.log(min(dependence, 0.999)) if dependence > 0 else 0.0
        if memory >= self.short:
            return self
        if memory < 3.0:
            return replace(self, short=1, long=1, smooth=1.0, adapt_bound=0.0)
        short = math.ceil(memory)
        share = short / self.short
        return replace(self, short=short, long=max(2 * short, round(self.long * share)), smooth=max(1.0, self.smooth * share))

    def within_a_day(self, step: float) -> Settings:
        """Returns the settings with windows of at most a day, the short one a third of it, where a row is `step` seconds after another."""
        longest = max(4, int(86_400 / step)) if step > 0 else self.long
        if self.long <= longest:
            return self
        return replace(self, long=longest, short=max(2, longest // 3), smooth=max(1.0, self.smooth * longest / self.long))

    def for_rows(self, rows: int) -> Settings:
        """Returns the settings with windows shortened so that `rows` training rows hold at least eight long ones."""
        longest = max(4, rows // 8)
        return self if self.long <= longest else replace(self, long=longest, short=max(3, min(self.short, longest // 2)))


FILE = Settings()
# live operation learns from days, so that its own data may rule the tail, and a false alarm costs orders
LIVE = Settings(smooth=6.0, centre_on_mean=False, prior_windows=10.0, ridge_windows=4.0, p_on=3e-5, p_off=1e-3)
