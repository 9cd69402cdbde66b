"""What an action costs: by number of subscribers, and by number of phases. What has no "must" is for information."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from graphs import no_op_pipeline
from harness import Benchmark, Options, Row, Spent, per, ratios, spend, take_turns

from milo_nb import Action, Store
from milo_nb.state.actions import PHASE_LOG, PIPELINE_START
from milo_nb.state.effects import Put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milo_nb.state.effects import Saga

SUBSCRIBERS = (1, 20)


def _count(state: int | None, action: Action) -> int:
    return (state or 0) + 1


def _counting_store(subscribers: int) -> Store:
    store = Store(_count)
    for _ in range(subscribers):
        store.subscribe(lambda: None)
    return store


def dispatched(subscribers: int, count: int) -> None:
    """Dispatch from outside: each dispatch returns when subscribers have been told."""
    store, action = _counting_store(subscribers), Action("tick")
    for _ in range(count):
        store.dispatch(action)
    store.shutdown()


def put(subscribers: int, count: int) -> None:
    """Put by a saga, as a run does: subscribers are told on a thread of their own, coalesced."""
    store = _counting_store(subscribers)

    def saga() -> Saga:
        for _ in range(count):
            yield Put(Action("tick"))

    store.run_saga(saga).result()
    store.shutdown()


WAYS: dict[str, tuple[Callable[[int, int], None], float | None]] = {
    "dispatch from outside": (dispatched, None),
    "put by a saga": (put, 1.2),
}


def subscribers(options: Options) -> Iterator[Row]:
    """An action with some subscribers, against one with none."""
    count = options.size(20_000, 200)
    for way, (run, must) in WAYS.items():
        contestants = {str(k): partial(spend, partial(run, k, count)) for k in (0, *SUBSCRIBERS)}
        spent = take_turns(contestants, options.rounds)
        for k in SUBSCRIBERS:
            note = f"{per(spent[str(k)], count, 'us')} an action; with none {per(spent['0'], count, 'us')}"
            what = f"{way}, {k} subscriber{'s' * (k > 1)}, over none"
            yield Row(what, "x", must, None if must is None else 1.05, ratios(spent[str(k)], spent["0"]), note)


def updates(options: Options) -> Iterator[Row]:
    """An action that changes one phase of many, against one of ten; the state is read after each."""
    many, count = options.size(10_000, 40), options.size(5_000, 100)
    contestants: dict[str, Callable[[], Spent]] = {}
    for n in (10, many):
        reduce = no_op_pipeline("layered", n).build_reducer()
        started = reduce(None, Action(PIPELINE_START, None, 1.0))
        names = [started.phases[k * n // 10].name for k in range(10)]
        actions = [Action(PHASE_LOG, {"name": names[k % 10], "line": "a line"}, 1.0) for k in range(count)]
        contestants[str(n)] = partial(spend, partial(_reduce, reduce, started, actions))
    spent = take_turns(contestants, options.rounds)
    note = f"{per(spent[str(many)], count, 'us')} an action; of 10 {per(spent['10'], count, 'us')}"
    yield Row(
        f"update of one of {many:,} phases, over one of 10", "x", 3.0, 2.0, ratios(spent[str(many)], spent["10"]), note
    )


def _reduce(reduce: Any, state: Any, actions: list[Action]) -> None:
    for action in actions:
        state = reduce(state, action)


BENCHMARKS = (Benchmark("subscribers", subscribers), Benchmark("updates", updates))
