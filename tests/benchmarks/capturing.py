"""What it costs that a phase's print() is caught, and how soon its first line is seen."""

from __future__ import annotations

import io
import threading
import time
from contextlib import redirect_stdout
from contextvars import copy_context
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING

from harness import Benchmark, Options, Row, Spent, per, ratios, spend, take_turns

from milo_nb import Phase, Pipeline
from milo_nb.capture.logbook import LogBook
from milo_nb.capture.router import CURRENT_SINK, Sink, installed
from milo_nb.state.actions import PHASE_LOGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb.state.actions import Action

LINE = "2026-01-01 12:00:00 INFO  read 1,234 rows from the next file"  # 60 characters


def print_constant(count: int) -> None:
    """Print a constant line."""
    for _ in range(count):
        print(LINE)


def print_formatted(count: int) -> None:
    """Print lines that each have their number in them."""
    for i in range(count):
        print(f"2026-01-01 12:00:00 INFO  read {i:6d} rows from the next file")


PRINTERS: dict[str, Callable[[int], None]] = {"constant": print_constant, "f-string": print_formatted}


def redirected(printer: Callable[[int], None], lines: int, threads: int) -> None:
    """Print into one StringIO, as the standard library redirects."""
    with redirect_stdout(io.StringIO()) as text:
        _side_by_side([partial(printer, lines // threads)] * threads)
    _must_be(text.getvalue().count("\n"), lines // threads * threads)


def captured(printer: Callable[[int], None], lines: int, threads: int, phases: int) -> None:
    """Print as `phases` phases that take turns on some threads; all lines end up in the phases' logs."""
    books = [LogBook() for _ in range(phases)]

    def print_as_phase(book: LogBook) -> None:
        sink = Sink(book.extend, time.monotonic)
        CURRENT_SINK.set(sink)
        try:
            printer(lines // phases)
        finally:
            sink.close()

    def print_as_phases(mine: list[LogBook]) -> None:
        for book in mine:
            copy_context().run(print_as_phase, book)

    with installed():
        _side_by_side([partial(print_as_phases, books[k::threads]) for k in range(threads)])
    _must_be(sum(map(len, books)), lines // phases * phases)


def _side_by_side(bodies: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _must_be(count: int, expected: int) -> None:
    if count != expected:
        raise AssertionError(f"{count} lines of {expected}")


def printing(options: Options) -> Iterator[Row]:
    """Captured print() against redirect_stdout, CPU per line."""
    lines = options.size(100_000, 2_000)
    for kind, printer in PRINTERS.items():
        for threads, phases in ((1, 1), (4, 4), (1, options.size(1_000, 10))):
            contestants: dict[str, Callable[[], Spent]] = {
                "ours": partial(spend, partial(captured, printer, lines, threads, phases)),
                "redirected": partial(spend, partial(redirected, printer, lines, threads)),
            }
            spent = take_turns(contestants, options.rounds)
            note = f"{per(spent['ours'], lines, 'us')} a line; redirected {per(spent['redirected'], lines, 'us')}"
            what = f"captured print, {kind}, {_many(threads, 'thread')}, {_many(phases, 'phase')}, over redirect_stdout"
            yield Row(what, "x", 1.5, 1.2, ratios(spent["ours"], spent["redirected"]), note)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def first_line(options: Options) -> Iterator[Row]:
    """Time from a phase's first print() to its line being in the state, while the phase runs."""
    latencies = [_see_first_line() * 1e3 for _ in range(options.size(100, 3))]
    p95 = quantiles(latencies, n=20)[-1]
    note = f"{len(latencies)} runs, {min(latencies):.1f} to {max(latencies):.1f} ms"
    yield Row("first line visible in state while the handler runs, p95", "ms", 150, 60, [p95], note)


def _see_first_line() -> float:
    listening, seen, printed_at, seen_at = threading.Event(), threading.Event(), [0.0], [0.0]

    def speak() -> None:
        listening.wait(60)
        printed_at[0] = time.perf_counter()
        print(LINE)
        if not seen.wait(60):
            raise AssertionError("nobody saw the line while the phase ran")

    def listen(action: Action) -> None:
        if action.type == PHASE_LOGS and executor.session.state.phases[0].logs[0].line == LINE:
            seen_at[0] = time.perf_counter()
            seen.set()

    executor = Pipeline("bench", Phase("speak", speak)).run(work_dir=None, cache=False, capture=True)
    executor.session.store.subscribe(listen, every=True)
    listening.set()
    status = executor.wait().status
    executor.close()
    if status != "completed":
        raise AssertionError(f"the run ended {status}")
    return seen_at[0] - printed_at[0]


BENCHMARKS = (Benchmark("printing", printing), Benchmark("first-line", first_line))
