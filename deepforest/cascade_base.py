"""What cascades share: they check what they are given, grow, and let new rows walk."""

from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from deepforest._validation import (
    accepts,
    check_choice,
    check_estimators,
    check_folder,
    check_integer,
    check_labels,
    check_n_jobs,
    check_nan,
    check_real,
    check_same_length,
    check_sample_weight,
    check_seed,
    check_sparse,
    check_switch,
    check_table,
    unchanged_on_error,
)
from deepforest.categories import Columns, check_categories
from deepforest.class_weights import (
    ClassWeight,
    check_class_weight,
    check_member_weights,
)
from deepforest.column_parameters import check_column_parameters
from deepforest.combine import COMBINATIONS, Combine
from deepforest.composition import NamedEstimatorsMixin
from deepforest.crossfit import Keep, keep_nothing
from deepforest.deadline import Deadline
from deepforest.estimators import PRESETS, NamedEstimators, Task, default_layers
from deepforest.frames import FrameEncoder, encode_new
from deepforest.growth import GrowthRules, Validation, grow
from deepforest.importances import column_importances
from deepforest.models import Sample
from deepforest.residuals import fit_residuals
from deepforest.saving import SaveMixin
from deepforest.scoring import (
    Scoring,
    check_scores_classes,
    check_scores_targets,
    check_scoring,
    score_name,
)
from deepforest.screening import check_screening, mean_weights
from deepforest.splits import Splits, check_cv_type, held_out_rows, make_splits
from deepforest.target import Target
from deepforest.walk import Grains, Walk, walked


