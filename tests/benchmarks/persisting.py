"""What the disk costs: a run that is journalled and saved against one that is not, and reading a long journal again."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from graphs import SHAPES, no_op_pipeline
from harness import Benchmark, Options, Row, Spent, middle, per, spend, take_turns, take_turns_afresh
from scheduling import WORKERS

from milo_nb.capture.router import Block
from milo_nb.execute.attached import attach
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.journal import read
from milo_nb.persist.logfile import LogFile
from milo_nb.persist.replay import replay
from milo_nb.persist.rundir import sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE = b'{"n":1,"type":"@@PHASE_COMPLETE","t":12345.678,"payload":{"name":"p00001","attempt":1},"crc":123456789}\n'


def recording(options: Options) -> Iterator[Row]:
    """Phases that do nothing, each journalled and its result saved, against one append and fsync each.

    By the clock on the wall: what an fsync costs is the waiting for it.
    """
    n = options.size(10_000, 30)
    for shape in SHAPES:
        spent = take_turns_afresh(_record, (shape, n), options.rounds)
        with_disk, without, bare = spent["with"], spent["without"], spent["bare"]
        values = [(w.wall - o.wall) / (b.wall or 1e-9) for w, o, b in zip(with_disk, without, bare, strict=True)]
        note = (
            f"{per(with_disk, n, 'us')} a phase; without a disk {per(without, n, 'us')}; "
            f"append and fsync {per(bare, n, 'us')}"
        )
        what = (
            f"journal and checkpoints of {n:,} no-op phases, {shape}: what they add, against an append and fsync each"
        )
        yield Row(what, "x", 1.5, 0.5, values, note)


def _record(shape: str, n: int) -> dict[str, Spent]:
    with tempfile.TemporaryDirectory() as folder:
        contestants: dict[str, Callable[[], Spent]] = {
            "with": partial(spend, partial(_run, shape, n, folder)),
            "without": partial(spend, partial(_run, shape, n, None)),
            "bare": partial(spend, partial(_append, n, Path(folder) / "bare")),
        }
        return {name: middle(spent) for name, spent in take_turns(contestants, 3).items()}


def _run(shape: str, n: int, work_dir: str | None) -> None:
    executor = no_op_pipeline(shape, n).run(max_workers=WORKERS, work_dir=work_dir, cache=False)
    result = executor.wait()
    executor.close()
    if result.status != "completed":
        raise AssertionError(f"the run ended {result.status}")


def _append(n: int, path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for _ in range(n):
        os.write(fd, LINE)
        os.fsync(fd)
    os.close(fd)


def replaying(options: Options) -> Iterator[Row]:
    """Reading the journal of a long session and making its state."""
    n = options.size(10_000, 30)
    with tempfile.TemporaryDirectory() as folder:
        _run("layered", n, folder)
        (run,) = sessions(folder)
        spent = take_turns({"replay": partial(spend, lambda: replay(read(run.journal)))}, options.rounds)["replay"]
        note = f"{per(spent, n, 'us')} a phase; {run.journal.stat().st_size / 1e6:.1f} MB"
    yield Row(f"the state of {n:,} phases from their journal", "s", 1.0, 0.3, [s.cpu for s in spent], note)


def attaching(options: Options) -> Iterator[Row]:
    """Looking at a session with a very long log: until the last page of it is there."""
    n = options.size(1_000_000, 1_000)
    with tempfile.TemporaryDirectory() as folder:
        _run("layered", options.size(200, 10), folder)
        (run,) = sessions(folder)
        name = replay(read(run.journal)).phases[0].name
        log = LogFile(run.logs, name)
        for start in range(0, n, 1_000):
            log.append(
                [Block("stdout", "", float(start), [f"line {i} of many" for i in range(start, start + 1_000)])], 1
            )
        log.close()

        def look() -> None:
            attached = attach(None, folder)
            book = attached.session.books[name]
            if len(book.page(len(book) - 200, 200)) != 200:
                raise AssertionError("the page is not there")
            attached.close()

        spent = take_turns({"attach": partial(spend, look)}, options.rounds)["attach"]
    yield Row(
        f"attach to a session with {n:,} log lines, to the first page", "ms", 300, 100, [s.wall * 1e3 for s in spent]
    )


def taking_up(options: Options) -> Iterator[Row]:
    """A very long journal: looking at its session, and going on in it with the pipeline as it is."""
    n = options.size(33_333, 30)  # three actions a phase
    with tempfile.TemporaryDirectory() as folder:
        _run("layered", n, folder)
        (run,) = sessions(folder)
        pipeline = no_op_pipeline("layered", n)

        def look() -> None:
            attach(run.session_id, folder).close()

        def go_on() -> None:
            executor = PipelineExecutor(pipeline, work_dir=folder, cache=False)
            executor._take_up(run.session_id)  # resume() would want an unfinished one
            executor.close()

        spent = take_turns({"look": partial(spend, look), "go on": partial(spend, go_on)}, options.rounds)
        note = f"{run.journal.stat().st_size / 1e6:.1f} MB of journal"
    yield Row(f"attach to a session of {3 * n:,} actions", "s", 3.0, 1.0, [s.cpu for s in spent["look"]], note)
    yield Row(f"take up a session of {3 * n:,} actions", "s", 4.0, 1.5, [s.cpu for s in spent["go on"]], note)


BENCHMARKS = (
    Benchmark("recording", recording),
    Benchmark("replaying", replaying),
    Benchmark("attaching", attaching),
    Benchmark("taking-up", taking_up),
)
