"""Categorical columns of data frames, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class FrameEncoder:
    """What was learnt of the columns of a data frame.

    Attributes
    ----------
    categorical : object
        Indices or a mask of the categorical features, or None.
    codes : dict of int to dict
        For each column that is not numeric, the number of each of its categories.
    """

    categorical: Any
    codes: dict[int, dict[Any, int]]

    @classmethod
    def learn(cls, X: Any, categorical_features: Any) -> Self:
        """Find the categorical columns of ``X`` and their categories."""
        from_dtype = isinstance(categorical_features, str) and categorical_features == "from_dtype"
        if not hasattr(X, "iloc"):
            return cls(None if from_dtype else categorical_features, {})
        names = list(X.columns)
        if from_dtype:
            chosen = [j for j, dtype in enumerate(X.dtypes) if str(dtype) == "category"]
        else:
            chosen = _indices(categorical_features, names)
        codes = {}
        for j in chosen:
            column = X.iloc[:, j]
            if str(column.dtype) == "category":
                categories = list(column.cat.categories)
            elif getattr(column.dtype, "kind", "O") in "biuf":
                continue
            else:
                categories = sorted(column.dropna().unique(), key=str)
            codes[j] = {category: code for code, category in enumerate(categories)}
        return cls(chosen, codes)

    def encode(self, X: Any) -> Any:
        """Return ``X`` with numbers in place of categories, NaN for missing and unseen ones."""
        if not self.codes or not hasattr(X, "iloc"):
            return X
        X = X.copy(deep=False)
        for j, codes in self.codes.items():
            values = [codes.get(value, np.nan) for value in X.iloc[:, j].astype(object)]
            X.isetitem(j, np.array(values, dtype=np.float32))
        return X


def _indices(features: Any, names: list[Any]) -> Any:
    """Return indices of features given by index, mask or name."""
    if features is None:
        return []
    chosen = np.asarray(features)
    if chosen.dtype == bool:
        return np.flatnonzero(chosen).tolist()
    if chosen.dtype.kind in "iu":
        return chosen.tolist()
    missing = [name for name in chosen.tolist() if name not in names]
    if missing:
        raise ValueError(
            f"categorical_features must name columns of X, got {missing!r}; X has {names!r}."
        )
    return [names.index(name) for name in chosen.tolist()]
