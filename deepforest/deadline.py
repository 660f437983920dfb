"""A deadline: when the growth of a cascade has to end."""

import math
from time import perf_counter


class TimeUp(Exception):  # noqa: N818, it is no error
    """Something was left undone because the deadline had passed."""


class Deadline:
    """A moment some seconds from now; None is never."""

    def __init__(self, seconds: float | None) -> None:
        self.at = math.inf if seconds is None else perf_counter() + seconds

    def passed(self) -> bool:
        """Return whether the moment has come."""
        return perf_counter() >= self.at
