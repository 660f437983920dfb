"""Checkpoints: a folder with what of a fit is done, from which the same fit goes on.

``fit.dforest`` says whose folder it is: data, parameters, seed and versions, as texts that differ
where these differ. Beside it each grain and each layer has a file with its models and its held-out
class vectors. All else, such as weights, scores and the rows that have left, follows from these
and is computed again. The files are those of `deepforest.container`: whole, or not there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone

from deepforest.codecs import Codec, Json, Reader, Writer, array, sequence
from deepforest.consistency import check_models
from deepforest.container import ModelFileError, read_container, told_of, write_container
from deepforest.crossfit import CrossFitted, Instances, Keep
from deepforest.estimators import NamedEstimators, seeded_clone
from deepforest.models import Sample, fit_model
from deepforest.persistence import library_versions
from deepforest.progress import report
from deepforest.schemas import MODELS, TEMPLATES
from deepforest.target import Target
from deepforest.tree_codecs import read_bins, write_bins

FIT = "fit.dforest"
SEED = "the seed of random_state"

# What changes no layer. The seed stands for `random_state`, and the splits stand for `cv`.
_NOT_TOLD = ("checkpoint", "cv", "max_time", "n_jobs", "random_state", "verbose")

_ROWS_TRIED = 25  # of each of two classes


def kept_seed(folder: str | os.PathLike[str], otherwise: int) -> int:
    """Return the seed of the fit that a folder belongs to, or `otherwise` if that is new."""
    known = _read_fit(Path(folder))
    return otherwise if known is None else int(known[SEED])


def open_checkpoint(estimator: Any, rows: Sample, data: dict[str, Any], seed: int) -> Keep:
    """Return what keeps grains and layers in the folder `estimator.checkpoint`, or finds them.

    Parameters
    ----------
    estimator : cascade
        Its parameters have been checked.
    rows : Sample
        The training rows (n, *shape).
    data : dict
        All that is learnt from, by the names that an error has for it.
    seed : int

    Raises
    ------
    ValueError
        Where the folder belongs to a fit of other data, parameters or versions.
    ModelFileError
        A ValueError. Where the folder could not hold an estimator, or was damaged.
    """
    folder = Path(estimator.checkpoint)
    for parameter in estimator._estimator_lists:
        _check_estimators(folder, getattr(estimator, parameter) or [], rows)
    fit = _describe(estimator, data, seed)
    _claim(folder, fit)
    return partial(_kept, folder, joblib.hash(fit), estimator.verbose > 0)


# --- whose folder it is ----------------------------------------------------------------------


def _claim(folder: Path, fit: dict[str, str]) -> None:
    """Make a folder that of a fit, or raise a ValueError where it holds parts of another."""
    folder.mkdir(parents=True, exist_ok=True)
    known = _read_fit(folder)
    parts = sorted(path.name for path in folder.glob("*.dforest") if path.name != FIT)
    if not parts:
        write_container(folder / FIT, {"fit": fit}, [])
    elif known is None:
        raise ValueError(
            f"checkpoint={str(folder)!r} holds {parts[0]!r}, but no {FIT!r}: name a folder "
            "that holds no model files."
        )
    elif known != fit:
        differ = [
            f"{name} was {known.get(name, 'not there')} and is {fit.get(name, 'not there')}"
            for name in dict.fromkeys([*fit, *known])
            if known.get(name) != fit.get(name)
        ]
        raise ValueError(
            f"checkpoint={str(folder)!r} is that of another fit: {'; '.join(differ[:4])}. Name "
            "another folder, or delete this one."
        )


def _read_fit(folder: Path) -> dict[str, str] | None:
    """Return whose folder it is; None where that is not written yet."""
    if not (folder / FIT).exists():
        return None
    try:
        content, _ = read_container(folder / FIT)
    except ModelFileError as error:
        raise ModelFileError(f"{error} Or name another folder.") from error
    fit = content.get("fit") if isinstance(content, dict) else None
    if (
        not isinstance(fit, dict)
        or not all(isinstance(text, str) for text in fit.values())
        or not fit.get(SEED, "").isdecimal()
    ):
        raise ModelFileError(f"{folder / FIT}: it does not say what was fitted.")
    return fit


def _describe(estimator: Any, data: dict[str, Any], seed: int) -> dict[str, str]:
    """Return versions, parameters and data by name, each as a text."""
    fit = {"estimator": type(estimator).__name__, **library_versions(), SEED: str(seed)}
    for name, value in estimator.get_params(deep=False).items():
        if name in estimator._estimator_lists and value is not None:
            fit[name] = repr([own for own, _ in value])
            fit |= _describe_estimators(name, value)
        elif name not in _NOT_TOLD:
            fit[name] = _text(name, value)
    return fit | {name: _text(name, value) for name, value in data.items()}


def _describe_estimators(parameter: str, estimators: NamedEstimators) -> dict[str, str]:
    fit = {}
    for name, estimator in estimators:
        one = _without_threads(estimator)
        fit[f"{parameter}: {name}"] = _text(name, one)
        # Simple parameters once more, because an error can show them.
        for key, value in one.get_params().items():
            if _is_simple(value):
                fit[f"{name}__{key}"] = repr(value)
    return fit


def _without_threads(estimator: BaseEstimator) -> BaseEstimator:
    """Return an unfitted copy without the parameters that change no model."""
    copy = clone(estimator)
    names = [key for key in copy.get_params() if key.rpartition("__")[2] in ("n_jobs", "verbose")]
    return copy.set_params(**dict.fromkeys(names))


def _is_simple(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= 10 and all(map(_is_simple, value))
    return value is None or isinstance(value, bool | int | float | str)


def _text(name: str, value: Any) -> str:
    """Return a short text that differs for another value and is the same in every process."""
    if _is_simple(value):
        return repr(value)
    if callable(value):
        # By name alone: scores are computed again, so a function that has changed is heeded.
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    what = f"{value.dtype} {value.shape}" if hasattr(value, "shape") else type(value).__name__
    if issparse(value):
        value = (value.data, value.indices, value.indptr)
    elif isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value)  # a hash tells orders in memory apart
    try:
        return f"{what} #{joblib.hash(value)[:16]}"
    except (PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{name}={value!r:.200} cannot be told from others when a checkpoint is continued: use "
            "numbers, texts and functions that can be imported, or set checkpoint=None."
        ) from error


def _check_estimators(folder: Path, estimators: NamedEstimators, rows: Sample) -> None:
    """Raise a ModelFileError now, not after hours, if a file could not hold an estimator.

    Each is fitted on a few rows, written and read. Where they are too few for it, it is written
    unfitted.
    """
    few = _few(rows)
    for name, estimator in estimators:
        try:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = fit_model(seeded_clone(estimator, 0), few, few)
            except Exception:
                _write_and_read(TEMPLATES, [(name, estimator)])
            else:
                _write_and_read(MODELS, [[model]])
        except ModelFileError as error:
            raise ModelFileError(
                f"checkpoint={str(folder)!r} cannot hold {name!r} ({type(estimator).__name__}): "
                f"{str(error).partition('. ')[0]}. Take forests of deepforest, LightGBM or linear "
                "models, or set checkpoint=None."
            ) from error


def _write_and_read(codec: Codec, value: Any) -> None:
    out = Writer()
    node = codec.encode(value, out)
    source = Reader(out.arrays)
    source.bins = out.bins
    codec.decode(node, source)


def _few(rows: Sample) -> Sample:
    """Return a few of the rows as a table without NaN, of two classes if there are classes."""
    X, target = rows.X.reshape(rows.X.shape[0], -1), rows.target
    if target.n_classes is None:
        chosen = np.arange(min(2 * _ROWS_TRIED, len(target.y)))
    else:
        chosen = np.concatenate([np.flatnonzero(target.y == k)[:_ROWS_TRIED] for k in (0, 1)])
    X = X[chosen] if issparse(X) else np.nan_to_num(X[chosen])
    n_classes = None if target.n_classes is None else 2
    return Sample(X, Target(target.y[chosen], None, n_classes), None, rows.categorical)


# --- a grain or layer ------------------------------------------------------------------------


def _kept(
    folder: Path,
    fit: str,
    verbose: bool,
    name: str,
    data: Instances,
    cross_fitted: Callable[[], list[CrossFitted]],
) -> list[CrossFitted]:
    """Return what is on disk under a name; where nothing is, what was cross-fitted just now."""
    path, label = folder / f"{name}.dforest", {"fit": fit, "name": name}
    if not path.exists():
        fitted = cross_fitted()
        _write(path, label, data, fitted)
        return fitted
    report(verbose, "%s is taken from %s", name, path)
    try:
        content, arrays = read_container(path)
        with told_of(str(path)):
            return _read(content, arrays, label, data)
    except ModelFileError as error:
        raise ModelFileError(f"{error} Delete it, and this part is fitted again.") from error


def _shared_bins(data: Instances) -> list[Any]:
    """Return the bins of the table itself, which all forests on its codes have in common."""
    return [] if data.codes is None else [data.codes.bins]


def _vectors(data: Instances) -> Codec:
    return sequence(array(np.dtype(data.target.dtype).name, 2))


def _write(path: Path, label: dict[str, str], data: Instances, fitted: list[CrossFitted]) -> None:
    out = Writer()
    for bins in _shared_bins(data):
        out.add_bins(bins)
    content: dict[str, Json] = {
        **label,
        "held_out": _vectors(data).encode([f.held_out for f in fitted], out),
        "models": MODELS.encode([f.models for f in fitted], out),
    }
    write_container(path, content | {"bins": write_bins(out)}, out.arrays)


def _read(
    content: Json, arrays: list[Any], label: dict[str, str], data: Instances
) -> list[CrossFitted]:
    """Return what `_write` was given, checked."""
    if not isinstance(content, dict) or content.keys() != {*label, "held_out", "models", "bins"}:
        raise ModelFileError("the file holds no layer or grain.")
    if any(content[key] != text for key, text in label.items()):
        raise ModelFileError("the file is that of another fit, layer or grain.")
    try:
        held_out = _vectors(data).decode(content["held_out"], Reader(arrays))
        # All arrays are views of the whole file: models must not keep the vectors in memory.
        source = Reader([a if any(a is v for v in held_out) else a.copy() for a in arrays])
        source.bins = read_bins(content["bins"], source)
        # Bins that the same columns have in other layers too are to be the same object, as they
        # are in a fit that goes through: a model file then holds them once.
        shared = _shared_bins(data)
        source.bins[: len(shared)] = shared
        models = MODELS.decode(content["models"], source)
        shape = (len(data.target.y), len(data.prior()))
        if len(models) != len(held_out) or any(vectors.shape != shape for vectors in held_out):
            raise ModelFileError("the class vectors are of other rows or estimators.")
        check_models(models, data.n_columns, data.target.n_classes, data.target.width)
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"what it holds is no layer or grain ({error!s:.200}).") from error
    return [CrossFitted(*pair) for pair in zip(models, held_out, strict=True)]
