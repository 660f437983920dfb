"""Model files: fitted estimators as one file of arrays and JSON, without code."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sklearn.utils.validation import check_is_fitted

from deepforest.codecs import Reader, Writer
from deepforest.container import ModelFileError, read_container, told_of, write_container
from deepforest.schemas import decode_estimator, encode_estimator
from deepforest.tree_codecs import read_bins, write_bins

LIBRARIES = ("gcforest", "numba", "numpy", "scikit-learn", "lightgbm", "skops")


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file; see `SaveMixin.save`."""
    check_is_fitted(estimator)
    out = Writer()
    content = {
        "libraries": library_versions(),
        "estimator": encode_estimator(estimator, out),
        "bins": write_bins(out),
    }
    write_container(path, content, out.arrays)


def load(path: str | os.PathLike[str], *, trusted: Sequence[str] = ()) -> Any:
    """Return the estimator that ``estimator.save(path)`` has written.

    Nothing in a model file is run, and everything in it is checked before it is used: the sums of
    its parts, the type of every value, that trees end and ask for no column that is not there. The
    estimator predicts what the saved one did, bit for bit. LightGBM's models come back as
    arrays that predict the same and cannot be trained further.

    Parameters
    ----------
    path : str or path
    trusted : list of str, default=()
        Names of the types that estimators of other libraries may be built of, beside those that
        skops builds always. They can do harm: name them only where you trust who wrote the file.
        An error says which ones are missing.

    Returns
    -------
    estimator

    Raises
    ------
    ModelFileError
        A ValueError. If the file is no model file, was damaged or changed, or comes from a later
        version of deepforest.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> import deepforest
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = deepforest.HistForestClassifier(random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "iris.dforest")
    ...     forest.save(path)
    ...     loaded = deepforest.load(path)
    >>> np.array_equal(loaded.predict_proba(X), forest.predict_proba(X))
    True
    """
    content, arrays = read_container(path)
    with told_of(str(path)):
        if not isinstance(content, dict) or content.keys() != {"libraries", "estimator", "bins"}:
            raise ModelFileError("the file holds something else than an estimator.")
        source = Reader(arrays, trusted)
        try:
            source.bins = read_bins(content["bins"], source)
            return decode_estimator(content["estimator"], source)
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(f"what it holds is no estimator ({error!s:.200}).") from error


def library_versions() -> dict[str, str]:
    """Return the versions that an error report wants to know; nothing depends on them."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
