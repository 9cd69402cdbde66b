"""The loop: steps sagas and acts on their effects. It is a role, not a thread.

Whoever posts something (a worker's outcome, a command, a timer, drained lines) takes the baton if it is free, steps the
sagas concerned, has the batch of actions reduced, and lets go. If another thread holds the baton, that one sees to it.
So no thread waits for a hand-over between phases, and the kernel's main thread is never needed.

1. Sagas and reducers run under the baton, one thread at a time. Calls and listeners never do.
2. An answer that comes for something a task no longer waits for is dropped.
3. ``acts.ACTS`` is the table of effects: each has one function that acts on it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseCancelled, StoreError, is_a
from milo_nb.state import effects as fx
from milo_nb.store.acts import ACTS, MAIL, PENDING, Delayed, call, join
from milo_nb.store.baton import Baton
from milo_nb.store.intake import Intake
from milo_nb.store.task import Task
from milo_nb.store.workers import Job, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milo_nb.state.actions import Action
    from milo_nb.store.clock import Clock

LOG = logging.getLogger("milo_nb")
_RUNS = object()  # the task is being stepped: nothing is an answer to it
_EVENT = object()  # not an answer but an event for the task's mail
_CANCEL = object()  # not an answer but a request to stop


class Loop(Baton):
    """Runs sagas against a reducer.

    Attributes:
        intake: Takes what sagas put.
        select: Returns the state, under the baton.
        clock: Tells time and calls later.
        workers: Run the calls.
        caller: Runs the calls that are attempts of phases, in place of the workers; returns a token with ``cancel()``,
            and answers with :meth:`post`.
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
            commit: Takes a batch of stamped actions under the baton; see :class:`Intake`.
            select: Returns the state, under the baton.
            after: Called without the baton each time it has been let go.
            clock: Tells time and calls later.
            workers: Run the calls.
        """
        super().__init__()
        self.intake = Intake(commit, self._answer, clock.now)
        self.select = select
        self._after = after
        self.clock = clock
        self.workers = workers
        self.caller: Callable[[Task, fx.Call], Any] | None = None
        self._woken: list[Task] = []

    # ------------------------------------------------------------------ from outside

    def start(self, saga: Any) -> Task:
        """Run a saga; it takes its first steps before this returns, unless a saga or reducer calls this."""
        task = Task(_made(saga), None, self.cancel)
        self.post(task, None, None)
        return task

    def post(self, task: Task, token: object, value: Any, error: BaseException | None = None) -> None:
        """Answer what `task` waits for, from any thread; `token` says which question it answers."""
        self._inbox.append((task, token, value, error))
        self.pump()

    def post_and_take(self, task: Task, token: object, value: Any, error: BaseException | None) -> None:
        """As :meth:`post`, from a worker that looks for its next job right after, so that no other need be woken."""
        self._inbox.append((task, token, value, error))
        self.empty_inbox()
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
            self.intake.put(action)
            error = self.intake.flush(now=True)
        if error is not None:
            raise error

    def let_go(self) -> None:
        """Have what is queued taken by workers, and listeners told."""
        self.workers.wake()
        self._after()

    # ------------------------------------------------------------------ under the baton

    def drain(self) -> None:
        """Take in all that was posted, and all that this leads to at once."""
        inbox, intake = self._inbox, self.intake
        while inbox or self._woken or intake.batch:
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
            elif intake.batch:
                intake.flush()

    def _wake_for_mail(self) -> None:
        """Give each task that waits for events all that have come, once."""
        woken, self._woken = self._woken, []
        for task in woken:
            if task.token is MAIL and task.mail is not None:
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

    def _step(self, task: Task, value: Any, error: BaseException | None) -> None:  # noqa: C901 - the hot path
        """Run sagas, beginning with `task`, until each of them waits for something."""
        stack, intake = [(task, value, error)], self.intake
        while stack:
            task, value, error = stack.pop()
            saga: Any = task.saga
            try:
                effect = saga.send(value) if error is None else saga.throw(error)
                while True:
                    kind = type(effect)
                    # The three that every phase needs are written out here.
                    if kind is fx.Put and not intake.immediate:
                        intake.stamp(effect.action)
                        effect = saga.send(None)
                    elif kind is fx.Fork:
                        if type(effect.saga) is fx.Call:
                            child = self._child(task, None, effect.tag)
                            call(self, child, effect.saga)
                            effect = saga.send(child)
                            continue
                        child = self._child(task, _made(effect.saga), effect.tag)
                        child.token = _RUNS
                        stack.append((task, child, None))
                        stack.append((child, None, None))
                        break
                    elif kind is fx.Wait and effect.task is None:
                        mail = task.mail
                        if mail is None:
                            task.token = MAIL
                            break
                        task.mail = None
                        effect = saga.send(mail)
                    else:
                        try:
                            answer = self._act(task, effect)
                        except Exception as failed:  # noqa: BLE001 - the saga that asked may handle it
                            effect = saga.throw(failed)
                            continue
                        if answer is PENDING:
                            break
                        effect = saga.send(answer)
            except StopIteration as stop:
                self._end(task, stop.value, None)
            except BaseException as failed:  # noqa: BLE001 - a saga's error is kept for who joins it
                self._end(task, None, failed)

    def _act(self, task: Task, effect: Any) -> Any:
        act = ACTS.get(type(effect))
        if act is not None:
            return act(self, task, effect)
        if hasattr(effect, "send") and hasattr(effect, "throw"):  # a saga: run it and go on with what it returns
            return join(task, self.fork(task, effect))
        known = ", ".join(sorted(kind.__name__ for kind in (*ACTS, fx.Fork)))
        raise StoreError(f"A saga yielded {effect!r}, which is no effect. Effects: {known}.")

    def _child(self, task: Task, saga: fx.Saga | None, tag: Any = None) -> Task:
        child = Task(saga, task, self.cancel, tag)
        if task.children is None:
            task.children = set()
        task.children.add(child)
        return child

    def fork(self, task: Task, saga: Any) -> Task:
        """Start a saga as a child of `task`, under the baton."""
        child = self._child(task, _made(saga))
        self._inbox.append((child, None, None, None))
        return child

    def _end(self, task: Task, value: Any, error: BaseException | None) -> None:
        task.token = _RUNS
        if task.children:
            for child in task.children:
                self._inbox.append((child, _CANCEL, None, None))
        parent = task.parent
        if parent is None:
            self.intake.flush()  # whoever waits for the task must find its last actions in the state
            if error is not None and not is_a(error, PhaseCancelled, GeneratorExit):
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
            if not isinstance(token, Delayed):
                return  # a backend's handle answers in its own time
        if task.saga is None:
            self._end(task, None, PhaseCancelled())
        else:
            task.token = _RUNS
            self._step(task, None, PhaseCancelled())

    def ask_to_stop(self, task: Task) -> None:
        """Ask a task to stop, under the baton."""
        self._inbox.append((task, _CANCEL, None, None))

    def _answer(self, task: Task, token: object, value: Any) -> None:
        self._inbox.append((task, token, value, None))


def _made(saga: Any) -> fx.Saga:
    made = saga if hasattr(saga, "send") else saga()
    if not hasattr(made, "send"):
        raise StoreError(f"A saga is a generator, or a function that makes one; got {saga!r}.")
    return made  # type: ignore[no-any-return]


def recall(loop: Loop, actions: Iterable[Action]) -> None:
    """Reduce actions of the past, as of when they happened; returns when they are reduced.

    Raises:
        Exception: What the reducer raised; the state is as it was.
    """
    with loop.hold():
        for action in actions:
            loop.intake.recall(action)
        error = loop.intake.flush(now=True)
    if error is not None:
        raise error
