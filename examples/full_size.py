"""Run examples at full size and commit what they say and draw as pages of the site.

``DEEPFOREST_DATA=FOLDER python examples/full_size.py plot_depth plot_images`` (no name: all of
them) writes docs/full_size/NAME.md and its pictures. FOLDER holds the sets that
benchmarks/datasets.py reads.
"""

import contextlib
import io
import os
import platform
import runpy
import sys
from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import sklearn

EXAMPLES = Path(__file__).parent
PAGES = EXAMPLES.parent / "docs" / "full_size"


def machine() -> str:
    """Return what the numbers depend on, in a sentence."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, "
    versions += f"scikit-learn {sklearn.__version__}"
    if "torch" in sys.modules:
        versions += f", PyTorch {sys.modules['torch'].__version__}"
    return f"{os.cpu_count()} x {processor}, {versions}"


class Tee(io.StringIO):
    """Keeps what is printed, and prints it."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text)
        sys.__stdout__.flush()
        return super().write(text)


def run(path: Path) -> None:
    """Run one example and write its page."""
    plt.close("all")
    with contextlib.redirect_stdout(Tee()) as printed:
        example = runpy.run_path(str(path))
    title = example["__doc__"].strip().splitlines()[0]
    page = (
        f"# {title}\n\nWhat `examples/{path.name}` said and drew on {datetime.now(UTC):%Y-%m-%d} "
    )
    page += f"({machine()}). [The script and its story](/gallery/{path.stem}.rst).\n\n"
    page += f"```text\n{printed.getvalue().strip()}\n```\n"
    for number in plt.get_fignums():
        if plt.figure(number).get_label().startswith("photographs"):
            continue  # they show the data themselves, which are not ours to publish
        picture = PAGES / f"{path.stem}_{number}.png"
        plt.figure(number).savefig(picture, dpi=100)
        page += f"\n![Picture {number} of the example: {title}]({picture.name})\n"
    (PAGES / f"{path.stem}.md").write_text(page)


if __name__ == "__main__":
    os.environ.pop("DEEPFOREST_QUICK", None)
    plt.show = lambda: None
    names = sys.argv[1:] or sorted(path.stem for path in EXAMPLES.glob("plot_*.py"))
    del sys.argv[1:]
    for name in names:
        print(f"== {name}")
        run(EXAMPLES / f"{name}.py")
