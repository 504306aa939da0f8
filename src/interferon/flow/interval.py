"""A figure with its 95 % confidence interval over replications. Called by `basestock` and `simulate`. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from interferon.flow.problem import Floats
from interferon.model.errors import InputError

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """The mean of a figure over replications; its true mean lies within `half` of it in 95 of 100 simulations."""

    mean: float
    half: float  # half the width of the interval

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    def covers(self, value: float) -> bool:
        """Whether `value` lies in the interval."""
        return self.low <= value <= self.high


def interval(values: Floats) -> Interval:
    """The interval of (R,) independent values by Student's t, as in Law, *Simulation Modeling and Analysis*, section 4.5."""
    count = len(values)
    if count < 2:
        raise InputError(f"an interval takes 2 replications or more, not {count}")
    quantile: Any = stdtrit(count - 1, (1 + LEVEL) / 2)
    return Interval(float(values.mean()), float(quantile) * float(values.std(ddof=1)) / float(np.sqrt(count)))
