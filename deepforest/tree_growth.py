"""Growing trees on coded rows, and joining them to a forest as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.bags import TreeRows
from deepforest.bins import Bins
from deepforest.coding import CodedTable, CodedWindows
from deepforest.progress import report
from deepforest.threads import in_threads
from deepforest.trees import Trees

NEAR_ROWS = 4096
"""Nodes of fewer rows read the table row by row (docs/engine.md has the measurement)."""


MOST_MERGED, LEAST_SPAN, LEAST_OTHERS = 0.5, 128, 0.05
"""Of a column of pixels at most this share is in one range of eight codes, and 96 % span so many
codes; it is judged by rows that are not of the most frequent code if these are such a share."""

JUDGED_ROWS = 200
"""So many rows show which columns are pixels."""


class TreeCodes(NamedTuple):
    """Codes as trees grow on them; see ``_engine.dividing.Table``."""

    flat: NDArray[np.uint8]
    offset: NDArray[np.int64]  # (n_features,)
    near: NDArray[np.uint8]
    near_step: int
    near_rows: int


def codes_of_table(table: CodedTable) -> TreeCodes:
    """Return the codes of a table, for rows with their numbers as addresses."""
    n, n_features = table.codes.shape
    flat, offset = table.codes.T.reshape(-1), np.arange(n_features) * n
    if n * table.row_step >= 2**31:
        return TreeCodes(flat, offset, flat[:0], 1, 0)
    return TreeCodes(flat, offset, table.padded_rows.reshape(-1), table.row_step, NEAR_ROWS)


def codes_of_windows(windows: CodedWindows) -> TreeCodes:
    """Return the codes of windows, wherever they lie."""
    flat = windows.codes.reshape(-1)
    return TreeCodes(flat, windows.offset, flat[:0], 1, 0)


def grow_trees(
    codes: TreeCodes,
    bins: Bins,
    has_missing: NDArray[np.bool_],
    rows: Callable[[int], TreeRows],
    *,
    n_classes: int | None,
    n_trees: int,
    rules: dict[str, Any],
    seed: int,
    n_jobs: int | None,
    verbose: int,
) -> tuple[Trees, NDArray[np.float64]]:
    """Grow a forest.

    Parameters
    ----------
    codes : TreeCodes
    bins : Bins
        What the codes mean.
    has_missing : array of bool, shape (n_features,)
        Features without missing values are searched and divided faster.
    rows : function from a tree's number to TreeRows
        See `rows_of_table` and `rows_of_windows`.
    n_classes : int or None
        None for targets.
    n_trees : int
    rules : dict
        The fields of ``_engine.growing.Rules``.
    seed : int
        32 bits; tree ``t`` draws from a generator that ``seed`` and ``t`` determine.
    n_jobs, verbose : int
        As the forests take them.

    Returns
    -------
    trees : Trees
    importances : array of float64, shape (n_features,)
        Mean decrease of impurity, normalised.
    """
    in_ranges = np.zeros(len(codes.offset), bool)
    own_codes = np.flatnonzero(~bins.keeps_missing & ~bins.is_categorical)
    if n_classes and not rules["random_splits"] and len(own_codes):
        base = rows(0).base
        some = base[:: max(1, len(base) // JUDGED_ROWS)]
        in_ranges[own_codes] = are_pixels(codes.flat[some[:, None] + codes.offset[own_codes]])
    any_kinds = bool((has_missing | bins.is_categorical).any())
    kinds = has_missing, bins.is_categorical, in_ranges, any_kinds
    grow = partial(_grow, codes, kinds, rows, n_classes, rules, seed)
    # Closed, no tree is begun after an error here, while its traceback holds the iterator.
    with closing(in_threads(grow, range(n_trees), n_jobs)) as grown:
        return join(_reported(grown, n_trees, verbose > 0), n_trees, bins)


def are_pixels(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which columns spread over their codes as pixels do; codes (n, d), result (d,).

    Counts and ages, of which few are large, do not: ranges between the smallest and the largest
    would merge most of them. Rows of the most frequent value say nothing, and columns with hardly
    any others are taken for what most of the columns are.
    """
    n, n_columns = codes.shape
    counts = np.bincount((codes + 256 * np.arange(n_columns)).ravel(), minlength=256 * n_columns)
    counts = counts.reshape(n_columns, 256)
    np.put_along_axis(counts, counts.argmax(axis=1)[:, None], 0, axis=1)
    others = counts.sum(axis=1)
    shares = counts.cumsum(axis=1) / np.maximum(others, 1)[:, None]
    span = (shares < 0.98).sum(axis=1) - (shares < 0.02).sum(axis=1)
    merged = np.diff(shares[:, 7::8], axis=1, prepend=0).max(axis=1)
    spread = (merged <= MOST_MERGED) & (span >= LEAST_SPAN)
    known = others >= LEAST_OTHERS * n
    mostly = bool(known.any() and spread[known].mean() > 0.5)
    result: NDArray[np.bool_] = np.where(known, spread, mostly)
    return result


