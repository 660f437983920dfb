"""Data frames: what their columns become, and that the models are those of the codes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    HistForestClassifier,
    HistForestRegressor,
    load_config,
)
from deepforest.frames import FrameEncoder

CATEGORICAL = ["town", "size", "word"]


def people(n=240, seed=0):
    """A frame with columns of every kind, labels that depend on them, and groups."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Ulm", "Bonn", "Köln", "Jena", "Hof"], n)
    size = rng.choice([40, 38, 44, 42], n)
    known = rng.random(n) < 0.5
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "town": pd.Series(town, dtype="string"),
            "size": pd.Categorical(size, categories=[44, 40, 42, 38]),
            "known": known,
            "word": np.array(["a", "b"], dtype=object)[rng.integers(0, 2, n)],
            "rank": pd.Categorical(
                rng.choice(["low", "mid", "top"], n), ["low", "mid", "top"], ordered=True
            ),
            "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
        }
    )
    score = np.isin(town, ["Ulm", "Jena"]) * 2 + (size > 40) + known + frame["rank"].cat.codes
    y = (score + rng.normal(size=n) > 3).astype(int)
    for j, name in enumerate(["age", "town", "size", "word", "rank", "count"]):
        frame.loc[rng.random(n) < 0.04 * (j + 1), name] = None
    return frame, y, rng.integers(0, 12, n)


def codes(frame, fitted=None):
    """The same as an array of numbers: the slow twin of FrameEncoder."""
    fitted = frame if fitted is None else fitted
    columns = {}
    for name in frame:
        if name in CATEGORICAL:
            values = sorted(fitted[name].dropna().unique())
        elif name == "rank":
            values = ["low", "mid", "top"]
        else:
            columns[name] = frame[name].astype("Float64").to_numpy(float, na_value=np.nan)
            continue
        columns[name] = [
            next((i for i, v in enumerate(values) if not pd.isna(x) and v == x), np.nan)
            for x in frame[name]
        ]
    return pd.DataFrame(columns).to_numpy(float)


def boosting(kind, **parameters):
    return kind(n_estimators=10, min_child_samples=5, verbosity=-1, **parameters)


def cascade(**parameters):
    layer = [
        ("forest", HistForestClassifier(10)),
        ("coarse", HistForestClassifier(10, max_bins=16, splitter="random")),
        ("lightgbm", boosting(LGBMClassifier, min_data_per_group=10)),
        ("hist", HistGradientBoostingClassifier(max_iter=5)),
    ]
    return CascadeForestClassifier(
        **{"estimators": layer, "max_layers": 2, "cv": 3, "random_state": 0, "tol": 0, **parameters}
    )


def cascade_of_values(**parameters):
    layer = [
        ("forest", HistForestRegressor(10)),
        ("lightgbm", boosting(LGBMRegressor, min_data_per_group=10)),
        ("hist", HistGradientBoostingRegressor(max_iter=5)),
    ]
    return CascadeForestRegressor(
        **{"estimators": layer, "max_layers": 2, "cv": 3, "random_state": 0, **parameters}
    )


def learnt(X, features="from_dtype"):
    encoder = FrameEncoder.learn(X, features)
    return encoder, encoder.encode(X)


def test_codes_are_the_places_of_sorted_values():
    frame = pd.DataFrame({"x": ["b", None, "a", "c"], "y": pd.Categorical([3, 1, 3, 2], [3, 2, 1])})
    encoder, coded = learnt(frame)
    np.testing.assert_array_equal(coded, [[1, 2], [np.nan, 0], [0, 2], [2, 1]])
    assert list(coded) == ["x", "y"]
    assert encoder.categorical == [0, 1]
    new = pd.DataFrame({"x": ["c", "new", "a"], "y": pd.Categorical([None, 2, 9])})
    np.testing.assert_array_equal(encoder.encode(new), [[2, np.nan], [np.nan, 1], [0, np.nan]])


def test_a_frame_of_every_kind_of_column():
    frame, _, _ = people()
    encoder, coded = learnt(frame)
    assert [frame.columns[j] for j in encoder.categorical] == CATEGORICAL
    np.testing.assert_array_equal(
        coded.to_numpy(np.float32, na_value=np.nan), codes(frame).astype(np.float32)
    )
    assert frame.equals(people()[0])  # as it was


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([True, False, None], [1, 0, np.nan]),
        (pd.array([True, None, False], dtype="boolean"), [1, np.nan, 0]),
        (np.array([True, False, True]), [1, 0, 1]),
        (np.array([1, 2.5, None], dtype=object), [1, 2.5, np.nan]),
        (np.array([None, None, None], dtype=object), [np.nan] * 3),
        (pd.array([1, None, 2], dtype="Int8"), [1, np.nan, 2]),
    ],
)
def test_truth_values_and_objects_that_are_numbers_are_numbers(column, expected):
    encoder, coded = learnt(pd.DataFrame({"x": column}))
    assert encoder.categorical == []
    values = coded["x"].to_numpy(np.float32, na_value=np.nan)
    np.testing.assert_array_equal(values, np.float32(expected))


