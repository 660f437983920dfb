"""Estimators of other libraries in a model file: skops, behind checks of our own.

skops builds types from a list only. It holds what cannot harm a process, such as linear models;
trees of scikit-learn are not on it, because scikit-learn checks no index in them either. Their
types, and those of any other library, must be named by whoever loads the file.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from deepforest.container import ModelFileError


def _skops(kind: str) -> ModuleType:
    try:
        import skops.io
    except ImportError as error:
        raise ModelFileError(
            f"{kind} needs skops: pip install 'gcforest[skops]', or use joblib.dump."
        ) from error
    module: ModuleType = skops.io
    return module


def dump_foreign(estimator: BaseEstimator) -> bytes:
    """Return an estimator as the bytes of a file of skops.

    Raises
    ------
    ModelFileError
        Where skops is not installed or cannot write the estimator, or not so that it is small.
    """
    kind = type(estimator).__name__
    try:
        data: bytes = _skops(kind).dumps(estimator)
        _check_archive(data)
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{kind} cannot be in a model file, because skops cannot write it ({error}): use "
            "joblib.dump, or another estimator."
        ) from error
    return data


def load_foreign(data: bytes, trusted: Sequence[str]) -> BaseEstimator:
    """Return an estimator from the bytes of a file of skops.

    Parameters
    ----------
    data : bytes
    trusted : list of str
        Full names of the types that may be built beside those that skops always builds.

    Raises
    ------
    ModelFileError
    """
    skops = _skops("an estimator of another library")
    try:
        _check_archive(data)
        unknown = sorted(set(skops.get_untrusted_types(data=data)) - set(trusted))
        if unknown:
            together = sorted({*unknown, *trusted})
            raise ModelFileError(
                f"an estimator is made of {unknown!r:.1000}. Such a file can do harm. If you know "
                f"who wrote it and trust them, pass load(path, trusted={together!r:.1000})."
            )
        estimator = skops.loads(data, trusted=list(trusted))
    except ModelFileError:
        raise
    # A damaged archive makes skops raise anything; what it may build was settled above.
    except Exception as error:
        raise ModelFileError(
            f"skops cannot read an estimator ({type(error).__name__}: {error!s:.200})."
        ) from error
    if not isinstance(estimator, BaseEstimator):
        raise ModelFileError(f"{type(estimator).__name__} stands where an estimator is meant.")
    return estimator


def _check_archive(data: bytes) -> None:
    """Raise an error unless a zip file holds JSON and arrays as large as they say, all stored.

    Nothing that is compressed is read, in the archive or within one of its members, and no array
    is larger than its bytes, so memory is bounded by the size of the file.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        stored = all(
            member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
            for member in members
        )
        if not stored or sum(member.file_size for member in members) > len(data):
            raise ModelFileError("an estimator's archive is compressed, which none of ours is.")
        for member in members:
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    _check_array(file, member.file_size)
            elif member.filename != "schema.json":
                raise ModelFileError(
                    f"an estimator's archive holds {member.filename!r:.200}, which is no array: "
                    "sparse arrays must be made dense; or use joblib.dump."
                )


def _check_array(file: Any, size: int) -> None:
    """Raise an error unless a .npy file is as large as its array."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject or prod(shape) * dtype.itemsize + file.tell() != size:
        raise ModelFileError("an estimator's archive holds an array of another size.")
