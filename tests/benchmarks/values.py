"""Results on their way to disk and back, and how long it takes to tell whether a value is still the same.

Large values are judged by wall time: the work is shared among threads, and what a person waits for is the end of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
from harness import Benchmark, Options, Row, Spent, per, spend, take_turns

from milo_nb.values.codec import dump, load, open_own
from milo_nb.values.digest import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY = b"k" * 32
FULL_MB = 400
CACHED_MB = 100

GROWTH = """
import sys
import numpy as np
import pandas as pd
from milo_nb.values.codec import dump

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1e3

def save(value):
    with open(sys.argv[1], "wb") as file:
        dump(value, file, b"k" * 32, "benchmark")

n = int(sys.argv[2]) * 125_000 // 2
frame = pd.DataFrame({"x": np.random.default_rng(0).random(n), "n": np.arange(n)})
save(np.zeros(2_000_000))  # what is imported and started once does not count
open("/proc/self/clear_refs", "w").write("5")
before = peak()
save(frame)
print(peak() - before)
"""


def _frame(megabytes: int) -> pd.DataFrame:
    rows = megabytes * 125_000 // 2
    return pd.DataFrame({"x": np.random.default_rng(0).random(rows), "n": np.arange(rows)})


def saving(options: Options) -> Iterator[Row]:
    """A large frame to a file and onto the disk, against its bare bytes; and the memory that it takes."""
    megabytes = options.size(FULL_MB, 10)
    frame = _frame(megabytes)
    columns = [memoryview(np.ascontiguousarray(frame[name])).cast("B") for name in frame]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "value")
        contestants = {
            "ours": partial(_fresh, path, partial(_save, path, frame)),
            "bare": partial(_fresh, path, partial(_write, path, columns)),
        }
        spent = take_turns(contestants, options.rounds)
        grown = [_grown(path, megabytes) for _ in range(1 if options.quick else 3)]
    what = f"saving a frame of {megabytes} MB"
    note = f"{per(spent['ours'], 1, 'ms')}; bare {per(spent['bare'], 1, 'ms')}"
    yield Row(f"{what}: memory it takes", "MB", 20, 5, grown)
    yield Row(f"{what}, to the disk, over writing its bytes (wall)", "x", 1 / 0.7, 1 / 0.9, _walls(spent), note)


def loading(options: Options) -> Iterator[Row]:
    """A saved array checked and made, against reading as many bytes."""
    megabytes = options.size(CACHED_MB, 10)
    array = np.random.default_rng(0).random(megabytes * 125_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "value")
        seal = _save(path, array)
        contestants = {"ours": partial(spend, partial(_load, path, seal)), "bare": partial(spend, path.read_bytes)}
        spent = take_turns(contestants, max(options.rounds, 9))
    note = f"{per(spent['ours'], 1, 'ms')}; bare {per(spent['bare'], 1, 'ms')}"
    yield Row(
        f"checking and loading an array of {megabytes} MB, over reading the file (wall)",
        "x",
        1.3,
        1.1,
        _walls(spent),
        note,
    )


def hashing(options: Options) -> Iterator[Row]:
    """Digests of values of many kinds, against `joblib.hash`."""
    for what, value, is_large in _values(options):
        contestants = {
            "ours": partial(spend, partial(digest, value)),
            "joblib": partial(spend, partial(joblib.hash, value)),
        }
        spent = take_turns(contestants, options.rounds)
        values = _walls(spent) if is_large else [a.cpu / (b.cpu or 1e-9) for a, b in zip(*spent.values(), strict=True)]
        note = f"{per(spent['ours'], 1, 'ms')}; joblib {per(spent['joblib'], 1, 'ms')}"
        yield Row(f"digest of {what}, over joblib.hash{' (wall)' * is_large}", "x", 0.5, 0.25, values, note)


def _values(options: Options) -> Iterator[tuple[str, Any, bool]]:
    megabytes, count = options.size(80, 2), options.size(1_000_000, 1_000)
    few = count // 10
    yield f"a frame of numbers, {megabytes} MB", _frame(megabytes), True
    yield f"a frame of {count:,} texts", pd.DataFrame({"s": [f"row {k}" for k in range(count)]}), False
    yield f"a list of {count:,} numbers", list(range(count)), False
    yield f"{few:,} records", [{"id": k, "name": f"n{k}", "tags": ["a", str(k % 7)]} for k in range(few)], False
    yield f"a dict of {few:,} names", {f"k{k}": k for k in range(few)}, False


def _walls(spent: dict[str, list[Spent]]) -> list[float]:
    ours, theirs = spent.values()
    return [mine.wall / (other.wall or 1e-9) for mine, other in zip(ours, theirs, strict=True)]


def _fresh(path: Path, run: Any) -> Spent:
    """Measure with no file there before: to write over one is another thing."""
    path.unlink(missing_ok=True)
    return spend(run)


def _save(path: Path, value: Any) -> Any:
    with path.open("wb") as file:
        seal = dump(value, file, KEY, "benchmark")
        file.flush()
        os.fsync(file.fileno())
    return seal


def _write(path: Path, parts: list[memoryview]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _load(path: Path, seal: Any) -> Any:
    with open_own(path) as file:
        return load(file, KEY, "benchmark", seal)


def _grown(path: Path, megabytes: int) -> float:
    command = [sys.executable, "-c", GROWTH, str(path), str(megabytes)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


BENCHMARKS = (Benchmark("saving", saving), Benchmark("loading", loading), Benchmark("hashing", hashing))
