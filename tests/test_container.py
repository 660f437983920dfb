"""One file of JSON and arrays: what it gives back, and everything that it refuses."""

import json
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from deepforest.container import (
    DTYPES,
    FORMAT_VERSION,
    MAX_HEADER_BYTES,
    ModelFileError,
    read_container,
    write_container,
)

ARRAYS = [np.arange(6, dtype=np.int32).reshape(2, 3), np.array([0.5, np.nan]), np.zeros(0, bool)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    write_container(path, {"a": [1, None, "ä"]}, ARRAYS)
    return path


def with_header(path, change, checksum=True):
    """Write the file again with another header, and its checksum made right again."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[64 : 64 + length])
    change(header)
    text = header["text"] if "text" in header else json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    prefix = bytearray(data[:64])
    struct.pack_into("<I", prefix, 12, len(text))
    struct.pack_into("<I", prefix, 16, zlib.crc32(text, zlib.crc32(prefix[8:16])))
    path.write_bytes(bytes(prefix) + text + data[64 + length :])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from(sorted(DTYPES)).flatmap(
            lambda name: npst.arrays(DTYPES[name], npst.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=4,
    )
)
def test_gives_back_what_was_written(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("container") / "file"
    write_container(path, {"n": len(arrays)}, arrays)
    content, read = read_container(path)
    assert content == {"n": len(arrays)}
    assert len(read) == len(arrays)
    for a, b in zip(arrays, read, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert a.tobytes() == b.tobytes()


def test_transposed_and_big_endian_arrays_are_written_in_order(tmp_path):
    path = tmp_path / "file"
    write_container(path, None, [ARRAYS[0].T, ARRAYS[0].astype(">i4")])
    _, (transposed, swapped) = read_container(path)
    assert transposed.tolist() == ARRAYS[0].T.tolist()
    assert swapped.tolist() == ARRAYS[0].tolist()


def test_arrays_are_views_of_one_block_and_can_be_written_to(path):
    _, arrays = read_container(path)
    blocks = {id(a.base if a.base.base is None else a.base.base) for a in arrays}
    assert len(blocks) == 1
    arrays[0][0, 0] = 7
    assert all(a.flags.aligned and a.flags.writeable for a in arrays)


def test_every_cut_is_an_error(path):
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError, match=r"cut short|no model file"):
            read_container(path)


def test_more_bytes_are_an_error(path):
    path.write_bytes(path.read_bytes() + bytes(64))
    with pytest.raises(ModelFileError, match="cut short or changed"):
        read_container(path)


def test_every_changed_byte_is_an_error(path):
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in (1, 128):
            changed = bytearray(data)
            changed[place] ^= bit
            path.write_bytes(bytes(changed))
            with pytest.raises(ModelFileError):
                read_container(path)


def test_later_version(path):
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 8, FORMAT_VERSION + 1)
    path.write_bytes(bytes(data))
    with pytest.raises(ModelFileError, match="update deepforest"):
        read_container(path)


def declare(**entries):
    return lambda header: header["parts"][0].update(entries)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (declare(shape=[2**40]), "cut short or changed"),
        (declare(shape=[2**61, 2**61]), "no description"),
        (declare(shape=[0, 2**61, 2**61]), "no description"),
        (declare(shape=[-1]), "no description"),
        (declare(shape=[2.0]), "no description"),
        (declare(shape=[True]), "no description"),
        (declare(shape=[1] * 100), "no description"),
        (declare(shape="ab"), "no description"),
        (declare(dtype="object"), "no description"),
        (declare(dtype=["int32"]), "no description"),
        (declare(dtype="<U9"), "no description"),
        (declare(crc32=None), "no description"),
        (declare(crc32=0), "checksum"),
        (declare(offset=0), "no description"),
        (lambda header: header.update(parts=None), "no list"),
        (lambda header: header.update(parts=[3]), "no description"),
        (lambda header: header.update(more=1), "other entries"),
        (lambda header: header.pop("content"), "other entries"),
        (lambda header: header.update(text=b"[" * 100_000), "no JSON"),
        (lambda header: header.update(text=b'{"content":NaN,"parts":[]}'), "no JSON"),
        (lambda header: header.update(text=b"\xff\xfe"), "no JSON"),
        (lambda header: header.update(text=b"[]"), "other entries"),
        (lambda header: header.update(text=b'{"content":' + b"9" * 5000 + b"}"), "no JSON"),
    ],
)
def test_header_that_lies_with_a_right_checksum(path, change, message):
    with_header(path, change)
    with pytest.raises(ModelFileError, match=message):
        read_container(path)


def test_bool_that_is_neither_true_nor_false(tmp_path):
    path = tmp_path / "file"
    write_container(path, None, [np.array([0, 2], np.uint8)])
    with_header(path, declare(dtype="bool"))
    with pytest.raises(ModelFileError, match="neither true nor false"):
        read_container(path)


def test_header_is_bounded(tmp_path):
    with pytest.raises(ModelFileError, match="joblib"):
        write_container(tmp_path / "file", "x" * MAX_HEADER_BYTES, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "message"),
    [("pickle", "pickle"), ("zip", "zip"), ("text", "no model file"), ("empty", "no model file")],
)
def test_other_files_are_named(tmp_path, kind, message):
    path = tmp_path / "file"
    path.write_bytes({"pickle": pickle.dumps([1]), "text": b"hello"}.get(kind, b""))
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    with pytest.raises(ModelFileError, match=message):
        read_container(path)


def test_an_error_while_writing_leaves_the_old_file_alone(path, monkeypatch):
    before = path.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_container(path, None, [])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_error_names_the_file(path):
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match=str(path)):
        read_container(path)
