"""Threads and pools that a phase starts write to that phase's sink.

Hooks `threading.Thread` (``__init__`` and ``start``) and `concurrent.futures.ThreadPoolExecutor.submit`. Only our own context
variables are handed on (`inherit` adds one), not the whole context: Python starts threads with an empty one,
and a person's context variables are none of our business. They are set in the thread's own context, so that
`threading.excepthook` still finds them when the thread's function has failed.

A thread that nobody made a daemon holds the hooks in place until it ends: it may outlive its phase and all sessions,
and still nothing that it prints reaches a cell (it is late). Threads that were asked to be daemons hold nothing, because
libraries leave them behind for good (tqdm's monitor). Phases run on daemon threads of ours, and a thread takes that
from the one that makes it unless somebody says otherwise; ``Thread._daemonic``, where Python keeps it, is marked then. A pool's own threads inherit nothing, its tasks do: a pool made in
one phase may be used by another, or by a cell.
"""

from __future__ import annotations

import threading
from concurrent import futures
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from milo_nb.capture.patch import Patch
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.store.shield import Shielded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar


class _Variable(Protocol):
    """A `contextvars.ContextVar`, or `CURRENT_SINK`, which is used like one."""

    def set(self, value: Any, /) -> Any:
        """Set it in this context and return a token."""

    def reset(self, token: Any, /) -> None:
        """Undo a `set`."""


_Values = list[tuple["_Variable", Any]]
_inherited: list[ContextVar[Any]] = []
_PICKLING_POOLS: Final[tuple[type, ...]] = tuple(
    pool for pool in (getattr(futures, "InterpreterPoolExecutor", None),) if pool is not None
)


class _Inherited(int):
    """True for a thread that is a daemon only because the one that made it is."""


_INHERITED: Final = _Inherited(True)


def inherit(variable: ContextVar[Any]) -> None:
    """Hand this variable to the children of a phase too; once per variable, at import."""
    _inherited.append(variable)


def _take_values() -> _Values | None:
    """Return what a child of this context gets, None outside of a phase."""
    sink = CURRENT_SINK.get()
    if sink is None:
        return None
    values: _Values = [(CURRENT_SINK, sink.for_child())]
    CURRENT_SINK.refresh()
    values.extend((variable, variable.get()) for variable in _inherited if variable.get(None) is not None)
    return values


def _wrap_thread_init(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(thread: threading.Thread, *args: Any, daemon: bool | None = None, **options: Any) -> None:  # noqa: N807 - Thread's own
        original(thread, *args, daemon=daemon, **options)
        if daemon is None and CURRENT_SINK.get() is not None and vars(thread).get("_daemonic") is True:
            vars(thread)["_daemonic"] = _INHERITED

    return __init__


class ThreadHook(Patch):
    """Hands the sink to each thread that a phase starts."""

    def __init__(self, hold: Callable[[], None], release: Callable[[], None]) -> None:
        """Call ``hold`` before a thread starts that must not lose the hooks, ``release`` when it ends."""
        self._hold = hold
        self._release = release
        super().__init__(threading.Thread, "start", self._wrap_start)

    def _wrap_start(self, original: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
        def start(thread: threading.Thread) -> None:
            values = _take_values()
            if values is None:
                original(thread)
                return
            is_held = not thread.daemon or vars(thread).get("_daemonic") is _INHERITED
            run = thread.run
            thread.run = partial(self._run, thread, run, values, is_held)  # type: ignore[method-assign]
            if is_held:
                self._hold()
            try:
                with Shielded():  # an exception sent now could hit the new thread, which has this one's number at first
                    original(thread)
            except BaseException:
                vars(thread).pop("run", None)
                if is_held:
                    self._release()
                raise

        return start

    def _run(self, thread: threading.Thread, run: Callable[[], None], values: _Values, is_held: bool) -> None:  # noqa: FBT001
        vars(thread).pop("run", None)
        for variable, value in values:
            variable.set(value)
        try:
            run()
        except SystemExit:
            pass
        except BaseException as error:  # noqa: BLE001 - reported as threading does it, while the hooks still hold
            shown = error.with_traceback(error.__traceback__.tb_next if error.__traceback__ else None)
            threading.excepthook(threading.ExceptHookArgs((type(shown), shown, shown.__traceback__, thread)))
        finally:
            if is_held:
                self._release()


class ThreadInitHook(Patch):
    """Marks each thread that is a daemon only because its phase runs on one."""

    def __init__(self) -> None:
        super().__init__(threading.Thread, "__init__", _wrap_thread_init)


class PoolHook(Patch):
    """Hands the sink to each task that a phase gives to a thread pool."""

    def __init__(self) -> None:
        super().__init__(futures.ThreadPoolExecutor, "submit", _wrap_submit)


def _wrap_submit(original: Callable[..., futures.Future[Any]]) -> Callable[..., futures.Future[Any]]:
    def submit(
        pool: futures.ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> futures.Future[Any]:
        # Interpreter pools (3.14) are thread pools too, but pickle their tasks.
        values = None if isinstance(pool, _PICKLING_POOLS) else _take_values()
        if values is None:
            return original(pool, fn, *args, **kwargs)
        with CURRENT_SINK.as_none():  # for the pool's own thread, which this call may start
            return original(pool, _run_task, values, fn, args, kwargs)

    return submit


def _run_task(values: _Values, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tokens = [(variable, variable.set(value)) for variable, value in values]
    try:
        return fn(*args, **kwargs)
    finally:
        for variable, token in tokens:
            variable.reset(token)
