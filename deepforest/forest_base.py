"""What forests of trees on codes share: coding, bags, growth, votes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from deepforest._validation import check_sample_weight, unchanged_on_error
from deepforest.bags import (
    TreeRows,
    count_learnt,
    count_windows,
    rows_in_bag,
    rows_of_table,
    rows_of_windows,
)
from deepforest.bins import MISSING, Bins, categorical_mask
from deepforest.coding import CodedTable, CodedWindows, code_table
from deepforest.frames import FrameEncoder, encode_new
from deepforest.parameters import check_parameters, count_draws, count_features, count_rows
from deepforest.saving import SaveMixin
from deepforest.sparse import canonical, dense_blocks, table_dtype
from deepforest.tree_growth import TreeCodes, codes_of_table, codes_of_windows, grow_trees
from deepforest.trees import Trees

NO_LIMIT = 2**31 - 1

WINDOWS_SEARCHED = 4096
"""Nodes of twice so many windows are searched on part of them (docs/engine.md has the figures)."""


class HistForestBase(SaveMixin, BaseEstimator):
    """What the classifier and the regressor share."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, rounded to float32; NaN is a missing value. Values of dtype ``uint8`` are
            used as codes as they are. A data frame of pandas or polars may have columns of text,
            categories and truth values. A sparse matrix is coded without a dense copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or real targets. Only regression takes several outputs.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative. With ``bootstrap=True`` a bag of rows is drawn
            whatever their weights are, and out of it as many by weight as it has rows; otherwise
            they are the weights in all sums and leaves.

        Returns
        -------
        self : HistForestClassifier or HistForestRegressor

        Raises
        ------
        ValueError
            If a parameter or the data are of no use; the message says which and why.
        """
        with unchanged_on_error(self):
            check_parameters(self)
            encoder = FrameEncoder.learn(X, self.categorical_features)
            values: NDArray[Any]
            X = encoder.encode(X)
            values, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=table_dtype(X),
                ensure_all_finite="allow-nan",
                multi_output=True,
            )
            values = canonical(values)
            n, n_features = values.shape
            mask = categorical_mask(encoder.categorical, n_features)
            table = code_table(
                values,
                check_sample_weight(sample_weight, n),
                self.max_bins,
                is_categorical=mask,
                n_jobs=self.n_jobs,
            )
            self._fit_coded(table, y, sample_weight)
            self._encoder = encoder
        return self

    def _fit_coded(
        self, table: CodedTable, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """As ``fit``, from codes, so that a cascade codes its columns once for many forests."""
        check_parameters(self)
        n = len(table.codes)
        check_consistent_length(table.codes, y, sample_weight)
        targets, weight, fitted = self._encode_targets(y, check_sample_weight(sample_weight, n))
        seed = self._draw_seed()
        rows = rows_of_table(table, targets, weight, n_draws=self._n_draws(n, weight), seed=seed)
        has_missing = table.bins.keeps_missing.copy()
        for f in np.flatnonzero(has_missing):
            has_missing[f] = (table.codes[:, f] == MISSING).any()
        trees, importances = self._grow(
            codes_of_table(table),
            table.bins,
            has_missing,
            rows,
            fitted,
            count_learnt(weight, n),
            seed,
        )
        if self.oob_score:
            bags = self._bags(n, weight, seed)
            sums, counts = trees.votes(
                table.by_rows, fitted["_n_columns"], self.n_jobs, np.packbits(bags, axis=1)
            )
            fitted |= self._out_of_bag(sums, counts, targets, weight, fitted)
        fitted |= self._kept(trees, table, rows, y)
        self._set_fitted(trees, importances, fitted)
        return self

    def _fit_windows(
        self,
        windows: CodedWindows,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        max_windows: int,
    ) -> NDArray[np.bool_] | None:
        """Fit on the windows of arrays, each labelled as its array.

        A bag draws arrays, not windows. Returns which arrays (n_trees, n_arrays) are in the bag
        of each tree; None without ``bootstrap``.
        """
        check_parameters(self)
        n = len(windows.codes)
        targets, weight, fitted = self._encode_targets(y, check_sample_weight(sample_weight, n))
        seed = self._draw_seed()
        rows = rows_of_windows(
            windows,
            targets,
            weight,
            n_draws=self._n_draws(n, weight),
            max_windows=max_windows,
            seed=seed,
        )
        n_rows = min(count_windows(windows, weight), max_windows)
        has_missing = windows.bins.keeps_missing & (windows.codes == MISSING).any()
        trees, importances = self._grow(
            codes_of_windows(windows),
            windows.bins,
            has_missing,
            rows,
            fitted,
            n_rows,
            seed,
            WINDOWS_SEARCHED,
        )
        self._set_fitted(trees, importances, fitted)
        return self._bags(n, weight, seed) if self.bootstrap else None

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _n_draws(self, n: int, weight: NDArray[np.float64] | None) -> int | None:
        return count_draws(self.max_samples, count_learnt(weight, n)) if self.bootstrap else None

    def _bags(self, n: int, weight: NDArray[np.float64] | None, seed: int) -> NDArray[np.bool_]:
        """Return which of ``n`` rows are in the bag of each tree, (n_trees, n)."""
        n_draws = count_draws(self.max_samples, count_learnt(weight, n))
        return np.stack(
            [rows_in_bag(n_draws, weight, n, seed, t) for t in range(self.n_estimators)]
        )

    def _grow(
        self,
        codes: TreeCodes,
        bins: Bins,
        has_missing: NDArray[np.bool_],
        rows: Callable[[int], TreeRows],
        fitted: dict[str, Any],
        n: int,
        seed: int,
        most_searched: int = NO_LIMIT,
    ) -> tuple[Trees, NDArray[np.float64]]:
        """Grow the trees by the parameters; ``n`` is what shares of the rows refer to."""
        min_leaf = count_rows(self.min_samples_leaf, n, 1)
        trees, importances = grow_trees(
            codes,
            bins,
            has_missing,
            rows,
            n_classes=len(fitted["classes_"]) if "classes_" in fitted else None,
            n_trees=self.n_estimators,
            rules={
                "random_splits": self.splitter == "random",
                "max_features": count_features(self.max_features, len(codes.offset)),
                "max_depth": NO_LIMIT if self.max_depth is None else self.max_depth,
                # A node of fewer than two leaves' rows has no split: it is not even searched.
                "min_samples_split": max(count_rows(self.min_samples_split, n, 2), 2 * min_leaf),
                "min_samples_leaf": min_leaf,
                "most_searched": most_searched,
            },
            seed=seed,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        if "_scale" in fitted:
            trees = replace(trees, leaf_values=trees.leaf_values * fitted["_scale"])
        return trees, importances

    def _set_fitted(
        self, trees: Trees, importances: NDArray[np.float64], fitted: dict[str, Any]
    ) -> None:
        for name, value in fitted.items():
            setattr(self, name, value)
        self.n_features_in_ = len(importances)
        self.trees_ = trees
        self.feature_importances_ = importances
        self._encoder = FrameEncoder([], {})

    @abstractmethod
    def _encode_targets(
        self, y: ArrayLike, weight: NDArray[np.float64] | None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None, dict[str, Any]]:
        """Return what trees grow on, their weights, and the fitted attributes known by then."""

    @abstractmethod
    def _out_of_bag(
        self,
        sums: NDArray[np.float64],
        counts: NDArray[np.int64],
        targets: NDArray[Any],
        weight: NDArray[np.float64] | None,
        fitted: dict[str, Any],
    ) -> dict[str, Any]:
        """Return the fitted attributes about out-of-bag votes."""

    def _kept(
        self,
        trees: Trees,
        table: CodedTable,
        rows: Callable[[int], TreeRows],
        y: ArrayLike,
    ) -> dict[str, Any]:
        """Return the fitted attributes that keep the training rows in mind."""
        return {}

    def _validated(self, X: ArrayLike) -> Iterator[NDArray[Any]]:
        """Yield the rows of ``X``, validated and dense."""
        check_is_fitted(self)
        X = encode_new(self, self._encoder, X)
        values = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=table_dtype(X),
            ensure_all_finite="allow-nan",
            reset=False,
        )
        yield from dense_blocks(canonical(values))

    def _as_read(self, values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
        """Return rows as ``Trees.votes`` takes them, and whether it is to code them."""
        bins = self.trees_.bins
        if values.dtype == np.uint8 and not bins.keeps_missing.any():
            return values, False
        # Categories are known by their codes only. Where trees are many a value is read more often
        # than it is coded, and a row of codes takes a quarter of the cache.
        coded = bins.keeps_missing.all() and values.shape[1] <= len(self.trees_.roots)
        return values.astype(np.float32, copy=False), bool(coded or bins.is_categorical.any())

    def _means(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean of what the trees say of ``X``, (n, columns)."""
        return np.concatenate([self._mean(*self._as_read(block)) for block in self._validated(X)])

    def _mean(self, rows: NDArray[Any], coded: bool = False) -> NDArray[np.float64]:
        """Return the mean of what the trees say of rows that `votes` takes, (n, columns)."""
        sums, _ = self.trees_.votes(rows, self._n_columns, self.n_jobs, coded=coded)
        return sums / self.trees_.roots.size

    def apply(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the leaf that each row falls into.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        leaves : array of int32, shape (n_samples, n_estimators)
            Numbers of nodes, which begin at 0 in each tree.
        """
        found = []
        for block in self._validated(X):
            rows, coded = self._as_read(block)
            found.append(self.trees_.leaves(rows, self.n_jobs, coded=coded))
        return np.concatenate(found)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether ``fit`` has been called."""
        return hasattr(self, "trees_")

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is a value like others, and sparse matrices are coded."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags
