"""Confidence screening: rows that are sure already leave the cascade behind a layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest._validation import check_real
from deepforest.estimators import Task
from deepforest.target import Target, Vectors

# Of each class so many rows train the next layer, the least sure ones, even if they left: a
# layer that never saw a class would say zero of its rows.
MIN_OF_CLASS = 10


class Screen(NamedTuple):
    """What lets rows leave behind a layer, with the prediction of the layers so far."""

    weights: NDArray[np.float64]  # (layers so far, m), the combination that is asked
    threshold: float  # rows leave whose largest probability is at least this
    share: float  # of the training rows, those that leave here

    def sure(self, vectors: Vectors) -> NDArray[np.bool_]:
        """Return which rows (n,) leave, by their combined class vectors (n, K)."""
        return confidence(vectors) >= self.threshold


def check_screening(screening: float | None, task: Task) -> None:
    """Raise a ValueError unless `screening` is None, or for classes a share below 1."""
    if screening is None:
        return
    if task == "regression":
        raise ValueError(
            f"screening={screening!r}, but only classification has confidences: leave it None."
        )
    if not 0 < check_real("screening", screening, at_least=0) < 1:
        raise ValueError(
            f"screening={screening!r} must lie between 0 and 1: it is the held-out accuracy of "
            "the rows that leave, such as 0.999."
        )


def confidence(vectors: Vectors) -> Vectors:
    """Return the largest probability (n,) of class vectors (n, K)."""
    return np.asarray(vectors.max(axis=1))


def lowest_threshold(vectors: Vectors, target: Target, accuracy: float) -> float:
    """Return the lowest threshold above which held-out predictions have the accuracy.

    Of all sets of most-confident rows, the largest is let go whose errors, and one more,
    are at most 1 - accuracy of its rows. The one more pays for having looked for the set
    among many: without it a single right row would be enough. So at least
    1 / (1 - accuracy) rows leave, or none, and then the threshold is infinite.

    Parameters
    ----------
    vectors : ndarray (n, K)
        Held-out class vectors.
    target : Target of the n rows
        With weights a row counts as many times as its weight is of the mean weight.
    accuracy : float
    """
    if len(vectors) == 0:
        return np.inf
    sureness = confidence(vectors)
    order = np.argsort(-sureness, kind="stable")
    weight = np.ones(len(order))
    if target.sample_weight is not None:
        weight = target.sample_weight / target.sample_weight.mean()
    wrong = weight * (vectors.argmax(axis=1) != target.y)
    errors, n_rows = np.cumsum(wrong[order]), np.cumsum(weight[order])
    enough = errors + 1 <= (1 - accuracy) * n_rows * (1 + 1e-12)  # 10 * (1 - 0.9) is below 1
    # Rows that are equally sure leave together.
    enough[:-1] &= np.diff(sureness[order]) != 0
    last = np.flatnonzero(enough)
    return float(sureness[order[last[-1]]]) if len(last) else np.inf


def rows_that_train(
    vectors: Vectors, target: Target, goes_on: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which rows (n,) train the next layer: all that go on, and some of each class."""
    trains = goes_on.copy()
    order = np.argsort(confidence(vectors), kind="stable")
    for k in np.unique(target.y):
        trains[order[target.y[order] == k][:MIN_OF_CLASS]] = True
    return trains


def mean_weights(weights: NDArray[np.float64], screens: Sequence[Screen]) -> NDArray[np.float64]:
    """Return the weights (n_layers, m) by which the training rows are predicted on average."""
    mean = (1 - sum(screen.share for screen in screens)) * weights
    for screen in screens:
        mean[: len(screen.weights)] += screen.share * screen.weights
    return np.asarray(mean)
