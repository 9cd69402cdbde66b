"""The loop: steps sagas and acts on their effects. It is a role, not a thread.

Whoever posts something (a worker's outcome, a command, a timer, drained lines) takes the baton if it is free, steps the
sagas concerned, has the batch of actions reduced, and lets go. If another thread holds the baton, that one sees to it.
So no thread waits for a hand-over between phases, and the kernel's main thread is never needed.

1. Sagas and reducers run under the baton, one thread at a time. Calls and listeners never do.
2. An answer that comes for something a task no longer waits for is dropped.
3. ``_ACTS`` is the table of effects: each has one function that acts on it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseCancelled, PhaseTimeoutError, StoreError
from milo_nb.state import effects as fx
from milo_nb.state.actions import Action, stamp
from milo_nb.state.commands import SlotFreed
from milo_nb.state.saga import AttemptStillRuns
from milo_nb.store.task import Task
from milo_nb.store.workers import CURRENT_JOB, Job, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from milo_nb.store.clock import Clock, Timer

LOG = logging.getLogger("milo_nb")
_PENDING = object()  # the task waits
_RUNS = object()  # the task is being stepped: nothing is an answer to it
_MAIL = object()  # the task waits for events
_EVENT = object()  # not an answer but an event for the task's mail
_CANCEL = object()  # not an answer but a request to stop


class Loop:
    """Runs sagas against a reducer.

    Attributes:
        clock: Tells time and calls later.
        workers: Run the calls.
        caller: Runs the calls that are attempts of phases, in place of the workers; returns a token with ``cancel()``,
            and answers with :meth:`post`.
        immediate: Every Put is reduced at once; for reducers that cannot take batches.
    """

    def __init__(
        self,
        commit: Callable[[list[Action], bool], BaseException | None],
        select: Callable[[], Any],
        after: Callable[[], None],
        clock: Clock,
        workers: Workers,
    ) -> None:
        """Make a loop.

        Args:
            commit: Takes a batch of stamped actions under the baton, to be reduced now or before the state is read; returns
                an error instead of raising it.
            select: Returns the state, under the baton.
            after: Called without the baton each time it has been let go.
            clock: Tells time and calls later.
            workers: Run the calls.
        """
        self._commit = commit
        self._select = select
        self._after = after
        self.clock = clock
        self._now = clock.now
        self.workers = workers
        self.caller: Callable[[Task, fx.Call], Any] | None = None
        self.through: Callable[[Action], object] | None = None
        self.immediate = False
        self._inbox: deque[tuple[Task, Any, Any, BaseException | None]] = deque()
        self._baton = threading.Lock()
        self._owner = 0
        self._batch: list[Action] = []
        self._woken: list[Task] = []
        self._takers: list[tuple[Task, fx.Take, object]] = []
        self._last = 0.0

    # ------------------------------------------------------------------ from outside

    def start(self, saga: Any) -> Task:  # noqa: ANN401 - a saga or a function that makes one
        """Run a saga; it takes its first steps before this returns, unless a saga or reducer calls this."""
        task = Task(_made(saga), None, self.cancel)
        self.post(task, None, None)
        return task

    def post(self, task: Task, token: object, value: Any, error: BaseException | None = None) -> None:  # noqa: ANN401
        """Answer what `task` waits for, from any thread; `token` says which question it answers."""
        self._inbox.append((task, token, value, error))
        self.pump()

    def post_and_take(self, task: Task, token: object, value: Any, error: BaseException | None) -> None:  # noqa: ANN401
        """As :meth:`post`, from a worker that looks for its next job right after, so that no other need be woken."""
        self._inbox.append((task, token, value, error))
        self._run_inbox()
        self._after()

    def deliver(self, task: Task, event: object) -> None:
        """Add an event to those that `task` gets from ``Wait``, from any thread."""
        self._inbox.append((task, _EVENT, event, None))
        self.pump()

    def cancel(self, task: Task) -> None:
        """Ask a task to stop, from any thread."""
        self._inbox.append((task, _CANCEL, None, None))
        self.pump()

    def dispatch(self, action: Action) -> None:
        """Reduce an action; returns when it is reduced, with all it led to at once.

        Raises:
            Exception: What the reducer raised; the state is as it was.
        """
        with self.hold():
            self.put(action)
            error = self._flush(now=True)
        if error is not None:
            raise error

    def hold(self) -> _Hold:
        """Return a context in which this thread has the baton, with nothing left to be done before it."""
        return _Hold(self)

    def pump(self) -> None:
        """See that what has been posted is taken in, by this thread or by the one that has the baton."""
        if self._owner == threading.get_ident():
            return  # it will be seen before the baton is let go
        self._run_inbox()
        self.workers.wake()
        self._after()

    def _run_inbox(self) -> None:
        inbox, baton = self._inbox, self._baton
        while inbox and baton.acquire(blocking=False):
            self._owner = threading.get_ident()
            try:
                self.drain()
            finally:
                self._owner = 0
                baton.release()

    def take_baton(self) -> bool:
        """Take the baton, waiting for it; False if this thread has it already."""
        if self._owner == threading.get_ident():
            return False
        self._baton.acquire()
        self._owner = threading.get_ident()
        return True

    def drop_baton(self) -> None:
        """Let the baton go and see to what has come meanwhile."""
        self._owner = 0
        self._baton.release()
        self.pump()

    # ------------------------------------------------------------------ under the baton

    def drain(self) -> None:
        """Take in all that was posted, and all that this leads to at once."""
        inbox = self._inbox
        while inbox or self._woken or self._batch:
            while inbox:
                task, token, value, error = inbox.popleft()
                if token is task.token:
                    if task.saga is None:
                        self._end(task, value, error)
                    else:
                        task.token = _RUNS
                        self._step(task, value, error)
                elif token is _EVENT:
                    self._mail(task, value)
                elif token is _CANCEL:
                    self._stop(task)
            if self._woken:
                self._wake_for_mail()
            elif self._batch:
                self._flush()

    def _wake_for_mail(self) -> None:
        """Give each task that waits for events all that have come, once."""
        woken, self._woken = self._woken, []
        for task in woken:
            if task.token is _MAIL and task.mail is not None:
                mail, task.mail = task.mail, None
                task.token = _RUNS
                self._step(task, mail, None)

    def _mail(self, task: Task, event: object) -> None:
        if task.done:
            return
        if task.mail is None:
            task.mail = [event]
            self._woken.append(task)
        else:
            task.mail.append(event)

    def _step(self, task: Task, value: Any, error: BaseException | None) -> None:  # noqa: ANN401, C901
        """Run sagas, beginning with `task`, until each of them waits for something."""
        stack = [(task, value, error)]
        while stack:
            task, value, error = stack.pop()
            saga = task.saga
            try:
                effect = saga.send(value) if error is None else saga.throw(error)
                while True:
                    kind = type(effect)
                    # The two that every phase needs most are written out here.
                    if kind is fx.Put and not self.immediate:
                        self._stamp(effect.action)
                        effect = saga.send(None)
                    elif kind is fx.Fork:
                        if type(effect.saga) is fx.Call:
                            child = self._child(task, None, effect.tag)
                            self._act_call(child, effect.saga)
                            effect = saga.send(child)
                            continue
                        child = self._child(task, _made(effect.saga), effect.tag)
                        child.token = _RUNS
                        stack.append((task, child, None))
                        stack.append((child, None, None))
                        break
                    else:
                        try:
                            answer = self._act(task, effect)
                        except Exception as failed:  # noqa: BLE001 - the saga that asked may handle it
                            effect = saga.throw(failed)
                            continue
                        if answer is _PENDING:
                            break
                        effect = saga.send(answer)
            except StopIteration as stop:
                self._end(task, stop.value, None)
            except BaseException as failed:  # noqa: BLE001 - a saga's error is kept for who joins it
                self._end(task, None, failed)

    def _act(self, task: Task, effect: Any) -> Any:  # noqa: ANN401
        act = _ACTS.get(type(effect))
        if act is not None:
            return act(self, task, effect)
        if hasattr(effect, "send") and hasattr(effect, "throw"):  # a saga: run it and go on with what it returns
            return self._join(task, self._fork(task, effect))
        known = ", ".join(sorted(kind.__name__ for kind in _ACTS))
        raise StoreError(f"A saga yielded {effect!r}, which is no effect. Effects: {known}.")

    def _child(self, task: Task, saga: fx.Saga | None, tag: Any = None) -> Task:  # noqa: ANN401
        child = Task(saga, task, self.cancel, tag)
        if task.children is None:
            task.children = set()
        task.children.add(child)
        return child

    def _fork(self, task: Task, saga: Any) -> Task:  # noqa: ANN401
        child = self._child(task, _made(saga))
        self._inbox.append((child, None, None, None))
        return child

    def _end(self, task: Task, value: Any, error: BaseException | None) -> None:  # noqa: ANN401
        task.token = _RUNS
        if task.children:
            for child in task.children:
                self._inbox.append((child, _CANCEL, None, None))
        parent = task.parent
        if parent is None:
            self._flush()  # whoever waits for the task must find its last actions in the state
            if error is not None and not isinstance(error, (PhaseCancelled, GeneratorExit)):
                LOG.debug("a saga failed", exc_info=error)
        task.end(value, error)
        if parent is not None and not parent.done:
            if parent.children is not None:
                parent.children.discard(task)
            if task.joiners is None:
                self._mail(parent, task)
        if task.joiners is not None:
            for joiner in task.joiners:
                self._inbox.append((joiner, task, value, error))

    def _stop(self, task: Task) -> None:
        """Raise PhaseCancelled where `task` waits; a call that runs is asked to stop and answers in its own time."""
        token = task.token
        if task.done or token is _RUNS:
            return
        if type(token) is Job:
            if not self.workers.withdraw(token):
                token.stop("", self.clock)
                return
        elif isinstance(token, Task):
            self._inbox.append((token, _CANCEL, None, None))
        elif token is not None and hasattr(token, "cancel"):
            token.cancel()
            if not isinstance(token, _Delayed):
                return  # a backend's handle answers in its own time
        if task.saga is None:
            self._end(task, None, PhaseCancelled())
        else:
            task.token = _RUNS
            self._step(task, None, PhaseCancelled())

    # ------------------------------------------------------------------ actions

    def put(self, action: Action) -> None:
        """Take an action, under the baton."""
        if self.through is not None:
            self.through(action)
        else:
            self.accept(action)

    def accept(self, action: Action) -> None:
        """Take an action that has passed the middleware, under the baton."""
        self._stamp(action)
        if self.immediate:
            error = self._flush(now=True)
            if error is not None:
                raise error

    def _stamp(self, action: Action) -> None:
        now = self._now()
        if now > self._last:
            self._last = now
        if action.timestamp:
            action = Action(action.type, action.payload, self._last)
        else:
            stamp(action, self._last)
        self._batch.append(action)

    def _flush(self, *, now: bool = False) -> BaseException | None:
        batch = self._batch
        if not batch:
            return None
        self._batch = []
        error = self._commit(batch, now)
        if self._takers:
            self._offer(batch)
        return error

    def _offer(self, batch: list[Action]) -> None:
        """Give actions to the tasks that wait for one like them."""
        for action in batch:
            for entry in tuple(self._takers):
                task, take, token = entry
                if task.token is not token:
                    self._takers.remove(entry)
                elif take.pattern(action) if callable(take.pattern) else take.pattern in (action.type, "*"):
                    self._takers.remove(entry)
                    self._inbox.append((task, token, action, None))

    # ------------------------------------------------------------------ acting on effects

    def _act_put(self, task: Task, effect: fx.Put) -> Any:  # noqa: ANN401, ARG002
        self.put(effect.action)

    def _act_call(self, task: Task, effect: fx.Call) -> Any:  # noqa: ANN401
        if self.caller is not None and effect.phase:
            task.token = self.caller(task, effect)
            return _PENDING
        job = task.token = Job(_run_call, self._called, (task, effect, None))
        self.workers.submit(job)
        if effect.timeout is not None:
            self.limit(job, effect)
        return _PENDING

    def limit(self, job: Job, effect: fx.Call) -> None:
        """Cancel a job when the call's timeout is over."""

        def stop() -> None:
            job.data = (*job.data[:2], effect.timeout)
            job.stop(f"longer than {effect.timeout:g} s", self.clock)

        timer = self.clock.call_later(effect.timeout or 0.0, stop)
        job.timer = timer

    def _called(self, job: Job, value: Any, error: BaseException | None) -> None:  # noqa: ANN401
        task, effect = job.data[:2]
        if error is not None:
            error = self.judge(job, task, effect, error)
        self.post_and_take(task, job, value, error)

    def judge(self, job: Job, task: Task, effect: fx.Call, error: BaseException) -> BaseException:
        """Return what a job's error means: a timeout where it was stopped for that, and who is told of a freed slot."""
        still_runs = isinstance(error, AttemptStillRuns)
        if still_runs:
            root = task
            while root.parent is not None:
                root = root.parent
            job.freed = lambda _: self.deliver(root, SlotFreed(effect.phase))
        if isinstance(error, PhaseCancelled) and job.data[2] is not None:
            cause = TimeoutError(f"ran longer than {effect.timeout:g} s")
            error = PhaseTimeoutError(effect.phase or "call", effect.attempt, cause)
            error.still_runs = still_runs  # type: ignore[attr-defined]  # read by the saga
        return error

    def _act_select(self, task: Task, effect: fx.Select) -> Any:  # noqa: ANN401, ARG002
        self._flush()
        state = self._select()
        return state if effect.selector is None else effect.selector(state)

    def _act_take(self, task: Task, effect: fx.Take) -> Any:  # noqa: ANN401
        self._flush()
        task.token = object()
        self._takers.append((task, effect, task.token))
        return _PENDING

    def _act_cancel(self, task: Task, effect: fx.Cancel) -> Any:  # noqa: ANN401, ARG002
        self._inbox.append((effect.task, _CANCEL, None, None))

    def _act_wait(self, task: Task, effect: fx.Wait) -> Any:  # noqa: ANN401
        if effect.task is not None:
            return self._join(task, effect.task)
        if task.mail is None:
            task.token = _MAIL
            return _PENDING
        mail, task.mail = task.mail, None
        return mail

    def _join(self, task: Task, other: Task) -> Any:  # noqa: ANN401
        if not other.done:
            other.joiners = [*(other.joiners or ()), task]
            task.token = other
            return _PENDING
        if other.error is not None:
            raise other.error
        return other.value

    def _act_delay(self, task: Task, effect: fx.Delay) -> Any:  # noqa: ANN401
        token = task.token = _Delayed()
        token.timer = self.clock.call_later(effect.seconds, lambda: self.post(task, token, None))
        return _PENDING

    def _act_all(self, task: Task, effect: fx.All) -> Any:  # noqa: ANN401
        return self._join(task, self._fork(task, _all(tuple(effect.effects))))

    def _act_race(self, task: Task, effect: fx.Race) -> Any:  # noqa: ANN401
        return self._join(task, self._fork(task, _race(effect.effects)))


