"""Arrays as instances of cross-fitting: an array says what its windows say, pooled."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor

from deepforest.bags import draw_windows
from deepforest.bins import Bins, window_bins
from deepforest.class_weights import without_absent_classes
from deepforest.coding import CodedWindows, code_arrays
from deepforest.grains import GrainLayout
from deepforest.models import (
    Sample,
    class_vectors,
    fit_model,
    stops_early,
    takes_shared_codes,
)
from deepforest.target import Rows, Target, Vectors
from deepforest.threads import in_threads
from deepforest.windows import (
    WindowGrid,
    gather_windows,
    pad_arrays,
    pool_positions,
    present_windows,
)

# Windows are worked on in blocks of about this many values, so that memory stays near the
# size of the output.
BLOCK_VALUES = 200_000


class WindowedArray(NamedTuple):
    """Arrays as instances: what is said of one are the pooled class vectors of its windows.

    Windows that hold only NaN are not present: they are neither learnt from nor pooled, and
    a pooled position without a window gets the class prior.
    """

    flat: NDArray[Any]  # (n, values of an instance with its padding), C order
    codes: CodedWindows | None  # the same for the engine's forests
    present: NDArray[np.bool_] | None  # (n, P); None: all
    target: Target  # of the n arrays
    class_prior: NDArray[np.float64]  # (K,) of the training arrays
    layout: GrainLayout
    max_windows: int

    def gives_out_of_bag_votes(self, estimator: BaseEstimator) -> bool:
        """Return whether the estimator's bags can draw arrays instead of windows."""
        return takes_shared_codes(estimator) and bool(estimator.bootstrap)

    def fit(self, estimator: BaseEstimator, train: Rows, test: Rows, seed: int) -> BaseEstimator:
        """Fit on the windows of some arrays."""
        target = self.target.take(train)
        if self.codes is not None and takes_shared_codes(estimator):
            return self._grow(estimator, self.codes.take(train), target)[0]
        if not _teaches(target, _with_windows(self.present, train)):
            return _constant(target)
        stopping = self._sample(test, seed) if stops_early(estimator) else None
        return fit_model(estimator, self._sample(train, seed), stopping)

    def fit_out_of_bag(self, forest: BaseEstimator) -> tuple[BaseEstimator, Vectors]:
        """Fit on all arrays; return the model and its pooled out-of-bag votes (n, W)."""
        assert self.codes is not None
        model, bags = self._grow(forest, self.codes, self.target)
        if bags is None:
            return model, self.vectors(model, None)
        return model, self._forest_vectors(model, self.codes, np.arange(len(self.flat)), bags)

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return the pooled class vectors (n, W) of some arrays."""
        rows = np.arange(len(self.flat)) if instances is None else instances
        if self.codes is not None and takes_shared_codes(model):
            codes = self.codes if instances is None else self.codes.take(instances)
            return self._forest_vectors(model, codes, rows, None)
        n_positions = len(self.grid.base)

        def said(some: slice) -> Vectors:
            arrays = rows[some]
            if self.present is None:
                present = np.ones((len(arrays), n_positions), dtype=bool)
            else:
                present = self.present[arrays]
            vectors = np.zeros((*present.shape, self.target.width), dtype=self.target.dtype)
            place, position = np.nonzero(present)
            if len(place):
                windows = gather_windows(self.flat, self.grid, arrays[place], position)
                vectors[present] = class_vectors(model, windows, self.target.n_classes)
            return vectors

        return self._pooled(said, rows, len(self.grid.offset), None)

    def prior(self) -> NDArray[np.float64]:
        """Return the class prior at every pooled position."""
        return np.tile(self.class_prior, self.layout.n_pooled)

    @property
    def grid(self) -> WindowGrid:
        """Where the windows lie."""
        return self.layout.grid

    @property
    def n_columns(self) -> int:
        """Values of a window."""
        return len(self.grid.offset)

    @property
    def n_windows(self) -> int:
        """Number of windows that are present."""
        everywhere = len(self.flat) * len(self.grid.base)
        return everywhere if self.present is None else int(np.count_nonzero(self.present))

    def _sample(self, arrays: Rows, seed: int) -> Sample:
        """Return the windows of some arrays, or `max_windows` of them drawn at random."""
        place, position = draw_windows(
            arrays, len(self.grid.base), self.present, self.max_windows, seed
        )
        windows = gather_windows(self.flat, self.grid, arrays[place], position)
        return Sample(windows, self.target.take(arrays[place]))

    def _grow(
        self, forest: BaseEstimator, codes: CodedWindows, target: Target
    ) -> tuple[BaseEstimator, NDArray[np.bool_] | None]:
        """Fit one of the engine's forests on windows as they lie; return it and its bags."""
        n = len(codes.codes)
        seen = _with_windows(codes.present, np.arange(n))
        if not _teaches(target, seen):
            return _constant(target), None
        if len(seen) < n:  # else a bag could hold no window at all
            codes, target = codes.take(seen), target.take(seen)
        if target.n_classes is not None and np.all(target.y == target.y[0]):
            return _constant(target), None
        if target.n_classes is not None:
            without_absent_classes(forest, target.y)
        bags = forest._fit_windows(codes, target.y, target.sample_weight, self.max_windows)
        if bags is not None and len(seen) < n:
            bags_of_seen, bags = bags, np.zeros((len(bags), n), dtype=bool)
            bags[:, seen] = bags_of_seen
        return forest, bags

    def _forest_vectors(
        self,
        forest: BaseEstimator,
        codes: CodedWindows,
        arrays: Rows,
        bags: NDArray[np.bool_] | None,
    ) -> Vectors:
        """Return pooled votes (n, W) on the codes of some arrays.

        With `bags`, those of the trees that did not see the array.
        """
        n_classes = self.target.n_classes
        votes = forest.trees_.window_votes(codes, forest._n_columns, bags)

        def said(some: slice) -> Vectors:
            vectors = votes(some)
            if n_classes is None:
                vectors += forest._center
            elif len(forest.classes_) < n_classes:
                known = vectors
                vectors = np.zeros((*known.shape[:2], n_classes))
                vectors[:, :, forest.classes_] = known
            if bags is not None:
                vectors[np.isnan(vectors[:, 0]).any(axis=1)] = self.class_prior
            result: Vectors = vectors
            return result

        # The bags of the windows of a block are a byte for each tree.
        beside = 0 if bags is None else len(bags) // 8
        return self._pooled(said, arrays, beside, forest.n_jobs)

    def _pooled(
        self, said: Callable[[slice], Vectors], arrays: Rows, beside: int, n_jobs: int | None
    ) -> Vectors:
        """Return pooled class vectors (n, W) of some arrays, block by block.

        `said` gives the class vectors (r, P, K) of a slice of `arrays`; `beside` is how many
        further values it holds for each window meanwhile.
        """
        n_positions, width = len(self.grid.base), self.target.width
        result = np.empty((len(arrays), self.layout.n_pooled * width), dtype=self.target.dtype)
        block = max(1, BLOCK_VALUES // (n_positions * max(beside, width)))
        blocks = [slice(start, start + block) for start in range(0, len(arrays), block)]

        def pooled(some: slice) -> Vectors:
            shape = (-1, *self.grid.positions)
            present = None if self.present is None else self.present[arrays[some]].reshape(shape)
            vectors = pool_positions(
                said(some).reshape(*shape, width),
                self.layout.pool,
                self.layout.pool_method,
                present,
            )
            if present is not None:
                np.copyto(vectors, self.class_prior, where=np.isnan(vectors))
            return vectors.reshape(len(vectors), -1).astype(result.dtype)

        for some, part in zip(blocks, in_threads(pooled, blocks, n_jobs), strict=True):
            result[some] = part
        return result


def code_channels(
    arrays: NDArray[Any],
    layout: GrainLayout,
    bins: Bins | None = None,
    weight: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.uint8], Bins]:
    """Return the codes of arrays (n, *shape) and the bins of their channels.

    Where `bins` is None they are found, on the arrays with weight.
    """
    n_channels = prod(arrays.shape[1 + len(layout.grid.window) :])
    values = arrays.reshape(len(arrays), -1, n_channels)
    if bins is None and weight is not None and not weight.all():
        bins = code_arrays(values[weight > 0])[1]
    return code_arrays(values, bins)


