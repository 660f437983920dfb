"""Work that is spread over threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from joblib import effective_n_jobs

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Argument], Result], arguments: Sequence[Argument], n_jobs: int | None
) -> Iterator[Result]:
    """Yield ``function(argument)`` for each argument, in their order.

    ``n_jobs`` is as in joblib, whose own threads take a hundredth of a second to begin and end:
    longer than many a prediction. These take a hundredth of that. What has begun is waited for
    when something is raised, and nothing else is begun.
    """
    n_threads = min(effective_n_jobs(n_jobs), len(arguments))
    if n_threads <= 1:
        yield from map(function, arguments)
        return
    with ThreadPoolExecutor(n_threads) as threads:
        yield from threads.map(function, arguments)
