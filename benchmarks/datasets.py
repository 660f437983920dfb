"""Real data sets for the benchmarks, read from a folder that is no part of the repository.

The folder is `../shared/data` beside the clone, or what the variable DEEPFOREST_DATA names.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import train_test_split

FOLDER = Path(os.environ.get("DEEPFOREST_DATA", Path(__file__).parents[2] / "shared" / "data"))


class Split(NamedTuple):
    X_train: pd.DataFrame | NDArray
    X_test: pd.DataFrame | NDArray
    y_train: NDArray
    y_test: NDArray


def arrays(name: str) -> dict[str, NDArray]:
    """Return the arrays of an .npz file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def frame(name: str, target: str, missing: str | None = None) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features and the target of a .csv.gz file, text columns as categories."""
    table = pd.read_csv(FOLDER / f"{name}.csv.gz", na_values=[missing] if missing else None)
    y = table.pop(target)
    table = table.drop(columns="split", errors="ignore")
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = table[column].astype("category")
    return table, y


def ordinal(X: pd.DataFrame) -> NDArray[np.float32]:
    """Return the frame as numbers: categories by their number, missing values as NaN."""
    columns = []
    for name in X.columns:
        column = X[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy(dtype=np.float32)
            columns.append(np.where(codes < 0, np.nan, codes))
        else:
            columns.append(column.to_numpy(dtype=np.float32))
    return np.column_stack(columns).astype(np.float32)


def original_split(name: str) -> Split:
    """Return an .npz file as it was split by those who made it; features as they are stored."""
    d = arrays(name)
    return Split(d["X_train"], d["X_test"], d["y_train"], d["y_test"])


def random_split(X: NDArray, y: NDArray, n_train: int, seed: int) -> Split:
    """Return a split stratified by class."""
    return Split(*train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed))


def letter() -> Split:
    """Return the letters, (n, 16) float32: the first 16,000 to train on."""
    d = original_split("letter")
    return d._replace(X_train=d.X_train.astype(np.float32), X_test=d.X_test.astype(np.float32))


def adult() -> Split:
    """Return the census table as numbers, (n, 14) float32: split as by its makers."""
    train = pd.read_csv(FOLDER / "adult.csv.gz", usecols=["split"])["split"].to_numpy() == "train"
    table, income = frame("adult", "income", missing="?")
    X, y = ordinal(table), (income == ">50K").to_numpy(dtype=np.int64)
    return Split(X[train], X[~train], y[train], y[~train])


def yeast(seed: int) -> Split:
    """Return the proteins, (n, 8): 1038 of 1484 to train on."""
    d = arrays("yeast")
    return random_split(d["X"].astype(np.float32), d["y"], 1038, seed)


def faces(n_train: int, seed: int) -> Split:
    """Return the ORL faces, (n, 112, 92) uint8: `n_train` of each person's ten to train on."""
    d = arrays("orl_faces_112x92")
    return random_split(d["X"], d["y"], 40 * n_train, seed)


def hand_movements(seed: int) -> Split:
    """Return the sEMG recordings, (n, 3000): 1260 of 1800 to train on. Seed 0 is the paper's."""
    d = arrays("semg_hand")
    train, test = train_test_split(range(1800), train_size=0.7, stratify=d["y"], random_state=seed)
    return Split(d["X"][train], d["X"][test], d["y"][train], d["y"][test])


def music_features(seed: int) -> Split:
    """Return summary features of 1000 songs, (n, 57): 700 to train on."""
    X, y = frame("gtzan_features_30s", "label")
    X = X.drop(columns=["filename", "length"])
    return random_split(X.to_numpy(dtype=np.float32), y.to_numpy(dtype=str), 700, seed)


def reviews() -> Split:
    """Return tf-idf features of the IMDB reviews, (25000, 5000) float32 each."""
    d = arrays("imdb_bow5000")
    counts = {
        part: csr_matrix(
            (d[f"{part}_data"].astype(np.float32), d[f"{part}_indices"], d[f"{part}_indptr"]),
            shape=(25_000, 5_000),
        )
        for part in ("train", "test")
    }
    tf_idf = TfidfTransformer(sublinear_tf=True).fit(counts["train"])
    X_train, X_test = (
        tf_idf.transform(counts[part]).toarray().astype(np.float32, copy=False)
        for part in ("train", "test")
    )
    return Split(X_train, X_test, d["y_train"], d["y_test"])


SERIES = (
    "BasicMotions",
    "ECG5000",
    "FaceAll",
    "GunPoint",
    "ItalyPowerDemand",
    "JapaneseVowels",
    "SyntheticControl",
    "TwoPatterns",
)


def series(name: str) -> Split:
    """Return one of the sets `SERIES`: (n, t), or (n, t, c) where it has channels."""
    d = original_split(f"ts_{name}")
    if d.X_train.ndim == 3:
        d = d._replace(
            X_train=d.X_train.transpose(0, 2, 1).copy(), X_test=d.X_test.transpose(0, 2, 1).copy()
        )
    return d
