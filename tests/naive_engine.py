"""Slow, obvious versions of what the kernels compute."""

import itertools

import numpy as np

MISSING = 255


def score(y, w, n_classes):
    """Sum over classes of squared weight, over the weight."""
    sums = np.array([w[y == k].sum() for k in range(n_classes)], float)
    return (sums**2).sum() / w.sum()


def target_score(y, w):
    """The same for real targets ``y`` (n, K)."""
    return ((w[:, None] * y).sum(axis=0) ** 2).sum() / w.sum()


def split_score(left, y, w, n_classes=None):
    """Score of a split, ``left`` a mask of rows."""
    sides = [left, ~left]
    if n_classes is None:
        return sum(target_score(y[side], w[side]) for side in sides)
    return sum(score(y[side], w[side], n_classes) for side in sides)


def divisions(codes, keeps_missing=False, is_categorical=False):
    """All divisions of rows into two sides that a split on these codes can make, as masks."""
    present = sorted(set(codes.tolist()))
    if is_categorical:
        for size in range(1, len(present)):
            for chosen in itertools.combinations(present, size):
                yield np.isin(codes, chosen)
        return
    missing = (codes == MISSING) & keeps_missing
    for cut in present:
        for side in (False, True) if missing.any() else (False,):
            left = np.where(missing, side, codes <= cut)
            if left.any() and not left.all():
                yield left


def is_pixel(column):
    """Whether a column spreads over its codes, or None where it hardly leaves one of them."""
    codes, counts = np.unique(column, return_counts=True)
    others = np.sort(column[column != codes[counts.argmax()]]).astype(int)
    if len(others) < 0.05 * len(column):
        return None
    # The smallest codes that at least 2 and 98 % of the others do not exceed.
    low, high = (next(c for c in range(256) if (others <= c).mean() >= q) for q in (0.02, 0.98))
    fullest = max(((others // 8) == r).mean() for r in range(32))
    return bool(fullest <= 0.5 and high - low >= 128)


def ranges_of(pixel, w):
    """What a search for classes tells apart of a pixel's values in a node: 32 ranges at most."""
    size = w.sum() if np.array_equal(w, w.round()) else len(w)
    width = 1
    while size >= 64 and np.ptp(pixel) // width >= 32:
        width *= 2
    return (pixel - pixel.min()) // width if width > 1 else pixel


def gain_by_chance(codes, y, w, n_classes=None):
    """What sets of these categories would gain in the mean if they had no bearing on the target."""
    if n_classes is None:
        impurity = (w[:, None] * y**2).sum() - target_score(y, w)
    else:
        impurity = w.sum() - score(y, w, n_classes)
    return impurity * (len(set(codes.tolist())) - 1) / (len(codes) - 1)


def compared_score(left, codes, y, w, n_classes=None, is_categorical=False, **_):
    """The score by which a split on these codes is compared with others."""
    said = split_score(left, y, w, n_classes)
    return max(said - gain_by_chance(codes, y, w, n_classes), 0.0) if is_categorical else said


def best_score(codes, y, w, n_classes=None, min_leaf=1, **kind):
    """The best score of all splits on these codes, or None."""
    if n_classes is not None and not kind["keeps_missing"] and not kind["is_categorical"]:
        codes = ranges_of(codes, w)
    return max(
        (
            compared_score(left, codes, y, w, n_classes, **kind)
            for left in divisions(codes, **kind)
            if min_leaf <= left.sum() <= len(left) - min_leaf
        ),
        default=None,
    )


def goes_left(code, split_code, missing_left, left_set, keeps_missing, is_categorical):
    """Whether one row goes left."""
    if is_categorical:
        return bool((int(left_set[code >> 5]) >> (code & 31)) & 1)
    if keeps_missing and code == MISSING:
        return bool(missing_left)
    return code <= split_code


def find_leaf(tree, row, keeps_missing, is_categorical):
    """The number of the leaf that a row of codes falls into; ``tree`` is a ``growing.Tree``."""
    node = 0
    while tree.feature[node] >= 0:
        f = tree.feature[node]
        left = goes_left(
            int(row[f]),
            tree.code[node],
            tree.missing_left[node],
            tree.left_sets[tree.leaf[node]] if is_categorical[f] else None,
            keeps_missing[f],
            is_categorical[f],
        )
        node = tree.children_left[node] + (0 if left else 1)
    return node


def rows_of_nodes(tree, codes, keeps_missing, is_categorical):
    """For each node a mask of the rows that come through it."""
    masks = np.zeros((len(tree.feature), len(codes)), bool)
    for i, row in enumerate(codes):
        node = 0
        masks[0, i] = True
        while tree.feature[node] >= 0:
            f = tree.feature[node]
            left = goes_left(
                int(row[f]),
                tree.code[node],
                tree.missing_left[node],
                tree.left_sets[tree.leaf[node]] if is_categorical[f] else None,
                keeps_missing[f],
                is_categorical[f],
            )
            node = tree.children_left[node] + (0 if left else 1)
            masks[node, i] = True
    return masks


def codes_of(x, thresholds):
    """How many thresholds each value exceeds; 255 for missing ones."""
    return np.array([MISSING if v != v else sum(t < v for t in thresholds) for v in x], np.uint8)
