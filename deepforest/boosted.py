"""Trees that LightGBM has boosted, as arrays of our own, and what they say of a table.

They say what LightGBM says, bit for bit, several times faster. And LightGBM reads its models from
text with a parser in C++, which trusts what it reads: a model file holds these arrays instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from deepforest.sparse import dense_blocks

LINKS = ("identity", "sigmoid", "softmax", "exp", "square")
"""How sums of leaves become predictions; "square" is of models trained on square roots."""

# LightGBM's objectives by their link; others, and functions of the user, are not read.
_LINK_OF = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multiclassova": "sigmoid",
    "cross_entropy": "sigmoid",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
}


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """The splits and leaves of all trees, each numbered through.

    Attributes
    ----------
    roots : array of int32, shape (n_trees,)
        The first split of each tree, or ``~leaf`` of a tree without splits. Tree ``t`` speaks for
        output ``t % n_outputs``.
    left, right : array of int32, shape (n_splits,)
        A later split of the same tree, or ``~leaf``.
    feature : array of int32, shape (n_splits,)
    threshold : array of float64, shape (n_splits,)
        Values up to it go left. Of a categorical split the number of its set.
    kind : array of uint8, shape (n_splits,)
        1: categorical; 2: missing values go left; 4: zeros are missing values; 8: NaN is one.
    leaf_values : array of float64, shape (n_leaves,)
    set_starts : array of int64, shape (n_sets + 1,)
        Where each set of categories begins among ``set_words``.
    set_words : array of uint32
        One bit for each category that goes left.
    n_features : int
    n_outputs : int
        Trees of one round.
    link : str
        One of `LINKS`.
    scale : float
        Of the sums before a sigmoid.
    average : bool
        Whether sums are divided by the number of rounds.
    """

    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    kind: NDArray[np.uint8]
    leaf_values: NDArray[np.float64]
    set_starts: NDArray[np.int64]
    set_words: NDArray[np.uint32]
    n_features: int
    n_outputs: int
    link: str
    scale: float
    average: bool

    def predict(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions (n, n_outputs) for rows (n, n_features)."""
        from deepforest._engine import boosting

        nodes = boosting.BoostedNodes(
            *(getattr(self, name) for name in boosting.BoostedNodes._fields)
        )
        out = np.zeros((len(X), self.n_outputs))
        # LightGBM rounds what is neither float64 nor float32 to float32.
        values = X if X.dtype == np.float64 else X.astype(np.float32, copy=False)
        values = np.ascontiguousarray(values)
        if len(X) < boosting.FEW_ROWS:
            boosting.add_leaf_values(values, nodes, out)
        else:
            limits = rounded_down(self.threshold, values.dtype)
            boosting.add_trees(values, nodes, limits, out)
        if self.average:
            out /= len(self.roots) // self.n_outputs
        # numpy's exp may differ from the C library's, which LightGBM takes, in the last bit.
        if self.link == "sigmoid":
            boosting.apply_sigmoid(out, self.scale)
        elif self.link == "softmax":
            boosting.apply_softmax(out)
        elif self.link == "exp":
            boosting.apply_exp(out)
        elif self.link == "square":
            out = np.copysign(out * out, out)
        return out


