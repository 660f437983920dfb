"""The parameters of forests: what is allowed, and shares turned into numbers."""

from __future__ import annotations

from math import ceil, log2, sqrt
from numbers import Integral, Real
from typing import Any

from deepforest._validation import check_choice, check_integer, check_switch
from deepforest.bins import check_max_bins


def check_parameters(forest: Any) -> None:
    """Raise an error that names the parameter, its value and the remedy if one is of no use."""
    check_integer("n_estimators", forest.n_estimators, at_least=1)
    check_choice("splitter", forest.splitter, ("best", "random"))
    criteria = ("gini",) if hasattr(forest, "class_weight") else ("squared_error",)
    check_choice("criterion", forest.criterion, criteria)
    if isinstance(forest.max_features, str):
        check_choice("max_features", forest.max_features, ("sqrt", "log2"))
    elif forest.max_features is not None:
        _check_count_or_share(forest, "max_features", least=1)
    if forest.max_depth is not None:
        check_integer("max_depth", forest.max_depth, at_least=1)
    _check_count_or_share(forest, "min_samples_split", least=2)
    _check_count_or_share(forest, "min_samples_leaf", least=1)
    check_max_bins(forest.max_bins)
    if forest.max_samples is not None:
        _check_count_or_share(forest, "max_samples", least=1)
        if not forest.bootstrap:
            raise ValueError(
                f"max_samples={forest.max_samples!r} needs bootstrap=True: without it every tree "
                "sees all rows. Set max_samples=None or bootstrap=True."
            )
    if hasattr(forest, "keep_targets"):
        check_switch("keep_targets", forest.keep_targets)
    if forest.oob_score and not forest.bootstrap:
        raise ValueError(
            "oob_score=True needs bootstrap=True: without it no row is out of bag. "
            "Set bootstrap=True or oob_score=False."
        )


def _check_count_or_share(forest: Any, name: str, least: int) -> None:
    value = getattr(forest, name)
    if not isinstance(value, bool):
        if isinstance(value, Integral) and int(value) >= least:
            return
        if isinstance(value, Real) and not isinstance(value, Integral) and 0 < float(value) <= 1:
            return
    raise ValueError(
        f"{name}={value!r} must be an integer of at least {least} or a share in (0, 1]."
    )


def count_features(max_features: Any, n_features: int) -> int:
    """Return how many features are drawn for a split."""
    if max_features is None:
        return n_features
    if max_features == "sqrt":
        return max(1, int(sqrt(n_features)))
    if max_features == "log2":
        return max(1, int(log2(n_features)))
    if isinstance(max_features, Integral):
        return min(int(max_features), n_features)
    return max(1, int(float(max_features) * n_features))


def count_rows(value: Any, n_samples: int, least: int) -> int:
    """Return a number of rows from a number or a share of them."""
    if isinstance(value, Integral):
        return int(value)
    return max(least, ceil(float(value) * n_samples))


def count_draws(max_samples: Any, n_samples: int) -> int:
    """Return how many rows are drawn for a tree."""
    if max_samples is None:
        return n_samples
    if isinstance(max_samples, Integral):
        return int(max_samples)
    return max(1, round(n_samples * float(max_samples)))
