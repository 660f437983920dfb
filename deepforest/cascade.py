"""The cascade: layers that grow in depth until held-out accuracy stops improving."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets

from deepforest._validation import (
    check_targets,
    check_values,
)
from deepforest.cascade_base import CascadeForestBase
from deepforest.class_weights import (
    class_weights,
    weighted_by_class,
)
from deepforest.estimators import Task
from deepforest.quantiles import check_quantiles
from deepforest.residuals import predicted_quantiles
from deepforest.target import Target


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
        `default_estimators("classification")` as `preset` has them: a random forest,
        extra-trees and LightGBM, and in the first layer a linear model.
    preset : {"fast", "balanced", "best"}, default="balanced"
        What the default estimators cost: "balanced" fits LightGBM and a linear model in the
        first layer, "fast" LightGBM alone, on 3 folds and beside smaller forests, "best" two
        LightGBMs in every layer, the linear model in the first.
        docs/default.md has what each was found to reach. With `estimators` it only chooses
        the folds.
    n_estimators : int, default=None
        Trees in each forest of the default estimators: None is 100 for "fast", 500 for "best",
        else 200.
    max_layers : int, default=10
        The most layers to grow.
    cv : int, splitter or list of (train, test), default=None
        Folds for estimators without out-of-bag votes; None is 5, and 3 for the preset "fast".
        An explicit splitter or list is used for all estimators, because a bootstrap would
        separate rows that belong together. It need not hold out every row (TimeSeriesSplit
        does not): rows that are never held out get the class prior as class vector and are not
        scored.
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
        layers are trained on the others and, half as many, the least sure of those that left,
        and asked of the others. That is quicker, and at most 1 - `screening` of the rows that
        leave lose what later layers would have mended. Fewer than 1 / (1 - `screening`) rows
        never leave. None: all rows go on.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, multiplied into `sample_weight`: estimators, selection, screening
        and the score that chooses the depth (on `X_val` too) all count a row by its weight.
        "balanced" gives all classes the same weight in sum. Probabilities are those of a
        population with these weights.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns are categories: indices, a mask, or names of columns. "from_dtype" takes
        the columns of a data frame that hold text or unordered categories. Categories that
        are missing in `fit` go where missing values go. The engine's forests, LightGBM and
        HistGradientBoosting split on sets of them, the default's linear model has a term for each;
        others need a ColumnTransformer before.
    keep_targets : False
        Quantiles are for regression.
    checkpoint : str or path, default=None
        A folder where each finished layer is kept. After a kill at any moment the same fit,
        started again, goes on from there and ends with the same model; one of other data,
        parameters (but for `n_jobs`, `verbose` and `max_time`) or versions is refused. The
        files stay until you delete them. `save` leaves this parameter out.
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
    power_ : float
        The power that the combined probabilities are raised to before they sum to 1 again:
        the one of the lowest held-out log loss. 1 with `combine="mean"`. The order of the
        classes stays as it is.
    screens_ : list of Screen
        With `screening`, where rows leave: the weights that their prediction has there,
        the least probability of their class (`threshold`), the share of the training
        rows that left, and the power to which their probabilities are raised, chosen
        on held-out rows as the threshold was.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Mean decrease of impurity (LightGBM: gain; linear models: what a column adds), summing
        to 1: the mean over the estimators by their weights, where the importance of an augmented
        feature is handed down to the columns that the estimator which made it went by.
        Estimators without importances are left out. Computed when it is asked for.
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
        try:
            check_classification_targets(y)
        except ValueError as error:
            regressor = type(self).__name__.replace("Classifier", "Regressor")
            raise ValueError(
                f'{error} For values there is {regressor}, in a config file task = "regression".'
            ) from error
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
        that were best in the other folds. None is `default_estimators("regression")` as
        `preset` has them: a random forest, extra-trees and LightGBM, and in the first layer a
        linear model.
    preset : {"fast", "balanced", "best"}, default="balanced"
        What the default estimators cost: "balanced" fits LightGBM in every layer, twice, once
        with random thresholds, and a linear model in the first; "fast" LightGBM once in the
        first layer, on 3 folds and beside smaller forests; "best" grows larger forests.
        docs/default.md has what each was found to reach. With `estimators` it only chooses the
        folds.
    n_estimators : int, default=None
        Trees in each forest of the default estimators: None is 100 for "fast", 500 for "best",
        else 200.
    max_layers : int, default=10
        The most layers to grow.
    cv : int, splitter or list of (train, test), default=None
        Folds for estimators without out-of-bag votes; None is 5, and 3 for the preset "fast".
        An explicit splitter or list is used for all estimators, because a bootstrap would
        separate rows that belong together. It need not hold out every row (TimeSeriesSplit
        does not): rows that are never held out get the mean of y as value and are not scored.
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
        HistGradientBoosting split on sets of them, the default's linear model has a term for each;
        others need a ColumnTransformer before.
    keep_targets : bool, default=False
        Whether to grow a forest on the held-out residuals, which `predict_quantiles` needs. It is
        grown after all layers, whatever `max_time` is.
    checkpoint : str or path, default=None
        A folder where each finished layer is kept. After a kill at any moment the same fit,
        started again, goes on from there and ends with the same model; one of other data,
        parameters (but for `n_jobs`, `verbose` and `max_time`) or versions is refused. The
        files stay until you delete them. `save` leaves this parameter out.
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
        Mean decrease of variance (LightGBM: gain; linear models: what a column adds),
        summing to 1: the mean over the estimators by their weights, where the importance of an
        augmented feature is handed down to the columns that the estimator which made it went
        by. Estimators without importances are left out. Computed when it is asked for.
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