def test_categories_of_mixed_types_and_columns_without_values():
    frame = pd.DataFrame({"x": np.array(["b", 1, "a", 2], dtype=object)})
    assert learnt(frame, ["x"])[1]["x"].tolist() == [3, 0, 2, 1]
    with pytest.raises(ValueError, match=r"X column 'x' of dtype object .*categorical_features"):
        learnt(frame)
    empty = pd.DataFrame({"x": pd.Categorical([None] * 3), "y": pd.Series([None] * 3, dtype="str")})
    encoder, coded = learnt(empty)
    assert encoder.categorical == [0, 1]
    assert coded.isna().all(axis=None)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9), st.floats(0, 9)), min_size=1), st.data())
def test_codes_against_counting(values, data):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    new = data.draw(st.lists(st.sampled_from(values), min_size=1))
    encoder = FrameEncoder.learn(frame, ["x"])
    known = {v for v in values if v is not None}
    expected = [np.nan if v is None else sum(k < v for k in known) for v in new]
    coded = encoder.encode(pd.DataFrame({"x": pd.Series(new, dtype=object)}))
    np.testing.assert_array_equal(coded["x"], np.float32(expected))
    array = encoder.encode(np.array(new, dtype=object)[:, None])
    np.testing.assert_array_equal(array[:, 0].astype(np.float32), np.float32(expected))


@pytest.mark.parametrize("features", [["town", "size"], [2, 1], [False, True, True] + [False] * 4])
def test_categories_by_name_index_and_mask(features):
    frame = people()[0].drop(columns="word").assign(other=0)
    encoder, _ = learnt(frame, features)
    assert encoder.categorical == [1, 2]


@pytest.mark.parametrize("features", [None, ["town"], "town"])
def test_text_that_is_not_named_as_categorical_is_an_error(features):
    with pytest.raises(ValueError, match=r"X column 'word' of dtype.*categorical_features"):
        learnt(
            people()[0][["town", "word"]].astype({"town": "category"})[["word", "town"]], features
        )


def test_times_are_an_error():
    frame = pd.DataFrame({"when": pd.date_range("2020", periods=3)})
    with pytest.raises(ValueError, match=r"X column 'when' of dtype datetime64.*convert it"):
        learnt(frame)


def test_polars_frames_have_the_same_codes():
    pl = pytest.importorskip("polars")
    frame, y, _ = people()
    values = {
        name: [None if pd.isna(v) else v for v in frame[name].astype(object)] for name in frame
    }
    kinds = {"town": pl.Categorical, "word": pl.Enum(["b", "a"]), "size": pl.String}
    same = pl.DataFrame(values).with_columns(pl.col(n).cast(k) for n, k in kinds.items())
    frame["size"] = frame["size"].astype(object).map(str, na_action="ignore")
    _, coded = learnt(same.drop("rank"))
    assert coded.columns == [name for name in frame if name != "rank"]
    np.testing.assert_array_equal(
        coded.to_numpy().astype(np.float32), codes(frame.drop(columns="rank")).astype(np.float32)
    )
    # polars has no ordered categories.
    frame["rank"] = frame["rank"].astype(object)
    model = cascade().fit(same[:160], y[:160])
    assert model.feature_names_in_.tolist() == same.columns
    expected = cascade().fit(frame[:160], y[:160]).predict_proba(frame[160:])
    assert np.array_equal(model.predict_proba(same[160:]), expected)
    assert np.array_equal(cascade().fit(same[:160], y[:160]).predict_proba(frame[160:]), expected)
    with pytest.raises(ValueError, match="X column 'when' of dtype Date"):
        learnt(pl.DataFrame({"when": [None]}, schema={"when": pl.Date}))
    nothing = learnt(pl.DataFrame({"nothing": [None, None]}))[1]
    assert nothing["nothing"].is_nan().all()


@pytest.mark.parametrize("make", [cascade, cascade_of_values])
def test_a_cascade_of_a_frame_is_that_of_its_codes(make):
    frame, y, _ = people()
    train, test = frame[:160], frame[160:].copy()
    test.loc[[161, 170], "town"] = "Rom"
    model = make().fit(train, y[:160])
    columns = [frame.columns.get_loc(name) for name in CATEGORICAL]
    same = make(categorical_features=columns).fit(codes(train), y[:160])
    assert len(model.layer_scores_) == 2
    said = "predict_proba" if make is cascade else "predict"
    expected = getattr(model, said)(test)
    assert np.array_equal(expected, getattr(same, said)(codes(test, train)))
    assert np.array_equal(model.layer_scores_, same.layer_scores_)
    assert model.feature_names_in_.tolist() == list(frame)
    assert model.feature_importances_.shape == (7,)
    assert np.array_equal(model.feature_importances_, same.feature_importances_)
    assert np.array_equal(getattr(pickle.loads(pickle.dumps(model)), said)(test), expected)
    assert np.array_equal(getattr(clone(model).fit(train, y[:160]), said)(test), expected)
    threads = make(n_jobs=2).fit(train, y[:160])
    assert np.array_equal(getattr(threads, said)(test), expected)


