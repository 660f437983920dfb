"""Slow, obvious twins of what the library computes with arrays."""

import math
from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def log_loss_of_mean(picks, library, y, weight):
    """Weighted log loss of the mean of the picked class vectors; library[m][i][k]."""
    total = 0.0
    for i in range(len(y)):
        said = sum(float(library[m][i][y[i]]) for m in picks) / len(picks)
        total -= weight[i] * math.log(max(said, float(np.finfo(np.float32).eps)))
    return total / sum(weight)


def squared_error_of_mean(picks, library, y, weight):
    """Weighted squared error of the mean of the picked values; library[m][i][0]."""
    total = 0.0
    for i in range(len(y)):
        said = sum(float(library[m][i][0]) for m in picks) / len(picks)
        total += weight[i] * (said - float(y[i])) ** 2
    return total / sum(weight)


def greedy_loss(loss, library, y, weight, n_picks):
    """The lowest loss on the path of greedy selection with replacement from nothing."""
    picks, lowest = [], math.inf
    for _ in range(n_picks):
        losses = [loss([*picks, m], library, y, weight) for m in range(len(library))]
        picks.append(losses.index(min(losses)))
        lowest = min(lowest, min(losses))
    return lowest


def windows(array, n_axes, window, stride, padding=None):
    """All windows of one instance, (positions..., values): spatial axes first, then channels."""
    if padding is not None:
        around = [(p, p) for p in padding] + [(0, 0)] * (array.ndim - n_axes)
        array = np.pad(array, around)
    axes = tuple(range(n_axes))
    views = sliding_window_view(array, window, axis=axes)
    views = views[tuple(slice(None, None, step) for step in stride)]
    if array.ndim > n_axes:
        # The channels stand before the window's own axes; a window holds them last.
        views = np.moveaxis(views, n_axes, -1)
    return views.reshape(*views.shape[:n_axes], -1)


def pooled(vectors, pool, method, present=None):
    """One instance's vectors (positions..., K), pooled over blocks cut off at the border.

    Positions that are not present are left out; a block without any is NaN.
    """
    positions = vectors.shape[:-1]
    shape = [math.ceil(p / size) for p, size in zip(positions, pool, strict=True)]
    result = np.full((*shape, vectors.shape[-1]), np.nan)
    for block in np.ndindex(*shape):
        members = [
            vectors[at]
            for at in np.ndindex(*positions)
            if all(a // size == b for a, size, b in zip(at, pool, block, strict=True))
            and (present is None or present[at])
        ]
        if members:
            result[block] = np.max(members, axis=0) if method == "max" else np.mean(members, axis=0)
    return result


def scanned(X, y, folds, models, fit, vectors_of, pool, method, prior, slide):
    """Held-out features of one estimator, from copies of the windows that are not all NaN.

    `fit` fits the model of a fold on the windows of its training instances. `slide` gives the
    windows (positions..., values) of an instance, `vectors_of` the class vectors (w, K) of windows.
    """
    result = [None] * len(X)
    for model, (train, test) in zip(models, folds, strict=True):
        copies, labels = [], []
        for i in train:
            own = slide(X[i])
            for window in own.reshape(-1, own.shape[-1]):
                if not np.isnan(window).all():
                    copies.append(window)
                    labels.append(y[i])
        fit(model, np.array(copies), np.array(labels))
        for i in test:
            own = slide(X[i])
            present = ~np.isnan(own).all(axis=-1)
            vectors = np.zeros((*present.shape, len(prior)))
            if present.any():
                vectors[present] = vectors_of(model, own[present])
            features = pooled(vectors, pool, method, present)
            result[i] = np.where(np.isnan(features), prior, features).ravel()
    return np.array(result)


def held_out_means(n, splits, vector_of, prior):
    """For each row the mean of what its folds say of it, the prior where no fold holds it out."""
    result = []
    for row in range(n):
        said = [vector_of(k, row) for k, (_, test) in enumerate(splits) if row in test]
        result.append(np.mean(said, axis=0) if said else prior)
    return np.array(result)


def most_confident_rows(confidences, wrong, weight, accuracy):
    """The largest set of most-confident rows whose errors, and one more, are few enough."""
    mean = sum(weight) / len(weight) if weight else 1.0
    best = set()
    for threshold in sorted(set(confidences), reverse=True):
        rows = {i for i, c in enumerate(confidences) if c >= threshold}
        errors = sum(weight[i] / mean for i in rows if wrong[i])
        if errors + 1 <= (1 - accuracy) * sum(weight[i] / mean for i in rows) + 1e-9:
            best = rows
    return best


def screened_walk(layers, weights, screens, x, power=1):
    """What a cascade says (K,) of one row x (d,), which may leave at a screen."""
    vectors, row = [], x[None]
    for depth, layer in enumerate(layers, start=1):
        said = layer.transform(row)
        vectors.append(said)
        row = np.hstack([x[None], *said])
        for screen in screens:
            if len(screen.weights) == depth:
                so_far = weighted_mean(vectors, screen.weights)
                if so_far.max() >= screen.threshold:
                    raised = so_far.astype(float) ** screen.power
                    return raised / raised.sum()
    raised = weighted_mean(vectors, weights).astype(float) ** power
    return raised / raised.sum()


def weighted_mean(vectors, weights):
    """The mean (K,) of class vectors [layer][estimator][one row] by weights [layer][estimator]."""
    return sum(
        w * said[0]
        for of_layer, of_weights in zip(vectors, weights, strict=True)
        for said, w in zip(of_layer, of_weights, strict=True)
    )


def value_importances(features, layout, models, shape):
    """The importance of each value of an instance: one class vector and one window at a time."""
    grid = layout.grid
    around = [side + 2 * p for side, p in zip(shape, grid.padding, strict=False)]
    around += shape[len(around) :]
    values = np.zeros(around)
    features = features.reshape(len(models), *layout.pooled_shape, -1)
    for of_one, by_position in zip(models, features, strict=True):
        known = [model for model in of_one if hasattr(model, "feature_importances_")]
        if not known:
            continue
        own = np.mean(
            [m.feature_importances_ / m.feature_importances_.sum() for m in known], axis=0
        )
        own = own.reshape(*grid.window, *shape[len(grid.window) :])
        for block in np.ndindex(layout.pooled_shape):
            windows = [
                place
                for place in np.ndindex(grid.positions)
                if tuple(at // size for at, size in zip(place, layout.pool, strict=True)) == block
            ]
            for place in windows:
                at = tuple(
                    slice(p * step, p * step + size)
                    for p, step, size in zip(place, grid.stride, grid.window, strict=True)
                )
                values[at] += by_position[block].sum() / len(windows) * own
    inside = tuple(slice(p, p + side) for p, side in zip(grid.padding, shape, strict=False))
    return values[inside].ravel()


def forest_quantile(asked, leaves, counts, target, level):
    """The least target at which the weights of a forest's leaves sum to a level, in fractions.

    `asked` are the leaves of one row, one a tree; `leaves` (n, n_trees) those of the training
    rows, and `counts` (n_trees, n) how often each was drawn.
    """
    weights = [Fraction(0)] * len(target)
    for t, leaf in enumerate(asked):
        in_leaf = [i for i in range(len(target)) if leaves[i, t] == leaf]
        total = sum(int(counts[t, i]) for i in in_leaf)
        for i in in_leaf:
            weights[i] += Fraction(int(counts[t, i]), total * len(asked))
    for y in sorted(set(target)):
        up_to = sum(w for w, value in zip(weights, target, strict=True) if value <= y)
        if up_to >= level and up_to > 0:
            return y
    raise AssertionError("the weights do not sum to 1")
