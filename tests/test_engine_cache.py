"""Compiled kernels on disk: none outlives the sources that it was compiled from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

from deepforest._engine.cache import MARK, drop_what_is_stale


@pytest.fixture
def folders(tmp_path):
    sources, kept = tmp_path / "sources", tmp_path / "kept"
    sources.mkdir()
    (sources / "kernel.py").write_text("one")
    drop_what_is_stale(kept, sources)
    for name in ("kernel.nbi", "kernel.1.nbc", "kernel.pyc"):
        (kept / name).write_text("compiled")
    return kept, sources


def names(kept):
    return {path.name for path in kept.iterdir()} - {MARK}


def test_what_was_compiled_from_the_same_sources_stays(folders):
    drop_what_is_stale(*folders)
    assert names(folders[0]) == {"kernel.nbi", "kernel.1.nbc", "kernel.pyc"}


@pytest.mark.parametrize("changed", ["kernel.py", "another.py"])
def test_what_was_compiled_from_others_is_deleted_once(folders, changed):
    kept, sources = folders
    (sources / changed).write_text("two")
    drop_what_is_stale(kept, sources)
    assert names(kept) == {"kernel.pyc"}
    (kept / "kernel.nbi").write_text("compiled")
    drop_what_is_stale(kept, sources)
    assert names(kept) == {"kernel.nbi", "kernel.pyc"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="anybody may write there")
def test_a_folder_that_cannot_be_written_to_is_left_alone(folders):
    kept, sources = folders
    (sources / "kernel.py").write_text("two")
    kept.chmod(0o500)
    drop_what_is_stale(kept, sources)
    kept.chmod(0o700)
    assert "kernel.nbi" in names(kept)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_the_engine_asks_when_it_is_imported(tmp_path):
    code = "from deepforest._engine.random import next_random; print(next_random.stats.cache_path)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", code]
    kept = Path(subprocess.check_output(run, env=environment, text=True).strip())
    assert (kept / MARK).is_file()
    (kept / MARK).write_text("of an earlier version")
    stale = kept / "growing.grow_nodes-1.py311.nbi"
    stale.write_bytes(b"a class that is gone")
    subprocess.run(run, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert not stale.exists()
