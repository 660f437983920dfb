"""Data files for the commands: tables, arrays and folders of images."""

from collections.abc import Sequence
from functools import partial
from lzma import LZMAError
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

TABLES = (".csv", ".tsv", ".parquet")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".webp")
PACKED = (".gz", ".bz2", ".xz", ".zip")


class DataError(ValueError):
    """A data file that cannot be used; the message names file, what is wrong and the remedy."""


class Data(NamedTuple):
    """What a file or folder holds."""

    X: Any  # data frame (n, d) or ndarray (n, *shape)
    y: NDArray[Any] | None  # (n,) where a target was found
    names: list[str] | None = None  # of the images' files
    target: str | None = None  # the column that y is
    others: tuple[str, ...] = ()  # columns that are no features, where y was not found


class Fitted(NamedTuple):
    """What a fitted estimator expects of data."""

    columns: list[str] | None  # names of the columns that it was fitted on
    shape: tuple[int, ...] | None  # of an instance
    words: tuple[str, ...] = ()  # columns that hold words, even where all look like numbers
    labels_are_words: bool = False

    @classmethod
    def of(cls, estimator: Any) -> "Fitted":
        """Return what this estimator expects."""
        columns = getattr(estimator, "feature_names_in_", None)
        shape = getattr(estimator, "input_shape_", None)
        if columns is None:
            return cls(None, shape)
        codes = estimator._encoder.codes if hasattr(estimator, "_encoder") else {}
        words = [columns[j] for j in codes if all(isinstance(word, str) for word in codes[j])]
        labels = getattr(estimator, "classes_", None)
        return cls(list(columns), shape, tuple(words), _are_words(labels))

    @classmethod
    def like(cls, X: Any, y: NDArray[Any]) -> "Fitted":
        """Return what further rows of a table (n, d) or arrays (n, *shape) are read as."""
        if not hasattr(X, "columns"):
            return cls(None, X.shape[1:])
        words = X.select_dtypes(exclude=["number", "bool"]).columns
        return cls(list(X.columns), None, tuple(words), _are_words(y))


