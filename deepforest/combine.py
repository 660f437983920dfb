"""How the class vectors of all layers become one prediction: a weight for each estimator.

The class vectors of all estimators of all grown layers are the *library*, an array
(M, n, K). A combination is a vector of M weights that sum to 1, and the prediction is
the weighted mean of the library.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepforest.multioutput import deviations
from deepforest.splits import Splits, held_out_rows
from deepforest.target import Target, Vectors

Combine = Literal["select", "mean"]
COMBINATIONS = ("select", "mean")

N_PICKS = 50
# Probabilities are float32: one that is smaller than this is no evidence of anything.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def combined(library: Vectors, weights: NDArray[np.float64]) -> Vectors:
    """Return the weighted mean (n, K) of a library (M, n, K)."""
    total = np.zeros(library.shape[1:], dtype=np.float64)
    for vectors, weight in zip(library, weights, strict=True):
        if weight:
            total += weight * vectors
    return total.astype(library.dtype)


def by_layer(weights: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Return the weights (M,) of a library as a row a layer, with zeros where one has fewer."""
    rows = np.zeros((len(sizes), max(sizes)))
    for row, of_layer in zip(rows, np.split(weights, np.cumsum(sizes)[:-1]), strict=True):
        row[: len(of_layer)] = of_layer
    return rows


def of_library(rows: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Return the weights (M,) of a library from those of each layer, as `by_layer` has them."""
    return np.concatenate([row[:size] for row, size in zip(rows, sizes, strict=True)])


def mean_of_last(n_library: int, n_last: int) -> NDArray[np.float64]:
    """Return the paper's combination: the mean of the last layer's estimators."""
    weights = np.zeros(n_library)
    weights[n_library - n_last :] = 1 / n_last
    return weights


def select(library: Vectors, target: Target) -> NDArray[np.float64]:
    """Return the weights (M,) of greedy ensemble selection with replacement.

    Starting from nothing, the estimator is added (again) that lowers the loss of the
    mean of all picks the most: log loss for classes, squared error for values (the mean over
    the targets, each measured by its standard deviation, as R2 does). The picks up to the
    lowest loss count; an estimator's weight is its share of them.

    Parameters
    ----------
    library : ndarray (M, n, K)
        Held-out class vectors.
    target : Target of the n rows

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
    models", ICML 2004.
    """
    if target.n_classes is None:
        errors = _errors(library, target)
        errors /= np.abs(errors).max() or 1.0  # squares of large values would overflow
        weight = np.ones(len(target.y)) if target.sample_weight is None else target.sample_weight
        weight = np.repeat(weight, target.width)
        # The squared error of a mean of t picks c is c'Gc / t^2 with the Gram matrix G.
        gram = (errors * weight) @ errors.T / weight.sum()
        return _pick(len(library), _SquaredError(gram))
    of_true_class = library[:, np.arange(len(target.y)), target.y].astype(np.float64)
    return _pick(len(library), _LogLoss(of_true_class, target.sample_weight))


def _errors(library: Vectors, target: Target) -> NDArray[np.float64]:
    """Return the errors (M, n * m) of a library (M, n, m) on m targets."""
    values = target.y.reshape(len(target.y), -1)
    errors = library.astype(np.float64) - values
    if target.width > 1:
        errors /= deviations(values, target.sample_weight)
    return np.asarray(errors.reshape(len(library), -1))


class _LogLoss:
    """Log loss of picks so far plus one of each candidate."""

    def __init__(
        self, of_true_class: NDArray[np.float64], weight: NDArray[np.float64] | None
    ) -> None:
        self.candidates = of_true_class  # (M, n)
        self.weight = None if weight is None else weight / weight.sum()
        self.total = np.zeros(of_true_class.shape[1])

    def losses(self, n_picks: int) -> NDArray[np.float64]:
        probability = np.maximum((self.candidates + self.total) / n_picks, SMALLEST_PROBABILITY)
        logs = np.log(probability)
        return np.asarray(-(logs.mean(axis=1) if self.weight is None else logs @ self.weight))

    def add(self, pick: int) -> None:
        self.total += self.candidates[pick]


class _SquaredError:
    """Squared error of picks so far plus one of each candidate."""

    def __init__(self, gram: NDArray[np.float64]) -> None:
        self.gram = gram
        self.counts = np.zeros(len(gram))

    def losses(self, n_picks: int) -> NDArray[np.float64]:
        row = self.gram @ self.counts
        total = self.counts @ row + 2 * row + np.diag(self.gram)
        return np.asarray(total / n_picks**2)

    def add(self, pick: int) -> None:
        self.counts[pick] += 1


def _pick(n_library: int, loss: Any) -> NDArray[np.float64]:
    counts = np.zeros(n_library)
    best_counts, best_loss = counts, np.inf
    for n_picks in range(1, N_PICKS + 1):
        losses = loss.losses(n_picks)
        pick = int(np.argmin(losses))
        loss.add(pick)
        counts[pick] += 1
        if losses[pick] < best_loss:
            best_counts, best_loss = counts.copy(), losses[pick]
    return np.asarray(best_counts / best_counts.sum())


def select_held_out(
    library: Vectors,
    target: Target,
    splits: Splits,
) -> Vectors:
    """Return combined class vectors (n, K) by weights that were not selected on the row.

    For each split the weights are selected on its training rows (those that have
    held-out class vectors) and applied to its held-out rows. Without this, depth
    would always seem to gain: more layers are more candidates to choose from.
    """
    covered = held_out_rows(splits, library.shape[1])
    total = np.zeros(library.shape[1:], dtype=np.float64)
    times = np.zeros(library.shape[1])
    for train, test in splits.folds:
        train = train[covered[train]]
        if len(train) and _has_weight(target, train):
            weights = select(library[:, train], target.take(train))
        else:
            weights = np.full(len(library), 1 / len(library))
        total[test] += combined(library[:, test], weights)
        times[test] += 1
    return (total / np.maximum(times, 1)[:, None]).astype(library.dtype)


def _has_weight(target: Target, rows: NDArray[np.intp]) -> bool:
    return target.sample_weight is None or bool(target.sample_weight[rows].any())
