"""Data frames as tables of numbers: text, categories and truth values are coded column by column.

Frames are those of pandas and of polars. Neither is imported: only their own methods are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Number
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from deepforest.bins import categorical_mask

Kind = Literal["numbers", "truth values", "names", "objects", "neither"]


@dataclass(frozen=True, eq=False)
class FrameEncoder:
    """What was learnt of the columns of a table.

    Attributes
    ----------
    categorical : list of int
        Which columns are categories.
    codes : dict of int to dict
        For each column that is coded the number of each of its categories: their places when
        they are sorted, so that codes do not depend on the order of rows or of categories.
        Ordered categories of pandas keep their order.
    """

    categorical: list[int]
    codes: dict[int, dict[Any, int]]

    @classmethod
    def learn(cls, X: Any, categorical_features: Any) -> Self:
        """Find the categorical columns of ``X`` and their categories.

        ``"from_dtype"`` takes columns of text and of unordered categories.
        """
        from_dtype = isinstance(categorical_features, str) and categorical_features == "from_dtype"
        if not _is_frame(X):
            named = None if from_dtype else categorical_features
            return cls([], {}) if named is None else cls._learn_array(X, named)
        dtypes = list(X.dtypes)
        if from_dtype:
            chosen = [j for j, dtype in enumerate(dtypes) if _is_categorical(X, j, dtype)]
        else:
            chosen = _indices(categorical_features, list(X.columns))
        codes = {j: _places(sorted_values(_values(X, j))) for j in chosen}
        for j, dtype in enumerate(dtypes):
            if getattr(dtype, "ordered", False):
                codes[j] = _places(dtype.categories.tolist())
        return cls(chosen, codes)

    @classmethod
    def _learn_array(cls, X: Any, categorical_features: Any) -> Self:
        if issparse(X):
            raise ValueError(
                f"categorical_features={categorical_features!r} is for data frames and arrays, but "
                "X is a sparse matrix: encode its categories as columns of zeros and ones."
            )
        X = np.asarray(X)
        if X.ndim != 2:
            return cls([], {})  # which is an error of its own
        chosen = np.flatnonzero(categorical_mask(categorical_features, X.shape[1])).tolist()
        return cls(chosen, {j: _places(sorted_values(X[:, j].tolist())) for j in chosen})

    def encode(self, X: Any) -> Any:
        """Return ``X`` with numbers in place of all that is none, NaN where missing or unseen.

        Raises
        ------
        ValueError
            For a column that holds neither numbers nor what it held in ``learn``.
        """
        if not _is_frame(X):
            return self._encode_array(X) if self.codes else X
        columns = {}
        for j, dtype in enumerate(X.dtypes):
            if j in self.codes:
                columns[j] = self._coded(j, X.columns[j], _values(X, j))
            elif (kind := _kind(dtype)) != "numbers":
                columns[j] = _numbers(X, j, kind)
        if not columns:
            return X
        if hasattr(X, "iloc"):
            X = X.copy(deep=False)
            for j, values in columns.items():
                X.isetitem(j, values)
            return X
        return X.with_columns([type(X.to_series(j))(X.columns[j], v) for j, v in columns.items()])

    def _encode_array(self, X: Any) -> Any:
        if issparse(X):
            raise ValueError(
                "X is a sparse matrix, but had categorical columns in fit: pass it as it was there."
            )
        X = np.asarray(X)
        if X.ndim != 2:
            return X
        # Categories of an array may be larger than float32 can tell apart: code, then round.
        coded = np.array(X, dtype=np.result_type(X, np.float32) if X.dtype.kind in "biuf" else "O")
        for j in self.codes:
            coded[:, j] = self._coded(j, j, X[:, j].tolist())
        return coded

    def _coded(self, j: int, name: Any, values: list[Any]) -> NDArray[np.float32]:
        """Return the codes of a column's values."""
        codes = self.codes[j]
        coded = np.array([codes.get(value, np.nan) for value in values], dtype=np.float32)
        if codes and np.isnan(coded).all():
            known = {isinstance(value, str) for value in codes}
            asked = {isinstance(value, str) for value in values if not _is_missing(value)}
            if asked and not known & asked:
                raise ValueError(
                    f"X column {name!r} holds {'text' if asked == {True} else 'numbers'}, but held "
                    f"{'text' if known == {True} else 'numbers'} in fit: pass it as it was there."
                )
        return coded


