"""The [tune] table of a config file: candidates, tried on held-out rows."""

from collections.abc import Callable
from copy import deepcopy
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the class public
from sklearn.model_selection import (
    BaseCrossValidator,
    BaseShuffleSplit,
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    ParameterGrid,
    ParameterSampler,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from deepforest._validation import check_choice, check_integer, check_real
from deepforest.config import make_estimator, task_of
from deepforest.config_files import ConfigError, Content
from deepforest.config_schema import check_keys, check_table, table_keys
from deepforest.estimators import Task
from deepforest.scoring import check_scoring, score_name

# Keys of [tune] itself: the default and what it is.
SETTINGS: dict[str, tuple[Any, str]] = {
    "search": (
        "halving",
        '"grid": every candidate on all rows. "random": `n_candidates` of them, drawn at random. '
        '"halving": all on few rows, the best `1 / factor` of them on `factor` times as many, and '
        "so on (successive halving).",
    ),
    "cv": (3, "How many folds a candidate is scored on; below 1, the share held out once."),
    "scoring": (None, "One of scikit-learn's scores; none is the cascade's own."),
    "n_candidates": (10, 'How many candidates "random" draws.'),
    "factor": (3, 'How much fewer candidates, and more rows, each round of "halving" has.'),
    "random_state": (0, "Seed of folds and draws."),
}
SEARCHES = ("grid", "random", "halving")


class Trial(NamedTuple):
    """A candidate and how it did."""

    values: dict[str, Any]  # by their paths, such as "cascade.max_layers"
    n_rows: int  # that each fit was on
    score: float  # mean over the held-out parts
    spread: float  # standard deviation over them
    n_layers: float  # mean depth
    seconds: float  # of all fits


class Tuning(NamedTuple):
    """A [tune] table, checked."""

    settings: dict[str, Any]
    candidates: dict[str, list[Any]]  # by path
    scoring: str | None
    base: Content  # the file without the table

    def content(self, values: dict[str, Any]) -> Content:
        """Return the content of the config file with these values put in."""
        content = deepcopy(self.base)
        for path, value in values.items():
            _put(content, path, deepcopy(value))
        return content


def read_tuning(content: Content) -> Tuning:
    """Return the [tune] table of a config file's content.

    Raises
    ------
    ConfigError
        Where there is none, for a key that it cannot have, for values that are no list,
        and where one of the candidates would be no valid config.
    """
    if "tune" not in content:
        raise ConfigError("the file has no table [tune] with candidate values to try.")
    task = task_of(content)
    table = check_table("tune", content["tune"])
    scanning = "scanner" in content
    tables = {k: keys for k, keys in table_keys(task, scanning=scanning).items() if k}
    check_keys("tune", table, [*SETTINGS, *tables])
    settings = {name: table.get(name, default) for name, (default, _) in SETTINGS.items()}
    base = {key: value for key, value in content.items() if key != "tune"}
    make_estimator(base)
    candidates: dict[str, list[Any]] = {}
    for name, keys in tables.items():
        entries = check_table(f"tune.{name}", table.get(name, {}))
        check_keys(f"tune.{name}", entries, keys)
        for key, values in entries.items():
            if key == "estimators" and isinstance(values, dict):
                candidates |= _of_estimators(name, values)
            else:
                candidates[f"{name}.{key}"] = values
    scoring = settings["scoring"] or base.get("cascade", {}).get("scoring")
    tuning = Tuning(settings, candidates, scoring, base)
    _check(tuning, task)
    return tuning


def _of_estimators(table: str, entries: Content) -> dict[str, Any]:
    """Return the candidates of [tune.cascade.estimators.<name>] tables by their paths."""
    return {
        f"{table}.estimators.{name}.{key}": values
        for name, keys in entries.items()
        for key, values in check_table(f"tune.{table}.estimators.{name}", keys).items()
    }


def _check(tuning: Tuning, task: Task) -> None:
    settings = tuning.settings
    try:
        check_choice("search", settings["search"], SEARCHES)
        for name, least in (("n_candidates", 1), ("factor", 2), ("random_state", 0)):
            check_integer(name, settings[name], at_least=least)
        if check_real("cv", settings["cv"], at_least=0) >= 1:
            check_integer("cv", settings["cv"], at_least=2)
        elif settings["cv"] == 0:
            raise ValueError("cv=0 must be a number of folds or a share of the rows.")
        check_scoring(tuning.scoring, classification=task == "classification")
    except ValueError as error:
        raise ConfigError(f"tune.{error}") from error
    if not tuning.candidates:
        raise ConfigError(
            "[tune] holds no candidates: add a table such as [tune.cascade] with "
            "max_layers = [1, 4]."
        )
    for path, values in tuning.candidates.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"tune.{path}={values!r} must be a list of the values to try.")
        for value in values:
            try:
                make_estimator(tuning.content({path: value}))
            except ConfigError as error:
                raise ConfigError(f"tune.{path} holds {value!r}: {error}") from error


