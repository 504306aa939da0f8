"""What each lane carries, each node sends and each plant makes: the sides of the capacity rows, the one thing a closure changes. Pure."""

import numpy as np

from interferon.flow.capacity import Shares
from interferon.flow.problem import Floats, Problem


def capacity_limits(problem: Problem, shares: Shares | None) -> Floats:
    """Units that each lane carries, each node sends and each plant makes in each bucket; with `shares` of it left after a closure."""
    lane = np.outer(problem.lane_cap, problem.lengths)
    node = np.outer(np.where(np.isfinite(problem.node_cap), problem.node_cap, 0.0), problem.lengths)
    if shares is not None:
        # A customer has no capacity of its own: what it can no longer take is taken from the lanes that end there.
        inward = np.where(np.isfinite(problem.node_cap)[problem.lane_to][:, None], 1.0, shares.nodes[problem.lane_to])
        lane, node = lane * shares.lanes * inward, node * shares.nodes
    return np.concatenate([lane.ravel(), node.ravel(), node[problem.plants].ravel()])
