"""The main job: scan digits, grow a cascade, and stand it beside other learners."""

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepforest.estimators import import_lightgbm
from deepforest.inspection import LayerScoreDisplay


class Split(NamedTuple):
    """Images of digits (n, 8, 8) and their labels."""

    X_train: NDArray[Any]
    X_test: NDArray[Any]
    y_train: NDArray[Any]
    y_test: NDArray[Any]


class Result(NamedTuple):
    """How one learner did."""

    name: str
    accuracy: float  # on the test images
    seconds: float  # to fit


def digits_split() -> Split:
    """Return scikit-learn's bundled digits, a quarter of them for testing."""
    pixels, y = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8)
    return Split(*train_test_split(images, y, test_size=0.25, stratify=y, random_state=0))


def rivals(n_jobs: int | None) -> list[tuple[str, BaseEstimator]]:
    """Return the learners that the deep forest is compared with, on the same pixels."""
    lightgbm = import_lightgbm()
    network = MLPClassifier((256, 128), max_iter=500, random_state=0)
    return [
        ("MLP (256, 128)", make_pipeline(StandardScaler(), network)),
        ("RandomForest(500)", RandomForestClassifier(500, n_jobs=n_jobs, random_state=0)),
        ("LightGBM", lightgbm.LGBMClassifier(verbosity=-1, n_jobs=n_jobs, random_state=0)),
    ]


def warm_up(estimator: BaseEstimator, split: Split) -> None:
    """Compile the engine's kernels, once in an environment: no part of what a fit takes."""
    # All of the images: a few rows go through other kernels.
    clone(estimator).set_params(verbose=0).fit(split.X_train, split.y_train).predict(split.X_test)


def fit_and_score(name: str, estimator: BaseEstimator, split: Split, *, as_rows: bool) -> Result:
    """Fit on the training images and return the result on the test images.

    `as_rows` gives the images as rows of pixels (n, 64).
    """
    X_train, X_test = split.X_train, split.X_test
    if as_rows:
        X_train, X_test = (X.reshape(len(X), -1) for X in (X_train, X_test))
    start = perf_counter()
    estimator.fit(X_train, split.y_train)
    seconds = perf_counter() - start
    return Result(name, float(np.mean(estimator.predict(X_test) == split.y_test)), seconds)


def draw_scores(scores: NDArray[np.float64], n_layers: int, test: float, path: Path) -> None:
    """Draw the held-out score by layer and write the picture to `path`.

    Parameters
    ----------
    scores : ndarray (n_grown,)
        Held-out accuracy after each layer.
    n_layers : int
        Layers that were kept.
    test : float
        Test accuracy of the fitted cascade.
    path : Path
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    # Before the scores, whose picture takes in what is there.
    axes.axhline(test, color="tab:blue", linestyle="--", label=f"test accuracy: {test:.4f}")
    display = LayerScoreDisplay(layer_scores=scores, n_layers=n_layers, score_name="accuracy")
    display.plot(axes, color="tab:green", label="held-out accuracy")
    axes.set(ylabel="accuracy", title="A cascade grows until it stops improving")
    axes.legend()
    figure.savefig(path, dpi=120)
