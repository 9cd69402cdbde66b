"""Acting on effects: the table of what is done for each, and the sagas behind ``All`` and ``Race``.

All of it runs under the loop's baton. An act returns the answer for the saga, or PENDING if the task waits.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseCancelled, PhaseTimeoutError, is_a
from milo_nb.state import effects as fx
from milo_nb.state.commands import SlotFreed
from milo_nb.state.saga import AttemptStillRuns
from milo_nb.store.workers import CURRENT_JOB, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milo_nb.store.clock import Timer
    from milo_nb.store.loop import Loop
    from milo_nb.store.task import Task

PENDING = object()
"""The answer of an act for a task that waits."""
MAIL = object()
"""The token of a task that waits for events."""


class Delayed:
    """What a task waits for that waits for time."""

    __slots__ = ("timer",)

    timer: Timer

    def cancel(self) -> None:
        """Make the time not come."""
        self.timer.cancel()


def put(loop: Loop, task: Task, effect: fx.Put) -> Any:
    """Dispatch the action."""
    loop.intake.put(effect.action)


def call(loop: Loop, task: Task, effect: fx.Call) -> Any:
    """Give the call to a worker, or to who runs the attempts of phases."""
    if loop.caller is not None and effect.phase:
        task.token = loop.caller(task, effect)
        return PENDING
    job = task.token = Job(_run_call, partial(_called, loop), (task, effect, None))
    loop.workers.submit(job)
    if effect.timeout is not None:
        _limit(loop, job, effect)
    return PENDING


def _limit(loop: Loop, job: Job, effect: fx.Call) -> None:
    """Cancel a job when the call's timeout is over."""

    def stop() -> None:
        job.data = (*job.data[:2], effect.timeout)
        job.stop(f"longer than {effect.timeout:g} s", loop.clock)

    timer = loop.clock.call_later(effect.timeout or 0.0, stop)
    job.timer = timer


def _called(loop: Loop, job: Job, value: Any, error: BaseException | None) -> None:
    task, effect = job.data[:2]
    if job.timer is not None:
        job.timer.cancel()
    if error is not None:
        error = _judge(loop, job, task, effect, error)
    loop.post_and_take(task, job, value, error)


def _judge(loop: Loop, job: Job, task: Task, effect: fx.Call, error: BaseException) -> BaseException:
    """Return what a job's error means: a timeout where it was stopped for that, and who is told of a freed slot."""
    still_runs = is_a(error, AttemptStillRuns)
    if still_runs:
        root = task
        while root.parent is not None:
            root = root.parent
        job.freed = lambda _: loop.deliver(root, SlotFreed(effect.phase))
    if is_a(error, PhaseCancelled) and job.data[2] is not None:
        cause = TimeoutError(f"ran longer than {effect.timeout:g} s")
        error = PhaseTimeoutError(effect.phase or "call", effect.attempt, cause)
        error.still_runs = still_runs  # type: ignore[attr-defined]  # read by the saga
    return error


def select(loop: Loop, task: Task, effect: fx.Select) -> Any:
    """Read the state."""
    loop.intake.flush()
    state = loop.select()
    return state if effect.selector is None else effect.selector(state)


def take(loop: Loop, task: Task, effect: fx.Take) -> Any:
    """Wait for an action."""
    loop.intake.flush()
    task.token = object()
    loop.intake.expect(task, effect, task.token)
    return PENDING


def cancel(loop: Loop, task: Task, effect: fx.Cancel) -> Any:
    """Ask the task to stop."""
    loop.ask_to_stop(effect.task)


def wait(loop: Loop, task: Task, effect: fx.Wait) -> Any:
    """Wait for a task; waiting for events is acted on where sagas are stepped."""
    return join(task, effect.task)


def join(task: Task, other: Task) -> Any:
    """Go on with what `other` returns, when it has ended."""
    if not other.done:
        other.joiners = [*(other.joiners or ()), task]
        task.token = other
        return PENDING
    if other.error is not None:
        raise other.error
    return other.value


def delay(loop: Loop, task: Task, effect: fx.Delay) -> Any:
    """Wait for time to pass."""
    token = task.token = Delayed()
    token.timer = loop.clock.call_later(effect.seconds, lambda: loop.post(task, token, None))
    return PENDING


def all_of(loop: Loop, task: Task, effect: fx.All) -> Any:
    """Run side by side and wait for all."""
    return join(task, loop.fork(task, _all(tuple(effect.effects))))


def race(loop: Loop, task: Task, effect: fx.Race) -> Any:
    """Run side by side and wait for the first."""
    return join(task, loop.fork(task, _race(effect.effects)))


def _run_call(job: Job) -> Any:
    CURRENT_JOB.set(job)
    effect = job.data[1]
    return effect.fn(*effect.args, **effect.kwargs)


def _one(effect: Any) -> fx.Saga:
    return (yield effect)


def _all(effects: tuple[Any, ...]) -> fx.Saga:
    tasks = []
    for effect in effects:
        tasks.append((yield fx.Fork(_one(effect))))  # noqa: PERF401 - a yield cannot stand in a comprehension
    values: dict[Any, Any] = {}
    while len(values) < len(tasks):
        for task in (yield fx.Wait()):
            if task.error is not None:
                raise task.error  # what still runs is cancelled with this saga
            values[task] = task.value
    return tuple(values[task] for task in tasks)


def _race(effects: Any) -> fx.Saga:
    named: Mapping[Any, Any] = effects if hasattr(effects, "items") else dict(enumerate(effects))
    keys = {}
    for key, effect in named.items():
        keys[(yield fx.Fork(_one(effect)))] = key
    if not keys:
        return {} if hasattr(effects, "items") else None
    (winner, *_) = yield fx.Wait()
    if winner.error is not None:
        raise winner.error
    return {keys[winner]: winner.value} if hasattr(effects, "items") else winner.value


ACTS: Mapping[type, Callable[[Loop, Task, Any], Any]] = {
    fx.Put: put,
    fx.Call: call,
    fx.Select: select,
    fx.Take: take,
    fx.Cancel: cancel,
    fx.Wait: wait,
    fx.Delay: delay,
    fx.All: all_of,
    fx.Race: race,
}
"""What acts on each effect; ``Fork`` is acted on where sagas are stepped."""