def windowed_array(
    arrays: NDArray[Any],
    coded: tuple[NDArray[np.uint8], Bins] | None,
    target: Target,
    class_prior: NDArray[np.float64],
    layout: GrainLayout,
    max_windows: int,
) -> WindowedArray:
    """Return arrays (n, *shape) as instances for one grain.

    `coded` are the codes of their values and the bins of their channels, where a forest of the
    engine is to read them.
    """
    grid = layout.grid
    padded = np.ascontiguousarray(pad_arrays(arrays, grid.padding))
    present = present_windows(padded, grid)
    windows = None
    if coded is not None:
        codes, bins = coded
        zero = bins.code(np.zeros((1, len(bins.edges)), dtype=np.float32))[0]
        codes = pad_arrays(codes.reshape(arrays.shape), grid.padding, zero)
        windows = CodedWindows(
            codes.reshape(len(codes), -1),
            grid.base,
            grid.offset,
            window_bins(bins, len(grid.offset)),
            present,
        )
    flat = padded.reshape(len(padded), -1)
    return WindowedArray(flat, windows, present, target, class_prior, layout, max_windows)


def _with_windows(present: NDArray[np.bool_] | None, arrays: Rows) -> Rows:
    """Return the places of the arrays that have a window that is present."""
    if present is None:
        return np.arange(len(arrays))
    some: NDArray[np.bool_] = np.asarray(present.any(axis=1))
    return np.flatnonzero(some[arrays])


def _teaches(target: Target, rows: Rows) -> bool:
    """Return whether any of these rows of the target has weight."""
    weight = target.sample_weight
    return len(rows) > 0 and (weight is None or bool(weight[rows].any()))


def _constant(target: Target) -> BaseEstimator:
    """Return a model that knows the target alone."""
    model = DummyRegressor() if target.n_classes is None else DummyClassifier(strategy="prior")
    return model.fit(target.y[:, None], target.y, target.sample_weight)