@pytest.mark.parametrize("kind", [HistForestClassifier, HistForestRegressor])
def test_a_forest_of_a_frame_is_that_of_its_codes(kind):
    frame, y, _ = people()
    forest = kind(10, random_state=0).fit(frame[:160], y[:160])
    columns = [frame.columns.get_loc(name) for name in CATEGORICAL]
    same = kind(10, random_state=0, categorical_features=columns)
    same.fit(codes(frame[:160]), y[:160])
    assert np.array_equal(
        forest.predict(frame[160:]), same.predict(codes(frame[160:], frame[:160]))
    )


def categorical_splits(trees):
    """Return the features that boosted trees split on sets of categories, if no other way."""
    categorical = trees.kind & 1 == 1
    features = set(trees.feature[categorical].tolist())
    assert not features & set(trees.feature[~categorical].tolist())
    return features


def test_every_model_of_every_layer_is_told_of_the_categories():
    frame, y, _ = people()
    model = cascade(combine="mean").fit(frame, y)
    for layer in model.layers_:
        forests, coarse, lightgbm, hist = layer.models
        for forest in [*forests, *coarse]:
            assert np.flatnonzero(forest.trees_.bins.is_categorical).tolist() == [1, 2, 4]
            assert forest.trees_.left_sets.size
        for boosted in lightgbm:
            # One that was told of no category would split on none as such.
            assert {4} <= categorical_splits(boosted.trees) <= {1, 2, 4}
        for boosted in hist:
            assert np.flatnonzero(boosted.is_categorical_).tolist() == [1, 2, 4]
    assert cascade().estimators[3][1].categorical_features == "from_dtype"


def test_what_the_user_told_an_estimator_stays(monkeypatch):
    # The models of LightGBM say what they were told, if they are not made arrays.
    monkeypatch.setattr("deepforest.crossfit.quick_to_predict", lambda model: model)
    frame, y, _ = people()
    layer = [
        ("forest", HistForestClassifier(5, categorical_features=[1])),
        ("lightgbm", boosting(LGBMClassifier, cat_feature=[1])),
    ]
    model = cascade(estimators=layer, max_layers=1, combine="mean").fit(frame, y)
    forest, boosted = model.layers_[0].models[0][0], model.layers_[0].models[1][0]
    assert np.flatnonzero(forest.trees_.bins.is_categorical).tolist() == [1]
    assert "[categorical_feature: 1]" in boosted.booster_.model_to_string()


def test_weights_groups_validation_rows_and_screening_with_frames():
    frame, y, groups = people(400)
    train, val, test = frame[:240], frame[240:320], frame[320:]
    columns = [frame.columns.get_loc(name) for name in CATEGORICAL]
    weight = np.random.default_rng(0).integers(0, 3, 240)
    for fit, parameters in [
        ({"sample_weight": weight}, {}),
        ({"groups": groups[:240]}, {}),
        ({"X_val": val, "y_val": y[240:320]}, {"screening": 0.8, "scoring": "neg_log_loss"}),
    ]:
        model = cascade(**parameters).fit(train, y[:240], **fit)
        if "X_val" in fit:
            fit = {**fit, "X_val": codes(val, train)}
        same = cascade(categorical_features=columns, **parameters)
        same.fit(codes(train), y[:240], **fit)
        assert np.array_equal(model.layer_scores_, same.layer_scores_)
        assert np.array_equal(model.predict_proba(test), same.predict_proba(codes(test, train)))
    assert same.screens_


def test_the_order_of_rows_and_of_categories_does_not_matter():
    frame, y, _ = people()
    other = frame.assign(
        size=pd.Categorical(frame["size"], [38, 40, 42, 44, 99]),
        town=frame["town"].astype("category"),
    )
    model = cascade().fit(frame, y)
    assert np.array_equal(model.predict_proba(other), model.predict_proba(frame))
    assert np.array_equal(cascade().fit(other, y).predict_proba(frame), model.predict_proba(frame))


def test_unseen_categories_go_where_missing_ones_go():
    frame, y, _ = people()
    model = cascade().fit(frame, y)
    unseen = frame.assign(town="Rom", size=pd.Categorical([99] * len(frame)))
    missing = frame.assign(town=None, size=None)
    assert np.array_equal(model.predict_proba(unseen), model.predict_proba(missing))


