"""Multi-grained scanning: windows over arrays, each replaced by its class vectors."""

from functools import partial
from math import prod
from time import perf_counter
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted

from deepforest._validation import (
    accepts,
    check_arrays,
    check_choice,
    check_estimators,
    check_integer,
    check_labels,
    check_n_jobs,
    check_nan,
    check_same_length,
    check_sample_weight,
    check_seed,
    check_switch,
    check_targets,
    check_values,
    unchanged_on_error,
)
from deepforest.class_weights import check_member_weights
from deepforest.column_parameters import check_column_parameters
from deepforest.composition import NamedEstimatorsMixin
from deepforest.crossfit import Keep, cross_fit, keep_nothing, mean_vectors
from deepforest.estimators import NamedEstimators, Task, default_scan_estimators
from deepforest.grains import (
    GrainLayout,
    GrainSettings,
    feature_names,
    grain_settings,
    lay_grains,
)
from deepforest.models import takes_shared_codes
from deepforest.progress import report
from deepforest.saving import SaveMixin
from deepforest.splits import Splits, make_splits
from deepforest.target import Target
from deepforest.windowed import code_channels, windowed_array
from deepforest.windows import PoolMethod, padded_shape

# New arrays are transformed in chunks that hold, and of which the models say, at most about this
# many values.
CHUNK_VALUES = 2**24

TARGET_TYPES = ("auto", "classes", "continuous")


class Grain(NamedTuple):
    """The fitted models of one window size."""

    layout: GrainLayout
    models: list[list[BaseEstimator]]  # of each estimator, one a fold


