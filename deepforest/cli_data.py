"""What the commands that read data share: their options, and what they check before they work."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from numpy.typing import NDArray

from deepforest.data_files import Data, DataError

DataPath = Annotated[
    Path,
    typer.Argument(
        help="CSV, TSV, Parquet, .npy, .npz, or a folder of images with one sub-folder a class."
    ),
]
ModelPath = Annotated[Path, typer.Argument(help="A model file that `fit` wrote.")]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="What is learnt: a column of a table, an array of an .npz (default: y), or an .npy "
        "file.",
    ),
]
Features = Annotated[
    str | None, typer.Option(help="The array of an .npz that holds the features (default: X).")
]
Drop = Annotated[
    list[str] | None, typer.Option(help="A column that is no feature; may be repeated.")
]
ImageSize = Annotated[
    str | None, typer.Option(help="Bring images to this height and width, as in 28x28.")
]
Jobs = Annotated[int | None, typer.Option(help="Threads instead of the config's; -1 is all.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, for machines.")]


def with_target(path: Path, data: Data) -> tuple[Any, NDArray[Any]]:
    """Return X and y, or raise an error that says how y is named."""
    if data.y is None:
        raise DataError(f"{path}: {_without_target(data)}")
    if len(data.y) != len(data.X):
        raise DataError(f"{path}: y has {len(data.y)} entries, but X has {len(data.X)} rows.")
    return data.X, data.y


def _without_target(data: Data) -> str:
    if data.names is not None:
        return (
            "these images have no labels: put those of each class in a sub-folder of its own, "
            "which is called as the class."
        )
    if hasattr(data.X, "columns") and not data.others:
        return "there is no column besides the features to be the target."
    known = f": one of {', '.join(data.others)}" if data.others else ""
    return f"what is learnt has to be named with --target{known}."


def in_words(X: Any) -> str:
    """Return what the data are, in words."""
    if hasattr(X, "columns") or X.ndim == 2:
        return f"{X.shape[0]} rows of {X.shape[1]} columns"
    return f"{len(X)} arrays of {'x'.join(map(str, X.shape[1:]))}"


def names_in(X: Any) -> dict[str, int]:
    """Return the columns of text of a data frame whose words are mostly different, and how many."""
    if not hasattr(X, "columns"):
        return {}
    words = {c: X[c].nunique() for c in X if X[c].dtype.kind not in "biufc"}
    numbers, most = words_among_numbers(X), max(50, len(X) / 2)
    return {column: n for column, n in words.items() if n > most and column not in numbers}


def words_among_numbers(X: Any) -> dict[str, str]:
    """Return the columns of text of a data frame that hold more numbers than words, and a word."""
    if not hasattr(X, "columns"):
        return {}
    import pandas  # is there where X is a frame

    found = {}
    for column in X:
        if X[column].dtype.kind in "biufc":
            continue
        values = X[column].dropna().astype(str)
        is_word = pandas.to_numeric(values, errors="coerce").isna()
        if 0 < is_word.sum() < len(values) / 2:
            found[column] = values[is_word].iloc[0]
    return found


def image_shape(text: str | None) -> tuple[int, int] | None:
    """Return height and width from a text such as 28x28."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or "0" in match.groups():
        raise DataError(f"--image-size={text}: write height and width, as in 28x28.")
    return int(match[1]), int(match[2])


def check_writable(path: Path) -> None:
    """Raise an error before hours of work if the result could not be written."""
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.absolute().parent} to write to.")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise DataError(f"{path}: its folder cannot be written to.")
