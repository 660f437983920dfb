"""Data of the examples: bundled with scikit-learn, or larger where DEEPFOREST_DATA names a folder.

The folder holds the files that benchmarks/datasets.py reads. `DEEPFOREST_QUICK=1` or
``--quick`` asks for the bundled data all the same.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

QUICK = os.environ.get("DEEPFOREST_QUICK") == "1" or "--quick" in sys.argv
FOLDER = None if QUICK else os.environ.get("DEEPFOREST_DATA")
FULL_SIZE = FOLDER is not None
REPOSITORY = Path(__file__).parents[1]


class Split(NamedTuple):
    """Arrays (n, *shape) or data frames, their labels, and what they are called."""

    name: str
    X_train: NDArray
    X_test: NDArray
    y_train: NDArray
    y_test: NDArray


def images(n_train: int | None = None) -> Split:
    """Return handwritten digits: MNIST (n, 28, 28), or scikit-learn's (n, 8, 8); uint8.

    Of MNIST the first `n_train` training images (None: all 60,000), and all 10,000 test images.
    """
    if FULL_SIZE:
        X_train, X_test, y_train, y_test = _original_split("mnist")
        return Split("MNIST", X_train[:n_train], X_test, y_train[:n_train], y_test)
    return Split("scikit-learn's digits", *_digits(train_size=0.5))


def faces(n_each: int) -> Split:
    """Return ORL's faces (n, 112, 92) uint8, `n_each` photographs a person to train on.

    Where they are not at hand digits (n, 8, 8) stand in, as many of each.
    """
    if FULL_SIZE:
        with np.load(Path(FOLDER) / "orl_faces_112x92.npz") as file:
            X, y = file["X"], file["y"]
        split = train_test_split(X, y, train_size=40 * n_each, stratify=y, random_state=0)
        return Split("ORL faces", *split)
    return Split("scikit-learn's digits", *_digits(train_size=10 * n_each))


def series() -> Split:
    """Return heartbeats (n, 140), or digits as sequences of 8 rows of pixels (n, 8, 8)."""
    if FULL_SIZE:
        X_train, X_test, y_train, y_test = _original_split("ts_ECG5000")
        return Split("ECG5000", X_train[:, 0], X_test[:, 0], y_train, y_test)  # the one channel
    return Split("scikit-learn's digits, row by row", *_digits(train_size=0.5))


def table() -> Split:
    """Return data frames with text, numbers and missing cells, and labels that are words.

    At full size it is the census table "adult". scikit-learn bundles no such table, so elsewhere
    the measurements of its breast cancer set are made one: every third column says a word for the
    fifth in which the value lies, the words in no order, and a tenth of all cells is emptied.
    """
    import pandas as pd  # no other example needs it

    if FULL_SIZE:
        frame = pd.read_csv(Path(FOLDER) / "adult.csv.gz", na_values="?")
        y, train = frame.pop("income"), frame.pop("split") == "train"
        return Split("adult", frame[train], frame[~train], y[train], y[~train])
    measured = load_breast_cancer(as_frame=True)
    frame, random = measured.data.copy(), np.random.default_rng(0)
    for column in frame.columns[::3]:
        words = random.permutation(["birch", "maple", "oak", "pine", "willow"])
        frame[column] = pd.qcut(frame[column], 5, labels=words).astype(str)
    frame = frame.mask(random.random(frame.shape) < 0.1)
    y = measured.target_names[measured.target]
    split = train_test_split(frame, y, train_size=0.5, stratify=y, random_state=0)
    return Split("breast cancer with words and holes", *split)


def _original_split(name: str) -> list[NDArray]:
    """Return X_train, X_test, y_train, y_test of an .npz file."""
    with np.load(Path(FOLDER) / f"{name}.npz") as file:
        return [file[key] for key in ("X_train", "X_test", "y_train", "y_test")]


def _digits(train_size: float) -> list[NDArray]:
    pixels, y = load_digits(return_X_y=True)
    X = pixels.reshape(-1, 8, 8).astype(np.uint8)
    return train_test_split(X, y, train_size=train_size, stratify=y, random_state=0)
