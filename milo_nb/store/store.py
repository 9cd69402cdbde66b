"""The Store: one state, changed only by dispatching actions to a reducer."""

from __future__ import annotations

import logging
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from milo_nb.errors import StoreError
from milo_nb.state.actions import INIT, Action
from milo_nb.state.effects import Quit, ReducerResult
from milo_nb.store.clock import SYSTEM_CLOCK, Clock
from milo_nb.store.listeners import Listeners
from milo_nb.store.loop import Loop
from milo_nb.store.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from milo_nb.store.task import Task

Reducer = "Callable[[Any, Action], Any]"
Dispatch = "Callable[[Action], Any]"
LOG = logging.getLogger("milo_nb")
MOST_PENDING = 256
"""Actions that wait to be reduced at most, if nobody reads the state."""


def default_workers() -> int:
    """Return how many worker threads there are at most, if nobody says: as ``ThreadPoolExecutor``."""
    return min(32, (os.cpu_count() or 1) + 4)


class Store:
    """Holds a state, runs sagas, tells listeners.

    The state is replaced, never changed, so a state once read stays as it is. Reducers, middleware and sagas run one at
    a time and must be quick; what a saga ``Call``s runs on worker threads.

    A reducer that has a method ``batch(state, actions)`` is given what sagas put in batches: at the latest when somebody
    reads the state, so nobody can tell, but ten thousand phases cost a few hundred new states and not twenty thousand.

    Attributes:
        actions: What was dispatched, if the store records.
        quitting: What a reducer returned as ``Quit``, if it did.
    """

    def __init__(  # noqa: PLR0913 - the last two are for executors
        self,
        reducer: Callable[[Any, Action], Any],
        initial_state: Any = None,
        middleware: Iterable[Callable[..., Any]] = (),
        *,
        record: bool = False,
        max_workers: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        on_batch: Callable[[list[Action]], None] | None = None,
        name: str = "milo",
    ) -> None:
        """Make a store.

        Args:
            reducer: ``reducer(state, action)`` returns the next state, a ``ReducerResult`` or a ``Quit``.
            initial_state: The state to begin with; what the reducer makes of ``@@INIT``, if none.
            middleware: Each is ``mw(dispatch, get_state)`` and returns a function like `dispatch`.
            record: Keep every action in ``actions``.
            max_workers: Most calls that run at once.
            clock: Stamps actions and times delays.
            on_batch: Takes each batch of actions, under the baton, before listeners; must be quick.
            name: First part of the worker threads' names.
        """
        self._reducer = reducer
        self._batch = getattr(reducer, "batch", None)
        self.actions: list[Action] = []
        self._record = record
        self._on_batch = on_batch
        self.quitting: Quit | None = None
        self._closed = False
        self._reducing = 0
        self._pending: list[Action] = []
        self._fold_lock = threading.RLock()
        self._listeners = Listeners(self.get_state)
        limit = default_workers() if max_workers is None else max_workers
        self.workers = Workers(limit, name, lambda: CURRENT_STORE.set(self))
        self.loop = Loop(self._commit, self.get_state, self._listeners.tell_soon, clock, self.workers)
        intake = self.loop.intake
        intake.immediate = self._batch is None
        self._state = initial_state
        if initial_state is None:
            self._state, sagas = self._unwrap(reducer(None, Action(INIT)))
            for saga in sagas:
                self.loop.start(saga)
        through: Callable[[Action], Any] = intake.accept
        for make in reversed(tuple(middleware)):
            through = make(through, self.get_state)
            intake.immediate = True
            intake.through = through

    @property
    def state(self) -> Any:
        """The state as it is now."""
        if self._pending:
            self._fold()
        return self._state

    def get_state(self) -> Any:
        """Return the state as it is now."""
        return self.state

    def dispatch(self, action: Action) -> None:
        """Have an action reduced; returns when it is, and listeners have been told unless they are being told.

        Raises:
            StoreError: For what is no Action, and after the shutdown.
            Exception: What the reducer raised; the state is as it was.
        """
        if not isinstance(action, Action):
            raise StoreError(f"dispatch takes an Action; got {action!r}.")
        if self._closed:
            raise StoreError("The store was shut down; it takes no more actions.")
        if self._reducing == threading.get_ident():
            raise StoreError("A reducer must not dispatch: it returns the next state, and sagas in a ReducerResult.")
        self.loop.dispatch(action)
        self._listeners.tell_now()

    def subscribe(self, listener: Callable[..., Any], *, every: bool = False) -> Callable[[], None]:
        """Call `listener` after the state has changed; return what ends that.

        Args:
            listener: Takes nothing; changes that come close together are told once. It may dispatch. Its failure is
                logged and harms nobody.
            every: Call it with each action instead, changed state or not, in their order.
        """
        if not callable(listener):
            raise StoreError(f"subscribe takes something that can be called; got {listener!r}.")
        return self._listeners.add(listener, every=every)

    def run_saga(self, saga: Any) -> Task:
        """Run a saga beside whatever else runs and return its task.

        Args:
            saga: A generator, or a function that makes one.
        """
        if self._closed:
            raise StoreError("The store was shut down; it runs no more sagas.")
        return self.loop.start(saga)

    def tell_listeners(self) -> None:
        """Return when listeners have been told of all that has happened so far."""
        with self.loop.hold():
            pass  # whoever is at a batch has handed it to the listeners when they let go
        self._listeners.tell_all()

    def shutdown(self) -> None:
        """Take no more actions, end the worker threads when they have done what they are at, tell listeners the last."""
        self._closed = True
        self.workers.close()
        self._listeners.close()

    # ------------------------------------------------------------------ under the baton

    def _commit(self, batch: list[Action], now: bool) -> BaseException | None:  # noqa: FBT001 - the loop's callback
        error = None
        if self._batch is None:
            before = self._state
            error = self._one_by_one(batch)
            changed = self._state is not before
        else:
            with self._fold_lock:
                self._pending += batch
                changed = True
                if now or len(self._pending) >= MOST_PENDING:
                    error = self._fold()
        if self._record:
            self.actions += batch
        if self._on_batch is not None:
            self._on_batch(batch)
        listeners = self._listeners
        # Who tells a change that was noted before reads the state after this one was added to it.
        if listeners.every or not listeners.is_dirty:
            listeners.changed(batch, changed)
        return error

    def _fold(self) -> BaseException | None:
        """Reduce what is pending, on whatever thread needs the state."""
        with self._fold_lock:
            batch = self._pending
            if not batch or self._batch is None:
                return None
            try:
                self._state = self._batch(self._state, batch)
            except Exception:  # noqa: BLE001 - find the action that it cannot take, and let the others count
                return self._one_by_one(batch)
            finally:
                # Not before: who finds nothing pending takes the state as it is, without the lock.
                self._pending = []
        return None

    def _one_by_one(self, batch: list[Action]) -> BaseException | None:
        first: BaseException | None = None
        for action in batch:
            self._reducing = threading.get_ident()
            try:
                self._state, sagas = self._unwrap(self._reducer(self._state, action))
            except Exception as failed:
                LOG.debug("the reducer failed at %s", action.type, exc_info=failed)
                first = first or failed
            else:
                for saga in sagas:
                    self.loop.start(saga)
            finally:
                self._reducing = 0
        return first

    def _unwrap(self, result: Any) -> tuple[Any, tuple[Any, ...]]:
        if isinstance(result, ReducerResult):
            return result.state, tuple(result.sagas)
        if isinstance(result, Quit):
            self.quitting = result
            return result.state, ()
        return result, ()


CURRENT_STORE: ContextVar[Store | None] = ContextVar("milo_store", default=None)
"""The store whose worker thread this code runs on."""


def combine_reducers(**reducers: Callable[[Any, Action], Any]) -> Callable[[Any, Action], dict[str, Any]]:
    """Return a reducer whose state is a dict with one part per reducer, each given its own part.

    The dict stays the same object while no part changes. Sagas that a part's ``ReducerResult`` brings are run; a part's
    ``Quit`` quits.
    """

    def reduce(state: dict[str, Any] | None, action: Action) -> Any:
        parts: dict[str, Any] = {}
        sagas: tuple[Any, ...] = ()
        leave: Quit | None = None
        for name, reducer in reducers.items():
            result = reducer(None if state is None else state.get(name), action)
            if isinstance(result, ReducerResult):
                result, sagas = result.state, (*sagas, *result.sagas)
            elif isinstance(result, Quit):
                leave, result = result, result.state
            parts[name] = result
        same = state is not None and len(state) == len(parts) and all(state.get(n) is p for n, p in parts.items())
        combined = state if same else parts
        if leave is not None:
            return Quit(combined, leave.code)
        return ReducerResult(combined, sagas) if sagas else combined

    return reduce
