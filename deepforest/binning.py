"""Binning: real values to the codes that trees grow on."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from deepforest._validation import unchanged_on_error
from deepforest.bins import categorical_mask, check_max_bins, find_bins
from deepforest.saving import SaveMixin


class Binner(SaveMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace values by codes from 0 to 254, and missing values by 255.

    Values are rounded to float32 first. A column of up to ``max_bins`` distinct values gets a code
    for each of them; one of more gets codes for about equally many rows each.

    Parameters
    ----------
    max_bins : int, default=255
        The largest number of codes of a feature, 2 to 255, not counting the code for missing
        values.
    categorical_features : array-like of int or bool, default=None
        Which features are categories: their indices, or a mask. Their values are numbers that only
        serve as names. The ``max_bins`` most frequent categories keep a code of their own; rarer
        ones, and ones never seen in ``fit``, are coded as missing.

    Attributes
    ----------
    n_features_in_ : int
        The number of features seen in ``fit``.
    feature_names_in_ : array of str, shape (n_features_in_,)
        Names of the features, where ``X`` had names.

    Examples
    --------
    >>> import numpy as np
    >>> from deepforest import Binner
    >>> Binner(max_bins=3).fit_transform([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [np.nan]]).T
    array([[  0,   0,   1,   1,   2,   2, 255]], dtype=uint8)
    """

    def __init__(
        self, max_bins: int = 255, *, categorical_features: ArrayLike | None = None
    ) -> None:
        self.max_bins = max_bins
        self.categorical_features = categorical_features

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Find the thresholds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.
        y : None
            Ignored.

        Returns
        -------
        self : Binner

        Raises
        ------
        ValueError
            If ``max_bins`` is not an integer from 2 to 255, or ``categorical_features`` names a
            feature that is not there.
        """
        with unchanged_on_error(self):
            check_max_bins(self.max_bins)
            values: NDArray[np.float32] = validate_data(
                self, X, dtype=np.float32, ensure_all_finite="allow-nan"
            )
            mask = categorical_mask(self.categorical_features, values.shape[1])
            self._bins = find_bins(values, self.max_bins, mask)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Return the codes of ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.

        Returns
        -------
        codes : array of uint8, shape (n_samples, n_features)
            In column-major order.
        """
        check_is_fitted(self)
        values: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return self._bins.code(values)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether ``fit`` has been called."""
        return hasattr(self, "_bins")

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is a value like others."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