def encode_new(estimator: BaseEstimator, encoder: FrameEncoder, X: Any) -> Any:
    """Return new rows encoded; their columns must be those that `estimator` was fitted on."""
    if _is_frame(X) or encoder.codes:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    return encoder.encode(X)


def sorted_values(values: Iterable[Any]) -> list[Any]:
    """Return the distinct values that are not missing, sorted; by type where that is needed."""
    distinct = {value for value in values if not _is_missing(value)}
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=lambda value: (type(value).__name__, str(value)))


def _places(values: Iterable[Any]) -> dict[Any, int]:
    return {value: place for place, value in enumerate(values)}


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves; pandas' NA does not say.
    return value is None or type(value).__name__ == "NAType" or value != value


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "to_series"))


def _column(X: Any, j: int) -> Any:
    return X.iloc[:, j] if hasattr(X, "iloc") else X.to_series(j)


def _values(X: Any, j: int) -> list[Any]:
    """Return the values of a column as Python's own."""
    values: list[Any] = _column(X, j).to_list()
    return values


def _kind(dtype: Any) -> Kind:
    """Return what a column of this dtype holds."""
    name = str(dtype)
    if hasattr(dtype, "is_numeric"):  # polars
        if dtype.is_numeric():
            return "numbers"
        if name == "Boolean":
            return "truth values"
        if name == "Null":
            return "objects"
        return "names" if name.startswith(("String", "Categorical", "Enum")) else "neither"
    if dtype.kind in "iufc":
        return "numbers"
    if dtype.kind == "b":
        return "truth values"
    if name == "object":
        return "objects"
    known = ("category", "str", "string", "large_string", "dictionary")
    return "names" if re.split(r"\W", name)[0] in known else "neither"


def _is_categorical(X: Any, j: int, dtype: Any) -> bool:
    """Return whether a column is categorical by its dtype, or objects because all are text."""
    kind = _kind(dtype)
    if kind == "objects":
        return {isinstance(v, str) for v in _values(X, j) if not _is_missing(v)} == {True}
    return kind == "names" and not getattr(dtype, "ordered", False)


def _numbers(X: Any, j: int, kind: Kind) -> NDArray[np.float32]:
    """Return a column that is not categorical as numbers; truth values are 0 and 1."""
    if kind == "truth values":
        na = {"na_value": np.nan, "dtype": np.float32} if hasattr(X, "iloc") else {}
        return np.array(_column(X, j).to_numpy(**na), dtype=np.float32)
    values = _values(X, j)
    numbers = [np.nan if _is_missing(value) else value for value in values]
    if kind == "neither" or not all(isinstance(value, Number | np.bool_) for value in numbers):
        raise ValueError(
            f"X column {X.columns[j]!r} of dtype {list(X.dtypes)[j]} holds values that are no "
            "numbers, and is not categorical: convert it to numbers, name it in "
            "categorical_features (by default the columns that hold only text or categories), or "
            "leave it out."
        )
    return np.array(numbers, dtype=np.float32)


def _indices(features: Any, names: list[Any]) -> list[int]:
    """Return indices of features given by index, mask or name."""
    chosen = np.atleast_1d([] if features is None else features)
    if chosen.dtype.kind in "biuf":
        return np.flatnonzero(categorical_mask(features, len(names))).tolist()
    missing = [name for name in chosen.tolist() if name not in names]
    if missing:
        raise ValueError(
            f"categorical_features must name columns of X, got {missing!r}; X has {names!r}."
        )
    return sorted(names.index(name) for name in chosen.tolist())
