"""The benchmarks: ``python tests/benchmarks [--only NAME ...] [--rounds N] [--quick] [--write PATH]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import browsing
import capturing
import dispatching
import kernels
import logs
import persisting
import scheduling
import sizes
import values
import viewing
import viewing_logs
from harness import Benchmark, Options, Row, draw

BENCHMARKS: tuple[Benchmark, ...] = (
    *scheduling.BENCHMARKS,
    *capturing.BENCHMARKS,
    *kernels.BENCHMARKS,
    *sizes.BENCHMARKS,
    *dispatching.BENCHMARKS,
    *persisting.BENCHMARKS,
    *logs.BENCHMARKS,
    *browsing.BENCHMARKS,
    *values.BENCHMARKS,
    *viewing_logs.BENCHMARKS,
    *viewing.BENCHMARKS,
)
HEADING = """# Benchmarks

Made by `make docs`; `make bench` measures without writing. Ratios are of CPU time, of two things that take turns in one
run, median of {rounds} rounds; differences below a tenth mean little. "must" is promised, "aim" is what we try for.

Measured {day} with CPython {python} on {cores} cores ({machine}), load average {load:.1f} at the start.

"""


def main() -> int:
    """Run what was asked for and print its table."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description="Measure milo_nb.")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that contestants take turns in (default 5)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: proves that they run, measures nothing")
    parser.add_argument("--write", type=Path, metavar="PATH", help="also write the table to a Markdown file")
    given = parser.parse_args()
    options = Options(rounds=max(given.rounds, 1), quick=given.quick)
    heading = HEADING.format(
        rounds=options.rounds,
        day=datetime.now(UTC).date(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        machine=platform.machine(),
        load=os.getloadavg()[0],
    )
    rows: list[Row] = []
    for line in draw(()):
        print(line, flush=True)
    for benchmark in BENCHMARKS:
        if given.only and benchmark.name not in given.only:
            continue
        for row in benchmark.rows(options):
            rows.append(row)
            print(list(draw((row,)))[-1], flush=True)
    missed = sum(row.verdict == "missed" for row in rows)
    print(f"\n{len(rows)} rows, {missed} missed")
    if given.write is not None:
        given.write.parent.mkdir(parents=True, exist_ok=True)
        given.write.write_text(heading + "\n".join(draw(rows)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
