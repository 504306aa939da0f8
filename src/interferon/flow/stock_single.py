"""One place alone: the base-stock level that balances stock against shortage (newsvendor; Snyder and Shen 2019, ch. 4). Pure."""

import math
from statistics import NormalDist

from interferon.model.errors import InputError


def base_stock(mean: float, sigma: float, holding: float, shortage: float, lead: float = 0.0) -> tuple[float, float]:
    """(base-stock level, expected cost of a period) under normal demand, each period reviewed, goods `lead` periods on the way.

    `holding`, `shortage`: cost of a unit left over, and of one lacking, at a period's end; their critical ratio p/(p+h) is the service
    level to hand to the network's model. Without a lead time this is the newsvendor. Raises InputError where a number is out of range.
    """
    if not (sigma >= 0 and holding > 0 and shortage > 0 and lead >= 0):
        raise InputError("base stock: costs must be more than 0; standard deviation and lead time 0 or more")
    normal, spread = NormalDist(), sigma * math.sqrt(lead + 1)
    z = normal.inv_cdf(shortage / (shortage + holding))
    return mean * (lead + 1) + z * spread, (holding + shortage) * normal.pdf(z) * spread
