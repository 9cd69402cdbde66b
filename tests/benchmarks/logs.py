"""What it costs to explore a log of a million lines: to open it, to search all of it, to see all phases in one order."""

from __future__ import annotations

import resource
import tempfile
from typing import TYPE_CHECKING, Any

from harness import Benchmark, Options, Row, Spent, per, spend

from milo_nb import Phase, Pipeline, attach
from milo_nb.capture.lines import Lines
from milo_nb.capture.sink import Block
from milo_nb.persist.logchild import SEARCH
from milo_nb.persist.logfile import LogFile
from milo_nb.persist.rundir import sessions
from milo_nb.show.notebook.logs import shelf
from milo_nb.show.notebook.logs.paging import answer_page
from milo_nb.show.notebook.logs.searching import answer_search

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES_A_BLOCK = 50
LINE = "2026-11-22 08:59:01,123 INFO worker {n} finished batch {k} of 128 rows in 35 ms, loss 0.{n}"
ERROR = "2026-11-22 08:59:01,123 ERROR worker {n} failed: request {k} gave up after a timeout of 30 s"
SEARCHES = (
    ("for a failure", r"failed: .*(timeout|refused)", True, 1.0, 0.3),
    ("for one of several words, ignoring case", r"error|fatal|panic", False, 1.0, 0.3),
    ("for what every line nearly is, so that each is tried", r"\d+ ms, loss 0\.\d*9{4}$", True, None, None),
)


class Listener:
    """Somebody who asks, and hears when the first and the last answer came."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, body: dict[str, Any], data: bytes | None = None, *, done: bool = True) -> None:
        self.count = body.get("count", len(body.get("rows", ())))

    def is_wanted(self) -> bool:
        return True


def exploring(options: Options) -> Iterator[Row]:
    """Pages and searches of a log that is on disk, as views ask for them."""
    n = options.size(1_000_000, 2_000)
    with tempfile.TemporaryDirectory() as folder:
        phases = [Phase("load", int), Phase("write", int)]
        executor = Pipeline("logs", *phases).run(work_dir=folder, cache=False)
        executor.wait()
        executor.close()
        (run,) = sessions(folder)
        _write(run.logs, "load", n)
        _write(run.logs, "write", n // 10)
        attached = attach(None, folder)
        try:
            yield from _rows(attached, n, options.rounds)
        finally:
            attached.close()
            SEARCH.close()


def _rows(attached: Any, n: int, rounds: int) -> Iterator[Row]:
    spent = _measure(attached, answer_page, {"phase": 0, "start": n - 1_000, "count": 1_000}, 1_000, rounds)
    yield Row(
        f"open a log of {n:,} lines: its index and its last 1,000 lines", "ms", 200, 50, [s.wall * 1e3 for s in spent]
    )
    for what, text, case, must, aim in SEARCHES:
        asked = {"phase": 0, "text": text, "regex": True, "case": case, "streams": [], "levels": [], "start": 0}
        spent = _measure(attached, answer_search, asked, None, rounds)
        pattern = "`" + text.replace("|", "\\|") + "`"
        note = f"{pattern}; {per(spent, 1, 'ms')}, the start of the processes included"
        name = f"search all of {n:,} lines by a regular expression, {what}"
        yield Row(name, "s", must, aim, [s.wall for s in spent], note)
    spent = _measure(attached, answer_page, {"phase": 3, "start": 0, "count": 1_000}, 1_000, rounds)
    note = f"in runs of {LINES_A_BLOCK} lines; {per(spent, 1, 'ms')}"
    name = f"put {n + n // 10:,} lines of two phases in order of time"
    yield Row(name, "ms", None, None, [s.wall * 1e3 for s in spent], note)


def _measure(attached: Any, answerer: Any, args: dict[str, Any], count: int | None, rounds: int) -> list[Spent]:
    """Ask afresh in each round; what the processes that search have used counts as well."""
    spent = []
    for _ in range(rounds):
        SEARCH.close()
        shelf._shelves.clear()  # nothing is known of the logs
        listener = Listener()
        before = _of_children()
        one = spend(lambda: answerer(attached, args, listener))  # noqa: B023 - called at once
        SEARCH.close()
        spent.append(Spent(one.cpu + _of_children() - before, one.wall))
        if count is not None and listener.count != count:
            raise AssertionError(f"{listener.count} lines came")
    return spent


def _of_children() -> float:
    """Return what processes that have ended have used, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write(folder: Path, name: str, n: int) -> None:
    """Write lines as a phase prints them in the long run, one of a thousand of them of a failure."""
    file = LogFile(folder, name)
    for start in range(0, n, 100 * LINES_A_BLOCK):
        blocks = [_block(name, first) for first in range(start, min(start + 100 * LINES_A_BLOCK, n), LINES_A_BLOCK)]
        file.append(blocks, 1)
    file.close()


def _block(name: str, first: int) -> Block:
    texts = [
        (LINE if k % 1_000 else ERROR).format(n=k * 7_919 % 99_991, k=k) for k in range(first, first + LINES_A_BLOCK)
    ]
    return Block(
        "stdout", "", first * (1e-3 if name == "load" else 1e-2), Lines("".join(f"{text}\n" for text in texts))
    )


BENCHMARKS = (Benchmark("logs", exploring),)