def _reported(grown: Iterable[Any], n_trees: int, verbose: bool) -> Iterator[Any]:
    """Pass trees on, with a line of progress at every tenth of them."""
    for number, tree in enumerate(grown, start=1):
        if verbose and number * 10 // n_trees > (number - 1) * 10 // n_trees:
            report(True, "%d of %d trees", number, n_trees)
        yield tree


def join(grown: Iterable[Any], n_trees: int, bins: Bins) -> tuple[Trees, NDArray[np.float64]]:
    """Put trees (``_engine.nodes.Tree``) one after the other as they come.

    Returns
    -------
    trees : Trees
    importances : array of float64, shape (n_features,)
        Mean decrease of impurity, normalised.
    """
    children_left, feature, code, missing_left, leaf, leaf_values, left_sets = (
        _Parts(n_trees) for _ in range(7)
    )
    roots = np.empty(n_trees, np.int32)
    importances = np.zeros(len(bins.edges))
    for t, tree in enumerate(grown):
        roots[t] = feature.append(tree.feature)
        children_left.append(tree.children_left + roots[t])
        code.append(tree.code)
        missing_left.append(tree.missing_left)
        first_value = np.int32(leaf_values.append(tree.leaf_values))
        first_set = np.int32(left_sets.append(tree.left_sets))
        mixed = np.where(tree.leaf < 0, tree.leaf - first_value, tree.leaf)
        leaf.append(np.where(tree.feature >= 0, tree.leaf + first_set, mixed))
        # Rounding may leave a feature that only ever made useless splits just below zero.
        own = np.maximum(tree.importances, 0.0)
        if own.sum() > 0:
            importances += own / own.sum()
    if importances.sum() > 0:
        importances /= importances.sum()
    trees = Trees(
        roots=roots,
        children_left=children_left.whole(),
        feature=feature.whole(),
        code=code.whole(),
        missing_left=missing_left.whole(),
        leaf=leaf.whole(),
        leaf_values=leaf_values.whole(),
        left_sets=left_sets.whole(),
        bins=bins,
    )
    return trees, importances


class _Parts:
    """Arrays put one after the other as they come, so that no forest is held twice."""

    def __init__(self, n_parts: int) -> None:
        self.n_parts = n_parts
        self.n_appended = 0
        self.size = 0

    def append(self, part: NDArray[Any]) -> int:
        """Copy a part behind the others; return where it begins."""
        start, self.size = self.size, self.size + len(part)
        self.n_appended += 1
        if self.n_appended == 1:
            self.room = np.empty((self._expected(), *part.shape[1:]), part.dtype)
        elif self.size > len(self.room):
            self.room.resize((self._expected(), *part.shape[1:]), refcheck=False)
        self.room[start : self.size] = part
        return start

    def _expected(self) -> int:
        """Return a size that most likely does for all parts: memory not written to is free."""
        return int(1.05 * self.size * self.n_parts / self.n_appended) + 1

    def whole(self) -> NDArray[Any]:
        """Return the parts as one array."""
        self.room.resize((self.size, *self.room.shape[1:]), refcheck=False)
        return self.room


def _grow(
    codes: TreeCodes,
    kinds: tuple[Any, ...],
    rows: Callable[[int], TreeRows],
    n_classes: int | None,
    rules: dict[str, Any],
    seed: int,
    number: int,
) -> Any:
    """Grow one tree."""
    from deepforest._engine.class_rows import class_bag
    from deepforest._engine.dividing import Bag, Table
    from deepforest._engine.growing import Rules, grow_classes
    from deepforest._engine.growing_targets import grow_targets

    base, y, weight = rows(number)
    near = codes.near, codes.near_step, codes.near_rows
    addresses = Table(codes.flat, codes.offset, *near, *kinds)
    limits = Rules(**rules)
    # As in draw_bag.
    with np.errstate(over="ignore"):
        if n_classes:
            bag = class_bag(base, y, weight)
            # In a leaf of 2^16 classes and more, counts scaled down to 16 bits could all be 0.
            are_counts = weight.dtype.kind == "i" and n_classes < 2**16
            del base, y, weight  # as large as the bag
            return grow_classes(addresses, *bag, n_classes, are_counts, limits, seed, number)
        return grow_targets(addresses, Bag(base, y, weight.astype(float)), limits, seed, number)
