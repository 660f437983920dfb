"""One file of JSON and arrays: the bytes of a model file, and what is checked before they are used.

======================  ==========================================================================
bytes                   content
======================  ==========================================================================
0-7                     ``MAGIC``
8-11                    version of the format, uint32
12-15                   length of the header in bytes, uint32, a multiple of 64
16-19                   CRC-32 of the version, the length and the header, uint32
20-63                   zeros
64-                     the header, JSON in ASCII, filled up with spaces
behind it               the arrays, each in C order and filled up with zeros to a multiple of 64
======================  ==========================================================================

All numbers are little-endian. The header names no places in the file: arrays follow each other in
its order, so none can overlap, and the file must end where the last one does. Nothing is
compressed, so a file cannot grow in memory.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

FORMAT_VERSION = 1
MAGIC = b"\x93DFOREST"
ALIGNMENT = 64
MAX_HEADER_BYTES = 2**25
MAX_AXES = 8

DTYPES = {
    "bool": np.dtype(np.bool_),
    "uint8": np.dtype(np.uint8),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "int8": np.dtype(np.int8),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
}

_PREFIX = struct.Struct("<8sIII44s")
_CHECKED = struct.Struct("<II")

_OTHER_FILES = {
    b"\x80": "a pickle: joblib.load and pickle.load read it, and run what code it holds",
    b"PK": "a zip file",
    b"\x1f\x8b": "a gzip file",
    b"tree": "a text of LightGBM",
}


class ModelFileError(ValueError):
    """A model file that cannot be used, or an estimator that cannot be written to one."""


def write_container(path: str | os.PathLike[str], content: Any, arrays: list[NDArray[Any]]) -> None:
    """Write JSON and arrays to a file; a file of this name is replaced when all is on disk.

    Parameters
    ----------
    path : path of the file
    content : what JSON can hold
    arrays : list of ndarray
        Of the dtypes of `DTYPES`.
    """
    padded = [np.asarray(a, a.dtype.newbyteorder("<"), order="C") for a in arrays]
    parts = [{"dtype": a.dtype.name, "shape": list(a.shape), "crc32": _checksum(a)} for a in padded]
    text = json.dumps(
        {"content": content, "parts": parts}, allow_nan=False, separators=(",", ":")
    ).encode("ascii")
    text += b" " * (-len(text) % ALIGNMENT)
    if len(text) > MAX_HEADER_BYTES:
        raise ModelFileError(
            f"The names, categories and parameters of the model take {len(text)} bytes, and a "
            f"model file holds {MAX_HEADER_BYTES} of them: use joblib.dump."
        )
    checked = _CHECKED.pack(FORMAT_VERSION, len(text))
    prefix = MAGIC + checked + struct.pack("<I", zlib.crc32(text, zlib.crc32(checked)))

    def write(file: BinaryIO) -> None:
        file.write(prefix.ljust(_PREFIX.size, b"\0"))
        file.write(text)
        for a in padded:
            file.write(a.reshape(-1).view(np.uint8).data)
            file.write(bytes(-a.nbytes % ALIGNMENT))

    replace_file(Path(path), write)


def replace_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file under a name of its own in the same folder, then give it the name `path`.

    Whoever reads `path` finds the old file or the new one, whole, whenever the program ends.
    """
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.absolute().parent} to write to.")
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_container(path: str | os.PathLike[str]) -> tuple[Any, list[NDArray[Any]]]:
    """Return what `write_container` was given.

    The arrays are read into one block of memory of the file's size and are views of it.

    Raises
    ------
    ModelFileError
        Where the file is not what `write_container` writes, byte for byte.
    """
    with open(path, "rb") as file, told_of(str(path)):
        size = os.fstat(file.fileno()).st_size
        header, start = _read_header(file, size)
        parts = [_part(entry) for entry in _list(header.get("parts"))]
        end = start + sum(_padded(nbytes) for _, _, nbytes, _ in parts)
        if end != size:
            raise ModelFileError(
                f"the header speaks of {end} bytes, and the file has {size}: it was cut short or "
                "changed. Take another copy."
            )
        block = np.empty(size - start, np.uint8)
        _read_into(file, block)
        return header.get("content"), list(_views(block, parts))


