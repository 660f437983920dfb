"""Work that is spread over threads."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from joblib import effective_n_jobs, parallel_config

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
