"""The cascade: layers that grow in depth until held-out accuracy stops improving."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from deepforest._validation import (
    accepts,
    check_choice,
    check_estimators,
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
    check_targets,
    check_values,
    unchanged_on_error,
)
from deepforest.categories import Columns, check_categories
from deepforest.class_weights import (
    ClassWeight,
    check_class_weight,
    class_weights,
    weighted_by_class,
)
from deepforest.combine import COMBINATIONS, Combine
from deepforest.composition import NamedEstimatorsMixin
from deepforest.deadline import Deadline
from deepforest.estimators import NamedEstimators, Task, default_estimators
from deepforest.frames import FrameEncoder, encode_new
from deepforest.growth import GrowthRules, Validation, grow
from deepforest.importances import column_importances
from deepforest.quantiles import check_quantiles
from deepforest.residuals import fit_residuals, predicted_quantiles
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
        n_estimators: int = 100,
        max_layers: int = 10,
        cv: Any = 5,
        scoring: Scoring = None,
        tol: float = 0.0,
        n_iter_no_change: int = 1,
        max_time: float | None = None,
        combine: Combine = "select",
        screening: float | None = None,
        class_weight: ClassWeight = None,
        categorical_features: ArrayLike | str | None = "from_dtype",
        keep_targets: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimators = estimators
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
            Weights of zero or more.
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
        estimators = self._check_parameters()
        deadline = Deadline(self.max_time)
        X = self._check_X(X, reset=True)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        categorical = self._categorical_columns()
        check_categories(estimators, categorical)
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
        else:
            check_scores_targets(scorer, target.width)
        seed = int(check_seed(self.random_state).randint(np.iinfo(np.int32).max))
        splits = make_splits(self.cv, X, target, groups, seed)
        grains = self._fit_grains(X, target, splits, seed)
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
        grown = grow(estimators, grains, target, classes, splits, rules, validation, categorical)
        self.layers_ = grown.layers
        self.n_layers_ = len(grown.layers)
        self.layer_scores_ = np.array(grown.scores)
        self.estimator_weights_ = grown.weights
        self.screens_ = grown.screens
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

    def _check_parameters(self) -> NamedEstimators:
        """Return the estimators of a layer after checking all parameters."""
        check_integer("max_layers", self.max_layers, at_least=1)
        check_integer("n_iter_no_change", self.n_iter_no_change, at_least=1)
        check_integer("verbose", self.verbose, at_least=0)
        check_real("tol", self.tol, at_least=0)
        if self.max_time is not None:
            check_real("max_time", self.max_time, at_least=0)
        check_n_jobs(self.n_jobs)
        check_seed(self.random_state)
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
        if self.estimators is None:
            check_integer("n_estimators", self.n_estimators, at_least=1)
            return default_estimators(self._task, n_estimators=self.n_estimators)
        method = "predict_proba" if self._task == "classification" else "predict"
        return check_estimators(
            "estimators", self.estimators, method=method, parameters=self.get_params(deep=False)
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

    def _fit_grains(self, X: NDArray[Any], target: Target, splits: Splits, seed: int) -> Grains:
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
        vectors = walked(self.layers_, self.estimator_weights_, self.screens_, grains, self.n_jobs)
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


class CascadeForestClassifier(ClassifierMixin, CascadeForestBase):
    """A cascade of layers of forests and boosted trees for classification.

    Each layer gives every row class vectors (the class probabilities of each of its
    estimators, held out for training rows) and passes them on as augmented features.
    Layers are added until the held-out score stops improving, and the class vectors of
    all kept layers are combined [1]_.

    Parameters
    ----------
    estimators : list of (str, estimator), default=None
        What a layer is made of, used afresh in every layer: any classifiers with
        `predict_proba`. Forests with `bootstrap=True` give out-of-bag class vectors, all
        others are cross-fitted in folds. A LightGBM estimator with `early_stopping_round`
        stops in each fold at the rounds that were best in the other folds. None is
        `default_estimators("classification")`: 2 random forests, 2 extra-trees, LightGBM.
    n_estimators : int, default=100
        Trees in each forest of the default estimators; not used with `estimators`.
    max_layers : int, default=10
        The most layers to grow.
    cv : int, splitter or list of (train, test), default=5
        Folds for estimators without out-of-bag votes. An explicit splitter or list is
        used for all estimators, because a bootstrap would separate rows that belong
        together. It need not hold out every row (TimeSeriesSplit does not): rows that
        are never held out get the class prior as class vector and are not scored.
    scoring : str or callable, default=None
        What the depth is chosen by: a name of scikit-learn's scorers, or a callable
        ``scorer(estimator, X, y)``. None is accuracy.
    tol : float, default=0
        A layer must gain more than this over the best score so far.
    n_iter_no_change : int, default=1
        The growth ends after this many layers without a gain.
    max_time : float, default=None
        Seconds after which no further model is fitted. A layer that is not complete by then
        is dropped; the first layer is always completed, however long it takes. A fit that
        was ended by time is the one fit that the same `random_state` need not repeat.
    combine : {"select", "mean"}, default="select"
        "select": greedy ensemble selection [2]_ on the held-out class vectors of all
        layers. "mean": the mean of the last kept layer's class vectors [1]_.
    screening : float, default=None
        Confidence screening [3]_: behind each layer the rows leave whose prediction is
        sure enough to have at least this held-out accuracy, such as 0.999; the later
        layers are trained on the others, and asked of the others. That is quicker, and at
        most 1 - `screening` of the rows that leave lose what later layers would have
        mended. Fewer than 1 / (1 - `screening`) rows never leave. None: all rows go on.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, multiplied into `sample_weight`: estimators, selection, screening
        and the score that chooses the depth (on `X_val` too) all count a row by its weight.
        "balanced" gives all classes the same weight in sum. Probabilities are those of a
        population with these weights.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns are categories: indices, a mask, or names of columns. "from_dtype" takes
        the columns of a data frame that hold text or unordered categories. Categories that
        are missing in `fit` go where missing values go. The engine's forests, LightGBM and
        HistGradientBoosting split on sets of them; others need a ColumnTransformer before.
    keep_targets : False
        Quantiles are for regression.
    n_jobs : int, default=None
        Threads, as in joblib. The model is the same for any number.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        1 shows a line for each layer, through the logger "deepforest".

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    class_weight_ : ndarray of shape (n_classes,)
        The weight of each class, 1 without `class_weight`.
    n_layers_ : int
        Layers that prediction uses.
    layers_ : list of length n_layers_
    layer_scores_ : ndarray of shape (n_grown,)
        Held-out score after each layer that was grown, those cut off again included. It
        chose the depth and is mildly optimistic: no test accuracy. With `X_val` it is
        the score on those rows.
    estimator_weights_ : ndarray of shape (n_layers_, n_layer_estimators)
        Weight of each estimator's class vector in the prediction.
    screens_ : list of Screen
        With `screening`, where rows leave: the weights that their prediction has there,
        the least probability of their class (`threshold`), the share of the training
        rows that left, and the power to which their probabilities are raised, chosen
        on held-out rows as the threshold was.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Mean decrease of impurity (LightGBM: gain), summing to 1: the mean over the
        estimators by their weights, where the importance of an augmented feature is handed
        down to the columns that the estimator which made it went by. Estimators
        without importances are left out. Computed when it is asked for.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X had names for all columns.

    See Also
    --------
    GCForestClassifier : The same behind multi-grained scanning, for images and sequences.

    References
    ----------
    .. [1] Z.-H. Zhou and J. Feng, "Deep Forest: Towards an Alternative to Deep Neural
       Networks", IJCAI 2017.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, "Ensemble selection
       from libraries of models", ICML 2004.
    .. [3] M. Pang, K. M. Ting, P. Zhao and Z.-H. Zhou, "Improving Deep Forest by
       Confidence Screening", ICDM 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import CascadeForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> cascade = CascadeForestClassifier(n_estimators=50, max_layers=2, random_state=0)
    >>> cascade.fit(X, y).predict(X[:3])
    array([0, 0, 0])
    """

    _task: Task = "classification"

    def _encode(self, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> Target:
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        self.class_weight_ = class_weights(self.class_weight, y, sample_weight)
        if self.class_weight is not None:
            sample_weight = weighted_by_class(sample_weight, self.class_weight_[encoded])
        return Target(encoded.astype(np.int64), sample_weight, len(self.classes_))

    def _validation_weight(self, y_val: NDArray[Any]) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        return np.asarray(self.class_weight_[np.searchsorted(self.classes_, y_val)])

    def _check_y_val(self, y_val: NDArray[Any]) -> None:
        unknown = np.setdiff1d(y_val, self.classes_)
        if len(unknown):
            raise ValueError(f"y_val holds {unknown[0]!r}, a class that y does not hold.")

    def _classes(self) -> NDArray[Any]:
        classes: NDArray[Any] = self.classes_
        return classes

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        vectors = self._combined_vectors(X)
        return np.asarray(vectors / vectors.sum(axis=1, keepdims=True))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the highest probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        probability = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probability, axis=1)])


class CascadeForestRegressor(RegressorMixin, CascadeForestBase):
    """A cascade of layers of forests and boosted trees for regression.

    Each layer gives every row the predicted values of its estimators (held out for
    training rows) and passes them on as augmented features. Layers are added until the
    held-out score stops improving, and the values of all kept layers are combined. Several
    targets (y of shape (n_samples, n_outputs)) are learned together; an estimator that takes one
    target only is fitted once for each.

    Parameters
    ----------
    estimators : list of (str, estimator), default=None
        What a layer is made of, used afresh in every layer: any regressors. Forests with
        `bootstrap=True` give out-of-bag values, all others are cross-fitted in folds. A
        LightGBM estimator with `early_stopping_round` stops in each fold at the rounds
        that were best in the other folds. None is `default_estimators("regression")`:
        2 random forests, 2 extra-trees, LightGBM.
    n_estimators : int, default=100
        Trees in each forest of the default estimators; not used with `estimators`.
    max_layers : int, default=10
        The most layers to grow.
    cv : int, splitter or list of (train, test), default=5
        Folds for estimators without out-of-bag votes. An explicit splitter or list is
        used for all estimators, because a bootstrap would separate rows that belong
        together. It need not hold out every row (TimeSeriesSplit does not): rows that
        are never held out get the mean of y as value and are not scored.
    scoring : str or callable, default=None
        What the depth is chosen by: a name of scikit-learn's scorers, or a callable
        ``scorer(estimator, X, y)``. None is R2.
    tol : float, default=0
        A layer must gain more than this over the best score so far.
    n_iter_no_change : int, default=1
        The growth ends after this many layers without a gain.
    max_time : float, default=None
        Seconds after which no further model is fitted. A layer that is not complete by then
        is dropped; the first layer is always completed, however long it takes. A fit that
        was ended by time is the one fit that the same `random_state` need not repeat.
    combine : {"select", "mean"}, default="select"
        "select": greedy ensemble selection [2]_ on the held-out values of all layers.
        "mean": the mean of the last kept layer's values [1]_.
    screening : None
        Confidence screening is for classification.
    class_weight : None
        Weights of classes are for classification.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns are categories: indices, a mask, or names of columns. "from_dtype" takes
        the columns of a data frame that hold text or unordered categories. Categories that
        are missing in `fit` go where missing values go. The engine's forests, LightGBM and
        HistGradientBoosting split on sets of them; others need a ColumnTransformer before.
    keep_targets : bool, default=False
        Whether to grow a forest on the held-out residuals, which `predict_quantiles` needs. It is
        grown after all layers, whatever `max_time` is.
    n_jobs : int, default=None
        Threads, as in joblib. The model is the same for any number.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        1 shows a line for each layer, through the logger "deepforest".

    Attributes
    ----------
    n_layers_ : int
        Layers that prediction uses.
    layers_ : list of length n_layers_
    layer_scores_ : ndarray of shape (n_grown,)
        Held-out score after each layer that was grown, those cut off again included.
        With `X_val` it is the score on those rows.
    estimator_weights_ : ndarray of shape (n_layers_, n_layer_estimators)
        Weight of each estimator's value in the prediction.
    n_outputs_ : int
        The number of targets.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Mean decrease of variance (LightGBM: gain), summing to 1: the mean over the
        estimators by their weights, where the importance of an augmented feature is handed
        down to the columns that the estimator which made it went by. Estimators
        without importances are left out. Computed when it is asked for.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X had names for all columns.

    See Also
    --------
    GCForestRegressor : The same behind multi-grained scanning, for images and sequences.

    References
    ----------
    .. [1] Z.-H. Zhou and J. Feng, "Deep Forest: Towards an Alternative to Deep Neural
       Networks", IJCAI 2017.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, "Ensemble selection
       from libraries of models", ICML 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from deepforest import CascadeForestRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> cascade = CascadeForestRegressor(n_estimators=50, max_layers=2, random_state=0)
    >>> cascade.fit(X, y).predict(X[:3]).shape
    (3,)
    """

    _task: Task = "regression"

    def _encode(self, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> Target:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return Target(y, sample_weight, None)

    def _check_y(self, name: str, y: Any) -> NDArray[Any]:
        return check_values(name, check_targets(name, y))

    def _check_y_val(self, y_val: NDArray[Any]) -> None:
        columns = 1 if y_val.ndim == 1 else y_val.shape[1]
        if columns != self.n_outputs_:
            raise ValueError(f"y_val has {columns} column(s), but y has {self.n_outputs_}.")

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return predicted values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        values = self._combined_vectors(X)
        return values[:, 0] if self.n_outputs_ == 1 else values

    def predict_quantiles(
        self, X: ArrayLike, quantiles: ArrayLike = (0.05, 0.5, 0.95)
    ) -> NDArray[np.float64]:
        """Return quantiles of the targets, given the features.

        The prediction, and by how much it misses: quantiles of the held-out residuals of like
        training rows, by a quantile regression forest [1]_ on X and the prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        quantiles : float or array-like of shape (n_quantiles,), default=(0.05, 0.5, 0.95)
            From 0 to 1.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles)
            (n_samples, n_outputs, n_quantiles) of several outputs, each by itself; without the
            last axis where `quantiles` is one number.

        Raises
        ------
        ValueError
            If the cascade was not fitted with `keep_targets=True`, or for a quantile below 0 or
            above 1.

        References
        ----------
        .. [1] N. Meinshausen, "Quantile Regression Forests", JMLR 7, 2006.
        """
        grains = self._grains(X)
        if self._residuals is None:
            raise ValueError(
                f"keep_targets={self.keep_targets!r}, but predict_quantiles needs a forest of "
                "held-out residuals: set keep_targets=True and fit again."
            )
        check_quantiles(quantiles)  # before the rows walk
        found = predicted_quantiles(self._residuals, grains, self._walked(grains), quantiles)
        return found[:, 0] if self.n_outputs_ == 1 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