class _Hold:
    """A stretch of code that has the baton."""

    __slots__ = ("_loop", "_took")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._took = False

    def __enter__(self) -> None:
        self._took = self._loop.take_baton()
        if self._took:
            self._loop.drain()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._took:
            try:
                self._loop.drain()
            finally:
                self._loop.drop_baton()


class _Delayed:
    """What a task waits for that waits for time."""

    __slots__ = ("timer",)

    timer: Timer

    def cancel(self) -> None:
        self.timer.cancel()


def _made(saga: Any) -> fx.Saga:  # noqa: ANN401
    made = saga if hasattr(saga, "send") else saga()
    if not hasattr(made, "send"):
        raise StoreError(f"A saga is a generator, or a function that makes one; got {saga!r}.")
    return made  # type: ignore[no-any-return]


def _run_call(job: Job) -> Any:  # noqa: ANN401
    CURRENT_JOB.set(job)
    effect = job.data[1]
    return effect.fn(*effect.args, **effect.kwargs)


def _one(effect: Any) -> fx.Saga:  # noqa: ANN401
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


def _race(effects: Any) -> fx.Saga:  # noqa: ANN401
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


_ACTS: Mapping[type, Callable[[Loop, Task, Any], Any]] = {
    fx.Put: Loop._act_put,  # noqa: SLF001 - the table of this class's own acts
    fx.Call: Loop._act_call,  # noqa: SLF001
    fx.Select: Loop._act_select,  # noqa: SLF001
    fx.Take: Loop._act_take,  # noqa: SLF001
    fx.Cancel: Loop._act_cancel,  # noqa: SLF001
    fx.Wait: Loop._act_wait,  # noqa: SLF001
    fx.Delay: Loop._act_delay,  # noqa: SLF001
    fx.All: Loop._act_all,  # noqa: SLF001
    fx.Race: Loop._act_race,  # noqa: SLF001
    fx.Fork: _PENDING,  # type: ignore[dict-item]  # acted on where sagas are stepped
}