def read_data(
    path: Path,
    *,
    target: str | None = None,
    features: str | None = None,
    drop: Sequence[str] = (),
    image_size: tuple[int, int] | None = None,
    fitted: Fitted | None = None,
) -> Data:
    """Return the data of a file or folder.

    Parameters
    ----------
    path : Path
        CSV or TSV (packed too), Parquet, .npy, .npz, or a folder of images with one
        sub-folder a class.
    target : str, optional
        The column of a table, the array of an .npz, or the .npy file that holds y.
    features : str, optional
        The array of an .npz that holds X.
    drop : sequence of str
        Columns of a table that are no features.
    image_size : (int, int), optional
        Height and width that images are brought to.
    fitted : Fitted, optional
        What the data are for: its columns are chosen from a table, whatever else that has,
        and images are brought to its shape.

    Raises
    ------
    DataError
        Where the file is missing, is of another kind, or lacks what was asked for.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder.")
    if path.is_dir():
        return _read_images(path, image_size, fitted)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    try:
        if suffix in TABLES:
            return _from_table(path, _read_table(path, suffix, fitted), target, drop, fitted)
        if suffix == ".npz":
            return _read_npz(path, target, features)
        if suffix == ".npy":
            return _read_npy(path, target)
    except DataError:
        raise
    # Of the parsers, and of what is packed.
    except (ValueError, OSError, EOFError, BadZipFile, LZMAError) as error:
        raise DataError(f"{path}: it cannot be read: {error}") from error
    accepted = ", ".join([*TABLES, ".npy", ".npz"])
    raise DataError(f"{path}: data are {accepted}, or a folder with one sub-folder a class.")


# --- tables ----------------------------------------------------------------------------------


def _import(name: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise DataError(
            f"reading this needs {name}, which is missing: pip install 'gcforest[cli]'."
        ) from error


def _are_words(labels: NDArray[Any] | None) -> bool:
    return labels is not None and labels.dtype.kind == "U"


def _read_table(path: Path, suffix: str, fitted: Fitted | None) -> Any:
    pandas = _import("pandas")
    if suffix == ".parquet":
        _import("pyarrow")
        return pandas.read_parquet(path)
    # UCI's data have question marks where values are missing. Read in parts, a column of numbers
    # and words would hold both.
    read = partial(
        pandas.read_csv, sep="\t" if suffix == ".tsv" else ",", na_values=["?"], low_memory=False
    )
    words = set() if fitted is None else set(fitted.words)
    if fitted is not None and fitted.labels_are_words:
        words |= set(map(str, read(path, nrows=0))) - set(fitted.columns or ())
    return read(path, dtype=dict.fromkeys(words, str))


def _from_table(
    path: Path, frame: Any, target: str | None, drop: Sequence[str], fitted: Fitted | None
) -> Data:
    if len(frame) == 0:
        raise DataError(f"{path}: the table has no rows.")
    columns = [str(column) for column in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    _check_columns(path, [*drop, *([target] if target else [])], columns)
    y = None if target is None else _labels(path, frame[target])
    if fitted is None or fitted.columns is None:
        X = frame.drop(columns=[*drop, *([target] if target else [])])
        return Data(X, y, target=target, others=() if target else tuple(X.columns))
    _check_columns(path, fitted.columns, columns)
    others = [column for column in columns if column not in {*fitted.columns, *drop}]
    # What is no feature must be the target, unless it is yet to be found out.
    if target is None and len(others) == 1 and frame[others[0]].notna().all():
        target = others[0]
        y = _labels(path, frame[target])
    return Data(frame[fitted.columns], y, target=target, others=() if target else tuple(others))


def _check_columns(path: Path, wanted: Sequence[str], columns: list[str]) -> None:
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise DataError(
            f"{path}: there is no column {missing[0]!r}; the columns are {', '.join(columns)}."
        )


def _labels(path: Path, column: Any) -> NDArray[Any]:
    """Return a target column as an array of numbers, bools or strings."""
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise DataError(
            f"{path}: the target {column.name!r} is missing in {len(missing)} rows, first in row "
            f"{missing[0] + 1}: leave these rows out."
        )
    values: NDArray[Any] = column.to_numpy()
    # Arrays of objects (words, whole numbers that pandas keeps apart) get a type of their own.
    return np.array(values.tolist()) if values.dtype.kind == "O" else values


# --- arrays ----------------------------------------------------------------------------------


def _read_npy(path: Path, target: str | None) -> Data:
    X = np.load(path, allow_pickle=False)
    if target is None:
        return Data(X, None)
    beside = Path(target)
    if not beside.exists():
        raise DataError(f"{path}: the target of an .npy file is another one; there is no {beside}.")
    return Data(X, np.load(beside, allow_pickle=False))


def _read_npz(path: Path, target: str | None, features: str | None) -> Data:
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays)
        X = features or "X"
        y = target or ("y" if "y" in names else None)
        for name, option in ((X, "--features"), (y, "--target")):
            if name is not None and name not in names:
                raise DataError(
                    f"{path}: there is no array {name!r}; choose one of {', '.join(names)} with "
                    f"{option}."
                )
        return Data(arrays[X], None if y is None else arrays[y])


# --- images ----------------------------------------------------------------------------------


def _read_images(path: Path, size: tuple[int, int] | None, fitted: Fitted | None) -> Data:
    """Return the images (n, h, w), or (n, h, w, 3) where one has colours.

    They are uint8, or float32 where a grey one has more than 256 values.
    """
    _import("PIL")
    from PIL import Image

    folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    files = [(file, folder.name) for folder in folders for file in _images_in(folder)]
    labelled = bool(files)
    if not labelled:
        files = [(file, "") for file in _images_in(path)]
    if not files:
        raise DataError(f"{path}: there are no images ({', '.join(IMAGES)}) in its sub-folders.")
    if fitted is not None and fitted.shape is not None:
        if len(fitted.shape) not in (2, 3):
            raise DataError(f"{path}: images do not fit arrays of shape {fitted.shape}.")
        size = fitted.shape[0], fitted.shape[1]
        colour = len(fitted.shape) == 3
    else:
        colour = any(_has_colour(file) for file, _ in files)
    images = []
    for file, _ in files:
        try:
            with Image.open(file) as opened:
                grey = "F" if _is_deep(opened) else "L"  # which has 256 values
                image = opened.convert("RGB" if colour else grey)
            if size is not None and image.size != (size[1], size[0]):
                image = image.resize((size[1], size[0]))
            images.append(np.asarray(image))
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: this image cannot be read: {error}") from error
        if images[-1].shape != images[0].shape:
            height, width = images[0].shape[:2]
            raise DataError(
                f"{file}: its size {images[-1].shape[:2]} is not that of the first image, "
                f"{(height, width)}: bring all to one with --image-size {height}x{width}."
            )
    names = [str(file.relative_to(path)) for file, _ in files]
    y = np.array([label for _, label in files]) if labelled else None
    return Data(np.stack(images), y, names)


def _has_colour(file: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return not _is_deep(image) and image.mode not in ("1", "L", "LA")
    except OSError as error:
        raise DataError(f"{file}: this image cannot be read: {error}") from error


def _is_deep(image: Any) -> bool:
    """Return whether an image is grey and has more than 256 values: modes I, I;16, F."""
    return bool(image.mode[0] in "IF")


def _images_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