class CascadeForestBase(SaveMixin, NamedEstimatorsMixin, BaseEstimator):
    """What the classifier and the regressor share."""

    _task: Task

    def __init__(
        self,
        estimators: NamedEstimators | None = None,
        *,
        preset: str = "balanced",
        n_estimators: int | None = None,
        max_layers: int = 10,
        cv: Any = None,
        scoring: Scoring = None,
        tol: float = 0.0,
        n_iter_no_change: int = 1,
        max_time: float | None = None,
        combine: Combine = "select",
        screening: float | None = None,
        class_weight: ClassWeight = None,
        categorical_features: ArrayLike | str | None = "from_dtype",
        keep_targets: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimators = estimators
        self.preset = preset
        self.n_estimators = n_estimators
        self.max_layers = max_layers
        self.cv = cv
        self.scoring = scoring
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.max_time = max_time
        self.combine = combine
        self.screening = screening
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.keep_targets = keep_targets
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Grow the cascade.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, or a data frame of pandas or polars, whose columns may hold text,
            categories and truth values too. NaN and sparse matrices are accepted where
            every estimator of the layer accepts them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Only regression takes several outputs.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of zero or more. Where their mean is below 1, as where they sum to 1,
            only their ratios count.
        X_val : array-like of shape (n_val, n_features), optional
            Rows that no layer is trained on. Where they are given, their score
            decides the depth, instead of the mildly optimistic held-out score.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), optional
        groups : array-like of shape (n_samples,), optional
            Rows of one group are never split between training and held-out rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter or input that cannot be used; the estimator is then left
            as it was before. So it is where the fit is interrupted (KeyboardInterrupt).
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, X_val, y_val, groups)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        groups: Any,
    ) -> Self:
        self._check_parameters()
        deadline = Deadline(self.max_time)
        X = self._check_X(X, reset=True)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        categorical = self._categorical_columns()
        check_categories(self._layers()[0], X, categorical)
        y = self._check_y("y", y)
        check_same_length(X, y=y, groups=groups)
        target = self._encode(y, check_sample_weight(sample_weight, X.shape[0]))
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: pass both or neither.")

        if X_val is not None:
            try:
                X_val = self._check_X(X_val, reset=False)
            except ValueError as error:
                raise ValueError(f"X_val cannot be used: {error}") from error
            y_val = self._check_y("y_val", y_val)
            check_same_length(X_val, X_name="X_val", y_val=y_val)
            self._check_y_val(y_val)

        classification = target.n_classes is not None
        scorer = check_scoring(self.scoring, classification=classification)
        classes = self._classes()
        if classes is not None:
            check_scores_classes(scorer, classes)
            check_member_weights(self.estimators or (), classes)
        else:
            check_scores_targets(scorer, target.width)
        seed = self._seed()
        cv = PRESETS[self.preset].folds if self.cv is None else self.cv
        splits = make_splits(cv, X, target, groups, seed)
        keep: Keep = keep_nothing
        if self.checkpoint is not None:
            # The only way up in the order of imports: files are about the classes of this one.
            from deepforest.checkpoint import open_checkpoint

            data = {"X": X, "y": y, "sample_weight": target.sample_weight, "cv": tuple(splits)}
            data |= {"X_val": X_val, "y_val": y_val, "categorical columns": categorical}
            sample = Sample(X, target, None, categorical)
            keep = open_checkpoint(self, sample, data, seed)
        grains = self._fit_grains(X, target, splits, seed, keep)
        for grain in grains:
            check_column_parameters(self.estimators or (), grain.shape[1])
        validation = None
        if X_val is not None:
            walk = Walk(self._transform_grains(X_val), self.n_jobs)
            validation = Validation(walk, y_val, self._validation_weight(y_val))
        rules = GrowthRules(
            max_layers=self.max_layers,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            deadline=deadline,
            combine=self.combine,
            screening=self.screening,
            scorer=scorer,
            score_name=score_name(self.scoring, classification=classification),
            seed=seed,
            n_jobs=self.n_jobs,
            verbose=self.verbose > 0,
            keep_held_out=self.keep_targets,
        )
        layers = self._layers(grains[0].shape[1])
        grown = grow(layers, grains, target, classes, splits, rules, validation, categorical, keep)
        self.layers_ = grown.layers
        self.n_layers_ = len(grown.layers)
        self.layer_scores_ = np.array(grown.scores)
        self.estimator_weights_ = grown.weights
        self.screens_ = grown.screens
        self.power_ = grown.power
        self._residuals = None
        if grown.held_out is not None:
            rows = np.flatnonzero(held_out_rows(splits, X.shape[0]))
            self._residuals = fit_residuals(
                grains,
                grown.held_out,
                target,
                rows,
                categorical,
                seed=seed,
                n_jobs=self.n_jobs,
            )
        return self

    def _check_parameters(self) -> None:
        check_integer("max_layers", self.max_layers, at_least=1)
        check_integer("n_iter_no_change", self.n_iter_no_change, at_least=1)
        check_integer("verbose", self.verbose, at_least=0)
        check_real("tol", self.tol, at_least=0)
        if self.max_time is not None:
            check_real("max_time", self.max_time, at_least=0)
        check_folder("checkpoint", self.checkpoint)
        check_n_jobs(self.n_jobs)
        check_seed(self.random_state)
        check_choice("preset", self.preset, PRESETS)
        if self.cv is not None:
            check_cv_type(self.cv)
        check_choice("combine", self.combine, COMBINATIONS)
        check_screening(self.screening, self._task)
        check_class_weight(self.class_weight)
        if self._task == "regression" and self.class_weight is not None:
            raise ValueError(
                f"class_weight={self.class_weight!r}, but only classification has classes: leave "
                "it None."
            )
        if check_switch("keep_targets", self.keep_targets) and self._task == "classification":
            raise ValueError(
                "keep_targets=True, but only regression has quantiles: leave it False."
            )
        check_scoring(self.scoring, classification=self._task == "classification")
        if self.estimators is not None:
            method = "predict_proba" if self._task == "classification" else "predict"
            own = self.get_params(deep=False)
            check_estimators("estimators", self.estimators, method=method, parameters=own)
        elif self.n_estimators is not None:
            check_integer("n_estimators", self.n_estimators, at_least=1)

    def _layers(self, n_columns: int | None = None) -> list[NamedEstimators]:
        """Return the estimators of each layer; the last entry is that of all layers that follow."""
        if self.estimators is not None:
            return [list(self.estimators)]
        return default_layers(
            self._task, preset=self.preset, n_estimators=self.n_estimators, n_columns=n_columns
        )

    def _check_X(self, X: Any, *, reset: bool) -> NDArray[Any]:
        if reset:
            self._encoder = FrameEncoder.learn(X, self.categorical_features)
            return check_table(self, self._encoder.encode(X), reset=True, accept_sparse=True)
        X = encode_new(self, self._encoder, X)
        return check_table(self, X, reset=False, accept_sparse=True)

    def _categorical_columns(self) -> Columns:
        """Return which columns of the training rows are categories."""
        return np.array(self._encoder.categorical, dtype=np.intp)

    def _seed(self) -> int:
        """Return the seed of a fit; where `random_state` gives none, of that which is continued."""
        seed = int(check_seed(self.random_state).randint(np.iinfo(np.int32).max))
        if self.checkpoint is None or self.random_state is not None:
            return seed
        from deepforest.checkpoint import kept_seed

        return kept_seed(self.checkpoint, seed)

    def _fit_grains(
        self, X: NDArray[Any], target: Target, splits: Splits, seed: int, keep: Keep
    ) -> Grains:
        """Return the training rows of each grain."""
        return self._transform_grains(X)

    def _transform_grains(self, X: NDArray[Any]) -> Grains:
        """Return new rows of each grain."""
        # The default estimators accept NaN and sparse matrices.
        check_nan(X, self.estimators or [], name="estimators")
        check_sparse(X, self.estimators or [])
        return [X]

    def _encode(self, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> Target:
        """Return the target that the layers learn."""
        raise NotImplementedError

    def _check_y(self, name: str, y: Any) -> NDArray[Any]:
        """Return labels or values as an array, or raise a ValueError."""
        return check_labels(name, y)

    def _check_y_val(self, y_val: NDArray[Any]) -> None:
        """Raise a ValueError unless `y_val` goes with the target that is learned."""

    def _validation_weight(self, y_val: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return the weights (n_val,) of rows that the depth is scored on; None: all equal."""
        return None

    def _classes(self) -> NDArray[Any] | None:
        """Return the user's labels in the order of the class vectors; None for regression."""
        return None

    def _combined_vectors(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the prediction (n, K) for new rows."""
        return self._walked(self._grains(X))

    def _grains(self, X: ArrayLike) -> Grains:
        """Return new rows as the layers take them."""
        check_is_fitted(self)
        return self._transform_grains(self._check_X(X, reset=False))

    def _walked(self, grains: Grains) -> NDArray[np.float64]:
        """Return the prediction (n, K) for the rows of the grains."""
        vectors = walked(
            self.layers_, self.estimator_weights_, self.screens_, grains, self.n_jobs, self.power_
        )
        return vectors.astype(np.float64)

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Importances of the columns of X in the whole cascade, ndarray (n_features_in_,)."""
        check_is_fitted(self)
        return self._column_importances([slice(0, self.n_features_in_)])

    def _column_importances(self, grains: list[slice]) -> NDArray[np.float64]:
        """Return the importances of the columns of the grains, (n_columns,)."""
        weights = mean_weights(self.estimator_weights_, self.screens_)
        importances = column_importances(self.layers_, weights, grains)
        if importances is None:
            raise AttributeError(
                "feature_importances_ is not known, because no estimator that the prediction uses "
                "has importances: put trees in the layer."
            )
        return importances

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # The default estimators accept NaN and sparse matrices, all of them.
        tags.input_tags.allow_nan = all(
            accepts(estimator, "allow_nan") for _, estimator in self.estimators or ()
        )
        tags.input_tags.sparse = all(
            accepts(estimator, "sparse") for _, estimator in self.estimators or ()
        )
        tags.non_deterministic = False
        return tags
