"""Config files: what they stand for, and errors that name file, key and remedy."""

import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    load_config,
)
from deepforest.config import ConfigError, packaged_config
from deepforest.estimators import ESTIMATORS
from deepforest.forest import HistForestClassifier


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)

    return load_text


def own_parameters(estimator):
    """The parameters that are not the default ones."""
    default = type(estimator)().get_params(deep=False)
    given = estimator.get_params(deep=False)
    return {name: given[name] for name in given if given[name] != default[name]}


def test_an_empty_file_is_the_default_cascade(load):
    assert type(load("")) is CascadeForestClassifier
    assert own_parameters(load("")) == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('task = "classification"', CascadeForestClassifier),
        ('task = "regression"', CascadeForestRegressor),
        ("[scanner]", GCForestClassifier),
        ('task = "regression"\n[scanner]', GCForestRegressor),
    ],
)
def test_task_and_scanner_choose_the_estimator(load, text, kind):
    assert type(load(text)) is kind


def test_every_key_reaches_its_parameter(load):
    estimator = load(
        """
        n_jobs = 2
        random_state = 7
        verbose = 1
        [cascade]
        n_estimators = 20
        max_layers = 3
        cv = 4
        scoring = "roc_auc_ovr"
        tol = 0.01
        n_iter_no_change = 2
        combine = "mean"
        [scanner]
        windows = [3, 0.5, [2, 4], { size = [3, 3], stride = "none", padding = 1, pool = 2 }]
        stride = [1, 2]
        padding = [1, 0]
        pool = [2, 3]
        pool_method = "max"
        n_estimators = 5
        max_windows = 1000
        passthrough = true
        grains = "concatenate"
        input_shape = [8, 8]
        """
    )
    assert own_parameters(estimator) == {
        "n_jobs": 2,
        "random_state": 7,
        "verbose": 1,
        "n_estimators": 20,
        "max_layers": 3,
        "cv": 4,
        "scoring": "roc_auc_ovr",
        "tol": 0.01,
        "n_iter_no_change": 2,
        "combine": "mean",
        "windows": [3, 0.5, [2, 4], {"size": [3, 3], "stride": None, "padding": 1, "pool": 2}],
        "stride": [1, 2],
        "padding": [1, 0],
        "pool": [2, 3],
        "pool_method": "max",
        "n_scan_estimators": 5,
        "max_windows": 1000,
        "passthrough": True,
        "grains": "concatenate",
        "input_shape": [8, 8],
    }


def test_estimators_are_made_by_type_with_their_own_parameters(load):
    estimator = load(
        """
        [[cascade.estimators]]
        type = "random_forest"
        n_estimators = 7
        max_features = "sqrt"
        max_depth = 3
        [[cascade.estimators]]
        type = "hist_gradient_boosting"
        name = "boosted"
        learning_rate = 0.5
        [scanner]
        windows = [2]
        [[scanner.estimators]]
        type = "extra_trees"
        name = "scan"
        """
    )
    [(first, forest), (second, boosted)] = estimator.estimators
    assert (first, second) == ("random_forest", "boosted")
    assert isinstance(forest, HistForestClassifier)
    assert (forest.n_estimators, forest.max_features, forest.max_depth) == (7, "sqrt", 3)
    assert isinstance(boosted, HistGradientBoostingClassifier)
    assert boosted.learning_rate == 0.5
    [(name, trees)] = estimator.scan_estimators
    assert (name, trees.splitter) == ("scan", "random")


def test_estimators_are_made_for_the_task(load):
    estimator = load('task = "regression"\n[[cascade.estimators]]\ntype = "linear"\nalpha = 2.0')
    [(_, ridge)] = estimator.estimators
    assert isinstance(ridge, Ridge)
    assert ridge.alpha == 2


def test_none_is_a_word(load):
    estimator = load('n_jobs = "none"\n[scanner]\nstride = "none"')
    assert (estimator.n_jobs, estimator.stride) == (None, None)


ONE_TASK = {
    "logistic_regression": "classification",
    "ridge": "regression",
}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_registered_type_can_be_loaded(load, kind, task):
    text = f'task = "{task}"\n[[cascade.estimators]]\ntype = "{kind}"'
    if ONE_TASK.get(kind, task) != task:
        with pytest.raises(ConfigError, match=rf"estimators\[0\].type='{kind}': .* is for"):
            load(text)
        return
    estimator = load(text)
    assert [name for name, _ in estimator.estimators] == [kind]


