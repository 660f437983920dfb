"""Work that is spread over threads."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from joblib import effective_n_jobs, parallel_config
from threadpoolctl import threadpool_limits

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def count_threads(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` stands for in joblib; None is for what its context says."""
    n_threads: int
    if n_jobs is None:
        n_threads = effective_n_jobs(None)
    else:
        # Asked about processes, joblib has but one for what runs in a process of a pool.
        with parallel_config(backend="threading"):
            n_threads = effective_n_jobs(n_jobs)
    return n_threads


_lock = Lock()
_within = 0  # blocks of `one_blas_thread` that have begun and not ended
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Give matrix products one thread each, in the whole process.

    Their last digits depend on the number, and in threads of our own more would only wait for each
    other. The first of several blocks that overlap sets it, the last one sets it back.
    """
    global _within, _limits
    with _lock:
        if _within == 0:
            _limits = threadpool_limits(1, user_api="blas")
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if _within == 0:
                _limits.restore_original_limits()


def in_threads(
    function: Callable[[Argument], Result],
    arguments: Sequence[Argument],
    n_jobs: int | None,
    together: int = 1,
) -> Generator[Result, None, None]:
    """Yield ``function(argument)`` for each argument, in their order.

    A thread takes ``together`` of them at a time. joblib's own threads take a hundredth of a second
    to begin and end, longer than many a prediction, and these a hundredth of that. What has begun
    is waited for when something is raised or the iterator is closed, and nothing else is begun.
    """
    runs = [arguments[i : i + together] for i in range(0, len(arguments), together)]
    n_threads = min(count_threads(n_jobs), len(runs))
    if n_threads <= 1:
        yield from map(function, arguments)
        return
    threads = ThreadPoolExecutor(n_threads)
    try:
        for results in threads.map(lambda run: [function(argument) for argument in run], runs):
            yield from results
    finally:
        threads.shutdown(cancel_futures=True)
