"""What must fit together in an estimator from a file, so that prediction finds what it asks for.

Each value was checked on its own before. What stands here is about several of them: that a forest
asks for no column that its layer does not get, that the windows of a grain lie in the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor

from deepforest.boosted import BoostedClassifier, BoostedRegressor
from deepforest.cascade_base import CascadeForestBase
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.grains import GrainLayout
from deepforest.linear import ScaledRidge
from deepforest.multioutput import ModelPerTarget
from deepforest.scanning import MultiGrainedScanner
from deepforest.windows import padded_shape


def _require(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(what)


def _check_columns(estimator: Any) -> None:
    names = getattr(estimator, "feature_names_in_", None)
    _require(
        names is None or names.shape == (estimator.n_features_in_,),
        "there are not as many names of columns as columns",
    )


def check_binner(binner: Any) -> None:
    """Raise a ValueError unless there are bins for every column."""
    _check_columns(binner)
    _require(len(binner._bins.edges) == binner.n_features_in_, "a column has no bins")


def check_forest(forest: Any) -> None:
    """Raise a ValueError unless the trees speak of the columns and classes of the forest."""
    _check_columns(forest)
    n_features, n_columns = forest.n_features_in_, forest._n_columns
    _require(len(forest.trees_.bins.edges) == n_features, "a column has no bins")
    _require(len(forest.feature_importances_) == n_features, "a column has no importance")
    _require(forest.trees_.leaf_values.shape[1] == n_columns, "leaves have another width")
    if isinstance(forest, HistForestClassifier):
        _require(forest.classes_.shape == (n_columns,), "leaves speak of other classes")
    else:
        _require(forest.trees_.leaf_values.dtype == np.float64, "leaves speak of classes")
        _require(forest.n_outputs_ == n_columns, "leaves speak of other targets")
        _require(forest._center.shape == (n_columns,), "targets have another center")
        _require(n_columns == 1 or not forest._flat, "several targets are said to be one")
        _require(forest._scale.shape in ((1,), (n_columns,)), "targets have another scale")
        kept, n_nodes = getattr(forest, "_leaf_targets", None), len(forest.trees_.feature)
        _require(
            kept is None
            or (kept.targets.shape[1] == n_columns and kept.weights.shape[0] == n_nodes),
            "the leaves have other targets",
        )
    columns = forest._encoder.codes
    _require(all(0 <= column < n_features for column in columns), "categories have no column")


def check_linear(model: Any) -> None:
    """Raise a ValueError unless there are coefficients for each term, and class."""
    _check_columns(model)
    n_terms, n_sums = len(model.columns_), len(model.intercept_)
    columns = model.columns_
    within = (columns >= 0) & (columns < model.n_features_in_)
    _require(bool(within.all()), "a term has no column")
    for values in (model.values_, model.center_, model.scale_):
        _require(values.shape == (n_terms,), "a term has no values")
    _require(model.coef_.shape == (n_sums, n_terms), "coefficients are not one a term")
    importances = model.feature_importances_
    _require(importances.shape == (model.n_features_in_,), "a column has no importance")
    if isinstance(model, ScaledRidge):
        _require(n_sums == 1, "coefficients speak of several values")
        _require(model.range_.shape == (2,), "values have no range")
        return
    _require(n_sums > 0, "there are no classes")
    n_classes = 2 if n_sums == 1 else n_sums
    _require(model.classes_.shape == (n_classes,), "coefficients speak of other classes")


def check_models(
    models: Sequence[Sequence[BaseEstimator]],
    n_columns: int,
    n_classes: int | None,
    n_outputs: int = 1,
) -> None:
    """Raise a ValueError unless all models say class vectors of rows with so many columns.

    For regression class vectors are values of `n_outputs` targets.
    """
    _require(any(models), "a layer or grain has no models")
    for model in (model for of_one in models for model in of_one):
        if isinstance(model, ModelPerTarget):
            _require(n_classes is None and len(model.models) == n_outputs, "a target has no model")
            check_models([model.models], n_columns, None)
            continue
        classes: Any = getattr(model, "classes_", None)
        asked = getattr(model, "n_features_in_", n_columns)
        # Constants look at no column.
        if not type(model).__name__.startswith("Dummy"):
            _require(asked == n_columns, f"a model asks for {asked} columns of {n_columns}")
        if n_classes is None:
            _require(classes is None, "a classifier stands where values are asked for")
            if isinstance(model, HistForestRegressor):
                _require(model._n_columns == n_outputs, "a model has other targets")
            if isinstance(model, BoostedRegressor):
                _require(model.trees.n_outputs == n_outputs == 1, "a model has other targets")
            if isinstance(model, ScaledRidge):
                _require(n_outputs == 1, "a model has other targets")
            if isinstance(model, DummyRegressor):
                _require(model.n_outputs_ == n_outputs, "a model has other targets")
            continue
        _require(
            isinstance(classes, np.ndarray) and classes.ndim == 1 and classes.dtype.kind in "iu",
            "a model's classes are no numbers",
        )
        known = np.arange(n_classes)
        _require(
            bool(np.isin(classes, known).all()) and len(np.unique(classes)) == len(classes),
            "a model has classes that its layer does not have",
        )
        if isinstance(model, BoostedClassifier):
            n_outputs = model.trees.n_outputs
            _require(
                n_outputs == (1 if len(classes) == 2 and n_outputs == 1 else len(classes)),
                "boosted trees speak of other classes",
            )
        if isinstance(model, BoostedClassifier | BoostedRegressor):
            _require(len(model.importances) == n_columns, "a column has no importance")


def check_cascade(cascade: Any) -> None:
    """Raise a ValueError unless each layer gets what its models ask for."""
    _check_layers(cascade, [cascade.n_features_in_])


def _check_layers(cascade: CascadeForestBase, widths: list[int]) -> None:
    _check_columns(cascade)
    layers, classes = cascade.layers_, getattr(cascade, "classes_", None)
    _require(0 < len(layers) == cascade.n_layers_, "there are not as many layers as it says")
    _require(classes is None or classes.ndim == 1, "classes are no list")
    n_classes = None if classes is None else len(classes)
    n_outputs = getattr(cascade, "n_outputs_", 1)
    sizes = [len(layer.names) for layer in layers]
    for depth, layer in enumerate(layers):
        _require(layer.n_classes == n_classes, "a layer has other classes")
        _require(0 < sizes[depth] == len(layer.models), "a layer has other estimators")
        before = sizes[depth - 1] * (n_classes or n_outputs) if depth else 0
        check_models(layer.models, widths[depth % len(widths)] + before, n_classes, n_outputs)
    residuals = cascade._residuals
    _require(
        residuals is None
        or (
            getattr(residuals, "_leaf_targets", None) is not None
            and residuals.n_features_in_ == sum(widths) + n_outputs
            and residuals.n_outputs_ == n_outputs
        ),
        "the forest of residuals has other columns",
    )
    weights = [cascade.estimator_weights_, *(screen.weights for screen in cascade.screens_)]
    _require(len(weights[0]) == len(layers), "there are not as many weights as layers")
    for of_layers in weights:
        _require(
            0 < len(of_layers) <= len(layers)
            and of_layers.shape[1] >= max(sizes[: len(of_layers)]),
            "there are not as many weights as estimators",
        )
        _require(bool(np.isfinite(of_layers).all()), "a weight is no finite number")
    depths = [len(of_layers) for of_layers in weights[1:]]
    _require(depths == sorted(set(depths)), "screens do not follow each other")
    _require(0 < cascade.power_ < np.inf, "the power is no positive number")
    for screen in cascade.screens_:
        _require(np.isfinite(screen.power) and not np.isnan(screen.threshold), "a screen is empty")


def check_scanner(scanner: MultiGrainedScanner) -> None:
    """Raise a ValueError unless the windows lie in the arrays and the models take them."""
    _check_columns(scanner)
    shape, classes = scanner.input_shape_, scanner.classes_
    _require(len(shape) > 0 and prod(shape) == scanner.n_features_in_, "arrays have another shape")
    _require(classes is None or classes.ndim == 1, "classes are no list")
    n_classes = None if classes is None else len(classes)
    n_outputs = len(scanner._prior)
    _require(n_classes is None or n_classes == n_outputs, "there is no prior for each class")
    _require(len(scanner.grains_) > 0, "there are no grains")
    names = scanner._estimators(scanner._fitted_task())
    n_axes = len(scanner.grains_[0].layout.grid.window)
    for layout, models in scanner.grains_:
        _require(len(layout.grid.window) == n_axes, "grains have windows of other axes")
        _check_layout(layout, shape)
        _require(len(models) == len(names), "a grain has other estimators")
        check_models(models, len(layout.grid.offset), n_classes, n_outputs)
    n_channels = prod(shape[n_axes:])
    _require(
        scanner._bins is None or len(scanner._bins.edges) == n_channels, "a channel has no bins"
    )


def _check_layout(layout: GrainLayout, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the addresses are those of the windows.

    Sizes are compared before anything is made that is as large as they say.
    """
    grid = layout.grid
    n_axes = len(grid.window)
    _require(0 < n_axes <= len(shape) <= n_axes + 1, "windows have other axes than the arrays")
    per_axis = (grid.window, grid.stride, grid.padding, grid.positions, layout.pool)
    _require(all(len(sizes) == n_axes for sizes in per_axis), "windows have other axes")
    _require(min(*grid.window, *grid.stride, *layout.pool) > 0, "a window is empty")
    sides = padded_shape(shape, grid.padding)
    positions = tuple(
        (side - size) // step + 1 if size <= side else 0
        for side, size, step in zip(sides, grid.window, grid.stride, strict=False)
    )
    _require(positions == grid.positions and min(positions) > 0, "windows do not fit the arrays")
    in_window = (*grid.window, *sides[n_axes:])
    _require(
        len(grid.base) == prod(positions) and len(grid.offset) == prod(in_window),
        "there are not as many addresses as windows",
    )
    steps = [prod(sides[axis + 1 :]) for axis in range(len(sides))]
    base = _addresses(positions, [a * b for a, b in zip(steps, grid.stride, strict=False)])
    _require(np.array_equal(base, grid.base), "windows have other addresses")
    _require(np.array_equal(_addresses(in_window, steps), grid.offset), "windows have other values")


def _addresses(counts: Sequence[int], steps: Sequence[int]) -> NDArray[np.int64]:
    """Return the sums of multiples of the steps, the last axis first."""
    result = np.zeros(1, np.int64)
    for count, step in zip(counts, steps, strict=True):
        result = (result[:, None] + np.arange(count) * step).ravel()
    return result


def check_gcforest(forest: Any) -> None:
    """Raise a ValueError unless the cascade gets what the scanner makes."""
    scanner = forest.scanner_
    _require(scanner.n_features_in_ == forest.n_features_in_, "the scanner takes other arrays")
    _require(scanner.input_shape_ == forest.input_shape_, "the scanner takes other arrays")
    classes = getattr(forest, "classes_", None)
    _require((classes is None) == (scanner.classes_ is None), "the scanner has another task")
    _require(classes is None or len(classes) == len(scanner.classes_), "the scanner has classes")
    outputs = getattr(forest, "n_outputs_", len(scanner._prior))
    _require(outputs == len(scanner._prior), "the scanner has other targets")
    widths = scanner._widths([grain.layout for grain in scanner.grains_])
    _check_layers(forest, [sum(widths)] if forest.grains == "concatenate" else widths)
