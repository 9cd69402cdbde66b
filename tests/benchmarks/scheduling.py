"""What an engine without work costs: scheduling, growth, depth, building; and how close to ideal a makespan is."""

from __future__ import annotations

import math
import random
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from graphs import SHAPES, make_graph, make_pipeline, no_op, no_op_pipeline, run_by_hand
from harness import Benchmark, Options, Row, Spent, middle, per, ratios, spend, take_turns, take_turns_afresh

from milo_nb import Phase, Pipeline, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 4
MUST = 1.3
AIMS = {"chain": 0.6, "fan": 0.9, "layered": 0.9}


def in_store(pipeline: Pipeline) -> None:
    """Run a pipeline in a bare store with one subscriber."""
    store = Store(pipeline.build_reducer(), max_workers=WORKERS)
    told: list[str] = []
    store.subscribe(lambda: told.append(store.state.status))
    store.run_saga(pipeline.build_saga(max_workers=WORKERS)()).result()
    store.shutdown()
    _must_be_completed(store.state.status)


def in_executor(pipeline: Pipeline) -> None:
    """Run a pipeline through an executor, everything on but the disk."""
    executor = pipeline.run(max_workers=WORKERS, work_dir=None, cache=False)
    result = executor.wait()
    executor.close()
    _must_be_completed(result.status)


def _must_be_completed(status: str) -> None:
    if status != "completed":
        raise AssertionError(f"the run ended {status}")


FACES: dict[str, Callable[[Pipeline], None]] = {"Store": in_store, "pipeline.run": in_executor}


def scheduling(options: Options) -> Iterator[Row]:
    """Phases that do nothing, against the hand-written loop."""
    n = options.size(10_000, 30)
    for shape in SHAPES:
        spent = take_turns_afresh(_schedule, (shape, n), options.rounds)
        for face in FACES:
            note = f"{per(spent[face], n, 'us')} a phase; by hand {per(spent['by hand'], n, 'us')}"
            what = f"scheduling {n:,} no-op phases, {shape}, {face}"
            yield Row(what, "x", MUST, AIMS[shape], ratios(spent[face], spent["by hand"]), note)


def _schedule(shape: str, n: int) -> dict[str, Spent]:
    graph, pipeline = make_graph(shape, n), no_op_pipeline(shape, n)
    contestants: dict[str, Callable[[], Spent]] = {
        "by hand": partial(spend, partial(run_by_hand, graph, dict.fromkeys(graph, no_op), WORKERS))
    }
    for face, run in FACES.items():
        contestants[face] = partial(spend, partial(run, pipeline))
    return {name: middle(spent) for name, spent in take_turns(contestants, 3).items()}


def growth(options: Options) -> Iterator[Row]:
    """By which power of the number of phases building and running grow."""
    small, big = (10, 40) if options.quick else (1_000, 10_000)
    repeats = big // small
    for shape in SHAPES:
        for name, run in (("building", _build), ("running", _run)):
            contestants = {
                "small": partial(spend, partial(run, shape, small), repeats),
                "big": partial(spend, partial(run, shape, big)),
            }
            spent = take_turns(contestants, options.rounds)
            # The small one ran as often as it is smaller: equal times are a growth of 1.
            values = [1 + math.log(r, repeats) for r in ratios(spent["big"], spent["small"])]
            note = f"{per(spent['small'], big, 'us')} a phase, then {per(spent['big'], big, 'us')}"
            yield Row(f"growth exponent of {name}, {shape}, {small:,} to {big:,}", "", 1.10, 1.0, values, note)


def _build(shape: str, n: int) -> None:
    make_pipeline(make_graph(shape, n))


def _run(shape: str, n: int) -> None:
    in_executor(no_op_pipeline(shape, n))


def depth(options: Options) -> Iterator[Row]:
    """A chain far deeper than the recursion limit."""
    n = options.size(50_000, 2_000)
    graph = make_graph("chain", n)
    spent = [spend(lambda: in_executor(make_pipeline(graph)))]
    note = f"{per(spent, n, 'us')} a phase; completed at a recursion limit of {sys.getrecursionlimit():,}"
    yield Row(
        f"a chain of {n:,} builds and runs at the default recursion limit",
        "us",
        None,
        None,
        [spent[0].cpu / n * 1e6],
        note,
        is_held=True,
    )


def building(options: Options) -> Iterator[Row]:
    """Making phases and the pipeline of them."""
    n = options.size(10_000, 30)
    shapes = {shape: partial(spend, partial(_build, shape, n)) for shape in SHAPES}
    spent = take_turns(shapes, options.rounds)
    for shape in SHAPES:
        values = [s.cpu / n * 1e6 for s in spent[shape]]
        yield Row(f"building {n:,} phases and their pipeline, {shape}", "us", 15, 8, values, per(spent[shape], n, "us"))


def makespan(options: Options) -> Iterator[Row]:
    """Handlers that sleep, with more workers than are ever needed at once: wall time over the critical path."""
    n, workers = options.size(100, 20), 16
    graph = make_graph("layered", n)
    chance = random.Random(5)
    naps = {name: chance.uniform(0.005, 0.050) for name in graph}
    ends: dict[str, float] = {}
    for name, after in graph.items():  # a graph names its phases after what they depend on
        ends[name] = naps[name] + max((ends[d] for d in after), default=0.0)
    critical = max(ends.values())
    handlers = {name: partial(_nap, nap) for name, nap in naps.items()}
    pipeline = Pipeline(
        "bench", *(Phase(name, handlers[name], depends_on=after, parallel=True) for name, after in graph.items())
    )

    def ours() -> None:
        executor = pipeline.run(max_workers=workers, work_dir=None, cache=False)
        executor.wait()
        executor.close()

    contestants = {
        "ours": partial(spend, ours),
        "by hand": partial(spend, partial(run_by_hand, graph, handlers, workers)),
    }
    spent = take_turns(contestants, options.rounds)
    values = [s.wall / critical for s in spent["ours"]]
    by_hand = sorted(s.wall / critical for s in spent["by hand"])[options.rounds // 2]
    note = f"{per(spent['ours'], 1, 'ms')}; by hand {per(spent['by hand'], 1, 'ms')} ({by_hand:.2f} x)"
    what = f"makespan over critical path ({critical * 1e3:.0f} ms), layered, {n} sleeping handlers, {workers} workers"
    yield Row(what, "x", 1.06, 1.03, values, note)


def _nap(seconds: float) -> None:
    threading.Event().wait(seconds)


BENCHMARKS = (
    Benchmark("scheduling", scheduling),
    Benchmark("growth", growth),
    Benchmark("depth", depth),
    Benchmark("building", building),
    Benchmark("makespan", makespan),
)
