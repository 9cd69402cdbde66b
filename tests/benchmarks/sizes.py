"""What it costs to have milo_nb at all: importing it, loading it into a notebook, the browser's bundle."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Benchmark, Options, Row, Spent, per, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KB = 1024
CLOCK = "import time; t = time.perf_counter(), time.process_time()\n"
STOP = "\nprint(time.process_time() - t[1], time.perf_counter() - t[0])"
SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()\n"
PAIRS = (
    ("import milo_nb, over concurrent.futures and graphlib", 100, 40, "", "import concurrent.futures, graphlib", "import milo_nb"),
    (
        "%load_ext milo_nb, over ipywidgets", 150, 60, SHELL,
        "import ipywidgets", "import ipywidgets; shell.run_line_magic('load_ext', 'milo_nb')",
    ),
    (
        "%load_ext milo_nb and the widget's module, over ipywidgets", 150, 60, SHELL, "import ipywidgets",
        "import ipywidgets; shell.run_line_magic('load_ext', 'milo_nb'); import milo_nb.show.notebook.widget",
    ),
)  # fmt: skip
BUNDLE = (("widget.js", 64, 48, 22, 17), ("widget.css", 12, 8, 3.5, 2.5), ("more.js", 128, 96, 44, 33))


def imports(options: Options) -> Iterator[Row]:
    """CPU of imports in fresh processes, more than those of what everybody has; all is compiled, as in an installation."""
    for what, must, aim, setup, theirs, ours in PAIRS:
        with tempfile.TemporaryDirectory() as compiled:
            codes = {"theirs": theirs, "ours": ours}
            contestants = {
                name: partial(_import, setup + CLOCK + code + STOP, compiled) for name, code in codes.items()
            }
            spent = take_turns(contestants, options.rounds)
        values = [(a.cpu - b.cpu) * 1e3 for a, b in zip(spent["ours"], spent["theirs"], strict=True)]
        note = f"{per(spent['ours'], 1, 'ms')} and {per(spent['theirs'], 1, 'ms')}"
        yield Row(what, "ms", must, aim, values, note)


def _import(code: str, compiled: str) -> Spent:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    cpu, wall = ended.stdout.split()[-2:]
    return Spent(float(cpu), float(wall))


def bundle(options: Options) -> Iterator[Row]:
    """Size of what a notebook carries."""
    for name, must, aim, must_gzip, aim_gzip in BUNDLE:
        content = (ROOT / "milo_nb" / "show" / "bundle" / name).read_bytes()
        yield Row(f"bundle, {name}, minified", "KB", must, aim, [len(content) / KB])
        packed = gzip.compress(content, 9, mtime=0)
        yield Row(f"bundle, {name}, gzip", "KB", must_gzip, aim_gzip, [len(packed) / KB])


BENCHMARKS = (Benchmark("imports", imports), Benchmark("bundle", bundle))
