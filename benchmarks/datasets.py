"""Real data sets for the benchmarks, read from a folder that is no part of the repository.

The folder is `../shared/data` beside the clone, or what the variable DEEPFOREST_DATA names.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

FOLDER = Path(os.environ.get("DEEPFOREST_DATA", Path(__file__).parents[2] / "shared" / "data"))


class Table(NamedTuple):
    """A table, as a frame with category columns, and what is learned from it."""

    X: pd.DataFrame
    y: NDArray
    regression: bool
    test_fraction: float


class Split(NamedTuple):
    X_train: pd.DataFrame
    X_test: pd.DataFrame
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


def load(name: str) -> Table:
    """Return one of the tables `NAMES`."""
    if name == "letter":
        d = arrays("letter")
        X = np.vstack([d["X_train"], d["X_test"]]).astype(np.float32)
        return Table(pd.DataFrame(X), np.concatenate([d["y_train"], d["y_test"]]), False, 0.2)
    if name == "yeast":
        d = arrays("yeast")
        return Table(pd.DataFrame(d["X"]), d["y"], False, 0.3)
    if name == "adult":
        X, income = frame("adult", "income", missing="?")
        return Table(X, (income == ">50K").to_numpy(dtype=np.int64), False, 1 / 3)
    if name == "california_housing":
        X, value = frame("california_housing_raw", "median_house_value")
        return Table(X, value.to_numpy(dtype=np.float64), True, 0.2)
    raise ValueError(f"no table is called {name!r}; there are {', '.join(NAMES)}.")


NAMES = ("letter", "adult", "yeast", "california_housing")


def split(table: Table, number: int) -> Split:
    """Return a fixed split, stratified by class; `number` is its seed."""
    return Split(
        *train_test_split(
            table.X,
            table.y,
            test_size=table.test_fraction,
            stratify=None if table.regression else table.y,
            random_state=number,
        )
    )


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
