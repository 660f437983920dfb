"""The walk of new rows through the layers of a cascade."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepforest.combine import combined, of_library
from deepforest.layer import CascadeLayer, augmented
from deepforest.screening import Screen, sharpened
from deepforest.target import Vectors

Grains = list[NDArray[Any]]


class Walk:
    """New rows on their way: layer i sees grain i mod G and the class vectors before it.

    Parameters
    ----------
    grains : list of G ndarrays (n, d_g)
    n_jobs : int or None
    """

    def __init__(self, grains: Grains, n_jobs: int | None) -> None:
        self.grains = grains
        self.n_jobs = n_jobs
        self.rows = np.arange(grains[0].shape[0])  # those that have not left
        self.libraries: list[Vectors] = []  # class vectors of these (m, n_rows, K), one a layer
        self.said: Vectors | None = None  # (n, K), final for rows that have left

    def enter(self, layer: CascadeLayer) -> None:
        """Send the rows that have not left through the next layer."""
        if len(self.rows) == 0:
            return
        grain = self.grains[len(self.libraries) % len(self.grains)]
        if len(self.rows) < grain.shape[0]:
            grain = grain[self.rows]
        rows = augmented(grain, self.libraries[-1] if self.libraries else None)
        self.libraries.append(layer.transform(rows, n_jobs=self.n_jobs))

    def vectors(self, weights: NDArray[np.float64], power: float = 1.0) -> Vectors:
        """Return the prediction (n, K) if it were made here, by weights (layers so far, m)."""
        if self.said is not None and len(self.rows) == 0:
            return self.said
        sizes = [len(library) for library in self.libraries]
        going = combined(np.concatenate(self.libraries), of_library(weights, sizes))
        if power != 1:
            going = sharpened(going, power)
        if self.said is None:
            return going
        said = self.said.copy()
        said[self.rows] = going
        return said

    def leave(self, screen: Screen) -> None:
        """Let the rows leave that are sure."""
        self.said = self.vectors(screen.weights)
        sure = screen.sure(self.said[self.rows])
        left = self.rows[sure]
        self.said[left] = sharpened(self.said[left], screen.power)
        self.rows = self.rows[~sure]
        self.libraries = [vectors[:, ~sure] for vectors in self.libraries]


def walked(
    layers: Sequence[CascadeLayer],
    weights: NDArray[np.float64],
    screens: Sequence[Screen],
    grains: Grains,
    n_jobs: int | None,
    power: float = 1.0,
) -> Vectors:
    """Return the prediction (n, K) of a cascade for new rows.

    `power` is that of the rows that leave behind no screen.
    """
    walk = Walk(grains, n_jobs)
    for depth, layer in enumerate(layers, start=1):
        walk.enter(layer)
        for screen in screens:
            if len(screen.weights) == depth:
                walk.leave(screen)
    return walk.vectors(weights, power)
