"""Importances of the values of arrays, from those of the features that scanning made of them."""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from deepforest.grains import GrainLayout
from deepforest.importances import Importances, mean_importances
from deepforest.windows import padded_shape


def value_importances(
    features: Importances,
    layout: GrainLayout,
    models: Sequence[Sequence[BaseEstimator]],
    shape: tuple[int, ...],
) -> Importances | None:
    """Return what the features of one grain are to each value of an instance (prod(shape),).

    The importance f of a class vector goes to the values of the windows w that were pooled into
    it, in equal shares of these windows, and in a window by the importances `own` that the
    values v of a window have for the estimator which made the class vector:

        value[base[w] + offset[v]] += f / (number of windows) * own[v]

    What falls on padding is lost, and so is the share of estimators without importances.

    Parameters
    ----------
    features : ndarray (m * n_pooled * K,)
        As scanning orders them: by estimator, pooled position and class.
    layout : GrainLayout
    models : m lists of fitted models
        Of each estimator, one a fold.
    shape : tuple of int
        Of an instance.

    Returns
    -------
    ndarray (prod(shape),) or None
        None where no estimator has importances.
    """
    if not features.any():
        return np.zeros(prod(shape))
    grid = layout.grid
    block = block_numbers(layout)
    n_windows = np.bincount(block)
    around = np.zeros(padded_shape(shape, grid.padding))
    values = around.reshape(-1)
    known = False
    vectors = features.reshape(len(models), layout.n_pooled, -1).sum(axis=2)
    for of_blocks, of_one in zip(vectors, models, strict=True):
        own = mean_importances(of_one)
        if own is not None:
            known = True
            of_windows = (of_blocks / n_windows)[block]
            # A value lies in many windows: add.at counts each of them.
            np.add.at(values, grid.base[:, None] + grid.offset, np.outer(of_windows, own))
    inside = tuple(slice(p, p + side) for p, side in zip(grid.padding, shape, strict=False))
    return around[inside].reshape(-1) if known else None


def block_numbers(layout: GrainLayout) -> NDArray[np.intp]:
    """Return the number of the pooled position that each window (P,) belongs to."""
    places = np.indices(layout.grid.positions).reshape(len(layout.pool), -1)
    blocks = [along // size for along, size in zip(places, layout.pool, strict=True)]
    return np.ravel_multi_index(blocks, layout.pooled_shape)
