"""Linear models of a table as it is: columns of any scale, missing values, categories.

Forests draw a slope as steps, which takes many rows. Where rows are few, a linear model beside them
says what they cannot say yet (docs/default.md).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import diags_array, issparse
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from deepforest._validation import check_sample_weight
from deepforest.bins import categorical_mask
from deepforest.multioutput import deviations

LEAST_ROWS = 5
"""A category of fewer rows has no coefficient."""
MOST_VALUES = 10_000_000
"""It is fitted on so many at most: of a larger table on some of its rows, a fixed draw."""
FEWEST_ROWS = 1000
"""But on so many rows at least."""
BLOCK_VALUES = 2**20
"""Rows are predicted in blocks of so many values."""
MOST_STEPS = 1000
"""Of the solver; scaled columns take a tenth of them."""
TOLERANCE = 1e-3
"""Of the solver: ten times less takes twice the steps and says the same (docs/default.md)."""
DECIMALS = 4
"""Coefficients are rounded: sums of a matrix product differ in their last digits from one number
of cores to another. The columns have variance 1, and values are divided by their deviation. Where
many columns share a signal, so that all coefficients are small, there are more decimals."""


DTYPES = (np.float64, np.float32)
"""Of tables: values that layers say may differ in digits that float32 does not have."""


def rounded(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coefficients of which the largest keeps three digits or more."""
    largest = np.abs(coefficients).max(initial=0.0)
    zeros_behind_the_point = max(0, -int(np.ceil(np.log10(largest)))) if largest > 0 else 0
    return np.round(coefficients, DECIMALS + zeros_behind_the_point)