def _put(content: Content, path: str, value: Any) -> None:
    """Put a value where its path says: cascade.tol, cascade.estimators.<name>.max_depth."""
    table, key, *of_estimator = path.split(".")
    entries = content.setdefault(table, {})
    if not of_estimator:
        entries[key] = value
        return
    name, own_key = of_estimator[0], ".".join(of_estimator[1:])
    named = {entry.get("name", entry.get("type")): entry for entry in entries.get(key, [])}
    if name not in named:
        raise ConfigError(
            f"the file has no [[{table}.{key}]] of the name {name!r}, but "
            f"{', '.join(map(repr, named)) or 'none at all'}."
        )
    named[name][own_key] = value


def tune(
    tuning: Tuning, X: Any, y: NDArray[Any], report: Callable[[Trial], None]
) -> tuple[Trial, Content]:
    """Try the candidates; return the best, and the content of its config file.

    Parameters
    ----------
    tuning : Tuning
    X : array or data frame with n rows
    y : ndarray (n,)
    report : callable
        Is told of each candidate as soon as its last held-out part is scored. Halving
        tells of a candidate once a round.
    """
    settings = tuning.settings
    choices = _choices(tuning)
    trials = [
        {path: tuning.candidates[path][i] for path, i in choice.items()} for choice in choices
    ]
    candidate = _Candidate(tuple(tuning.content(values) for values in trials))
    task = task_of(tuning.base)
    splitter = _splitter(settings["cv"], task, settings["random_state"])
    scorer = check_scoring(tuning.scoring, classification=task == "classification")
    scores = _Scores(scorer, splitter.get_n_splits(), trials, report)
    arguments: dict[str, Any] = {
        "scoring": scores,
        "cv": splitter,
        "refit": False,
        "error_score": "raise",
    }
    grid = {"index": list(range(len(trials)))}
    if settings["search"] == "halving":
        search = HalvingGridSearchCV(
            candidate,
            grid,
            factor=settings["factor"],
            random_state=settings["random_state"],
            return_train_score=False,
            **arguments,
        )
    else:
        search = GridSearchCV(candidate, grid, **arguments)
    search.fit(X, y)
    best = scores.trials[search.best_index_]
    return best, tuning.content(best.values)


def _splitter(cv: float, task: Task, seed: int) -> BaseCrossValidator | BaseShuffleSplit:
    """Return what holds out rows: folds, or one share below 1; shuffled, rows may be in order."""
    classification = task == "classification"
    if cv < 1:
        once = StratifiedShuffleSplit if classification else ShuffleSplit
        return once(n_splits=1, test_size=cv, random_state=seed)
    folds = StratifiedKFold if classification else KFold
    return folds(int(cv), shuffle=True, random_state=seed)


def _choices(tuning: Tuning) -> list[dict[str, int]]:
    """Return what the candidates are made of: for each path the number of its value."""
    numbers = {path: range(len(values)) for path, values in tuning.candidates.items()}
    grid = ParameterGrid({path: list(values) for path, values in numbers.items()})
    n = tuning.settings["n_candidates"]
    if tuning.settings["search"] != "random" or len(grid) <= n:
        return list(grid)
    seed = tuning.settings["random_state"]
    return list(islice(ParameterSampler(grid.param_grid[0], n, random_state=seed), n))


def scored_by(tuning: Tuning) -> str:
    """Return what the score of the trials is called."""
    return score_name(tuning.scoring, classification=task_of(tuning.base) == "classification")


class _Candidate(BaseEstimator):
    """The estimator of one of several config files, so that a search can choose by number."""

    def __init__(self, contents: tuple[Content, ...], index: int = 0) -> None:
        self.contents = contents
        self.index = index

    def fit(self, X: Any, y: NDArray[Any]) -> Self:
        start = perf_counter()
        # A checkpoint is for one fit, and these are many.
        estimator = make_estimator(self.contents[self.index]).set_params(checkpoint=None)
        self.estimator_ = estimator.fit(X, y)
        self.seconds_ = perf_counter() - start
        self.n_rows_ = len(y)
        return self

    def __sklearn_tags__(self) -> Any:
        return make_estimator(self.contents[self.index]).__sklearn_tags__()


class _Scores:
    """A scorer that gathers what it is asked for: all parts of one candidate, then the next."""

    def __init__(
        self,
        scorer: Callable[..., float],
        n_splits: int,
        values: list[dict[str, Any]],
        report: Callable[[Trial], None],
    ) -> None:
        self.scorer = scorer
        self.n_splits = n_splits
        self.values = values
        self.report = report
        self.parts: list[tuple[float, _Candidate]] = []
        self.trials: list[Trial] = []

    def __call__(self, candidate: _Candidate, X: Any, y: NDArray[Any]) -> float:
        score = float(self.scorer(candidate.estimator_, X, y))
        self.parts.append((score, candidate))
        if len(self.parts) == self.n_splits:
            scores = [score for score, _ in self.parts]
            fitted = [candidate for _, candidate in self.parts]
            self.parts = []
            trial = Trial(
                self.values[candidate.index],
                round(np.mean([part.n_rows_ for part in fitted])),
                float(np.mean(scores)),
                float(np.std(scores)),
                float(np.mean([part.estimator_.n_layers_ for part in fitted])),
                sum(part.seconds_ for part in fitted),
            )
            self.trials.append(trial)
            self.report(trial)
        return score
