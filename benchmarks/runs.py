"""Runs in processes of their own, and the files of JSON lines that they are kept in."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import sklearn.metrics as metrics


def read(path: Path, keys: tuple[str, ...]) -> dict[tuple, dict]:
    """Return the runs by their keys; the last line of a run counts."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {tuple(row[key] for key in keys): row for row in map(json.loads, lines)}


def append(path: Path, row: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def in_process(script: str, arguments: list[str], timeout: float) -> dict:
    """Return what a run prints as its last line, or why it failed."""
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    load, start = os.getloadavg()[0], time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, script, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **threads},
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"timeout after {timeout:.0f} s"}
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"failed": reason[:300], "seconds": time.perf_counter() - start}
    return {**json.loads(done.stdout.splitlines()[-1]), "load_before": load}


def memory(field: str) -> float:
    """Return a figure of this process in MB: VmRSS, or VmHWM, the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def forget_peak() -> float:
    """Let the peak begin anew and return what the process holds, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def class_scores(y, p, classes, n_classes: int) -> dict[str, float]:
    """Return accuracy and log loss; `classes` are those of the columns of p."""
    full = np.zeros((len(y), n_classes))
    full[:, np.asarray(classes, dtype=np.intp)] = p
    # A fully grown forest may give a true class zero: counted as 1e-6, not as infinity.
    clipped = np.clip(full, 1e-6, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return {
        "accuracy": float(np.mean(full.argmax(axis=1) == y)),
        "log_loss": float(metrics.log_loss(y, clipped, labels=np.arange(n_classes))),
    }


def value_scores(y, predicted) -> dict[str, float]:
    return {"rmse": float(metrics.root_mean_squared_error(y, np.ravel(predicted)))}