class ScaledLinearModel(BaseEstimator):
    """What the linear models share: the terms of their sums, and the sums."""

    categorical_features: Any

    def _learnt_from(
        self, table: Any, y: NDArray[Any], sample_weight: ArrayLike | None
    ) -> tuple[Any, NDArray[Any], NDArray[np.float64]]:
        """Set the terms; return those of the rows that are learnt from, their y and weights."""
        given = check_sample_weight(sample_weight, len(y))
        weight = np.ones(len(y)) if given is None else given
        width = table.nnz // len(y) if issparse(table) else table.shape[1]
        rows = self._some_rows(y, weight, width)
        if len(rows) < len(y):
            table, y, weight = table[rows], y[rows], weight[rows]
        self._lay_terms(table, weight)
        if len(self.columns_) > table.shape[1]:  # indicators are values, too
            rows = self._some_rows(y, weight, len(self.columns_))
            if len(rows) < len(y):
                table, y, weight = table[rows], y[rows], weight[rows]
                self._lay_terms(table, weight)
        return self._scaled(table) if issparse(table) else self._terms(table), y, weight

    def _some_rows(
        self, y: NDArray[Any], weight: NDArray[np.float64], width: int
    ) -> NDArray[np.intp]:
        """Return the rows with weight, or a fixed draw of as many as have `MOST_VALUES` values.

        Five of each class are in a draw, so that it lacks none.
        """
        rows = np.flatnonzero(weight > 0)
        most = max(MOST_VALUES // max(width, 1), FEWEST_ROWS)
        if len(rows) <= most:
            return rows
        rows = np.random.default_rng(0).permutation(rows)
        classes: Any = np.unique(y[rows]) if is_classifier(self) else ()
        of_classes = [rows[y[rows] == label][:5] for label in classes]
        return np.unique(np.concatenate([rows[:most], *of_classes]))

    def _lay_terms(self, X: Any, weight: NDArray[np.float64]) -> None:
        """Set which terms there are, and how numbers are scaled."""
        d = X.shape[1]
        is_categorical = categorical_mask(self.categorical_features, d)
        if issparse(X):
            if is_categorical.any():
                raise ValueError("categorical_features is not for sparse matrices.")
            filled = X.astype(np.float64)
            filled.data = np.nan_to_num(filled.data)
            filled.data **= 2
            # About zero: about the mean, a column far from zero would stop the solver's progress.
            center, variance = np.zeros(d), (filled.T @ weight) / weight.sum()
        else:
            given = np.where(np.isnan(X), 0.0, weight[:, None])  # weight of each value
            total = np.maximum(given.sum(axis=0), np.finfo(float).tiny)
            center = (given * np.nan_to_num(X)).sum(axis=0) / total
            variance = (given * (np.nan_to_num(X) - center) ** 2).sum(axis=0) / total
        # Rounding leaves a constant a variance just above zero.
        varies = np.sqrt(variance) > 8 * np.finfo(X.dtype).eps * np.abs(center)
        scale = np.zeros(d)
        scale[varies] = 1 / np.sqrt(variance[varies])
        terms = [(f, np.nan) for f in range(d) if not is_categorical[f]]
        for f in np.flatnonzero(is_categorical).tolist():
            column = X[weight > 0, f]
            known = column[~np.isnan(column)].astype(np.float32)
            values, counts = np.unique(known, return_counts=True)
            terms += [(f, value) for value in values[counts >= LEAST_ROWS]]
        if not terms:  # no category has rows enough: zeros, beside which the intercept stands
            terms, scale[0] = [(0, np.nan)], 0.0
        self.columns_ = np.array([f for f, _ in terms], dtype=np.int64)
        self.values_ = np.array([value for _, value in terms], dtype=np.float32)
        self.center_, self.scale_ = center[self.columns_], scale[self.columns_]

    def _terms(self, X: Any) -> NDArray[np.float64]:
        """Return the terms (n, n_terms) of dense rows (n, d)."""
        values = np.take(X, self.columns_, axis=1)  # row by row, for sums that are the same
        numbers = (values - self.center_) * self.scale_
        terms: NDArray[np.float64] = np.where(
            np.isnan(self.values_), numbers, values.astype(np.float32) == self.values_
        )
        terms[np.isnan(terms)] = 0.0
        return terms

    def _scaled(self, X: Any) -> Any:
        """Return a CSR matrix (n, d) in which numbers are scaled and missing ones are zeros."""
        filled = X.astype(np.float64)
        filled.data = np.nan_to_num(filled.data)
        return (filled @ diags_array(self.scale_)).tocsr()

    def _sums(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the sums of terms and the intercepts (n, n_sums)."""
        check_is_fitted(self)
        table: Any = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=DTYPES,
            ensure_all_finite="allow-nan",
            reset=False,
        )
        if issparse(table) and np.isnan(self.values_).all() and not self.center_.any():
            sums = np.asarray(self._scaled(table) @ self.coef_.T)
        else:
            sums = self._dense_sums(table)
        said: NDArray[np.float64] = sums + self.intercept_
        return said

    def _dense_sums(self, X: Any) -> NDArray[np.float64]:
        """Return the sums of terms (n, n_sums) of rows (n, d), made dense block by block."""
        sums = np.empty((X.shape[0], len(self.coef_)))
        size = max(1, BLOCK_VALUES // len(self.columns_))
        for start in range(0, len(sums), size):
            block = X[start : start + size]
            terms = self._terms(block.toarray() if issparse(block) else block)
            # Not by a matrix product, whose last digits may depend on how many rows there are.
            for k, coefficients in enumerate(self.coef_):
                sums[start : start + size, k] = (terms * coefficients).sum(axis=1)
        return sums

    def _importances(self, terms: Any, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much each column moves the sums: the deviation of its terms' sum (d,).

        Sizes of coefficients would count a column of many categories once for each of them.
        """
        squares = terms.multiply(terms) if issparse(terms) else terms * terms
        mean, square = (moment.T @ weight / weight.sum() for moment in (terms, squares))
        importances = np.zeros(self.n_features_in_)
        for coefficients in self.coef_:
            # Of a column's terms one at most is not zero, so that their products vanish.
            total, total_square = np.zeros((2, self.n_features_in_))
            np.add.at(total, self.columns_, mean * coefficients)
            np.add.at(total_square, self.columns_, square * coefficients**2)
            importances += np.sqrt(np.maximum(total_square - total**2, 0.0))
        return importances

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is the mean, and sparse matrices stay sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


class ScaledLogisticRegression(ClassifierMixin, ScaledLinearModel):
    """scikit-learn's `LogisticRegression` on scaled columns and indicators of categories.

    Numbers are scaled to mean 0 and variance 1, missing ones are the mean. A category of at least
    five rows is a column of zeros and ones; others, and missing ones, are zeros in all. A sparse
    matrix is scaled to mean square 1 and keeps its zeros, so that its model is another than that of
    the same rows dense. A table of more than ten million values is learnt from some of its rows.

    Parameters
    ----------
    C : float, default=1.0
        The smaller, the smaller the coefficients.
    categorical_features : array of int or bool, default=None
        Which columns are categories: their indices, or a mask.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    columns_ : ndarray of shape (n_terms,)
        The column that each term of the sum is made of.
    values_ : ndarray of shape (n_terms,), float32
        The category that a term stands for; NaN where it is a number.
    center_, scale_ : ndarray of shape (n_terms,)
        Taken off numbers, and what they are multiplied by then.
    coef_ : ndarray of shape (1 or n_classes, n_terms)
    intercept_ : ndarray of shape (1 or n_classes,)
    feature_importances_ : ndarray of shape (n_features,)
        The standard deviation of what a column adds to a sum, all sums together.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest.linear import ScaledLogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> print(f"{ScaledLogisticRegression().fit(X, y).score(X, y):.2f}")
    0.97
    """

    def __init__(self, C: float = 1.0, *, categorical_features: Any = None) -> None:
        self.C = C
        self.categorical_features = categorical_features

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ScaledLogisticRegression
        """
        table: Any
        table, labels = validate_data(
            self, X, y, accept_sparse="csr", dtype=DTYPES, ensure_all_finite="allow-nan"
        )
        check_classification_targets(labels)
        terms, labels, weight = self._learnt_from(table, labels, sample_weight)
        regression = LogisticRegression(C=self.C, tol=TOLERANCE, max_iter=MOST_STEPS)
        regression.fit(terms, labels, weight)
        self.classes_ = regression.classes_
        self.coef_ = rounded(regression.coef_)
        self.intercept_ = np.round(regression.intercept_, DECIMALS)
        self.feature_importances_ = self._importances(terms, weight)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the sums of terms (n_samples,) for two classes, else one a class."""
        said = self._sums(X)
        return said[:, 0] if said.shape[1] == 1 else said

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities (n_samples, n_classes)."""
        said = self.decision_function(X)
        if said.ndim > 1:
            return np.asarray(softmax(said, axis=1))
        of_second = expit(said)
        return np.column_stack([1 - of_second, of_second])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class (n_samples,)."""
        most_probable = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[most_probable]
        return labels


class ScaledRidge(RegressorMixin, ScaledLinearModel):
    """scikit-learn's `Ridge` on scaled columns and indicators of categories.

    The terms are those of `ScaledLogisticRegression`. As trees do, it stays within the range of the
    values that it has seen, whatever a new row holds.

    Parameters
    ----------
    alpha : float, default=1.0
        The larger, the smaller the coefficients.
    categorical_features : array of int or bool, default=None
        Which columns are categories: their indices, or a mask.

    Attributes
    ----------
    n_features_in_ : int
    columns_ : ndarray of shape (n_terms,)
        The column that each term of the sum is made of.
    values_ : ndarray of shape (n_terms,), float32
        The category that a term stands for; NaN where it is a number.
    center_, scale_ : ndarray of shape (n_terms,)
        Taken off numbers, and what they are multiplied by then.
    coef_ : ndarray of shape (1, n_terms)
    intercept_ : ndarray of shape (1,)
    range_ : ndarray of shape (2,)
        The least and the largest value.
    feature_importances_ : ndarray of shape (n_features,)
        The standard deviation of what a column adds to the sum.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from deepforest.linear import ScaledRidge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> print(f"{ScaledRidge().fit(X, y).score(X, y):.2f}")
    0.52
    """

    def __init__(self, alpha: float = 1.0, *, categorical_features: Any = None) -> None:
        self.alpha = alpha
        self.categorical_features = categorical_features

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        ScaledRidge
        """
        table: Any
        table, values = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=DTYPES,
            ensure_all_finite="allow-nan",
            y_numeric=True,
        )
        terms, values, weight = self._learnt_from(
            table, values.astype(np.float64, copy=False), sample_weight
        )
        self.range_ = np.array([values.min(), values.max()])
        mean, unit = np.average(values, weights=weight), deviations(values, weight)
        regression = Ridge(alpha=self.alpha).fit(terms, (values - mean) / unit, weight)
        self.coef_ = unit * rounded(regression.coef_)[None]
        self.intercept_ = mean + unit * np.round(np.atleast_1d(regression.intercept_), DECIMALS)
        self.feature_importances_ = self._importances(terms, weight)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the values (n_samples,), within the range of those that were learnt from."""
        sums = self._sums(X)[:, 0]
        least, most = self.range_
        return sums.clip(least, most)
