"""Work spread over threads: in order, on no more threads than asked for, and stopped cleanly."""

import multiprocessing
import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from deepforest import CascadeForestClassifier, HistForestClassifier, tree_growth
from deepforest.threads import count_threads, in_threads, one_blas_thread


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
def test_results_come_in_the_order_of_the_arguments(n_jobs):
    def slower_at_first(i):
        time.sleep(0.02 if i == 0 else 0)
        return i * i

    assert list(in_threads(slower_at_first, range(7), n_jobs)) == [i * i for i in range(7)]


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_as_many_threads_run_as_are_asked_for(n_jobs):
    all_there = threading.Barrier(n_jobs, timeout=10)
    assert len(list(in_threads(lambda _: all_there.wait(), range(n_jobs), n_jobs))) == n_jobs


@pytest.mark.parametrize(("n_jobs", "n_arguments"), [(None, 3), (1, 3), (2, 1)])
def test_one_thread_is_the_calling_one(n_jobs, n_arguments):
    threads = in_threads(lambda _: threading.get_ident(), range(n_arguments), n_jobs)
    assert set(threads) == {threading.get_ident()}


def test_no_arguments_are_no_work():
    assert list(in_threads(str, [], 2)) == []


def test_the_default_number_of_threads_is_that_of_joblib():
    all_there = threading.Barrier(2, timeout=10)
    with joblib.parallel_config(n_jobs=2):
        assert len(list(in_threads(lambda _: all_there.wait(), range(2), None))) == 2


@pytest.mark.parametrize("together", [1, 2, 3, 10])
def test_several_arguments_make_one_task(together):
    squares = in_threads(lambda i: i * i, range(7), 2, together)
    assert list(squares) == [i * i for i in range(7)]


def test_a_process_of_a_pool_has_threads_too():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(count_threads, (2,)) == 2


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_matrix_products_have_one_thread_until_the_last_block_ends():
    with threadpool_limits(2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        assert blas_threads() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}
        with pytest.raises(ValueError, match="within"), one_blas_thread():
            raise ValueError("within")
        assert blas_threads() == {2}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_estimators_of_a_layer_are_fitted_with_one(n_jobs):
    seen = []

    class Asking(DecisionTreeClassifier):
        def fit(self, X, y):
            seen.append(blas_threads())
            return super().fit(X, y)

    X = np.arange(20.0)[:, None]
    with threadpool_limits(2, user_api="blas"):
        layer = [("asking", Asking())]
        CascadeForestClassifier(layer, max_layers=1, n_jobs=n_jobs).fit(X, X[:, 0] > 8)
        assert seen == [{1}] * 5
        assert blas_threads() == {2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_ends_the_work(error, n_jobs):
    begun = []

    def fail_at_first(i):
        begun.append(i)
        if i == 0:
            raise error
        time.sleep(0.01)

    with pytest.raises(error):
        list(in_threads(fail_at_first, range(1000), n_jobs))
    assert len(begun) < 500
    before = len(begun)
    time.sleep(0.05)
    assert len(begun) == before


def test_no_tree_is_begun_after_an_error_while_trees_are_joined(monkeypatch):
    begun = []

    def grow(*arguments):
        begun.append(arguments[-1])
        time.sleep(0.001)

    def fail(grown, n_trees, bins):
        next(grown)
        raise MemoryError

    monkeypatch.setattr(tree_growth, "_grow", grow)
    monkeypatch.setattr(tree_growth, "join", fail)
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    with pytest.raises(MemoryError) as held:
        HistForestClassifier(1000, n_jobs=2).fit(X, y)
    n_begun = len(begun)
    time.sleep(0.05)
    assert len(begun) == n_begun < 500
    assert held.tb is not None  # which holds what was going on
