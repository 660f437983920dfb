"""A scanner as part of an ONNX graph: windows, what models say of them, and pooling."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from deepforest.grains import GrainLayout
from deepforest.models import takes_shared_codes
from deepforest.onnx_graph import Graph
from deepforest.onnx_models import class_vectors, mean, of_all_classes
from deepforest.onnx_trees import forest_votes
from deepforest.scanning import MultiGrainedScanner
from deepforest.target import Vectors, vector_dtype
from deepforest.windows import padded_shape


def scanned(graph: Graph, scanner: MultiGrainedScanner, arrays: str) -> list[str]:
    """Return the features (N, F_g) of each grain of arrays (N, *shape), and the raw values.

    They are float32 for classes, float64 for values, as those of ``scanner.transform``.
    """
    n_classes = None if scanner.classes_ is None else len(scanner.classes_)
    dtype = vector_dtype(n_classes)
    names = [name for name, _ in scanner._estimators(scanner._fitted_task())]
    features = []
    for g, (layout, models) in enumerate(scanner.grains_):
        windows = _windows(graph, arrays, scanner.input_shape_, layout)
        vectors = []
        for name, of_one in zip(names, models, strict=True):
            where = f"the estimator {name!r} of grain {g}"
            pooled = [
                _pooled_vectors(graph, model, windows, layout, scanner._prior, n_classes, where)
                for model in of_one
            ]
            vectors.append(mean(graph, [graph.cast(one, dtype) for one in pooled], dtype))
        features.append(graph.side_by_side(vectors))
    if scanner.passthrough:
        raw = graph.add("Reshape", arrays, np.array([-1, prod(scanner.input_shape_)]))
        features.append(graph.cast(raw, dtype))
    return features


class _Windows(NamedTuple):
    """The windows of arrays, one after the other."""

    values: str  # (N * P, F), float64
    present: str  # (N * P, 1), which hold anything but NaN


def _windows(graph: Graph, arrays: str, shape: tuple[int, ...], layout: GrainLayout) -> _Windows:
    """Cut the windows out of arrays (N, *shape)."""
    grid = layout.grid
    if any(grid.padding):
        around = [0, *grid.padding, *[0] * (len(shape) - len(grid.padding))]
        arrays = graph.add("Pad", arrays, np.array(around * 2), np.array(0.0))
    flat = graph.add("Reshape", arrays, np.array([-1, prod(padded_shape(shape, grid.padding))]))
    values = graph.add("Gather", flat, grid.base[:, None] + grid.offset, axis=1)
    values = graph.add("Reshape", values, np.array([-1, len(grid.offset)]))
    missing = graph.cast(graph.add("IsNaN", values), np.float32)
    all_missing = graph.add("ReduceMin", missing, np.array([1]))
    return _Windows(values, graph.add("Less", all_missing, np.array(1, np.float32)))


def _pooled_vectors(
    graph: Graph,
    model: BaseEstimator,
    windows: _Windows,
    layout: GrainLayout,
    prior: NDArray[np.float64],
    n_classes: int | None,
    where: str,
) -> str:
    """Return the class vectors (N, Q * K) of arrays: as `WindowedArray.vectors`.

    Until they are pooled those of the engine's forests are float64.
    """
    if takes_shared_codes(model):
        dtype: type = np.float64
        vectors = forest_votes(graph, model, windows.values, where)
        if n_classes is not None:
            vectors = of_all_classes(graph, model, vectors, n_classes, dtype)
    else:
        dtype = vector_dtype(n_classes)
        vectors = class_vectors(graph, model, windows.values, n_classes, where)
    takes_max = layout.pool_method == "max"
    zero: Vectors = np.array(0, dtype)
    nothing = np.array(-np.inf, dtype) if takes_max else zero
    vectors = graph.add("Where", windows.present, vectors, nothing)
    operator = "ReduceMax" if takes_max else "ReduceSum"
    pooled = _over_blocks(graph, vectors, len(prior), layout, operator, nothing)
    counts = graph.cast(windows.present, dtype)
    counts = _over_blocks(graph, counts, 1, layout, "ReduceSum", zero)
    if not takes_max:
        pooled = graph.add("Div", pooled, counts)
    known = graph.add("Greater", counts, zero)
    pooled = graph.add("Where", known, pooled, prior.astype(dtype))
    return graph.add("Reshape", pooled, np.array([-1, layout.n_pooled * len(prior)]))


def _over_blocks(
    graph: Graph,
    values: str,
    width: int,
    layout: GrainLayout,
    operator: str,
    fill: NDArray[Any],
) -> str:
    """Return values (N * P, width) reduced over blocks of positions, (N, *pooled, width).

    The last block of an axis is filled up with `fill`.
    """
    positions, pool, pooled = layout.grid.positions, layout.pool, layout.pooled_shape
    values = graph.add("Reshape", values, np.array([-1, *positions, width]))
    lacking = [q * p - n for q, p, n in zip(pooled, pool, positions, strict=True)]
    if any(lacking):
        ends = [0] * (len(pool) + 2) + [0, *lacking, 0]
        values = graph.add("Pad", values, np.array(ends), fill)
    blocks = [size for block in zip(pooled, pool, strict=True) for size in block]
    values = graph.add("Reshape", values, np.array([-1, *blocks, width]))
    for axis in range(len(pool)):
        values = graph.add(operator, values, np.array([axis + 2]), keepdims=0)
    return values
