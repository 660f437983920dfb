"""Data files: what is read from each kind, and errors that name file and remedy."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepforest import CascadeForestClassifier
from deepforest.data_files import DataError, Fitted, read_data


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"age": [1.5, np.nan, 3.0], "job": ["a", None, "b"], "y": ["no", "yes", "no"]}
    )


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV", "a.tsv", "a.parquet"])
def test_tables(tmp_path, frame, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    data = read_data(path, target="y")
    assert list(data.X) == ["age", "job"]
    assert data.X["age"].tolist()[::2] == [1.5, 3.0]
    assert data.X.isna().to_numpy().tolist() == [[False, False], [True, True], [False, False]]
    assert data.y.dtype.kind == "U"
    assert data.y.tolist() == ["no", "yes", "no"]
    assert read_data(path, target="y", drop=["age"]).X.columns.tolist() == ["job"]
    assert read_data(path).y is None
    assert list(read_data(path).X) == ["age", "job", "y"]


def test_targets_keep_numbers_and_truth_values(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,d\n1,0.5,True,x\n2,1.5,False,y\n")
    kinds = {column: read_data(path, target=column).y.dtype.kind for column in "abcd"}
    assert kinds == {"a": "i", "b": "f", "c": "b", "d": "U"}


def test_columns_of_a_fitted_model_are_chosen_from_a_table(tmp_path, frame):
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    fitted = Fitted(["job", "age"], None)
    data = read_data(path, fitted=fitted)
    assert list(data.X) == ["job", "age"]
    assert data.y.tolist() == ["no", "yes", "no"]  # the only other column
    frame.assign(more=1).to_csv(path, index=False)
    assert read_data(path, fitted=fitted).y is None
    assert read_data(path, fitted=fitted, drop=["more"]).y is not None
    assert read_data(path, fitted=fitted, target="more").y.tolist() == [1, 1, 1]
    with pytest.raises(DataError, match=r"a\.csv: there is no column 'sex'; the columns are age, "):
        read_data(path, fitted=Fitted(["sex"], None))


def test_words_that_look_like_numbers_are_words_to_a_model_of_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ticket,fare\n17609,1\n,2\n0031,3\n")
    fitted = Fitted(["ticket", "fare"], None, ("ticket",))
    tickets = read_data(path, fitted=fitted).X["ticket"]
    assert tickets.tolist()[::2] == ["17609", "0031"]
    assert tickets.isna().tolist() == [False, True, False]


def test_what_a_model_expects_of_a_table():
    frame = pd.DataFrame({"word": ["b", "a"] * 5, "number": np.arange(10.0), "odd": [True] * 10})
    model = CascadeForestClassifier(n_estimators=2, max_layers=1).fit(frame, [0, 1] * 5)
    expected = (["word", "number", "odd"], None, ("word",))
    assert Fitted.of(model) == (*expected, False)
    assert Fitted.like(frame, np.array(["no", "yes"] * 5)) == (*expected, True)
    assert Fitted.like(np.zeros((3, 8, 8)), np.arange(3)) == (None, (8, 8), (), False)


def test_labels_are_words_where_the_model_knows_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,fare\n1,1\n02,2\n")
    fitted = Fitted(["fare"], None, labels_are_words=True)
    assert read_data(path, fitted=fitted).y.tolist() == ["1", "02"]
    assert read_data(path, fitted=fitted, target="y").y.tolist() == ["1", "02"]
    assert read_data(path, fitted=Fitted(["fare"], None)).y.tolist() == [1, 2]


def test_a_target_that_is_yet_to_be_found_out_is_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,fare\n1,1\n,2\n")
    data = read_data(path, fitted=Fitted(["fare"], None))
    assert data.y is None
    assert data.others == ("y",)


def test_long_columns_of_numbers_and_words_are_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("k,y\n" + "1,2\n" * 300_000 + "u,2\n")
    assert set(read_data(path, target="y").X["k"]) == {"1", "u"}


def test_packed_files_that_are_damaged(tmp_path):
    for name in ("a.csv.zip", "a.csv.xz", "a.csv.gz", "a.npz"):
        path = tmp_path / name
        path.write_bytes(b"PK damaged")
        with pytest.raises(DataError, match=f"{name}: it cannot be read"):
            read_data(path)


def test_deep_grey_images_keep_their_values(tmp_path):
    pixels = np.arange(1000, 1064, dtype=np.uint16).reshape(8, 8)
    for name, image in (("a", pixels), ("b", pixels + 1000)):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / "0.png")
    data = read_data(tmp_path)
    assert data.X.dtype == np.float32
    np.testing.assert_array_equal(data.X, [pixels, pixels + 1000])


def test_arrays(tmp_path):
    X, y = np.arange(24.0).reshape(4, 3, 2), np.arange(4)
    np.savez(tmp_path / "a.npz", X=X, y=y, z=y + 1)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    data = read_data(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, y)
    data = read_data(tmp_path / "a.npz", features="y", target="z")
    assert (data.X.tolist(), data.y.tolist()) == ([0, 1, 2, 3], [1, 2, 3, 4])
    assert read_data(tmp_path / "X.npy").y is None
    np.testing.assert_array_equal(
        read_data(tmp_path / "X.npy", target=str(tmp_path / "y.npy")).y, y
    )
    np.savez(tmp_path / "b.npz", X=X)
    assert read_data(tmp_path / "b.npz").y is None


def save_images(folder, mode="L", size=(5, 4)):
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(3):
            Image.new(mode, size, i + 10 * (label == "dog")).save(folder / label / f"{i}.png")


def test_a_folder_of_images(tmp_path):
    save_images(tmp_path)
    data = read_data(tmp_path)
    assert (data.X.shape, data.X.dtype) == ((6, 4, 5), np.uint8)
    assert data.X[:, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert data.y.tolist() == ["cat"] * 3 + ["dog"] * 3
    assert data.names[0] == "cat/0.png"
    assert read_data(tmp_path / "cat").y is None
    assert read_data(tmp_path, image_size=(2, 3)).X.shape == (6, 2, 3)
    assert read_data(tmp_path, fitted=Fitted(None, (8, 8))).X.shape == (6, 8, 8)
    assert read_data(tmp_path, fitted=Fitted(None, (8, 8, 3))).X.shape == (6, 8, 8, 3)


def test_one_image_with_colours_makes_all_have_them(tmp_path):
    save_images(tmp_path)
    Image.new("RGB", (5, 4), (9, 8, 7)).save(tmp_path / "cat" / "9.jpg")
    assert read_data(tmp_path).X.shape == (7, 4, 5, 3)
    assert read_data(tmp_path, fitted=Fitted(None, (4, 5))).X.shape == (7, 4, 5)


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("absent.csv", None, {}, "there is no such file or folder"),
        ("a.xls", b"x", {}, "data are .csv, .tsv, .parquet, .npy, .npz, or a folder"),
        ("noend", b"x", {}, "data are .csv"),
        ("a.csv", b"", {}, "cannot be read: No columns"),
        ("a.csv", b"a,b\n", {}, "the table has no rows"),
        ("a.csv", b"a,b\n1,2\n", {"target": "c"}, "no column 'c'; the columns are a, b"),
        ("a.csv", b"a,b\n1,2\n", {"drop": ["c"]}, "no column 'c'; the columns are a, b"),
        (
            "a.csv",
            b"a,b\n1,2\n3,\n5,\n",
            {"target": "b"},
            "the target 'b' is missing in 2 rows, first in row 2",
        ),
        ("a.csv", b'a,b\n"1,2\n', {}, "cannot be read"),
        ("a.csv.gz", b"no gzip", {}, "cannot be read"),
        ("a.parquet", b"PAR1", {}, "cannot be read"),
        ("a.npy", b"no array", {}, "cannot be read"),
        ("a.npz", b"no archive", {}, "cannot be read"),
    ],
)
def test_errors_name_the_file(tmp_path, name, content, options, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*{message}"):
        read_data(path, **options)


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], dtype=object))
    np.savez(tmp_path / "a.npz", X=np.array([{}, 1], dtype=object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=rf"{name}: it cannot be read: Object arrays"):
            read_data(tmp_path / name)


def test_errors_of_arrays_and_images(tmp_path):
    np.savez(tmp_path / "a.npz", a=1, b=2)
    with pytest.raises(DataError, match="no array 'X'; choose one of a, b with --features"):
        read_data(tmp_path / "a.npz")
    with pytest.raises(DataError, match="no array 'c'; choose one of a, b with --target"):
        read_data(tmp_path / "a.npz", features="a", target="c")
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"there is no y\.npy"):
        read_data(tmp_path / "a.npy", target="y.npy")
    folder = tmp_path / "images"
    folder.mkdir()
    with pytest.raises(DataError, match="there are no images"):
        read_data(folder)
    save_images(folder)
    with pytest.raises(DataError, match=r"images do not fit arrays of shape \(7,\)"):
        read_data(folder, fitted=Fitted(None, (7,)))
    Image.new("L", (6, 4)).save(folder / "dog" / "x.png")
    with pytest.raises(DataError, match=r"x\.png: its size \(4, 6\) .* --image-size 4x5"):
        read_data(folder)
    (folder / "dog" / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"x\.png: this image cannot be read"):
        read_data(folder)


@pytest.mark.parametrize(
    ("module", "name"), [("pandas", "a.csv"), ("pyarrow", "a.parquet"), ("PIL", "")]
)
def test_a_missing_package_is_named_with_its_remedy(tmp_path, monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / name
    if name:
        path.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=rf"needs {module}.*pip install 'gcforest\[cli\]'"):
        read_data(path)
