"""What holds for all tests."""

import hashlib
import os
import tempfile
from pathlib import Path

from hypothesis import settings

# CI asks the same questions every time; a developer's machine asks new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# numba's cache of a function does not see edits in the files of the functions it calls, so tests
# use a folder named by the hash of all kernels. It has to be set before numba is imported.
SOURCES = Path(__file__).parents[1] / "deepforest" / "_engine"
digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SOURCES.glob("*.py"))))
folder = Path(tempfile.gettempdir()) / f"deepforest-numba-{digest.hexdigest()[:16]}"
os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))
