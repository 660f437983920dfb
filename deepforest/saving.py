"""The method `save` of every public estimator."""

import os
from typing import Any


class SaveMixin:
    """Adds `save`, which `deepforest.load` is the way back from."""

    def save(self: Any, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, which `deepforest.load` reads.

        The file holds arrays and JSON and no code. It is written under another name in the same
        folder and renamed when it is complete, so a file of this name is whole at any time.

        Parameters
        ----------
        path : str or path
            By custom with the ending ".dforest".

        Raises
        ------
        ModelFileError
            A ValueError. If the estimator holds what such a file cannot, as a function in
            `scoring`; the message names it and the remedy.
        sklearn.exceptions.NotFittedError
        """
        # The only way up in the order of imports: what is saved knows how by its class alone.
        from deepforest.persistence import save

        save(self, path)