def test_the_packaged_digits_config():
    estimator = load_config(packaged_config("digits"))
    assert type(estimator) is GCForestClassifier
    assert estimator.windows == [[3, 3], [5, 5]]
    assert estimator.random_state == 0
    assert not hasattr(estimator, "layers_")
    clone(estimator)


def test_a_path_may_be_text(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("")
    assert type(load_config(str(path))) is CascadeForestClassifier


FOREST = '[[cascade.estimators]]\ntype = "random_forest"\n'
BOOSTING = '[[cascade.estimators]]\ntype = "hist_gradient_boosting"\n'
KINDS = "must be one of 'random_forest', 'extra_trees', 'completely_random', 'lightgbm'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # unknown keys, with the nearest one or the table that has it
        ("layers = 3", r"layers=3 is an unknown key. Accepted at the top of the file are casc"),
        ("random_sate = 3", "random_sate=3 is an unknown key; did you mean 'random_state'"),
        (
            "[cascade]\ndepth = 3",
            r"cascade.depth=3 is an unknown key. Accepted in \[cascade\] are .*max_layers",
        ),
        ("[cascade]\nmax_layer = 3", r"cascade.max_layer=3 .*; did you mean 'max_layers'\?"),
        ("[cascade]\nn_jobs = 3", r"cascade.n_jobs=3 .*; it belongs at the top of the file"),
        ("max_layers = 3", r"max_layers=3 .*; it belongs in \[cascade\]"),
        ("[cascade]\nwindows = [3]", r"cascade.windows=\[3\] .*; it belongs in \[scanner\]"),
        ("[scanner]\nwindow = [3]", r"scanner.window=\[3\] .*did you mean 'windows'\?"),
        (FOREST + "trees = 3", r"cascade.estimators\[0\].trees=3 .* Accepted .*n_estimators"),
        (FOREST + "max_dept = 3", r"estimators\[0\].max_dept=3 .*did you mean 'max_depth'"),
        (
            '[[cascade.estimators]]\ntype = "lightgbm"\npath_smoth = 3',
            "path_smoth=3 .*did you mean 'path_smooth'",
        ),
        ('task = "classify"', "task='classify' must be one of 'classification', 'regression'"),
        ("task = 3", "task=3 must be one of"),
        ("task = []", r"task=\[\] must be one of"),
        ("cascade = 3", r"cascade=3 must be a table, \[cascade\]"),
        ("scanner = true", r"scanner=True must be a table, \[scanner\]"),
        # wrong types
        ('[cascade]\nmax_layers = "many"', "cascade.max_layers='many' must be an integer"),
        ("[cascade]\nmax_layers = 2.5", "cascade.max_layers=2.5 must be an integer"),
        ("[cascade]\nmax_layers = true", "cascade.max_layers=True must be an integer"),
        ("[cascade]\nmax_layers = 0", "cascade.max_layers=0 must be an integer of at least 1"),
        ('[cascade]\nmax_layers = "none"', "cascade.max_layers=None must be an integer"),
        ("[cascade]\ntol = [1]", r"cascade.tol=\[1\] must be a finite number"),
        ("[cascade]\ncombine = 3", "cascade.combine=3 must be one of 'select', 'mean'"),
        ('[cascade]\nscoring = "acuracy"', "cascade.scoring='acuracy' is no scorer"),
        ("[cascade]\nscoring = 3", "cascade.scoring=3 must be a scorer's name"),
        ('[cascade]\ncv = "five"', "cascade.cv='five' must be a number"),
        ("verbose = -1", "verbose=-1 must be an integer of at least 0"),
        ("verbose = 1.5", "verbose=1.5 must be an integer"),
        ('n_jobs = "all"', "n_jobs='all' must be an integer"),
        ("n_jobs = 1.5", "n_jobs=1.5 must be an integer"),
        ('random_state = "lucky"', "random_state='lucky' must be an integer"),
        ("random_state = true", "random_state=True must be an integer"),
        ("[scanner]\nwindows = 3", "scanner.windows=3 must be a list"),
        ('[scanner]\nwindows = "3"', "scanner.windows='3' must be a list"),
        ("[scanner]\nwindows = []", r"scanner.windows=\[\] must be a list"),
        (
            "[scanner]\nwindows = [{ size = 3, stide = 1 }]",
            "scanner.windows holds .*'stide': did you mean 'stride'",
        ),
        ('[scanner]\ngrains = "all"', "scanner.grains='all' must be one of 'cycle', 'concatenate'"),
        ("[scanner]\npadding = -1", "scanner.padding=-1 must be an integer of at least 0"),
        ('[scanner]\npool = "two"', "scanner.pool='two' must be an integer"),
        ('[scanner]\npool_method = "median"', "scanner.pool_method='median' must be one of"),
        ("[scanner]\nmax_windows = 0", "scanner.max_windows=0 must be an integer"),
        ("[scanner]\nn_estimators = 0", "scanner.n_estimators=0 must be an integer"),
        ("[cascade]\nn_estimators = 0", "cascade.n_estimators=0 must be an integer"),
        # estimators
        (
            "[cascade]\nestimators = []",
            r"cascade.estimators=\[\] must be tables, \[\[cascade.estim",
        ),
        ('[cascade]\nestimators = ["random_forest"]', r"cascade.estimators=.* must be tables"),
        (
            '[[cascade.estimators]]\nname = "a"',
            rf"estimators\[0\].type=None {KINDS}",
        ),
        (
            FOREST + '[[cascade.estimators]]\ntype = "forest"',
            rf"cascade.estimators\[1\].type='forest' {KINDS}",
        ),
        (
            '[[cascade.estimators]]\ntype = "random_forst"',
            "type='random_forst' .*; did you mean 'random_forest'",
        ),
        (
            '[[cascade.estimators]]\ntype = "sklearn.svm.SVC"',
            rf"cascade.estimators\[0\].type='sklearn.svm.SVC' {KINDS}",
        ),
        ("[[cascade.estimators]]\ntype = []", rf"cascade.estimators\[0\].type=\[\] {KINDS}"),
        (FOREST + "name = 3", r"cascade.estimators\[0\].name=3 must be a string"),
        (FOREST + FOREST, "cascade.estimators holds the name 'random_forest' twice"),
        (
            "[scanner]\n" + (FOREST + FOREST).replace("cascade", "scanner"),
            "scanner.estimators holds the name 'random_forest' twice",
        ),
        (FOREST + 'n_estimators = "x"', r"cascade.estimators\[0\].n_estimators='x' must be a num"),
        (FOREST + "n_estimators = 0", r"cascade.estimators\[0\].n_estimators=0 must be an integ"),
        (FOREST + "bootstrap = 1", r"cascade.estimators\[0\].bootstrap=1 must be true or false"),
        (FOREST + "splitter = []", r"cascade.estimators\[0\].splitter=\[\] must be one of"),
        (BOOSTING + "max_iter = true", r"cascade.estimators\[0\].max_iter=True must be a number"),
        (BOOSTING + "learning_rate = -1", r"estimators\[0\].learning_rate=-1 must be a float in"),
    ],
)
def test_an_error_names_the_file_the_key_and_the_remedy(load, text, message):
    with pytest.raises(ConfigError, match=rf"mine\.toml: .*{message}"):
        load(text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.toml", b"max_layers = 1\nmax_layers = = 3", "no TOML file: .*line 2"),
        ("mine.toml", b"[cascade", "no TOML file: .*at end of document"),
        ("mine.toml", b"\xff\xfe", "no TOML file: .*utf-8"),
        ("mine.json", b'{"n_jobs": 1,\n "verbose": }', "no JSON file: .*line 2 column 13"),
        ("mine.json", b'// why\n{"n_jobs": 1, /', "no JSON file: .*line 2"),
        ("mine.json", b'{"n_jobs": 1, "n_jobs": 2}', "no JSON file: the key 'n_jobs' stands twice"),
        ("mine.json", b"[1, 2]", r"must hold keys and values, not \[1, 2\]"),
        ("mine.yaml", b"n_jobs: 1\ncascade: [1", "no YAML file: .*line 2"),
        ("mine.yaml", b"cascade: !!python/object/apply:os.getcwd []", "no YAML file: .*line 1"),
        ("mine.yaml", b"3", "must hold keys and values, not 3"),
        ("mine.ini", b"", "a config file ends in .toml, .json, .yaml, .yml"),
    ],
)
def test_what_cannot_be_parsed_is_an_error_with_file_and_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}: .*{message}"):
        load_config(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml")


def test_a_config_error_is_a_value_error():
    assert issubclass(ConfigError, ValueError)