class MultiGrainedScanner(SaveMixin, NamedEstimatorsMixin, TransformerMixin, BaseEstimator):
    """Slides windows over arrays and replaces each window by its class vectors.

    Estimators are fitted on windows, each labelled with the label of its instance; what
    they say of the windows of an instance, pooled over neighbouring positions, are the
    instance's new features [1]_. `fit_transform` is cross-fitted by instance: the
    features of a training instance come from models that saw none of its windows.
    `transform` averages all fold models, so it differs from `fit_transform` on purpose.

    Parameters
    ----------
    windows : sequence of sizes, default=(0.25, 0.375, 0.5)
        One grain each. A size is a number of values (int) or a fraction of the side
        (float); one for all axes, or a tuple with one for each spatial axis. An axis
        behind those holds channels, which a window takes whole. Single numbers slide
        over the first two axes: for sequences with channels (n, t, c) write (7,), not 7.
        A dict such as ``{"size": (7, 7), "stride": 2, "padding": 3, "pool": 4}`` gives a
        grain a `stride`, `padding`, `pool` or `pool_method` of its own.
    stride : int, tuple of int or None, default=None
        Steps between windows; None is a quarter of the window.
    padding : int or tuple of int, default=0
        Zeros that are put on both sides of each spatial axis.
    pool : int or tuple of int, default=2
        Class vectors are pooled over blocks of this many positions; 1 is no pooling.
    pool_method : {"mean", "max"}, default="mean"
    estimators : list of (str, estimator), default=None
        What scans a grain: classifiers with `predict_proba`, or regressors. None is
        `default_scan_estimators()`: a random forest and extra-trees.
    n_estimators : int, default=30
        Trees in each forest of the default estimators; not used with `estimators`.
    max_windows : int, default=100_000
        A tree of the engine's forests (any other estimator: a model) is grown on this many
        windows, drawn at random where there are more.
    passthrough : bool, default=False
        True adds the values of the instance itself behind its other features.
    input_shape : tuple of int, default=None
        Shape of an instance where X is given as rows (n, prod(input_shape)).
    target_type : {"auto", "classes", "continuous"}, default="auto"
        Whether y holds classes or values; "auto" takes floats that are no whole numbers
        for values.
    cv : int, splitter or list of (train, test), default=5
        How the instances are split.
    n_jobs : int, default=None
        Threads, as in joblib. The features are the same for any number.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        1 shows a line for each grain, through the logger "deepforest".

    Attributes
    ----------
    grains_ : list of fitted grains, one a window size
    input_shape_ : tuple of int
        Shape of an instance.
    classes_ : ndarray of shape (n_classes,) or None
        None for continuous targets.
    n_features_in_ : int
        Values of an instance.

    References
    ----------
    .. [1] Z.-H. Zhou and J. Feng, "Deep Forest: Towards an Alternative to Deep Neural
       Networks", IJCAI 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from deepforest import MultiGrainedScanner
    >>> images, y = load_digits(n_class=3, return_X_y=True)
    >>> images = images[:60].reshape(-1, 8, 8)
    >>> scanner = MultiGrainedScanner(windows=[4], n_estimators=5, random_state=0)
    >>> scanner.fit_transform(images, y[:60]).shape  # 5x5 windows, pooled to 3x3; 2 forests
    (60, 54)
    """

    def __init__(
        self,
        windows: Any = (0.25, 0.375, 0.5),
        *,
        stride: Any = None,
        padding: Any = 0,
        pool: Any = 2,
        pool_method: PoolMethod = "mean",
        estimators: NamedEstimators | None = None,
        n_estimators: int = 30,
        max_windows: int = 100_000,
        passthrough: bool = False,
        input_shape: tuple[int, ...] | None = None,
        target_type: Literal["auto", "classes", "continuous"] = "auto",
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.windows = windows
        self.stride = stride
        self.padding = padding
        self.pool = pool
        self.pool_method = pool_method
        self.estimators = estimators
        self.n_estimators = n_estimators
        self.max_windows = max_windows
        self.passthrough = passthrough
        self.input_shape = input_shape
        self.target_type = target_type
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimators of each grain.

        Parameters
        ----------
        X : array-like of shape (n_samples, *shape) or (n_samples, n_values)
        y : array-like of shape (n_samples,) or, continuous, (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        groups : array-like of shape (n_samples,), optional
            Instances of one group are never split between training and held-out.

        Returns
        -------
        self
        """
        self.fit_transform(X, y, sample_weight, groups)
        return self

    def fit_transform(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Fit, and return the held-out features of the training instances.

        Parameters
        ----------
        X : array-like of shape (n_samples, *shape) or (n_samples, n_values)
        y : array-like of shape (n_samples,) or, continuous, (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        groups : array-like of shape (n_samples,), optional

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            float32 probabilities, float64 for continuous targets.
        """
        with unchanged_on_error(self):
            self._check_parameters()
            arrays = check_arrays(self, X, reset=True)
            if y is None:
                raise ValueError(
                    "MultiGrainedScanner requires y to be passed, but the target y is None."
                )
            labels = check_targets("y", y)
            check_same_length(arrays, y=labels, groups=groups)
            target = self._encode(labels, check_sample_weight(sample_weight, len(arrays)))
            seed = int(check_seed(self.random_state).randint(np.iinfo(np.int32).max))
            splits = make_splits(self.cv, arrays, target, groups, seed)
            return self._fit_grains(arrays, target, splits, seed, side_by_side=True)[0]

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the features of new instances.

        Parameters
        ----------
        X : array-like of shape (n_samples, *shape) or (n_samples, n_values)

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
        """
        check_is_fitted(self)
        arrays = check_arrays(self, X, reset=False)
        return self._transform_grains(arrays, side_by_side=True)[0]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return names that say grain, estimator, pooled position and class (or target).

        Values that are passed through are called by their place, as in "value_3_5".

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        check_is_fitted(self)
        labels = range(len(self._prior)) if self.classes_ is None else self.classes_
        names = feature_names(
            [grain.layout for grain in self.grains_],
            [estimator for estimator, _ in self._estimators(self._fitted_task())],
            [""] if len(labels) == 1 and self.classes_ is None else [f"_{k}" for k in labels],
        )
        if self.passthrough:
            names += [
                "_".join(map(str, ("value", *place))) for place in np.ndindex(*self.input_shape_)
            ]
        return np.array(names, dtype=object)

    def _fit_grains(
        self,
        arrays: NDArray[Any],
        target: Target,
        splits: Splits,
        seed: int,
        *,
        side_by_side: bool = False,
        keep: Keep = keep_nothing,
    ) -> list[NDArray[Any]]:
        """Fit all grains; return the held-out features (n, F_g) of each, and the raw values.

        `side_by_side` puts them into one array.
        """
        estimators = self._estimators(target.task)
        check_nan(arrays, estimators, name="estimators")
        if self.classes_ is not None:
            check_member_weights(estimators, self.classes_)
        self.input_shape_ = arrays.shape[1:]
        self._prior = target.prior()
        layouts = lay_grains(self._settings(), self.input_shape_)
        for layout in layouts:
            check_column_parameters(estimators, len(layout.grid.offset))
        coded, self._bins = None, None
        if any(takes_shared_codes(estimator) for _, estimator in estimators):
            coded = code_channels(arrays, layouts[0], weight=target.sample_weight)
            self._bins = coded[1]
        features, parts = self._empty_features(arrays, layouts, target.dtype, side_by_side)
        grains: list[Grain] = []
        for g, (layout, part) in enumerate(zip(layouts, parts, strict=True)):
            start = perf_counter()
            seeds = np.random.SeedSequence((seed, g)).generate_state(len(estimators))
            windowed = windowed_array(arrays, coded, target, self._prior, layout, self.max_windows)
            fit = partial(cross_fit, seeds=[int(s) for s in seeds], n_jobs=self.n_jobs)
            name = f"grain_{g + 1:03}"
            fitted = keep(name, windowed, partial(fit, estimators, windowed, splits))
            grains.append(Grain(layout, [f.models for f in fitted]))
            np.concatenate([f.held_out for f in fitted], axis=1, out=part)
            report(
                self.verbose > 0,
                "windows of %s: %d of them, %d features (%.1f s)",
                "x".join(map(str, layout.grid.window)),
                windowed.n_windows,
                part.shape[1],
                perf_counter() - start,
            )
        self.grains_ = grains
        return features

    def _transform_grains(
        self, arrays: NDArray[Any], *, side_by_side: bool = False
    ) -> list[NDArray[Any]]:
        """Return the features (n, F_g) of new instances for each grain, and the raw values.

        `side_by_side` puts them into one array.
        """
        check_nan(arrays, self._estimators(self._fitted_task()), name="estimators")
        if self.classes_ is None and len(self._prior) > 1:
            unknown = Target(np.zeros((len(arrays), len(self._prior))), None, None)
        else:
            n_classes = None if self.classes_ is None else len(self.classes_)
            unknown = Target(np.zeros(len(arrays)), None, n_classes)
        layouts = [grain.layout for grain in self.grains_]
        features, parts = self._empty_features(arrays, layouts, unknown.dtype, side_by_side)
        n_said = sum(
            grain.layout.n_pooled * unknown.width * sum(map(len, grain.models))
            for grain in self.grains_
        )
        n_read = max(
            prod(padded_shape(arrays.shape[1:], layout.grid.padding)) for layout in layouts
        )
        size = max(1, CHUNK_VALUES // max(n_said, n_read))
        for start in range(0, len(arrays), size):
            some = slice(start, start + size)
            coded = None
            if self._bins is not None:
                coded = code_channels(arrays[some], layouts[0], self._bins)
            for grain, part in zip(self.grains_, parts, strict=True):
                windowed = windowed_array(
                    arrays[some], coded, unknown, self._prior, grain.layout, self.max_windows
                )
                vectors = mean_vectors(grain.models, windowed, n_jobs=self.n_jobs)
                np.concatenate(vectors, axis=1, out=part[some])
        return features

    def _empty_features(
        self,
        arrays: NDArray[Any],
        layouts: list[GrainLayout],
        dtype: type[np.floating[Any]],
        side_by_side: bool,
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Return arrays for the features of all grains, and the part of them for each grain.

        The raw values are there already, if they are passed through.
        """
        raw = arrays.reshape(len(arrays), -1)
        widths = self._widths(layouts)
        if not side_by_side:
            grains = [np.empty((len(raw), width), dtype) for width in widths[: len(layouts)]]
            return grains + ([raw] if self.passthrough else []), grains
        whole = np.empty((len(raw), sum(widths)), dtype)
        parts = np.split(whole, np.cumsum(widths)[:-1], axis=1)
        if self.passthrough:
            parts.pop()[:] = raw
        return [whole], parts

    def _widths(self, layouts: list[GrainLayout]) -> list[int]:
        """Return the number of features of each grain, and of raw values if they are passed on."""
        m = len(self._estimators(self._fitted_task()))
        widths = [layout.n_pooled * len(self._prior) * m for layout in layouts]
        return widths + ([prod(self.input_shape_)] if self.passthrough else [])

    def _check_parameters(self) -> None:
        """Check what can be checked before the arrays are known."""
        self._settings()
        check_integer("max_windows", self.max_windows, at_least=1)
        check_switch("passthrough", self.passthrough)
        check_choice("target_type", self.target_type, TARGET_TYPES)
        check_n_jobs(self.n_jobs)
        check_integer("verbose", self.verbose, at_least=0)
        if self.estimators is None:
            check_integer("n_estimators", self.n_estimators, at_least=1)
        else:
            self._check_estimators("fit")

    def _check_estimators(self, method: str) -> NamedEstimators:
        return check_estimators(
            "estimators",
            self.estimators or [],
            method=method,
            parameters=self.get_params(deep=False),
        )

    def _settings(self) -> list[GrainSettings]:
        """Return the settings of each grain, checked."""
        return grain_settings(
            self.windows,
            stride=self.stride,
            padding=self.padding,
            pool=self.pool,
            pool_method=self.pool_method,
        )

    def _fitted_task(self) -> Task:
        return "regression" if self.classes_ is None else "classification"

    def _estimators(self, task: Task) -> NamedEstimators:
        if self.estimators is None:
            return default_scan_estimators(task, n_estimators=self.n_estimators)
        return self._check_estimators("predict_proba" if task == "classification" else "predict")

    def _encode(self, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> Target:
        kind = self.target_type
        if kind == "auto":
            kind = "continuous" if type_of_target(y).startswith("continuous") else "classes"
        if kind == "continuous":
            self.classes_ = None
            return Target(check_values("y", y), sample_weight, None)
        y = check_labels("y", y)
        check_classification_targets(y)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        return Target(encoded.astype(np.int64), sample_weight, len(self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []  # class vectors are float32
        tags.input_tags.allow_nan = all(
            accepts(estimator, "allow_nan") for _, estimator in self.estimators or ()
        )
        return tags
