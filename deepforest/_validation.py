"""Checks of parameters and input that every public estimator shares."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from math import prod
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, check_random_state, get_tags
from sklearn.utils.validation import column_or_1d, validate_data

from deepforest.sparse import canonical, table_dtype


@contextmanager
def unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give `estimator` back its attributes if the block raises, an interrupt included."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def check_integer(name: str, value: Any, *, at_least: int, remedy: str = "") -> int:
    """Return `value` as an int, or raise a ValueError that names the parameter."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < at_least:
        raise ValueError(
            f"{name}={value!r} must be an integer of at least {at_least}{remedy and '; ' + remedy}."
        )
    return int(value)


def check_real(name: str, value: Any, *, at_least: float) -> float:
    """Return `value` as a float, or raise a ValueError that names the parameter."""
    if (
        isinstance(value, (bool, np.bool_))
        or not isinstance(value, Real)
        or not np.isfinite(float(value))
        or value < at_least
    ):
        raise ValueError(f"{name}={value!r} must be a finite number of at least {at_least}.")
    return float(value)


def check_switch(name: str, value: Any) -> bool:
    """Return `value` as a bool, or raise a ValueError that names the parameter."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}={value!r} must be True or False.")
    return bool(value)


def check_n_jobs(value: Any) -> None:
    """Raise a ValueError unless joblib can take `value` for `n_jobs`."""
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, Integral) or value == 0
    ):
        raise ValueError(f"n_jobs={value!r} must be an integer other than 0, or None.")


def check_seed(value: Any) -> np.random.RandomState:
    """Return scikit-learn's generator for `random_state`, or raise a ValueError."""
    try:
        if isinstance(value, bool):
            raise ValueError("a switch is no seed")
        generator: np.random.RandomState = check_random_state(value)
    except ValueError as error:
        raise ValueError(
            f"random_state={value!r} must be an integer of at least 0, a RandomState or None."
        ) from error
    return generator


def check_choice(name: str, value: Any, accepted: Collection[str]) -> str:
    """Return `value` if it is one of the accepted strings, or raise a ValueError."""
    if not isinstance(value, str) or value not in accepted:
        nearest = get_close_matches(str(value), accepted, n=1)
        remedy = f"; did you mean {nearest[0]!r}?" if nearest else "."
        raise ValueError(
            f"{name}={value!r} must be one of {', '.join(map(repr, accepted))}{remedy}"
        )
    return value


def check_folder(name: str, value: Any) -> None:
    """Raise a ValueError unless `value` is None or the path of what is, or may be, a folder."""
    if value is None:
        return
    if not isinstance(value, str | PathLike) or not value:
        raise ValueError(f"{name}={value!r} must be the path of a folder, or None.")
    if Path(value).exists() and not Path(value).is_dir():
        raise ValueError(f"{name}={value!r} is a file: name a folder.")


def check_same_length(X: NDArray[Any], *, X_name: str = "X", **others: Any) -> None:
    """Raise a ValueError if one of the named arrays has not as many entries as X has rows."""
    n = X.shape[0]
    for name, other in others.items():
        if other is not None and len(other) != n:
            raise ValueError(
                f"{name} has {len(other)} entries, but {X_name} has {n} rows: pass one a row."
            )


