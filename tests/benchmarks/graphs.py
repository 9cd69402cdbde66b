"""The graphs that benchmarks run, the pipelines made of them, and the hand-written loop that they are compared with."""

from __future__ import annotations

import random
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from milo_nb import Phase, Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Graph = dict[str, tuple[str, ...]]
"""Name to the names it depends on."""
SHAPES = ("chain", "fan", "layered")
WIDTH = 10


def no_op() -> None:
    """Do nothing: what is left is the engine."""


@cache
def make_graph(shape: str, n: int) -> Graph:
    """Return a graph of `n` phases: each after the last; one root and one sink; layers of ten with two parents each."""
    names = [f"p{i:05d}" for i in range(n)]
    if shape == "chain":
        return {name: tuple(names[i - 1 : i]) if i else () for i, name in enumerate(names)}
    if shape == "fan":
        middle = dict.fromkeys(names[1:-1], (names[0],))
        return {names[0]: (), **middle, names[-1]: tuple(middle)}
    chance = random.Random(3)
    return {
        name: tuple(chance.sample(names[(i // WIDTH - 1) * WIDTH : i // WIDTH * WIDTH], 2)) if i >= WIDTH else ()
        for i, name in enumerate(names)
    }


def make_pipeline(graph: Graph, handler: Callable[..., Any] | None = None) -> Pipeline:
    """Return a pipeline of parallel phases that do nothing, or call `handler`."""
    do = handler or no_op
    return Pipeline("bench", *(Phase(n, do, depends_on=after, parallel=True) for n, after in graph.items()))


@cache
def no_op_pipeline(shape: str, n: int) -> Pipeline:
    """Return a pipeline of phases that do nothing."""
    return make_pipeline(make_graph(shape, n))


def run_by_hand(graph: Graph, handlers: Mapping[str, Callable[[], object]], workers: int) -> None:
    """Run a graph as one would without a library: a sorter says what is ready, a pool runs it, a queue brings it back."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ended: SimpleQueue[tuple[str, Future[object]]] = SimpleQueue()

    def submit(name: str) -> None:
        pool.submit(handlers[name]).add_done_callback(lambda future: ended.put((name, future)))

    with ThreadPoolExecutor(workers) as pool:
        while sorter.is_active():
            for name in sorter.get_ready():
                submit(name)
            name, future = ended.get()
            future.result()
            sorter.done(name)