def test_more_categories_than_codes():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.choice([f"n{i}" for i in range(400)], 900)})
    y = frame["x"].str.len() % 2
    model = CascadeForestClassifier(n_estimators=5, max_layers=1, random_state=0)
    assert np.isfinite(model.fit(frame, y).predict_proba(frame)).all()


def test_more_categories_than_scikit_learns_boosting_takes():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=900), "b": rng.choice([*map(str, range(400))], 900)})
    y = rng.integers(0, 2, 900)
    boosted = HistGradientBoostingClassifier(max_iter=2)
    model = CascadeForestClassifier([("hist", boosted)], max_layers=1)
    n = frame["b"].nunique()
    with pytest.raises(ValueError, match=rf"{n} categories in column 1, but 'hist'.*255.*LightGBM"):
        model.fit(frame, y)
    assert not hasattr(model, "layers_")
    few = frame.assign(b=frame["b"].str[:2])
    model.fit(few, y)
    told = model.set_params(hist__categorical_features=[0])
    with pytest.raises(ValueError, match="Categorical feature"):
        told.fit(frame, y)


def test_estimators_that_would_take_categories_for_numbers_are_refused():
    frame, y, _ = people()
    layer = [("forest", HistForestClassifier(5)), ("other", RandomForestClassifier(20))]
    model = cascade(estimators=layer)
    message = r"categorical columns \(1, 2, 4\), which 'other' of estimators.*OneHotEncoder"
    with pytest.raises(ValueError, match=message):
        model.fit(frame, y)
    assert not hasattr(model, "layers_")
    linear = make_pipeline(SimpleImputer(), LogisticRegression())
    with pytest.raises(ValueError, match="'other'"):
        cascade(estimators=[("other", linear)]).fit(frame, y)
    cascade(estimators=layer).fit(
        frame.drop(columns=CATEGORICAL).dropna(),
        y[frame[["age", "rank", "count"]].notna().all(axis=1)],
    )


def test_the_remedy_for_estimators_that_are_refused_works():
    frame, y, _ = people()
    one_hot = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [1, 2, 4]), remainder="passthrough"
    )
    linear = make_pipeline(one_hot, SimpleImputer(), LogisticRegression(max_iter=1000))
    model = cascade(estimators=[("linear", linear)]).fit(frame[:160], y[:160])
    assert model.score(frame[160:], y[160:]) > 0.6


def test_a_frame_that_does_not_fit_the_one_of_fit():
    frame, y, _ = people()
    for model in (cascade(), HistForestClassifier(5)):
        model.fit(frame, y)
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame[frame.columns[::-1]])
        with pytest.raises(ValueError, match=r"feature names|6 features"):
            model.predict(frame.drop(columns="town"))
        with pytest.raises(ValueError, match="X column 'town' holds numbers, but held text in fit"):
            model.predict(frame.assign(town=1.0))
        with pytest.raises(ValueError, match="X column 'age' of dtype"):
            model.predict(frame.assign(age="old"))
        with (
            pytest.warns(UserWarning, match="valid feature names"),
            pytest.raises(ValueError, match="X column 1 holds numbers, but held text"),
        ):
            model.predict(codes(frame))
    with pytest.raises(ValueError, match=r"X_val cannot be used.*column 'town' holds numbers"):
        cascade().fit(frame, y, X_val=frame.assign(town=2), y_val=y)


def test_arrays_of_text_with_named_categories():
    frame, y, _ = people()
    model = cascade().fit(frame, y)
    columns = [frame.columns.get_loc(name) for name in CATEGORICAL]
    rows = frame.assign(rank=frame["rank"].cat.codes.replace(-1, np.nan))
    rows["count"] = rows["count"].astype(float)
    X = rows.astype(object).to_numpy()
    same = cascade(categorical_features=columns).fit(X, y)
    assert np.array_equal(same.predict_proba(X), model.predict_proba(frame))
    with pytest.raises(ValueError, match=r"X holds text.*in a data frame"):
        cascade().fit(X, y)


def test_categories_that_float32_cannot_tell_apart():
    X = 2**24 + np.array([[0], [1]] * 20)
    y = [0, 1] * 20
    forest = HistForestClassifier(3, bootstrap=False, categorical_features=[0]).fit(X, y)
    assert forest.score(X, y) == 1


def test_categorical_features_in_a_config(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text('cascade.categorical_features = ["town"]\n')
    assert load_config(path).categorical_features == ["town"]
    path.write_text('cascade.categorical_features = ["town"]\nscanner.windows = [3]\n')
    with pytest.raises(ValueError, match=r"categorical_features=.* is an unknown key"):
        load_config(path)
