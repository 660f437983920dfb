"""Nested parameters of (name, estimator) lists: `name__parameter`, as StackingClassifier has."""

from typing import Any, Self

from sklearn.base import BaseEstimator


class NamedEstimatorsMixin:
    """Adds the estimators of one or more list parameters to `get_params` and `set_params`."""

    _estimator_lists: tuple[str, ...] = ("estimators",)

    def _named_estimators(self) -> dict[str, tuple[str, int]]:
        """Return where each name stands: its list parameter and its place there."""
        return {
            pair[0]: (parameter, place)
            for parameter in self._estimator_lists
            # What is no list of pairs is an error of fit, not of get_params.
            if isinstance(getattr(self, parameter), list | tuple)
            for place, pair in enumerate(getattr(self, parameter))
            if isinstance(pair, tuple) and len(pair) == 2 and hasattr(pair[1], "get_params")
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Also those of the estimators in the lists, as `name__parameter`.
        """
        parameters: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]  # a mixin
        if deep:
            for name, (parameter, place) in self._named_estimators().items():
                estimator: BaseEstimator = getattr(self, parameter)[place][1]
                parameters[name] = estimator
                for key, value in estimator.get_params(deep=True).items():
                    parameters[f"{name}__{key}"] = value
        return parameters

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters, an estimator of a list (`name`), or a parameter of one (`name__key`)."""
        own = self.get_params(deep=False)
        for key in [key for key in parameters if key in own]:
            setattr(self, key, parameters.pop(key))
        places = self._named_estimators()
        # Whole estimators before their parameters.
        for key in sorted(parameters, key=lambda key: "__" in key):
            name, _, nested = key.partition("__")
            if name not in places:
                raise ValueError(
                    f"Invalid parameter {key!r} for {type(self).__name__}. "
                    f"Valid parameters are: {sorted([*own, *places])!r}."
                )
            parameter, place = places[name]
            if nested:
                getattr(self, parameter)[place][1].set_params(**{nested: parameters[key]})
            else:
                estimators = list(getattr(self, parameter))
                estimators[place] = (name, parameters[key])
                setattr(self, parameter, estimators)
        return self
