"""The training rows of a cascade on their way: the held-out twin of `Walk`."""

import numpy as np
from numpy.typing import NDArray

from deepforest.combine import (
    Combine,
    by_layer,
    combined,
    mean_of_last,
    of_library,
    select,
    select_held_out,
)
from deepforest.crossfit import Table
from deepforest.layer import augmented_table
from deepforest.screening import (
    Screen,
    best_power,
    confidence,
    lowest_threshold,
    rows_that_train,
    sharpened,
)
from deepforest.splits import Splits, held_out_rows
from deepforest.target import Target, Vectors


class TrainingRows:
    """The training rows and their held-out class vectors, layer after layer.

    Parameters
    ----------
    target : Target of all n rows
    splits : Splits of all n rows
    combine : {"select", "mean"}
        How the class vectors of all layers become a prediction.

    Attributes
    ----------
    rows : ndarray (n_rows,)
        The rows that train the next layer.
    target, splits
        Of these rows.
    said : ndarray (n, K)
        The held-out prediction of all rows; final for those that have left.
    all_target : Target of all n rows
    held_out : ndarray (n,) of bool
        Which of all rows are held out at all.
    goes_on : ndarray (n_rows,) of bool
        Which of them have not left; the others only train.
    """

    def __init__(self, target: Target, splits: Splits, combine: Combine) -> None:
        n = len(target.y)
        self.combine = combine
        self.all_target = target
        self.held_out = held_out_rows(splits, n)
        self.target, self.splits = target, splits
        self.rows = np.arange(n)
        self.goes_on = np.ones(n, dtype=bool)
        self.libraries: list[Vectors] = []  # class vectors of `rows` (m, n_rows, K), one a layer
        self.said = np.zeros((n, target.width), dtype=target.dtype)

    def table(self, grain: Table, n_jobs: int | None = 1) -> Table:
        """Return what the next layer is trained on, of a grain with all n rows."""
        if len(self.rows) < grain.X.shape[0]:
            grain = Table(*grain.take(self.rows))
        return augmented_table(grain, self.libraries[-1] if self.libraries else None, n_jobs)

    def add(self, held_out: Vectors) -> None:
        """Take in the held-out class vectors (m, n_rows, K) of the layer that was trained."""
        self.libraries.append(held_out)

    def weights(self) -> NDArray[np.float64]:
        """Return the weights (layers so far, m) for the rows that have not left."""
        m = len(self.libraries[-1])
        library = np.concatenate(self.libraries)
        if self.combine == "mean":
            weights = mean_of_last(len(library), m)
        else:
            rows = np.flatnonzero(self.goes_on & self.held_out[self.rows])
            weights = select(library[:, rows], self.target.take(rows))
        return by_layer(weights, [len(vectors) for vectors in self.libraries])

    def predict(self, weights: NDArray[np.float64]) -> None:
        """Say what the layers so far predict of the rows that have not left.

        By weights that did not see the row: with selection, `weights` for other folds.
        """
        library = np.concatenate(self.libraries)
        target, splits = self.target, self.splits
        if not self.goes_on.all():
            going = np.flatnonzero(self.goes_on)
            library, target, splits = library[:, going], target.take(going), splits.take(going)
        if self.combine == "mean":
            sizes = [len(vectors) for vectors in self.libraries]
            vectors = combined(library, of_library(weights, sizes))
        else:
            vectors = select_held_out(library, target, splits)
        self.said[self.rows[self.goes_on]] = vectors

    @property
    def is_calibrated(self) -> bool:
        """Whether predictions are raised to a power; the paper's mean stays as it is."""
        return self.combine != "mean" and self.target.n_classes is not None

    def power(self) -> float:
        """Return the power that the probabilities of the rows that have not left are raised to."""
        rows = np.flatnonzero(self.goes_on & self.held_out[self.rows])
        return best_power(self.said[self.rows[rows]], self.target.take(rows))

    def vectors(self, power: float) -> Vectors:
        """Return the held-out prediction (n, K) if it were made here; zero where there is none."""
        if power == 1:
            return self.said
        said = self.said.copy()
        going = self.rows[self.goes_on & self.held_out[self.rows]]
        said[going] = sharpened(said[going], power)
        return said

    def leave(self, weights: NDArray[np.float64], accuracy: float) -> Screen | None:
        """Let the rows leave whose prediction is sure; None if there are none.

        Rows that are never held out, of which nothing is known, do not leave.

        Parameters
        ----------
        weights : ndarray (layers so far, m)
            By which new rows are asked; the training rows were, in `predict`.
        accuracy : float
            The held-out accuracy that the rows which leave must have.
        """
        vectors = self.said[self.rows]
        asked = np.flatnonzero(self.goes_on & self.held_out[self.rows])
        threshold = lowest_threshold(vectors[asked], self.target.take(asked), accuracy)
        if threshold == np.inf:
            return None
        sure = asked[confidence(vectors[asked]) >= threshold]
        power = best_power(vectors[sure], self.target.take(sure))
        self.said[self.rows[sure]] = sharpened(vectors[sure], power)
        goes_on = self.goes_on.copy()
        goes_on[sure] = False
        left = np.zeros(len(self.said), dtype=bool)
        left[self.rows[sure]] = True
        share = np.average(left, weights=self.all_target.sample_weight)
        self._keep(np.flatnonzero(rows_that_train(vectors, self.target, goes_on)), goes_on)
        return Screen(weights, threshold, float(share), power)

    def _keep(self, kept: NDArray[np.intp], goes_on: NDArray[np.bool_]) -> None:
        self.rows = self.rows[kept]
        self.goes_on = goes_on[kept]
        self.target = self.target.take(kept)
        self.splits = self.splits.take(kept)
        self.libraries = [vectors[:, kept] for vectors in self.libraries]

    def can_train(self) -> bool:
        """Return whether a row goes on that would be held out, and every fold has rows to fit."""
        going = self.goes_on & self.held_out[self.rows]
        return bool(going.any()) and all(len(train) for train, _ in self.splits.folds)
