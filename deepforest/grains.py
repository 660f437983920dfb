"""Grains: the size of a window, and how windows of this size are slid and pooled."""

from collections.abc import Sequence
from difflib import get_close_matches
from math import prod
from typing import Any, NamedTuple
from warnings import warn

import numpy as np

from deepforest._validation import check_choice
from deepforest.windows import (
    POOL_METHODS,
    WindowGrid,
    check_size,
    check_steps,
    count_spatial_axes,
    pool_size,
    pooled_shape,
    window_grid,
)


class GrainSettings(NamedTuple):
    """One entry of `windows`, with what it leaves out taken from the scanner."""

    size: Any
    stride: Any
    padding: Any
    pool: Any
    pool_method: Any


class GrainLayout(NamedTuple):
    """Where the windows of a grain lie in an instance, and how they are pooled."""

    grid: WindowGrid
    pool: tuple[int, ...]  # positions of a block along each spatial axis
    pool_method: str  # one of POOL_METHODS

    @property
    def pooled_shape(self) -> tuple[int, ...]:
        """Number of pooled positions along each spatial axis."""
        return pooled_shape(self.grid.positions, self.pool)

    @property
    def n_pooled(self) -> int:
        """Number of pooled positions."""
        return prod(self.pooled_shape)


def grain_settings(windows: Any, **shared: Any) -> list[GrainSettings]:
    """Return the settings of each grain after checking them as far as no array is needed.

    Parameters
    ----------
    windows : sequence
        One grain each: a size, or a dict with the key "size" and any of `shared`'s.
    **shared
        `stride`, `padding`, `pool` and `pool_method` of the grains that do not say their own.
    """
    is_list = isinstance(windows, Sequence | np.ndarray) and not isinstance(windows, str)
    if not is_list or len(windows) == 0:
        raise ValueError(
            f"windows={windows!r} must be a list with one size a grain, as in [3, 5], "
            "[(3, 3), (5, 5)] or [{'size': 3, 'stride': 1}]."
        )
    grains = []
    for entry in windows:
        own = dict(entry) if isinstance(entry, dict) else {"size": entry}
        _check_keys(entry, own)
        if isinstance(own["size"], list):
            own["size"] = tuple(own["size"])
        settings = GrainSettings(**{**shared, **own})
        try:
            _check_values(settings)
        except ValueError as error:
            if len(own) == 1:
                raise
            raise ValueError(f"windows holds {entry!r}: {error}") from error
        grains.append(settings)
    return grains


def _check_values(settings: GrainSettings) -> None:
    check_size(settings.size)
    if settings.stride is not None:
        check_steps("stride", settings.stride)
    check_steps("padding", settings.padding, at_least=0)
    check_steps("pool", settings.pool)
    check_choice("pool_method", settings.pool_method, POOL_METHODS)


def _check_keys(entry: Any, own: dict[Any, Any]) -> None:
    for key in own:
        if key not in GrainSettings._fields:
            close = get_close_matches(str(key), GrainSettings._fields, n=1)
            nearest = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"windows holds {entry!r} with the unknown key {key!r}: {nearest}"
                f"Accepted are {', '.join(GrainSettings._fields)}."
            )
    if "size" not in own:
        raise ValueError(f"windows holds {entry!r} without a size: add one, as in {{'size': 3}}.")


def lay_grains(grains: list[GrainSettings], shape: tuple[int, ...]) -> list[GrainLayout]:
    """Return where the windows of each grain lie in instances of this shape."""
    n_axes = count_spatial_axes([grain.size for grain in grains], shape)
    if prod(shape[:n_axes]) == 1 < prod(shape[n_axes:]):
        warn(
            f"There is nothing to scan in instances of shape {shape}: windows slide over axes of "
            "length 1, behind which are channels. Where channels come first, transpose: "
            "X.transpose(0, 2, 1) for sequences.",
            stacklevel=2,
        )
    return [
        GrainLayout(
            window_grid(shape, n_axes, grain.size, grain.stride, grain.padding),
            pool_size(grain.pool, n_axes),
            grain.pool_method,
        )
        for grain in grains
    ]


def feature_names(
    layouts: list[GrainLayout], estimators: list[str], labels: list[str]
) -> list[str]:
    """Return names that say grain, window, estimator, pooled position and label, in their order."""
    names = []
    for g, layout in enumerate(layouts):
        size = "x".join(map(str, layout.grid.window))
        for estimator in estimators:
            for position in np.ndindex(layout.pooled_shape):
                at = "_".join(map(str, position))
                names += [f"grain{g}_{size}_{estimator}_at_{at}{label}" for label in labels]
    return names