def check_sample_weight(sample_weight: ArrayLike | None, n_rows: int) -> NDArray[np.float64] | None:
    """Return the weights as float64 of shape (n_rows,), or None for None.

    Raises
    ------
    ValueError
        For another shape, for a weight that is negative, infinite or NaN, and
        where no row has a positive weight.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but X has {n_rows} rows: "
            f"pass one weight a row, shape ({n_rows},)."
        )
    if not np.all(np.isfinite(weight)):
        raise ValueError("sample_weight holds NaN or infinity: pass finite weights.")
    if np.any(weight < 0):
        raise ValueError(
            f"sample_weight holds negative weights (the least is {weight.min()}): "
            "pass weights of zero or more."
        )
    if not np.any(weight > 0):
        raise ValueError("sample_weight is zero for every row: give at least one row a weight.")
    return weight


def check_labels(name: str, y: Any) -> NDArray[Any]:
    """Return labels as an array (n,), or raise a ValueError."""
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"{name} has shape {shape}, but classes are one label a row: fit a classifier "
            "for each column, as sklearn.multioutput.MultiOutputClassifier does."
        )
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    _check_all_given(name, labels)
    return labels


def check_targets(name: str, y: Any) -> NDArray[Any]:
    """Return labels or values as an array (n,), or (n, m) of m > 1 columns.

    Raises a ValueError for more axes, and for NaN and infinity.
    """
    targets: NDArray[Any] = np.asarray(y)
    if targets.ndim != 2 or targets.shape[1] == 1:
        targets = column_or_1d(y, warn=True)
    _check_all_given(name, targets)
    return targets


def _check_all_given(name: str, targets: NDArray[Any]) -> None:
    """Raise a ValueError where a label or value is missing, NaN or infinite."""
    if targets.dtype == object:
        for place, target in np.ndenumerate(targets):
            if target is None or type(target).__name__ in ("NAType", "NaTType"):
                raise ValueError(
                    f"{name} has no value in row {place[0]} ({target!r}): leave such rows out, or "
                    "give them a class of their own."
                )
    assert_all_finite(targets, input_name=name)


def check_values(name: str, y: NDArray[Any]) -> NDArray[np.float64]:
    """Return regression targets as float64, or raise a ValueError."""
    try:
        values = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are no numbers ({error}).") from error
    return values


def check_estimators(
    name: str,
    estimators: Sequence[tuple[str, BaseEstimator]],
    *,
    method: str,
    parameters: Collection[str],
) -> list[tuple[str, BaseEstimator]]:
    """Return the (name, estimator) pairs as a list after checking them.

    Parameters
    ----------
    name : str
        The parameter that is checked, for the error.
    estimators : sequence of (str, estimator)
    method : {"predict_proba", "predict", "fit"}
        What each estimator must offer.
    parameters : collection of str
        Names that are taken, because the estimators stand beside them in `get_params`.

    Raises
    ------
    ValueError
        For an empty list, a repeated name, a name with two underscores (they
        separate nested parameters), the name of a parameter, or an estimator without
        `fit` or `method`.
    """
    remedy = "pass a list of (name, estimator) tuples, as for StackingClassifier"
    if isinstance(estimators, (str, Mapping)) or not isinstance(estimators, Sequence):
        raise ValueError(f"{name}={estimators!r} is not a list: {remedy}.")
    if len(estimators) == 0:
        raise ValueError(f"{name}=[] is empty: {remedy}, or None for the default estimators.")
    seen: set[str] = set()
    for pair in estimators:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError(
                f"{name} holds {pair!r}, which is no (name, estimator) tuple: {remedy}."
            )
        label, estimator = pair
        if label in seen:
            raise ValueError(f"{name} holds the name {label!r} twice: give each a name of its own.")
        if "__" in label or not label:
            raise ValueError(
                f"{name} holds the name {label!r}: a name must not be empty or hold '__', "
                "which separates nested parameters."
            )
        if label in parameters:
            raise ValueError(
                f"{name} holds the name {label!r}, which is the name of a parameter: "
                "choose another one."
            )
        seen.add(label)
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise ValueError(
                f"{name}: {label!r} is {estimator!r}, which is no estimator instance: "
                "pass an object with fit and predict."
            )
        if not hasattr(estimator, method):
            raise ValueError(
                f"{name}: {label!r} ({type(estimator).__name__}) has no {method}: use one that "
                "has, for instance by wrapping a classifier in CalibratedClassifierCV."
            )
    return list(estimators)


def accepts(estimator: BaseEstimator, tag: Literal["allow_nan", "sparse"]) -> bool:
    """Return whether the estimator takes NaN, or sparse matrices.

    The tags of pipelines and column transformers say no, whatever they are made of: of those
    the first step is asked, of these all transformers.
    """
    if isinstance(estimator, ColumnTransformer):
        parts = [transformer for _, transformer, _ in estimator.transformers]
        asked = [part for part in [*parts, estimator.remainder] if not isinstance(part, str)]
        return all(accepts(part, tag) for part in asked)
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        return not steps or accepts(steps[0], tag)
    return bool(getattr(get_tags(estimator).input_tags, tag))


def check_nan(
    X: NDArray[Any], estimators: Sequence[tuple[str, BaseEstimator]], *, name: str
) -> None:
    """Raise a ValueError that names the estimators which do not accept the NaN in `X`."""
    values: NDArray[Any] = np.asarray(X.data if issparse(X) else X)
    if values.dtype.kind != "f" or not np.isnan(values).any():
        return
    refusing = [label for label, estimator in estimators if not accepts(estimator, "allow_nan")]
    if refusing:
        raise ValueError(
            f"X contains NaN, which {', '.join(map(repr, refusing))} of {name} does not accept: "
            "take it out, or put it in a pipeline behind SimpleImputer."
        )


def check_sparse(X: NDArray[Any], estimators: Sequence[tuple[str, BaseEstimator]]) -> None:
    """Raise a ValueError that names the estimators which do not accept `X` if it is sparse."""
    refusing = [label for label, estimator in estimators if not accepts(estimator, "sparse")]
    if issparse(X) and refusing:
        raise ValueError(
            f"X is a sparse matrix, which {', '.join(map(repr, refusing))} of estimators does not "
            "accept: take it out, or pass X.toarray() if it fits in memory."
        )


def check_table(
    estimator: BaseEstimator, X: Any, *, reset: bool, accept_sparse: bool = False
) -> NDArray[Any]:
    """Return a table (n, d) as float32, or as it is where it is uint8; NaN may stay.

    A sparse matrix becomes a CSR matrix of float32 without duplicates. Sets or checks
    `n_features_in_` and `feature_names_in_`.
    """
    if issparse(X) and not accept_sparse:
        raise ValueError(
            f"X is a sparse matrix ({type(X).__name__}), which is not supported: "
            "pass X.toarray() if it fits in memory."
        )
    if getattr(X, "ndim", 2) > 2:
        raise ValueError(
            f"X has shape {X.shape}, but {type(estimator).__name__} takes tables, in two "
            "dimensions: for images and sequences there are GCForestClassifier and "
            "GCForestRegressor, in a config file the table [scanner]."
        )
    try:
        table = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=table_dtype(X),
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"X holds text ({error}): CascadeForestClassifier and CascadeForestRegressor take it "
            "in a data frame (in a config file: without [scanner]), or where categorical_features "
            "names the columns. Elsewhere encode it as numbers first, for instance with "
            "sklearn.preprocessing.OrdinalEncoder."
        ) from error
    return canonical(table)


def _one_array(X: Any) -> NDArray[Any]:
    """Return instances as one array, or raise a ValueError where they are of several shapes."""
    try:
        array = np.asarray(X)
    except ValueError:
        array = None
    # Sequences in a list are refused by numpy, in an array of objects they are single values.
    if array is None or (array.dtype == object and array.ndim == 1 and any(map(np.ndim, array))):
        raise ValueError(
            "X holds instances of several shapes: fill up shorter sequences with NaN, "
            "np.stack([np.pad(x, (0, longest - len(x)), constant_values=np.nan) for x in X])."
        )
    return array


def check_arrays(estimator: Any, X: Any, *, reset: bool) -> NDArray[Any]:
    """Return arrays (n, *shape) from arrays or from rows (n, prod(shape)).

    Rows take the shape of `estimator.input_shape`, or stay sequences where that is None.
    Sets or checks `n_features_in_` and `input_shape_`.
    """
    shape = None
    if not issparse(X) and not hasattr(X, "columns"):
        X = _one_array(X)
        # A row of values may have the shape of an instance, too.
        if not reset and X.ndim > 1 and X.shape == estimator.input_shape_ and len(X) > 1:
            raise ValueError(f"X has the shape {X.shape} of one instance: pass X[None].")
        if X.ndim > 2:
            shape = X.shape[1:]
            X = X.reshape(len(X), prod(shape))
    if not reset and shape not in (None, estimator.input_shape_):
        raise ValueError(
            f"X has instances of shape {shape}, but {type(estimator).__name__} was fitted on "
            f"shape {estimator.input_shape_}: shorter sequences are filled up with NaN."
        )
    table = check_table(estimator, X, reset=reset)
    if reset:
        given = estimator.input_shape
        if given is not None:
            sides = given if isinstance(given, (tuple, list)) else (given,)
            remedy = "give the shape of one instance, as in (8, 8)"
            given = tuple(
                check_integer("input_shape", side, at_least=1, remedy=remedy) for side in sides
            )
            if (shape or given) != given or prod(given) != table.shape[1]:
                raise ValueError(
                    f"input_shape={given} does not fit X, whose instances have shape "
                    f"{shape or table.shape[1:]}."
                )
        estimator.input_shape_ = shape or given or table.shape[1:]
    return table.reshape(len(table), *estimator.input_shape_)
