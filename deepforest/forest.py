"""Forests of trees grown on codes: random forests and extra-trees."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from deepforest._validation import check_labels, check_sample_weight
from deepforest.bags import (
    TreeRows,
    count_learnt,
    count_windows,
    rows_in_bag,
    rows_of_table,
    rows_of_windows,
)
from deepforest.binning import (
    MISSING,
    Bins,
    CodedTable,
    CodedWindows,
    categorical_mask,
    code_table,
)
from deepforest.class_weights import class_weights, weighted_by_class
from deepforest.frames import FrameEncoder, encode_new
from deepforest.multioutput import deviations
from deepforest.parameters import check_parameters, count_draws, count_features, count_rows
from deepforest.quantiles import check_quantiles, conditional_quantiles, leaf_targets
from deepforest.saving import SaveMixin
from deepforest.sparse import canonical, dense_blocks, table_dtype
from deepforest.trees import TreeCodes, Trees, codes_of_table, codes_of_windows, grow_trees

NO_LIMIT = 2**31 - 1


class _HistForest(SaveMixin, BaseEstimator):
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
            values, check_sample_weight(sample_weight, n), self.max_bins, is_categorical=mask
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
            codes_of_windows(windows), windows.bins, has_missing, rows, fitted, n_rows, seed
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
    ) -> tuple[Trees, NDArray[np.float64]]:
        """Grow the trees by the parameters; ``n`` is what shares of the rows refer to."""
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
                "min_samples_split": count_rows(self.min_samples_split, n, 2),
                "min_samples_leaf": count_rows(self.min_samples_leaf, n, 1),
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

    def _blocks(self, X: ArrayLike) -> Iterator[NDArray[Any]]:
        """Yield the validated rows of ``X`` as prediction reads them: real values, or codes."""
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
        yield from map(self._as_read, dense_blocks(canonical(values)))

    def _as_read(self, values: NDArray[Any]) -> NDArray[Any]:
        bins = self.trees_.bins
        if values.dtype == np.uint8 and not bins.keeps_missing.any():
            return values
        values = values.astype(np.float32, copy=False)
        # Categories are known by their codes only. Where trees are many a value is read more often
        # than it is coded, and a row of codes takes a quarter of the cache.
        coded = bins.keeps_missing.all() and values.shape[1] <= len(self.trees_.roots)
        return bins.code(values) if coded or bins.is_categorical.any() else values

    def _mean(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of what the trees say, (n, columns)."""
        sums, _ = self.trees_.votes(values, self._n_columns, self.n_jobs)
        return sums / self.trees_.roots.size

    def _means(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean of what the trees say of ``X``, (n, columns)."""
        return np.concatenate([self._mean(block) for block in self._blocks(X)])

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
        return np.concatenate([self.trees_.leaves(block, self.n_jobs) for block in self._blocks(X)])

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether ``fit`` has been called."""
        return hasattr(self, "trees_")

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is a value like others, and sparse matrices are coded."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


class HistForestClassifier(ClassifierMixin, _HistForest):
    """A random forest or extra-trees classifier on histograms of codes.

    Values are first replaced by at most 255 codes a feature (see `Binner`), which makes growing
    trees several times faster than sorting values does, at the same accuracy.

    Parameters
    ----------
    n_estimators : int, default=100
        The number of trees.
    splitter : {"best", "random"}, default="best"
        ``"best"`` tries all thresholds of a feature (random forest), ``"random"`` draws one between
        its smallest and largest code in the node (extra-trees). With ``max_features=1`` the latter
        gives completely-random trees.
    criterion : {"gini"}, default="gini"
        What makes a split good. Entropy is left out: forests differ little by it.
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        How many features are drawn for a split; a float is a share of them, None means all.
    max_depth : int, default=None
        The greatest depth of a tree. None: until leaves are pure.
    min_samples_split : int or float, default=2
        The fewest rows of a node that is split; a float is a share of the rows.
    min_samples_leaf : int or float, default=1
        The fewest rows of a leaf; a float is a share of the rows.
    bootstrap : bool, default=True
        Whether each tree sees rows drawn with replacement. If not, it sees all.
    max_samples : int or float, default=None
        How many rows are drawn for a tree; a float is a share of them, None means as many as
        there are. Only with ``bootstrap=True``.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, multiplied into ``sample_weight``. As bags are drawn by weight,
        ``"balanced"`` gives balanced bags, and there is no ``"balanced_subsample"``.
    max_bins : int, default=255
        The largest number of codes of a feature, not counting the one for missing values.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which features are categories, split by sets: indices, a mask, or names of columns.
        ``"from_dtype"`` takes the columns of a data frame that hold text or unordered categories.
        The ``max_bins`` most frequent categories have a code of their own; rarer ones, and ones
        not seen in ``fit``, go where missing values go.
    oob_score : bool, default=False
        Whether to compute out-of-bag votes. Needs ``bootstrap=True``.
    n_jobs : int, default=None
        How many threads grow trees. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same forest.
    verbose : int, default=0
        As joblib takes it.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The labels, sorted.
    trees_ : Trees
        The nodes of all trees.
    feature_importances_ : array of float64, shape (n_features,)
        Mean decrease of impurity, normalised to sum to 1.
    n_features_in_ : int
        The number of features seen in ``fit``.
    feature_names_in_ : array of str, shape (n_features_in_,)
        Names of the features, where ``X`` had names.
    oob_decision_function_ : array of float64, shape (n_samples, n_classes)
        The mean vote of the trees that did not see the row; the shares of the classes for rows
        that all trees saw.
    oob_score_ : float
        Accuracy of these votes, over the rows that some tree did not see, by their weight.

    Notes
    -----
    A missing value goes to the side that was better for the missing values of the node in ``fit``,
    and where there were none, to the side with more rows. Several outputs are not supported: fit
    one classifier for each, as ``sklearn.multioutput.MultiOutputClassifier`` does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import HistForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = HistForestClassifier(oob_score=True, random_state=0).fit(X, y)
    >>> forest.oob_score_ > 0.9
    True
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        splitter: str = "best",
        criterion: str = "gini",
        max_features: str | float | None = "sqrt",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        bootstrap: bool = True,
        max_samples: float | None = None,
        class_weight: dict[Any, float] | str | None = None,
        max_bins: int = 255,
        categorical_features: ArrayLike | str | None = "from_dtype",
        oob_score: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.splitter = splitter
        self.criterion = criterion
        self.max_features = max_features
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.bootstrap = bootstrap
        self.max_samples = max_samples
        self.class_weight = class_weight
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _encode_targets(
        self, y: ArrayLike, weight: NDArray[np.float64] | None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None, dict[str, Any]]:
        labels = check_labels("y", y)
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if self.class_weight is not None:
            by_class = class_weights(self.class_weight, labels, weight)
            weight = weighted_by_class(weight, by_class[codes])
        return codes.astype(np.int32), weight, {"classes_": classes, "_n_columns": len(classes)}

    def _out_of_bag(
        self,
        sums: NDArray[np.float64],
        counts: NDArray[np.int64],
        targets: NDArray[Any],
        weight: NDArray[np.float64] | None,
        fitted: dict[str, Any],
    ) -> dict[str, Any]:
        asked = counts > 0
        prior = np.bincount(targets, weight, minlength=fitted["_n_columns"])
        shares = np.where(
            asked[:, None], sums / np.maximum(counts, 1)[:, None], prior / prior.sum()
        )
        score = np.nan
        if weight is not None:
            asked &= weight > 0
        if asked.any():
            score = accuracy_score(
                targets[asked],
                shares[asked].argmax(axis=1),
                sample_weight=None if weight is None else weight[asked],
            )
        return {"oob_decision_function_": shares, "oob_score_": score}

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean of the trees' class shares.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : array of float64, shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._means(X)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : array of shape (n_samples,)
        """
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def _predict_coded(self, table: CodedTable) -> NDArray[np.float64]:
        """As ``predict_proba``, from codes with the same bins as in ``_fit_coded``."""
        return self._mean(table.by_rows)


class HistForestRegressor(RegressorMixin, _HistForest):
    """A random forest or extra-trees regressor on histograms of codes.

    Parameters are those of `HistForestClassifier`, except that there is no ``class_weight``.

    Parameters
    ----------
    n_estimators : int, default=100
        The number of trees.
    splitter : {"best", "random"}, default="best"
        ``"best"`` for a random forest, ``"random"`` for extra-trees.
    criterion : {"squared_error"}, default="squared_error"
        What makes a split good: less variance. Of several outputs the sum, after each has been
        divided by its standard deviation, so that units do not matter.
    max_features : {"sqrt", "log2"}, int, float or None, default=1.0
        How many features are drawn for a split; a float is a share of them, None means all.
    max_depth : int, default=None
        The greatest depth of a tree. None: until all rows of a leaf have the same target.
    min_samples_split : int or float, default=2
        The fewest rows of a node that is split; a float is a share of the rows.
    min_samples_leaf : int or float, default=1
        The fewest rows of a leaf; a float is a share of the rows.
    bootstrap : bool, default=True
        Whether each tree sees rows drawn with replacement. If not, it sees all.
    max_samples : int or float, default=None
        How many rows are drawn for a tree; a float is a share of them, None means as many as
        there are. Only with ``bootstrap=True``.
    max_bins : int, default=255
        The largest number of codes of a feature, not counting the one for missing values.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which features are categories, as in `HistForestClassifier`.
    oob_score : bool, default=False
        Whether to compute out-of-bag predictions. Needs ``bootstrap=True``.
    keep_targets : bool, default=False
        Whether to keep the training targets of each leaf, which ``predict_quantiles`` needs. Takes
        about 8 bytes for each row and tree.
    n_jobs : int, default=None
        How many threads grow trees. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same forest.
    verbose : int, default=0
        As joblib takes it.

    Attributes
    ----------
    trees_ : Trees
        The nodes of all trees.
    feature_importances_ : array of float64, shape (n_features,)
        Mean decrease of variance, normalised to sum to 1.
    n_features_in_ : int
        The number of features seen in ``fit``.
    n_outputs_ : int
        The number of targets.
    oob_prediction_ : array of float64, shape (n_samples,) or (n_samples, n_outputs)
        The mean prediction of the trees that did not see the row; the weighted mean of all
        targets for rows that all trees saw.
    oob_score_ : float
        R squared of these predictions, over the rows that some tree did not see, by their weight.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from deepforest import HistForestRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> forest = HistForestRegressor(oob_score=True, random_state=0).fit(X, y)
    >>> forest.oob_score_ > 0.35
    True
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        splitter: str = "best",
        criterion: str = "squared_error",
        max_features: str | float | None = 1.0,
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        bootstrap: bool = True,
        max_samples: float | None = None,
        max_bins: int = 255,
        categorical_features: ArrayLike | str | None = "from_dtype",
        oob_score: bool = False,
        keep_targets: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.splitter = splitter
        self.criterion = criterion
        self.max_features = max_features
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.bootstrap = bootstrap
        self.max_samples = max_samples
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.oob_score = oob_score
        self.keep_targets = keep_targets
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _encode_targets(
        self, y: ArrayLike, weight: NDArray[np.float64] | None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None, dict[str, Any]]:
        targets = np.asarray(y, dtype=np.float64)
        flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        # Sums of centred targets lose no digits to their mean. The middle of the range serves as
        # well, and does not depend on how often a row is repeated.
        seen = targets if weight is None else targets[weight > 0]
        center = (seen.min(axis=0) + seen.max(axis=0)) / 2
        scale = np.ones(1) if targets.shape[1] == 1 else deviations(targets, weight)
        fitted = {
            "n_outputs_": targets.shape[1],
            "_n_columns": targets.shape[1],
            "_center": center,
            "_scale": scale,
            "_flat": flat,
        }
        return np.ascontiguousarray((targets - center) / scale), weight, fitted

    def _out_of_bag(
        self,
        sums: NDArray[np.float64],
        counts: NDArray[np.int64],
        targets: NDArray[Any],
        weight: NDArray[np.float64] | None,
        fitted: dict[str, Any],
    ) -> dict[str, Any]:
        asked = counts > 0
        prior = np.average(targets, axis=0, weights=weight)
        values = np.where(
            asked[:, None], sums / np.maximum(counts, 1)[:, None], prior * fitted["_scale"]
        )
        score = np.nan
        if weight is not None:
            asked &= weight > 0
        if asked.sum() > 1:
            score = r2_score(
                targets[asked] * fitted["_scale"],
                values[asked],
                sample_weight=None if weight is None else weight[asked],
            )
        values = values + fitted["_center"]
        return {"oob_prediction_": values[:, 0] if fitted["_flat"] else values, "oob_score_": score}

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean of the trees' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        values : array of float64, shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._shape(self._means(X))

    def predict_quantiles(
        self, X: ArrayLike, quantiles: ArrayLike = (0.05, 0.5, 0.95)
    ) -> NDArray[np.float64]:
        """Return quantiles of the targets, given the features.

        They are those of the training targets in the leaves that a row falls into: a tree weighs
        the rows that it was grown on in the leaf, and the forest takes the mean of its trees [1]_.
        The mean by these weights is what ``predict`` returns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        quantiles : float or array-like of shape (n_quantiles,), default=(0.05, 0.5, 0.95)
            From 0 to 1.

        Returns
        -------
        values : array of float64, shape (n_samples, n_quantiles)
            (n_samples, n_outputs, n_quantiles) of several outputs, each by itself; without the
            last axis where ``quantiles`` is one number. Each is one of the training targets.

        Raises
        ------
        ValueError
            If the forest was not fitted with ``keep_targets=True``, or for a quantile below 0 or
            above 1.

        References
        ----------
        .. [1] N. Meinshausen, "Quantile Regression Forests", JMLR 7, 2006.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from deepforest import HistForestRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> forest = HistForestRegressor(keep_targets=True, random_state=0).fit(X[:300], y[:300])
        >>> low, high = forest.predict_quantiles(X[300:], [0.05, 0.95]).T
        >>> bool(0.85 < ((low <= y[300:]) & (y[300:] <= high)).mean() <= 1)
        True
        """
        levels = check_quantiles(quantiles)
        check_is_fitted(self)
        if self._leaf_targets is None:
            raise ValueError(
                f"keep_targets={self.keep_targets!r}, but predict_quantiles needs the training "
                "targets in the leaves: set keep_targets=True and fit again."
            )
        leaves = self.apply(X).astype(np.int64) + self.trees_.roots
        found = conditional_quantiles(self._leaf_targets, leaves, levels)
        if np.ndim(quantiles) == 0:
            found = found[:, :, 0]
        return found[:, 0] if self._flat else found

    def _kept(
        self,
        trees: Trees,
        table: CodedTable,
        rows: Callable[[int], TreeRows],
        y: ArrayLike,
    ) -> dict[str, Any]:
        if not self.keep_targets:
            return {"_leaf_targets": None}
        leaves = trees.leaves(table.by_rows, self.n_jobs).astype(np.int64) + trees.roots
        counts = np.stack([rows(number).weight for number in range(len(trees.roots))])
        targets = np.asarray(y, dtype=np.float64).reshape(len(leaves), -1)
        return {"_leaf_targets": leaf_targets(leaves, counts, targets, len(trees.feature))}

    def _predict_coded(self, table: CodedTable) -> NDArray[np.float64]:
        """As ``predict``, from codes with the same bins as in ``_fit_coded``."""
        return self._shape(self._mean(table.by_rows))

    def __sklearn_tags__(self) -> Any:
        """Return the tags: several targets are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _shape(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = mean + self._center
        return values[:, 0] if self._flat else values
