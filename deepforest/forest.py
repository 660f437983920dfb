"""Forests of trees grown on codes: random forests and extra-trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
)

from deepforest._validation import check_labels
from deepforest.bags import (
    TreeRows,
)
from deepforest.class_weights import class_weights, weighted_by_class
from deepforest.coding import CodedTable
from deepforest.forest_base import HistForestBase
from deepforest.multioutput import deviations
from deepforest.quantiles import check_quantiles, conditional_quantiles, leaf_targets
from deepforest.trees import Trees


class HistForestClassifier(ClassifierMixin, HistForestBase):
    """A random forest or extra-trees classifier on histograms of codes.

    Values are first replaced by at most 255 codes a feature (see `Binner`), which makes growing
    trees several times faster than sorting values does, at the same accuracy.

    Parameters
    ----------
    n_estimators : int, default=100
        The number of trees.
    splitter : {"best", "random"}, default="best"
        ``"best"`` tries all thresholds of a feature (random forest); of pixels, columns of
        ``uint8`` that spread over their values, at most 31 in nodes of 64 rows and more.
        ``"random"`` draws one between its smallest and largest code in the node (extra-trees).
        With ``max_features=1`` the latter gives completely-random trees.
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
        How many threads grow and ask trees. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same forest.
    verbose : int, default=0
        1 shows a line at every tenth of the trees, through the logger "deepforest".

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


class HistForestRegressor(RegressorMixin, HistForestBase):
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
        How many threads grow and ask trees. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same forest.
    verbose : int, default=0
        1 shows a line at every tenth of the trees, through the logger "deepforest".

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
        counts = []
        for number in range(len(trees.roots)):
            bag = rows(number)
            counts.append(np.zeros(len(leaves), bag.weight.dtype))
            counts[-1][bag.base] = bag.weight
        targets = np.asarray(y, dtype=np.float64).reshape(len(leaves), -1)
        return {
            "_leaf_targets": leaf_targets(leaves, np.stack(counts), targets, len(trees.feature))
        }

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
