"""Lines of progress, through the logger "deepforest"."""

import logging
from typing import Any

logger = logging.getLogger("deepforest")


def report(verbose: bool, message: str, *values: Any) -> None:
    """Log a line of progress: for people where they asked for it, else at DEBUG only."""
    if verbose:
        _show()
    logger.log(logging.INFO if verbose else logging.DEBUG, message, *values)


def _show() -> None:
    """Let the lines reach stderr where the program has not set up logging itself."""
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("[deepforest] %(message)s"))
        logger.addHandler(handler)
