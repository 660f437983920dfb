"""Growth: layers are added while the held-out score gains, and cut back to the best depth."""

from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.combine import combined, mean_of_last, select, select_held_out
from deepforest.deadline import Deadline, TimeUp
from deepforest.estimators import NamedEstimators
from deepforest.layer import CascadeLayer, augmented, augmented_table, fit_layer, grain_table
from deepforest.progress import report
from deepforest.scoring import Scorer, held_out_score
from deepforest.splits import Splits, held_out_rows
from deepforest.target import Target, Vectors

Grains = list[NDArray[Any]]


class GrowthRules(NamedTuple):
    """How a cascade grows: the parameters of its constructor, checked."""

    max_layers: int
    tol: float
    n_iter_no_change: int
    deadline: Deadline
    combine: str
    scorer: Scorer
    score_name: str
    seed: int
    n_jobs: int | None
    verbose: bool


class Validation(NamedTuple):
    """Rows of the user's own that the depth is scored on."""

    grains: Grains
    y: NDArray[Any]  # the user's labels or values


class Grown(NamedTuple):
    """A cascade after its growth."""

    layers: list[CascadeLayer]  # those that prediction uses
    weights: NDArray[np.float64]  # (len(layers), m)
    scores: list[float]  # of every layer that was grown


def grow(
    estimators: NamedEstimators,
    grains: Grains,
    target: Target,
    classes: NDArray[Any] | None,
    splits: Splits,
    rules: GrowthRules,
    validation: Validation | None = None,
) -> Grown:
    """Grow a cascade on grains (n, d_g) and cut it back to its best depth.

    Layer i sees grain i mod G and the class vectors of layer i - 1. Its score is that of
    the combination of all layers so far.

    Parameters
    ----------
    estimators : list of m (str, estimator)
    grains : list of G ndarrays (n, d_g)
    target : Target of the n rows
    classes : ndarray (K,) or None
        The user's labels; None for regression.
    splits : Splits
    rules : GrowthRules
    validation : Validation, optional
        Where it is given, the score is on these rows and not on held-out class vectors.
    """
    m = len(estimators)
    tables = [grain_table(grain, target, estimators) for grain in grains]
    layers: list[CascadeLayer] = []
    libraries: list[Vectors] = []  # held-out class vectors (m, n, K) of each layer
    val_libraries: list[Vectors] = []
    scores: list[float] = []
    best_depth, best_weights = 0, np.empty(0)

    for depth in range(1, rules.max_layers + 1):
        start = perf_counter()
        g = (depth - 1) % len(grains)
        table = augmented_table(tables[g], libraries[-1] if libraries else None)
        seed = layer_seed(rules.seed, depth)
        try:
            layer, held_out = fit_layer(
                estimators,
                table,
                splits,
                seed=seed,
                n_jobs=rules.n_jobs,
                deadline=rules.deadline if layers else None,  # without a layer there is no model
            )
        except TimeUp:
            report(rules.verbose, "time is up: layer %d is left out", depth)
            break
        layers.append(layer)
        libraries.append(held_out)
        library = np.concatenate(libraries)
        weights = _weights(library, m, target, splits, rules)
        if validation is None:
            score = _held_out_score(library, weights, target, classes, splits, rules)
        else:
            X_val = augmented(validation.grains[g], val_libraries[-1] if val_libraries else None)
            val_libraries.append(layer.transform(X_val, n_jobs=rules.n_jobs))
            said = combined(np.concatenate(val_libraries), weights)
            score = held_out_score(rules.scorer, validation.y, said, classes=classes)
        report(
            rules.verbose,
            "layer %d: %s %s %.4f (%d features, %.1f s)",
            depth,
            "held-out" if validation is None else "validation",
            rules.score_name,
            score,
            table.X.shape[1],
            perf_counter() - start,
        )
        if not scores or score > scores[best_depth - 1] + rules.tol:
            best_depth, best_weights = depth, weights
        scores.append(score)
        if depth - best_depth >= rules.n_iter_no_change:
            break
    return cut_back(layers[:best_depth], best_weights.reshape(best_depth, m), scores)


def _weights(
    library: Vectors, m: int, target: Target, splits: Splits, rules: GrowthRules
) -> NDArray[np.float64]:
    """Return the weight of each estimator of the layers so far, (M,)."""
    if rules.combine == "mean":
        return mean_of_last(len(library), m)
    rows = np.flatnonzero(held_out_rows(splits, len(target.y)))
    return select(library[:, rows], target.take(rows))


def _held_out_score(
    library: Vectors,
    weights: NDArray[np.float64],
    target: Target,
    classes: NDArray[Any] | None,
    splits: Splits,
    rules: GrowthRules,
) -> float:
    """Return the score of the combination on rows that it was not fitted to."""
    if rules.combine == "mean":
        vectors = combined(library, weights)
    else:
        vectors = select_held_out(library, target, splits)
    rows = np.flatnonzero(held_out_rows(splits, len(target.y)))
    known = target.take(rows)
    return held_out_score(
        rules.scorer,
        known.y if classes is None else classes[known.y],
        vectors[rows],
        classes=classes,
        sample_weight=known.sample_weight,
    )


def cut_back(
    layers: list[CascadeLayer], weights: NDArray[np.float64], scores: list[float]
) -> Grown:
    """Drop what prediction does not use.

    That is every layer behind the last one with a weight and, in that one, whose class
    vectors feed no other layer, the estimators without a weight.
    """
    n_used = int(np.flatnonzero(weights.any(axis=1))[-1]) + 1
    layers, weights = layers[:n_used], weights[:n_used]
    layers[-1] = layers[-1].keep(weights[-1] > 0)
    return Grown(layers, weights, scores)


def layer_seed(seed: int, depth: int) -> int:
    """Return the seed of a layer, the same whatever is grown behind it."""
    return int(np.random.SeedSequence((seed, depth)).generate_state(1)[0])
