"""GCForest: multi-grained scanning and a cascade in one estimator, arrays in, labels out."""

from itertools import pairwise
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from deepforest._validation import (
    accepts,
    check_arrays,
    check_choice,
    check_estimators,
    check_integer,
    check_nan,
)
from deepforest.cascade import CascadeForestClassifier, CascadeForestRegressor
from deepforest.cascade_base import CascadeForestBase
from deepforest.categories import NONE_CATEGORICAL, Columns
from deepforest.class_weights import ClassWeight
from deepforest.combine import Combine
from deepforest.crossfit import Keep
from deepforest.estimators import NamedEstimators
from deepforest.importances import normalised
from deepforest.scan_importances import value_importances
from deepforest.scanning import MultiGrainedScanner
from deepforest.scoring import Scoring
from deepforest.splits import Splits
from deepforest.target import Target
from deepforest.walk import Grains
from deepforest.windows import PoolMethod

ARRANGEMENTS = ("cycle", "concatenate")


class _ScanningMixin(CascadeForestBase):
    """Puts a scanner before a cascade, whose layers take the scanner's grains."""

    _estimator_lists = ("scan_estimators", "estimators")

    def __init__(
        self,
        windows: Any = (0.25, 0.375, 0.5),
        *,
        stride: Any = None,
        padding: Any = 0,
        pool: Any = 2,
        pool_method: PoolMethod = "mean",
        scan_estimators: NamedEstimators | None = None,
        n_scan_estimators: int = 30,
        max_windows: int = 100_000,
        passthrough: bool = False,
        grains: Literal["cycle", "concatenate"] = "cycle",
        input_shape: tuple[int, ...] | None = None,
        estimators: NamedEstimators | None = None,
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
        keep_targets: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimators,
            preset=preset,
            n_estimators=n_estimators,
            max_layers=max_layers,
            cv=cv,
            scoring=scoring,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            max_time=max_time,
            combine=combine,
            screening=screening,
            class_weight=class_weight,
            keep_targets=keep_targets,
            checkpoint=checkpoint,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        del self.categorical_features  # of the columns of a table, which arrays have not
        self.windows = windows
        self.stride = stride
        self.padding = padding
        self.pool = pool
        self.pool_method = pool_method
        self.scan_estimators = scan_estimators
        self.n_scan_estimators = n_scan_estimators
        self.max_windows = max_windows
        self.passthrough = passthrough
        self.grains = grains
        self.input_shape = input_shape

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("grains", self.grains, ARRANGEMENTS)
        if self.scan_estimators is None:
            check_integer("n_scan_estimators", self.n_scan_estimators, at_least=1)
        else:
            check_estimators(
                "scan_estimators",
                self.scan_estimators,
                method="predict_proba" if self._task == "classification" else "predict",
                parameters=self.get_params(deep=False),
            )
        self._scanner()._check_parameters()
        shared = {name for name, _ in self.scan_estimators or ()} & {
            name for name, _ in self.estimators or ()
        }
        if shared:
            raise ValueError(
                f"scan_estimators and estimators share the name {min(shared)!r}: give each a name "
                "of its own, because nested parameters are found by it."
            )

    def _check_X(self, X: Any, *, reset: bool) -> NDArray[Any]:
        return check_arrays(self, X, reset=reset)

    def _categorical_columns(self) -> Columns:
        return NONE_CATEGORICAL  # windows and their class vectors are numbers

    def _scanner(self) -> MultiGrainedScanner:
        """Return the unfitted scanner."""
        return MultiGrainedScanner(
            self.windows,
            stride=self.stride,
            padding=self.padding,
            pool=self.pool,
            pool_method=self.pool_method,
            estimators=self.scan_estimators,
            n_estimators=self.n_scan_estimators,
            max_windows=self.max_windows,
            passthrough=self.passthrough,
            input_shape=self.input_shape,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def _fit_grains(
        self, X: NDArray[Any], target: Target, splits: Splits, seed: int, keep: Keep
    ) -> Grains:
        self._check_nan(X)
        self.scanner_ = self._scanner()
        self.scanner_.classes_ = self._classes()
        self.scanner_.n_features_in_ = self.n_features_in_
        return self.scanner_._fit_grains(
            X, target, splits, seed, side_by_side=self.grains == "concatenate", keep=keep
        )

    def _transform_grains(self, X: NDArray[Any]) -> Grains:
        self._check_nan(X)
        return self.scanner_._transform_grains(X, side_by_side=self.grains == "concatenate")

    def _check_nan(self, X: NDArray[Any]) -> None:
        check_nan(X, self.scan_estimators or [], name="scan_estimators")
        # Class vectors hold no NaN, so the cascade meets it in raw values only.
        if self.passthrough:
            check_nan(X, self.estimators or [], name="estimators")

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Importances of the values of an instance, ndarray (n_features_in_,)."""
        check_is_fitted(self)
        grains = self.scanner_.grains_
        ends = np.cumsum(self.scanner_._widths([grain.layout for grain in grains])).tolist()
        seen = [slice(start, stop) for start, stop in pairwise([0, *ends])]
        if self.grains == "concatenate":
            seen = [slice(0, ends[-1])]
        features = np.split(self._column_importances(seen), ends[:-1])
        known = [
            value_importances(of_grain, grain.layout, grain.models, self.input_shape_)
            for of_grain, grain in zip(features, grains, strict=False)
        ]
        if self.passthrough:
            known.append(features[-1])
        with_importances = [values for values in known if values is not None]
        if not with_importances:
            raise AttributeError(
                "feature_importances_ is not known, because no estimator that scans has "
                "importances: put trees in scan_estimators."
            )
        return normalised(np.sum(with_importances, axis=0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        meet_nan = [*(self.scan_estimators or ())]
        if self.passthrough:
            meet_nan += self.estimators or ()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = all(
            accepts(estimator, "allow_nan") for _, estimator in meet_nan
        )
        return tags


class GCForestClassifier(_ScanningMixin, CascadeForestClassifier):
    """Multi-grained scanning and a cascade forest: images, sequences and other arrays to classes.

    Windows of several sizes (grains) slide over each array and are replaced by class
    vectors; the layers of the cascade take these features, one grain after the other or all
    together, and the class vectors of the layer before [1]_.

    Parameters
    ----------
    windows : sequence of sizes, default=(0.25, 0.375, 0.5)
        One grain each: sizes in values (int) or as fractions of the side (float), one
        number for all axes or a tuple with one for each, or a dict with "size" and a
        `stride`, `padding`, `pool` or `pool_method` of the grain's own. See
        `MultiGrainedScanner`.
    stride : int, tuple of int or None, default=None
        Steps between windows; None is a quarter of the window.
    padding : int or tuple of int, default=0
        Zeros that are put on both sides of each spatial axis.
    pool : int or tuple of int, default=2
        Class vectors are pooled over blocks of this many positions; 1 is no pooling.
    pool_method : {"mean", "max"}, default="mean"
    scan_estimators : list of (str, estimator), default=None
        What scans a grain. None is `default_scan_estimators()`.
    n_scan_estimators : int, default=30
        Trees in each forest of the default scan estimators.
    max_windows : int, default=100_000
        A scan estimator is fitted on this many windows, drawn where there are more.
    passthrough : bool, default=False
        True adds the values of the array itself as one more grain, the last.
    grains : {"cycle", "concatenate"}, default="cycle"
        "cycle": of G grains, layer i of the cascade sees grain i mod G [1]_. "concatenate":
        every layer sees all grains side by side.
    input_shape : tuple of int, default=None
        Shape of an instance where X is given as rows (n, prod(input_shape)).
    estimators : list of (str, estimator), default=None
        What a layer of the cascade is made of. See `CascadeForestClassifier`, also for
        the parameters below.
    preset : {"fast", "balanced", "best"}, default="balanced"
        What the default estimators of the cascade cost. With `estimators` it only chooses
        the folds.
    n_estimators : int, default=None
    max_layers : int, default=10
    cv : int, splitter or list of (train, test), default=None
        How instances are split, for the scanner and the cascade. None is 5, and 3 for the
        preset "fast".
    scoring : str or callable, default=None
    tol : float, default=0
    n_iter_no_change : int, default=1
    max_time : float, default=None
        Seconds, the scanner's included; what the cascade is grown of is scanned in any case.
    combine : {"select", "mean"}, default="select"
    screening : float, default=None
    class_weight : dict, "balanced" or None, default=None
        For the scanner and the cascade.
    keep_targets : False
    checkpoint : str or path, default=None
        For the scanner's grains and the cascade's layers.
    n_jobs : int, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    scanner_ : MultiGrainedScanner
    input_shape_ : tuple of int
        Shape of an instance.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Of each value of an instance; reshape it to `input_shape_`. The cascade's importances
        of class vectors are handed down to the windows behind them, and on to their values
        as the estimator that scanned them goes by these.
    classes_, class_weight_, n_layers_, layers_, layer_scores_, estimator_weights_, screens_
    n_features_in_
        As in `CascadeForestClassifier`.

    References
    ----------
    .. [1] Z.-H. Zhou and J. Feng, "Deep Forest: Towards an Alternative to Deep Neural
       Networks", IJCAI 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from deepforest import GCForestClassifier
    >>> images, y = load_digits(n_class=3, return_X_y=True)
    >>> images = images[:90].reshape(-1, 8, 8)
    >>> forest = GCForestClassifier(
    ...     [3, 5], n_scan_estimators=5, n_estimators=50, max_layers=2, random_state=0
    ... )
    >>> forest.fit(images[:60], y[:60]).score(images[60:], y[60:90]) > 0.9
    True
    """


class GCForestRegressor(_ScanningMixin, CascadeForestRegressor):
    """Multi-grained scanning and a cascade forest: images, sequences and other arrays to values.

    Windows of several sizes (grains) slide over each array and are replaced by predicted
    values; the layers of the cascade take these features, one grain after the other or all
    together, and the values of the layer before [1]_.

    Parameters
    ----------
    windows : sequence of sizes, default=(0.25, 0.375, 0.5)
        One grain each: sizes in values (int) or as fractions of the side (float), one
        number for all axes or a tuple with one for each, or a dict with "size" and a
        `stride`, `padding`, `pool` or `pool_method` of the grain's own. See
        `MultiGrainedScanner`.
    stride : int, tuple of int or None, default=None
        Steps between windows; None is a quarter of the window.
    padding : int or tuple of int, default=0
        Zeros that are put on both sides of each spatial axis.
    pool : int or tuple of int, default=2
        Values are pooled over blocks of this many positions; 1 is no pooling.
    pool_method : {"mean", "max"}, default="mean"
    scan_estimators : list of (str, estimator), default=None
        What scans a grain. None is `default_scan_estimators("regression")`.
    n_scan_estimators : int, default=30
        Trees in each forest of the default scan estimators.
    max_windows : int, default=100_000
        A scan estimator is fitted on this many windows, drawn where there are more.
    passthrough : bool, default=False
        True adds the values of the array itself as one more grain, the last.
    grains : {"cycle", "concatenate"}, default="cycle"
        "cycle": of G grains, layer i of the cascade sees grain i mod G [1]_. "concatenate":
        every layer sees all grains side by side.
    input_shape : tuple of int, default=None
        Shape of an instance where X is given as rows (n, prod(input_shape)).
    estimators : list of (str, estimator), default=None
        What a layer of the cascade is made of. See `CascadeForestRegressor`, also for
        the parameters below.
    preset : {"fast", "balanced", "best"}, default="balanced"
        What the default estimators of the cascade cost. With `estimators` it only chooses
        the folds.
    n_estimators : int, default=None
    max_layers : int, default=10
    cv : int, splitter or list of (train, test), default=None
        How instances are split, for the scanner and the cascade. None is 5, and 3 for the
        preset "fast".
    scoring : str or callable, default=None
    tol : float, default=0
    n_iter_no_change : int, default=1
    max_time : float, default=None
        Seconds, the scanner's included; what the cascade is grown of is scanned in any case.
    combine : {"select", "mean"}, default="select"
    screening : None
    class_weight : None
    keep_targets : bool, default=False
        As in `CascadeForestRegressor`; the forest takes the features of all grains.
    checkpoint : str or path, default=None
        For the scanner's grains and the cascade's layers.
    n_jobs : int, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    scanner_ : MultiGrainedScanner
    input_shape_ : tuple of int
        Shape of an instance.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Of each value of an instance, as in `GCForestClassifier`.
    n_layers_, layers_, layer_scores_, estimator_weights_, n_outputs_, n_features_in_
        As in `CascadeForestRegressor`.

    References
    ----------
    .. [1] Z.-H. Zhou and J. Feng, "Deep Forest: Towards an Alternative to Deep Neural
       Networks", IJCAI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from deepforest import GCForestRegressor
    >>> t = np.linspace(0, 6, 24)
    >>> frequency = np.random.default_rng(0).uniform(1, 3, size=80)
    >>> waves = np.sin(frequency[:, None] * t)
    >>> forest = GCForestRegressor([6], n_scan_estimators=5, n_estimators=50, max_layers=1)
    >>> forest.fit(waves, frequency).predict(waves[:2]).shape
    (2,)
    """
