"""The target: what is learned, as the estimators of a layer see it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.estimators import Task

Rows = NDArray[np.intp]
Vectors = NDArray[np.floating[Any]]


def vector_dtype(n_classes: int | None) -> type[np.floating[Any]]:
    """Return the dtype of class vectors: probabilities need 7 digits, values may need more."""
    return np.float64 if n_classes is None else np.float32


class Target(NamedTuple):
    """What is learned: encoded classes 0..K-1, or values."""

    y: NDArray[Any]  # (n,) int64 classes or float64 values; (n, m) of m > 1 targets
    sample_weight: NDArray[np.float64] | None  # (n,)
    n_classes: int | None  # None for regression

    @property
    def task(self) -> Task:
        """The task that the estimators are made for."""
        return "regression" if self.n_classes is None else "classification"

    @property
    def width(self) -> int:
        """Length of a class vector."""
        if self.n_classes is None:
            return 1 if self.y.ndim == 1 else self.y.shape[1]
        return self.n_classes

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Of class vectors."""
        return vector_dtype(self.n_classes)

    def take(self, rows: Rows) -> "Target":
        """Return the target of some of the rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Target(self.y[rows], weight, self.n_classes)

    def of_output(self, k: int) -> "Target":
        """Return one of several targets of a regression."""
        return Target(self.y[:, k], self.sample_weight, None)

    def prior(self) -> NDArray[np.float64]:
        """Return the class vector (K,) of a row of which nothing is known."""
        if self.n_classes is None:
            return np.atleast_1d(np.average(self.y, axis=0, weights=self.sample_weight))
        counts = np.bincount(self.y, weights=self.sample_weight, minlength=self.n_classes)
        return np.asarray(counts / counts.sum(), dtype=np.float64)
