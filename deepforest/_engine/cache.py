"""What numba has compiled and keeps on disk, and when it is of no use any more.

numba reads what it keeps of a kernel before it asks whether the kernel's file was changed, which
fails where an update of this package took away a class; and it does not ask about the files of the
functions that a kernel calls.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

MARK = "deepforest-sources"
"""A file beside what is kept, with the hash of the sources that it was compiled from."""


def hash_of_sources(folder: Path) -> str:
    """Return a hash of all Python files of a folder."""
    result = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        result.update(f"{path.name} {path.stat().st_size}\n".encode())
        result.update(path.read_bytes())
    return result.hexdigest()


def drop_what_is_stale(kept: Path, sources: Path) -> None:
    """Delete what was compiled from other sources than those of a folder.

    Where files cannot be deleted or written, nothing is done. A process that was started with the
    old sources and compiles only now may still leave what is stale behind.
    """
    with suppress(OSError):
        mark, now = kept / MARK, hash_of_sources(sources).encode()
        if mark.is_file() and mark.read_bytes() == now:
            return
        kept.mkdir(parents=True, exist_ok=True)
        for compiled in kept.glob("*.nb[ci]"):
            compiled.unlink(missing_ok=True)
        mark.write_bytes(now)