def rounded_down(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the largest numbers of a type that are not above the values.

    A number of that type is at most a value if it is at most this.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
        return np.where(rounded > values, np.nextafter(rounded, dtype.type(-np.inf)), rounded)


def read_lightgbm(text: str) -> BoostedTrees:
    """Return the trees of a LightGBM model from its text.

    Raises
    ------
    ValueError
        For a model with linear leaves, or an objective that is not among LightGBM's own.
    """
    head_text, _, tree_text = text.split("\nend of trees", 1)[0].partition("\nTree=")
    head, trees = _by_key(head_text), _by_key(tree_text)
    link, scale, n_outputs = _objective(head)
    if any(value != "0" for value in trees.get("is_linear", ())):
        raise ValueError("it has linear leaves (linear_tree=True), which are not supported")
    # Trees count their own leaves, splits and sets of categories; here they are numbered through.
    n_leaves = _numbers(trees, "num_leaves", np.int32)
    n_splits = n_leaves - 1
    first_leaf, first_split, first_set = (
        _sums_before(counts)
        for counts in (n_leaves, n_splits, _numbers(trees, "num_cat", np.int32))
    )
    left, right = (
        np.where(
            child < 0,
            child - np.repeat(first_leaf, n_splits),
            child + np.repeat(first_split, n_splits),
        )
        for child in (_numbers(trees, key, np.int32) for key in ("left_child", "right_child"))
    )
    kind = _numbers(trees, "decision_type", np.uint8)
    threshold = _numbers(trees, "threshold", np.float64)
    bounds = _numbers(trees, "cat_boundaries", np.int64)
    sizes = np.diff(bounds)[bounds[1:] > 0]  # each tree's begin at 0
    read = BoostedTrees(
        roots=np.where(n_splits > 0, first_split, ~first_leaf),
        left=left,
        right=right,
        feature=_numbers(trees, "split_feature", np.int32),
        threshold=np.where(kind & 1, threshold + np.repeat(first_set, n_splits), threshold),
        kind=kind,
        leaf_values=_numbers(trees, "leaf_value", np.float64),
        set_starts=np.concatenate([[0], np.cumsum(sizes)]),
        set_words=_numbers(trees, "cat_threshold", np.uint32),
        n_features=int(head["max_feature_idx"][0]) + 1,
        n_outputs=n_outputs,
        link=link,
        scale=scale,
        average="average_output" in head,
    )
    lengths = {name: n_splits.sum() for name in ("left", "right", "feature", "threshold", "kind")}
    lengths |= {"leaf_values": n_leaves.sum(), "set_words": read.set_starts[-1]}
    if any(len(getattr(read, name)) != length for name, length in lengths.items()):
        raise ValueError("its text has not as many numbers as it should")
    return read


def _by_key(text: str) -> dict[str, list[str]]:
    """Return what stands behind each key, line by line; a line without value is a key."""
    values: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        values.setdefault(key, []).append(value)
    return values


def _objective(head: dict[str, list[str]]) -> tuple[str, float, int]:
    """Return link, scale and number of outputs."""
    name, *settings = head.get("objective", ["custom"])[0].split() or ["custom"]
    link = _LINK_OF.get(name)
    if link is None:
        raise ValueError(f"its objective {name!r} is not supported")
    if name == "regression" and "sqrt" in settings:
        link = "square"
    scale = next((float(s[8:]) for s in settings if s.startswith("sigmoid:")), 1.0)
    return link, scale, int(head["num_tree_per_iteration"][0])


def _numbers(trees: dict[str, list[str]], key: str, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the numbers behind a key, of all trees together."""
    # Real ones have the 17 digits that give each float64 back.
    return np.array(" ".join(trees.get(key, ())).split(), dtype)


def _sums_before(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return how many there are before each place."""
    return np.cumsum(counts, dtype=np.int32) - counts


class _BoostedModel(BaseEstimator):
    """A fitted LightGBM estimator as a cascade keeps it: it only predicts.

    Parameters
    ----------
    trees : BoostedTrees
    importances : array of float64, shape (n_features,)
        Gain of each feature.
    """

    def __init__(self, trees: BoostedTrees, importances: NDArray[np.float64]) -> None:
        self.trees = trees
        self.importances = importances
        self.n_features_in_ = trees.n_features

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Gain of each feature, which LightGBM gives with ``importance_type="gain"``."""
        return self.importances

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Refuse: what trained these trees is not known any more."""
        raise TypeError(
            f"{type(self).__name__} holds the trees of a fitted LightGBM estimator and cannot be "
            "fitted again: fit a LightGBM estimator."
        )

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        dtypes = (np.float32, np.float64)
        values = validate_data(
            self, X, accept_sparse="csr", dtype=dtypes, ensure_all_finite=False, reset=False
        )
        return np.concatenate([self.trees.predict(block) for block in dense_blocks(values)])

    def __sklearn_is_fitted__(self) -> bool:
        """Say that it is fitted."""
        return True

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is a value like others, and what is not stored is zero."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


class BoostedClassifier(ClassifierMixin, _BoostedModel):
    """A fitted LGBMClassifier.

    Parameters
    ----------
    trees : BoostedTrees
        With one output for two classes, or one a class.
    importances : array of float64, shape (n_features,)
    classes : array of shape (n_classes,)
    """

    def __init__(
        self, trees: BoostedTrees, importances: NDArray[np.float64], classes: NDArray[Any]
    ) -> None:
        super().__init__(trees, importances)
        self.classes = classes
        self.classes_ = classes

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities (n, n_classes)."""
        said = self._outputs(X)
        return np.hstack([1.0 - said, said]) if said.shape[1] == 1 else said

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class (n,)."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


class BoostedRegressor(RegressorMixin, _BoostedModel):
    """A fitted LGBMRegressor."""

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return values (n,)."""
        return self._outputs(X)[:, 0]


LIGHTGBM_KINDS = ("LGBMClassifier", "LGBMRegressor")


def is_lightgbm(model: BaseEstimator) -> bool:
    """Return whether this is one of LightGBM's estimators that arrays can stand for."""
    kind = type(model)
    return kind.__module__ == "lightgbm.sklearn" and kind.__name__ in LIGHTGBM_KINDS


def read_model(model: BaseEstimator) -> BoostedClassifier | BoostedRegressor:
    """Return a fitted LGBMClassifier or LGBMRegressor as arrays of our own.

    Raises
    ------
    ValueError
        Where the arrays could not predict as it does.
    """
    booster = model.booster_
    if model.get_params().get("pred_early_stop"):
        raise ValueError("it stops prediction early (pred_early_stop), which is not supported")
    # As `predict`, this takes the rounds up to the best one.
    trees = read_lightgbm(booster.model_to_string())
    importances = np.asarray(booster.feature_importance(importance_type="gain"), dtype=np.float64)
    if hasattr(model, "classes_"):
        return BoostedClassifier(trees, importances, np.asarray(model.classes_))
    return BoostedRegressor(trees, importances)
