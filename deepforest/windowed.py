"""Arrays as instances of cross-fitting: an array says what its windows say, pooled."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.utils.parallel import Parallel, delayed

from deepforest.binning import CodedWindows
from deepforest.models import (
    Sample,
    class_vectors,
    fit_model,
    stops_early,
    takes_shared_codes,
)
from deepforest.target import Rows, Target, Vectors
from deepforest.windows import WindowGrid, gather_windows, pool_positions, pooled_shape

# Windows are worked on in blocks of about this many values, so that memory stays near the
# size of the output.
BLOCK_VALUES = 2_000_000


class WindowedArray(NamedTuple):
    """Arrays as instances: what is said of one are the pooled class vectors of its windows."""

    flat: NDArray[Any]  # (n, prod(shape)), C order
    codes: CodedWindows | None  # the same for the engine's forests
    target: Target  # of the n arrays
    grid: WindowGrid
    pool: tuple[int, ...]
    pool_method: str
    max_windows: int

    def gives_out_of_bag_votes(self, estimator: BaseEstimator) -> bool:
        """Return whether the estimator's bags can draw arrays instead of windows."""
        return takes_shared_codes(estimator) and bool(estimator.bootstrap)

    def fit(self, estimator: BaseEstimator, train: Rows, test: Rows, seed: int) -> BaseEstimator:
        """Fit on the windows of some arrays."""
        target = self.target.take(train)
        if self.codes is not None and takes_shared_codes(estimator):
            return self._grow(estimator, self.codes.take(train), target)[0]
        stopping = self._sample(test, seed) if stops_early(estimator) else None
        return fit_model(estimator, self._sample(train, seed), stopping)

    def fit_out_of_bag(self, forest: BaseEstimator) -> tuple[BaseEstimator, Vectors]:
        """Fit on all arrays; return the model and its pooled out-of-bag votes (n, W)."""
        assert self.codes is not None
        model, bags = self._grow(forest, self.codes, self.target)
        if bags is None:
            return model, self.vectors(model, None)
        return model, self._forest_vectors(model, self.codes, bags)

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return the pooled class vectors (n, W) of some arrays."""
        if self.codes is not None and takes_shared_codes(model):
            codes = self.codes if instances is None else self.codes.take(instances)
            return self._forest_vectors(model, codes, None)
        rows = np.arange(len(self.flat)) if instances is None else instances
        n_positions = len(self.grid.base)

        def said(some: slice) -> Vectors:
            arrays = rows[some]
            windows = gather_windows(
                self.flat,
                self.grid,
                np.repeat(arrays, n_positions),
                np.tile(np.arange(n_positions), len(arrays)),
            )
            vectors = class_vectors(model, windows, self.target.n_classes)
            return vectors.reshape(len(arrays), n_positions, self.target.width)

        return self._pooled(said, len(rows), len(self.grid.offset), None)

    def prior(self) -> NDArray[np.float64]:
        """Return the class prior at every pooled position."""
        return np.tile(self.target.prior(), self.n_pooled)

    @property
    def n_pooled(self) -> int:
        """Number of pooled positions."""
        return prod(pooled_shape(self.grid.positions, self.pool))

    def _sample(self, arrays: Rows, seed: int) -> Sample:
        """Return the windows of some arrays, or `max_windows` of them drawn at random."""
        n_positions = len(self.grid.base)
        drawn = np.arange(len(arrays) * n_positions)
        if len(drawn) > self.max_windows:
            rng = np.random.default_rng(seed)
            drawn = np.sort(rng.choice(len(drawn), self.max_windows, replace=False, shuffle=False))
        place, position = np.divmod(drawn, n_positions)
        windows = gather_windows(self.flat, self.grid, arrays[place], position)
        return Sample(windows, self.target.take(arrays[place]))

    def _grow(
        self, forest: BaseEstimator, codes: CodedWindows, target: Target
    ) -> tuple[BaseEstimator, NDArray[np.bool_] | None]:
        """Fit one of the engine's forests on windows as they lie; return it and its bags."""
        y = target.y
        if target.n_classes is not None and np.all(y == y[0]):
            return DummyClassifier(strategy="prior").fit(y[:, None], y), None
        bags = forest._fit_windows(codes, y, target.sample_weight, self.max_windows)
        return forest, bags

    def _forest_vectors(
        self, forest: BaseEstimator, codes: CodedWindows, bags: NDArray[np.bool_] | None
    ) -> Vectors:
        """Return pooled votes (n, W); with `bags`, of the trees that did not see the array."""
        n_classes = self.target.n_classes
        votes = forest.trees_.window_votes(codes, forest._n_columns, bags)
        prior = self.target.prior() if bags is not None else None

        def said(some: slice) -> Vectors:
            vectors = votes(some)
            if n_classes is None:
                vectors += forest._center
            elif len(forest.classes_) < n_classes:
                known = vectors
                vectors = np.zeros((*known.shape[:2], n_classes))
                vectors[:, :, forest.classes_] = known
            if prior is not None:
                vectors[np.isnan(vectors[:, 0, -1])] = prior
            result: Vectors = vectors
            return result

        return self._pooled(said, len(codes.codes), 0, forest.n_jobs)

    def _pooled(
        self, said: Callable[[slice], Vectors], n: int, copied: int, n_jobs: int | None
    ) -> Vectors:
        """Return pooled class vectors (n, W), block by block.

        `said` gives the class vectors (r, n_positions, K) of a slice of the arrays;
        `copied` is how many values it copies for each window.
        """
        n_positions, width = len(self.grid.base), self.target.width
        result = np.empty((n, self.n_pooled * width), dtype=self.target.dtype)
        block = max(1, BLOCK_VALUES // (n_positions * max(copied, width)))
        blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]

        def pooled(some: slice) -> Vectors:
            vectors = said(some).reshape(-1, *self.grid.positions, width)
            vectors = pool_positions(vectors, len(self.pool), self.pool, self.pool_method)
            return vectors.reshape(len(vectors), -1).astype(result.dtype)

        parts = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
            delayed(pooled)(some) for some in blocks
        )
        for some, part in zip(blocks, parts, strict=True):
            result[some] = part
        return result
