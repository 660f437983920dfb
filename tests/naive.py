"""Slow, obvious twins of what the library computes with arrays."""

import math

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


def windows(array, n_axes, window, stride):
    """All windows of one instance, (positions..., values): spatial axes first, then channels."""
    axes = tuple(range(n_axes))
    views = sliding_window_view(array, window, axis=axes)
    views = views[tuple(slice(None, None, step) for step in stride)]
    if array.ndim > n_axes:
        # The channels stand before the window's own axes; a window holds them last.
        views = np.moveaxis(views, n_axes, -1)
    return views.reshape(*views.shape[:n_axes], -1)


def pooled(vectors, pool, method):
    """One instance's vectors (positions..., K), pooled over blocks cut off at the border."""
    positions = vectors.shape[:-1]
    shape = [math.ceil(p / size) for p, size in zip(positions, pool, strict=True)]
    result = np.empty((*shape, vectors.shape[-1]))
    for block in np.ndindex(*shape):
        members = [
            vectors[at]
            for at in np.ndindex(*positions)
            if all(a // size == b for a, size, b in zip(at, pool, block, strict=True))
        ]
        result[block] = np.max(members, axis=0) if method == "max" else np.mean(members, axis=0)
    return result


def held_out_means(n, splits, vector_of, prior):
    """For each row the mean of what its folds say of it, the prior where no fold holds it out."""
    result = []
    for row in range(n):
        said = [vector_of(k, row) for k, (_, test) in enumerate(splits) if row in test]
        result.append(np.mean(said, axis=0) if said else prior)
    return np.array(result)
