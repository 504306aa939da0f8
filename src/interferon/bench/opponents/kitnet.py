"""Opponent: KitNET, an ensemble of small autoencoders, written from its paper. Called by `interferon.bench.opponents`; pure.

Reference: Mirsky, Doitshman, Elovici and Shabtai (2018), Kitsune: an ensemble of autoencoders for online network intrusion detection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST = 10  # signals of one autoencoder
HIDDEN = 0.75  # its hidden units, as a share of its signals
RATE = 0.1  # of the gradient descent, one row at a time
STEPS = 4000  # training goes over the rows again until so many were seen: the paper's streams are long
SEED = 1


def kitnet(train: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Signals are clustered by correlation; an autoencoder learns each cluster, one more the errors of those; its error is the score."""
    random = np.random.default_rng(SEED)
    groups = clusters(train)
    ensemble = [_Autoencoder(len(group), random) for group in groups]
    outer = _Autoencoder(len(groups), random)
    for part, group in zip(ensemble, groups, strict=True):
        part.learn(train[:, group])
    near, far = (_errors(ensemble, groups, values) for values in (train, rows))
    outer.learn(near)
    return outer.error(near), outer.error(far)


def clusters(train: Floats) -> list[list[int]]:
    """Single-linkage clusters of signals by 1 − correlation, cut where one would hold more than MOST."""
    centred = train - train.mean(axis=0)
    sizes = np.sqrt((centred * centred).sum(axis=0))
    distance = 1.0 - centred.T @ centred / np.outer(np.maximum(sizes, 1e-9), np.maximum(sizes, 1e-9))
    group = list(range(train.shape[1]))  # of each signal
    closed: set[int] = set()
    first, second = np.triu_indices(len(group), 1)
    for pair in np.argsort(distance[first, second], kind="stable"):
        one, other = group[first[pair]], group[second[pair]]
        if one == other:
            continue
        if closed & {one, other} or group.count(one) + group.count(other) > MOST:
            closed |= {one, other}
        else:
            group = [one if name == other else name for name in group]
    return [[signal for signal, name in enumerate(group) if name == wanted] for wanted in dict.fromkeys(group)]


class _Autoencoder:
    """Three layers, sigmoid, one weight matrix for both ways; inputs go from 0 to 1 by what training showed."""

    def __init__(self, size: int, random: np.random.Generator) -> None:
        hidden = max(1, int(np.ceil(HIDDEN * size)))
        self.weights = random.uniform(-1.0 / size, 1.0 / size, (size, hidden))
        self.inner, self.outer = np.zeros(hidden), np.zeros(size)
        self.low, self.width = np.zeros(size), np.ones(size)

    def learn(self, rows: Floats) -> None:
        self.low, self.width = rows.min(axis=0), np.maximum(rows.max(axis=0) - rows.min(axis=0), 1e-9)
        scaled = (rows - self.low) / self.width
        for _ in range(max(1, -(-STEPS // len(rows)))):
            for row in scaled:
                self._step(row)

    def error(self, rows: Floats) -> Floats:
        """Root mean squared error of the reconstruction, (N,)."""
        scaled = np.clip((rows - self.low) / self.width, -1e6, 1e6)
        out = _sigmoid(_sigmoid(scaled @ self.weights + self.inner) @ self.weights.T + self.outer)
        return np.asarray(np.sqrt(((scaled - out) ** 2).mean(axis=1)))

    def _step(self, row: Floats) -> None:
        hidden = _sigmoid(row @ self.weights + self.inner)
        off = row - _sigmoid(hidden @ self.weights.T + self.outer)  # the gradient of the cross-entropy
        back = (off @ self.weights) * hidden * (1.0 - hidden)
        self.weights += RATE * (np.outer(row, back) + np.outer(off, hidden))
        self.inner += RATE * back
        self.outer += RATE * off


def _errors(ensemble: list[_Autoencoder], groups: list[list[int]], rows: Floats) -> Floats:
    return np.stack([part.error(rows[:, group]) for part, group in zip(ensemble, groups, strict=True)], axis=1)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -50.0, 50.0))))
