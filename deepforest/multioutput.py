"""Several targets: how far each varies, and one model for each where a regressor takes one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags


def deviations(
    targets: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the standard deviation of each target (n, m), 1 for one that is constant.

    Targets divided by it count alike, whatever they are measured in.
    """
    mean = np.average(targets, axis=0, weights=weight)
    variance = np.average((targets - mean) ** 2, axis=0, weights=weight)
    # Rounding leaves a constant a variance just above zero.
    varies = np.sqrt(variance) > 1e-12 * np.abs(mean)
    return np.where(varies, np.sqrt(variance), 1.0)


class ModelPerTarget(BaseEstimator):
    """Fitted regressors, one for each target, in the order of the targets.

    scikit-learn's `MultiOutputRegressor` cannot stand here: it fits without held-out rows to
    stop on, and knows no out-of-bag votes.
    """

    def __init__(self, models: Sequence[BaseEstimator]) -> None:
        self.models = models

    def predict(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return the predictions (n, n_targets) of all models."""
        return np.column_stack([model.predict(X) for model in self.models])


def takes_several_targets(estimator: BaseEstimator) -> bool:
    """Return whether a regressor says of itself that it learns several targets at once."""
    return bool(get_tags(estimator).target_tags.multi_output)
