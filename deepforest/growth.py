"""Growth: layers are added while the held-out score gains, and cut back to the best depth."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.categories import NONE_CATEGORICAL, Columns
from deepforest.combine import Combine
from deepforest.crossfit import Keep, keep_nothing
from deepforest.deadline import Deadline, TimeUp
from deepforest.estimators import NamedEstimators
from deepforest.layer import CascadeLayer, fit_layer, grain_table
from deepforest.progress import report
from deepforest.scoring import Scorer, held_out_score
from deepforest.screening import Screen
from deepforest.splits import Splits
from deepforest.target import Target, Vectors
from deepforest.training_rows import TrainingRows
from deepforest.walk import Grains, Walk


class GrowthRules(NamedTuple):
    """How a cascade grows: the parameters of its constructor, checked."""

    max_layers: int
    tol: float
    n_iter_no_change: int
    deadline: Deadline
    combine: Combine
    screening: float | None
    scorer: Scorer
    score_name: str
    seed: int
    n_jobs: int | None
    verbose: bool
    keep_held_out: bool = False


class Validation(NamedTuple):
    """Rows of the user's own that the depth is scored on."""

    walk: Walk
    y: NDArray[Any]  # the user's labels or values
    sample_weight: NDArray[np.float64] | None = None  # (n_val,)


class Grown(NamedTuple):
    """A cascade after its growth."""

    layers: list[CascadeLayer]  # those that prediction uses
    weights: NDArray[np.float64]  # (len(layers), m), for rows that do not leave before
    scores: list[float]  # of every layer that was grown
    screens: list[Screen]  # where rows leave before the last layer
    power: float = 1.0  # of the probabilities of rows that do not leave before
    held_out: Vectors | None = None  # (n, K) prediction of the training rows, if it is kept


def grow(
    layer_estimators: Sequence[NamedEstimators],
    grains: Grains,
    target: Target,
    classes: NDArray[Any] | None,
    splits: Splits,
    rules: GrowthRules,
    validation: Validation | None = None,
    categorical: Columns = NONE_CATEGORICAL,
    keep: Keep = keep_nothing,
) -> Grown:
    """Grow a cascade on grains (n, d_g) and cut it back to its best depth.

    Layer i sees grain i mod G and the class vectors of layer i - 1. Its score is that of
    the combination of all layers so far, on all rows: those that left before keep the
    prediction that they left with.

    Parameters
    ----------
    layer_estimators : list of lists of (str, estimator)
        Of each layer; the last one stands for all that follow.
    grains : list of G ndarrays (n, d_g)
    target : Target of the n rows
    classes : ndarray (K,) or None
        The user's labels; None for regression.
    splits : Splits
    rules : GrowthRules
    validation : Validation, optional
        Where it is given, the score is on these rows and not on held-out class vectors.
    categorical : ndarray of int
        Which columns of every grain are categories.
    keep : Keep, optional
        Where finished layers are kept and found. All else follows from them.
    """
    tables = [
        grain_table(grain, target, layer_estimators[0], categorical, rules.n_jobs)
        for grain in grains
    ]
    training = TrainingRows(target, splits, rules.combine)
    layers: list[CascadeLayer] = []
    weights: list[NDArray[np.float64]] = []  # for each depth (depth, m)
    screens: list[Screen] = []
    scores: list[float] = []
    best_depth, best_power = 0, 1.0
    said: Vectors | None = None  # the held-out prediction at this depth

    for depth in range(1, rules.max_layers + 1):
        start = perf_counter()
        table = training.table(tables[(depth - 1) % len(grains)], rules.n_jobs)
        try:
            layer, held_out = fit_layer(
                layer_estimators[min(depth, len(layer_estimators)) - 1],
                table,
                training.splits,
                seed=layer_seed(rules.seed, depth),
                n_jobs=rules.n_jobs,
                deadline=rules.deadline if layers else None,  # without a layer there is no model
                name=f"layer_{depth:03}",
                keep=keep,
            )
        except TimeUp:
            report(rules.verbose, "time is up: layer %d is left out", depth)
            break
        layers.append(layer)
        training.add(held_out)
        weights.append(training.weights())
        if validation is not None:
            validation.walk.enter(layer)
        if (
            validation is None
            or rules.screening is not None
            or rules.keep_held_out
            or training.is_calibrated
        ):
            training.predict(weights[-1])
        power = training.power() if training.is_calibrated else 1.0
        score = _score(training, validation, weights[-1], power, classes, rules)
        report(
            rules.verbose,
            "layer %d: %s %s %.4f (%d rows, %d features, %.1f s)",
            depth,
            "held-out" if validation is None else "validation",
            rules.score_name,
            score,
            *table.X.shape,
            perf_counter() - start,
        )
        if not scores or score > scores[best_depth - 1] + rules.tol:
            best_depth, best_power = depth, power
            said = training.said.copy() if rules.keep_held_out else None
        scores.append(score)
        if depth - best_depth >= rules.n_iter_no_change or depth == rules.max_layers:
            break
        if rules.screening is not None:
            screens += _let_leave(training, validation, weights[-1], rules.screening)
            if not training.can_train():
                report(rules.verbose, "too few rows go on behind layer %d", depth)
                break
    passed = [screen for screen in screens if len(screen.weights) < best_depth]
    grown = cut_back(layers[:best_depth], weights[best_depth - 1], scores, passed)
    return grown._replace(power=best_power, held_out=said)


