"""Confidence screening: rows that are sure already leave the cascade behind a layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from deepforest._validation import check_real
from deepforest.combine import SMALLEST_PROBABILITY
from deepforest.estimators import Task
from deepforest.target import Target, Vectors

# Rows that left, the least sure ones, still train the next layer: half as many as go on, since
# a model of hard rows alone is a worse model of hard rows (docs/guide.md), and so many of each
# class, since a layer that never saw a class would say zero of its rows.
STAY = 0.5
MIN_OF_CLASS = 10
MOST_POWER = 20.0  # by then 0.7 beside 0.3 has become certainty


class Screen(NamedTuple):
    """What lets rows leave behind a layer, with the prediction of the layers so far."""

    weights: NDArray[np.float64]  # (layers so far, m), the combination that is asked
    threshold: float  # rows leave whose largest probability is at least this
    share: float  # of the training rows by their weight, those that leave here
    power: float = 1.0  # of the probabilities of rows that leave, see `best_power`

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


def best_power(vectors: Vectors, target: Target) -> float:
    """Return the power by which the probabilities of rows that leave have the lowest log loss.

    Rows leave with the blunt probabilities of early layers: a forest that is right about
    nearly all of them may give them 0.7. Like their accuracy, the loss is that of the held-out
    vectors (n, K), and of one error more: the least sure row once again, as of the class
    that it takes for the second likeliest.
    """
    if vectors.shape[1] < 2:
        return 1.0
    least = int(np.argmin(confidence(vectors)))
    second = int(np.argsort(vectors[least])[-2])
    said = np.vstack([vectors, vectors[[least]]])
    y = np.append(target.y, second)
    weight = None
    if target.sample_weight is not None:
        weight = np.append(target.sample_weight, target.sample_weight.mean())

    def loss(log_power: float) -> float:
        of_true_class = sharpened(said, float(np.exp(log_power)))[np.arange(len(y)), y]
        return -float(
            np.average(np.log(np.maximum(of_true_class, SMALLEST_PROBABILITY)), weights=weight)
        )

    found = minimize_scalar(
        loss, bounds=(-np.log(MOST_POWER), np.log(MOST_POWER)), method="bounded"
    )
    return float(np.exp(found.x))


def sharpened(vectors: Vectors, power: float) -> Vectors:
    """Return class vectors (n, K) whose probabilities are raised to a power, and sum to 1."""
    raised = vectors.astype(np.float64) ** power
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=vectors.dtype)


def rows_that_train(
    vectors: Vectors, target: Target, goes_on: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which rows (n,) train the next layer: all that go on, and the least sure others."""
    trains = goes_on.copy()
    order = np.argsort(confidence(vectors), kind="stable")
    if target.sample_weight is not None:
        order = order[target.sample_weight[order] > 0]
    goes = goes_on[order]
    trains[order[~goes][: int(STAY * goes.sum())]] = True
    for k in np.unique(target.y):
        trains[order[target.y[order] == k][:MIN_OF_CLASS]] = True
    return trains


def mean_weights(weights: NDArray[np.float64], screens: Sequence[Screen]) -> NDArray[np.float64]:
    """Return the weights (n_layers, m) by which the training rows are predicted on average."""
    mean = (1 - sum(screen.share for screen in screens)) * weights
    for screen in screens:
        mean[: len(screen.weights)] += screen.share * screen.weights
    return np.asarray(mean)
