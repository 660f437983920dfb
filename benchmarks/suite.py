"""The tables of the benchmark suite, and their fixed splits."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from datasets import Split, arrays, frame
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

MAX_TRAIN = 20_000
MAX_TEST = 100_000


class Table(NamedTuple):
    """A table: classes are 0 to K-1, columns are float32 (mnist: uint8) or categories."""

    X: pd.DataFrame
    y: NDArray
    regression: bool
    n_original: int | None = None  # the first rows are the training part of those who made it


def from_npz(name: str, dtype: str = "float32") -> Table:
    d = arrays(name)
    n_original = None
    if "X_train" in d:
        n_original = len(d["X_train"])
        d = {key: np.concatenate([d[f"{key}_train"], d[f"{key}_test"]]) for key in ("X", "y")}
    X = pd.DataFrame(d["X"].reshape(len(d["X"]), -1).astype(dtype))
    return _table(X, d["y"], False, n_original)


def from_csv(
    name: str,
    target: str,
    *,
    drop: tuple[str, ...] = (),
    missing: str | None = None,
    regression: bool = False,
    n_original: int | None = None,
) -> Table:
    X, y = frame(name, target, missing=missing)
    return _table(X.drop(columns=list(drop)), y.to_numpy(), regression, n_original)


def diabetes() -> Table:
    """Return scikit-learn's own regression table."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return _table(X, y.to_numpy(), True, None)


def _table(X: pd.DataFrame, y: NDArray, regression: bool, n_original: int | None) -> Table:
    # Some libraries refuse punctuation in the names of columns.
    X = X.set_axis([f"f{i}" for i in range(X.shape[1])], axis=1)
    numbers = [c for c in X if X[c].dtype.kind in "biuf" and X[c].dtype != np.uint8]
    X = X.astype(dict.fromkeys(numbers, np.float32))
    y = y.astype(np.float64) if regression else np.unique(y, return_inverse=True)[1]
    return Table(X, y, regression, n_original)


class Entry(NamedTuple):
    load: Callable[[], Table]
    max_train: int = MAX_TRAIN
    always_original: bool = False  # every split is the original one, with another seed


_REGRESSION = {"regression": True}
DEVELOPMENT = {
    "satimage": Entry(partial(from_npz, "satimage")),
    "letter_libsvm": Entry(partial(from_npz, "letter_libsvm")),
    "spambase": Entry(partial(from_npz, "spambase")),
    "segment": Entry(partial(from_csv, "segment", "class")),
    "connect4": Entry(partial(from_npz, "connect4")),
    "bank_full": Entry(partial(from_csv, "bank_full", "y")),
    "cpusmall": Entry(partial(from_csv, "cpusmall", "usr", **_REGRESSION)),
    "kin8nm": Entry(partial(from_csv, "kin8nm", "y", **_REGRESSION)),
}
_adult = partial(from_csv, "adult", "income", missing="?", n_original=32_561)
# From cheap to dear, so that a suite that was cut off has most of them.
EVALUATION = {
    # boat and body tell the outcome; the others are free text.
    "titanic": Entry(
        partial(
            from_csv,
            "titanic_openml",
            "survived",
            drop=("boat", "body", "name", "ticket", "cabin"),
        )
    ),
    "diabetes": Entry(diabetes),
    "credit_g": Entry(partial(from_csv, "credit_g", "class")),
    "vehicle": Entry(partial(from_csv, "vehicle", "Class")),
    "abalone": Entry(partial(from_csv, "abalone", "Class_Rings", **_REGRESSION)),
    "dna": Entry(partial(from_npz, "dna")),
    "yeast": Entry(partial(from_npz, "yeast")),
    "ames": Entry(
        partial(from_csv, "ames_2930", "SalePrice", drop=("Order", "PID"), **_REGRESSION)
    ),
    "mushroom": Entry(partial(from_csv, "mushroom", "class")),
    "soybean": Entry(partial(from_csv, "soybean", "class")),
    "gtzan": Entry(partial(from_csv, "gtzan_features_30s", "label", drop=("filename", "length"))),
    "nursery": Entry(partial(from_csv, "nursery", "class")),
    "elevators": Entry(partial(from_csv, "elevators", "Goal", **_REGRESSION)),
    "california": Entry(
        partial(from_csv, "california_housing_raw", "median_house_value", **_REGRESSION)
    ),
    "magic": Entry(partial(from_npz, "magic")),
    "pendigits": Entry(partial(from_npz, "pendigits")),
    "adult": Entry(_adult),
    "diamonds": Entry(partial(from_csv, "diamonds", "price", **_REGRESSION)),
    "ijcnn1": Entry(partial(from_npz, "ijcnn1")),
    "shuttle": Entry(partial(from_npz, "shuttle")),
    "covtype_part": Entry(partial(from_npz, "covtype_part")),
    "isolet": Entry(partial(from_npz, "isolet_1560")),
    "usps": Entry(partial(from_npz, "usps")),
    "letter": Entry(partial(from_npz, "letter")),
    "mnist": Entry(partial(from_npz, "mnist", "uint8")),
}
# Rows of their own, in no mean.
SINGLE = {
    "covtype_large": Entry(partial(from_npz, "covtype_part"), max_train=300_000),
    "adult_original": Entry(_adult, max_train=32_561, always_original=True),
    "letter_original": Entry(partial(from_npz, "letter"), always_original=True),
    "mnist_original": Entry(
        partial(from_npz, "mnist", "uint8"), max_train=60_000, always_original=True
    ),
}


def split(entry: Entry, table: Table, number: int, max_rows: int | None = None) -> Split:
    """Return a fixed split; 0 is the original one where there is one, the others are random."""
    n = len(table.y)
    if table.n_original is not None and (number == 0 or entry.always_original):
        train, test = np.split(np.arange(n), [table.n_original])
    else:
        share = 0.7 if table.n_original is None else table.n_original / n
        train, test = _drawn(table, np.arange(n), share, number)
    train = _at_most(table, train, min(entry.max_train, max_rows or n), number)
    test = _at_most(table, test, min(MAX_TEST, max_rows or n), number)
    X, y = table.X, table.y
    return Split(X.iloc[train], X.iloc[test], y[train], y[test])


def _at_most(table: Table, rows: NDArray[np.intp], most: int, seed: int) -> NDArray[np.intp]:
    return rows if len(rows) <= most else _drawn(table, rows, most, seed)[0]


def _drawn(
    table: Table, rows: NDArray[np.intp], size: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return random rows, stratified by class, and the others."""
    y = table.y[rows]
    stratify = None if table.regression or np.bincount(y)[np.unique(y)].min() < 2 else y
    drawn, others = train_test_split(rows, train_size=size, stratify=stratify, random_state=seed)
    return drawn, others