def _score(
    training: TrainingRows,
    validation: Validation | None,
    weights: NDArray[np.float64],
    power: float,
    classes: NDArray[Any] | None,
    rules: GrowthRules,
) -> float:
    """Return the score of the layers so far, on rows that their weights were not fitted to."""
    if validation is not None:
        vectors = validation.walk.vectors(weights, power)
        return held_out_score(
            rules.scorer,
            validation.y,
            vectors,
            classes=classes,
            sample_weight=validation.sample_weight,
        )
    rows = np.flatnonzero(training.held_out)
    known = training.all_target.take(rows)
    return held_out_score(
        rules.scorer,
        known.y if classes is None else classes[known.y],
        training.vectors(power)[rows],
        classes=classes,
        sample_weight=known.sample_weight,
    )


def _let_leave(
    training: TrainingRows,
    validation: Validation | None,
    weights: NDArray[np.float64],
    accuracy: float,
) -> list[Screen]:
    """Let sure rows leave behind the last layer; return the screen, or none if no row is sure."""
    screen = training.leave(weights, accuracy)
    if screen is None:
        return []
    if validation is not None:
        validation.walk.leave(screen)
    return [screen]


def cut_back(
    layers: list[CascadeLayer],
    weights: NDArray[np.float64],
    scores: list[float],
    screens: Sequence[Screen] = (),
) -> Grown:
    """Drop what prediction does not use.

    That is every layer behind the last one with a weight, in the prediction itself or of
    rows that leave, and in that one, whose class vectors feed no other layer, the
    estimators without a weight.
    """
    used = weights > 0
    for screen in screens:
        used[: len(screen.weights)] |= screen.weights > 0
    n_used = int(np.flatnonzero(used.any(axis=1))[-1]) + 1
    layers = layers[:n_used]
    layers[-1] = layers[-1].keep(used[n_used - 1, : len(layers[-1].names)])
    # A screen behind a dropped layer asks the layers before it only.
    screens = [screen._replace(weights=screen.weights[:n_used]) for screen in screens]
    return Grown(layers, weights[:n_used], scores, screens)


def layer_seed(seed: int, depth: int) -> int:
    """Return the seed of a layer, the same whatever is grown behind it."""
    return int(np.random.SeedSequence((seed, depth)).generate_state(1)[0])