@contextmanager
def told_of(place: str) -> Iterator[None]:
    """Put the place into the message of a ModelFileError that the block raises."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{place}: {error}") from None


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header and where it ends."""
    prefix = file.read(_PREFIX.size)
    if prefix[: len(MAGIC)] != MAGIC:
        looks = next((what for start, what in _OTHER_FILES.items() if prefix.startswith(start)), "")
        raise ModelFileError(f"this is no model file{looks and ', but looks like ' + looks}.")
    if len(prefix) < _PREFIX.size:
        raise ModelFileError("the file was cut short. Take another copy.")
    _, version, length, checksum, zeros = _PREFIX.unpack(prefix)
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"the file has version {version} of the format, and this version of deepforest reads "
            f"up to {FORMAT_VERSION}: update deepforest."
        )
    if version < 1 or length > MAX_HEADER_BYTES or length % ALIGNMENT or any(zeros):
        raise ModelFileError("the first bytes were changed. Take another copy.")
    if _PREFIX.size + length > size:
        raise ModelFileError("the file was cut short. Take another copy.")
    text = file.read(length)
    if zlib.crc32(text, zlib.crc32(_CHECKED.pack(version, length))) != checksum:
        raise ModelFileError("the header does not fit its checksum. Take another copy.")
    try:
        header = json.loads(text.decode("ascii"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the header is no JSON of a model ({error}).") from None
    if not isinstance(header, dict) or header.keys() != {"content", "parts"}:
        raise ModelFileError("the header has other entries than content and parts.")
    return header, _PREFIX.size + length


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _part(entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Return dtype, shape, bytes and checksum of an array from its entry in the header."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "crc32"}:
        raise ModelFileError(f"{entry!r:.200} is no description of an array.")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    shape, checksum = entry["shape"], entry["crc32"]
    if (
        dtype is None
        or not _is_count(checksum)
        or not isinstance(shape, list)
        or len(shape) > MAX_AXES
        or not all(_is_count(side) for side in shape)
        # An axis of zero could hide another that no array can have.
        or prod(max(side, 1) for side in shape) >= 2**62
    ):
        raise ModelFileError(f"{entry!r:.200} is no description of an array.")
    return dtype, tuple(shape), prod(shape) * dtype.itemsize, checksum


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ModelFileError(f"{value!r:.200} is no list.")
    return value


def _padded(nbytes: int) -> int:
    return nbytes + -nbytes % ALIGNMENT


def _read_into(file: BinaryIO, block: NDArray[np.uint8]) -> None:
    view, done = block.data, 0
    while done < len(block):
        n = file.readinto(view[done:])  # type: ignore[attr-defined]  # a buffered reader has it
        if not n:
            raise ModelFileError("the file was cut short while it was read.")
        done += n


def _views(
    block: NDArray[np.uint8], parts: list[tuple[np.dtype[Any], tuple[int, ...], int, int]]
) -> Iterator[NDArray[Any]]:
    """Yield the arrays, after comparing each with its checksum."""
    start = 0
    for number, (dtype, shape, nbytes, checksum) in enumerate(parts):
        array = block[start : start + nbytes]
        padding = block[start + nbytes : start + _padded(nbytes)]
        if zlib.crc32(array.data) != checksum or padding.any():
            raise ModelFileError(f"array {number} does not fit its checksum. Take another copy.")
        # A bool of another value than 0 and 1 would be both true and false.
        if dtype.kind == "b" and array.max(initial=0) > 1:
            raise ModelFileError(f"array {number} holds what is neither true nor false.")
        yield array.view(dtype).reshape(shape)
        start += _padded(nbytes)


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data)
