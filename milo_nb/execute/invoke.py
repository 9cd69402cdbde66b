"""Calling a handler: its arguments, its context, its errors. The one place where a person's exception becomes a value."""

from __future__ import annotations

import contextlib
import inspect
import logging
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from milo_nb.errors import ParameterError, PhaseCancelled, PhaseError, ValidationError, available, is_a, traceback_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from milo_nb.declare.graph import PhaseGraph
    from milo_nb.declare.phase import Phase
    from milo_nb.store.workers import LateToken, Token

_HERE = str(Path(__file__).resolve().parent.parent / "_")[:-1]
_ASYNCIO = str(Path(logging.__file__).parents[1] / "asyncio" / "_")[:-1]
_BETWEEN = (_HERE, _ASYNCIO)  # folders whose frames stand before the person's
_PROGRESS_GAP_S = 0.1


class PhaseContext:
    """What a handler's ``ctx`` parameter gets. Its methods may be called from any thread of the phase.

    Attributes:
        attempt: Which try this is, from 1.
        params: The parameters of the run.
        logger: A logger whose lines land in the phase's log.
    """

    def __init__(  # noqa: PLR0913 - what a phase can be told
        self,
        name: str,
        attempt: int,
        params: Mapping[str, Any],
        *,
        token: Token | LateToken,
        progress: Callable[[float, str], None],
        now: Callable[[], float],
        later: Callable[[float, Callable[[], None]], Any],
        work_dir: Callable[[], Path | None] = lambda: None,
    ) -> None:
        """Make the context of one attempt."""
        self.name = name
        self.attempt = attempt
        self.params = params
        self.logger = logging.getLogger(f"milo_nb.phase.{name}")
        if self.logger.level == logging.NOTSET:
            self.logger.setLevel(logging.INFO)
        self._token = token
        self._progress = progress
        self.give_work_dir = work_dir
        self._now = now
        self._later = later
        self._pending: tuple[float, str] | None = None
        self._told = -_PROGRESS_GAP_S

    @property
    def work_dir(self) -> Path | None:
        """The session's directory for the phase's own files, made when first asked for; None without a work directory."""
        return self.give_work_dir()

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the phase is.

        Args:
            fraction: From 0 to 1.
            message: For people.

        Raises:
            PhaseCancelled: If the phase is to stop.
        """
        self._token.check()
        now = self._now()
        if now - self._told >= _PROGRESS_GAP_S or fraction >= 1:
            self._told, self._pending = now, None
            self._progress(fraction, message)
        elif self._pending is None:
            # Told when the gap is over: the last word before a long silence is the one that people look at.
            self._pending = (fraction, message)
            self._later(_PROGRESS_GAP_S, self._tell_pending)
        else:
            self._pending = (fraction, message)

    def _tell_pending(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            self._told = self._now()
            self._progress(*pending)

    def track(self, items: Iterable[Any], total: int | None = None, message: str = "") -> Iterator[Any]:
        """Iterate over `items` and tell the progress.

        Args:
            items: What to iterate over.
            total: How many there are, where `items` cannot tell.
            message: For people; ``{done}/{total}`` if empty.

        Raises:
            PhaseCancelled: If the phase is to stop.
        """
        if total is None:
            try:
                total = len(items)  # type: ignore[arg-type]
            except TypeError:
                total = None
        for done, item in enumerate(items):
            self._token.check()
            yield item
            count = f"{done + 1}/{total}" if total else str(done + 1)
            self.progress((done + 1) / total if total else 0.0, message or count)

    def check_cancelled(self) -> None:
        """Return, or raise PhaseCancelled if the phase is to stop."""
        self._token.check()

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the phase is to stop.

        Raises:
            PhaseCancelled: If the phase is to stop.
        """
        if seconds > 0:
            self._token.wait(seconds)
        self._token.check()

    def checkpoint(self) -> None:
        """Let a pending cancel take effect here; a place where nothing is half done.

        Raises:
            PhaseCancelled: If the phase is to stop.
        """
        self._token.check()


class Binder:
    """Knows what each handler of a graph is called with."""

    def __init__(self, graph: PhaseGraph, params: Mapping[str, Any]) -> None:
        """Check the parameters of all handlers.

        Args:
            graph: The phases.
            params: Parameters of the run.

        Raises:
            ParameterError: If a parameter is neither a phase nor a run parameter, or a name is both.
        """
        self.params = params
        names = graph.index
        for name in params:
            if name in names or name in ("context", "ctx"):
                what = "a phase" if name in names else "a parameter with a meaning of its own"
                raise ParameterError(f"'{name}' is both a run parameter and {what}. Give one of them another name.")
        self._plans: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._graph = graph
        given = {"context", "ctx", *params}
        for i, takes in graph.takes.items():
            for name in (*takes.positional, *takes.named):
                if name in takes.required and name not in names and name not in given:
                    raise ParameterError(
                        f"Phase '{graph.names[i]}' takes '{name}', which is neither a phase nor a run parameter. "
                        f"{available('phases', name, list(names))} "
                        f"Run parameters: {', '.join(params) or 'none'}."
                    )
            positional = tuple(n for n in takes.positional if n in names or n in given)
            self._plans[i] = (positional, tuple(n for n in takes.named if n in names or n in given))

    def takes_nothing(self, i: int) -> bool:
        """Tell whether the handler at position `i` is called without arguments."""
        return i not in self._plans

    def given(self, i: int) -> dict[str, Any]:
        """Return the run parameters that the handler at position `i` can see: all of them, if it takes ``ctx``."""
        plan = self._plans.get(i)
        if plan is None:
            return {}
        names = {*plan[0], *plan[1]}
        return {n: v for n, v in self.params.items() if n in names or "ctx" in names}

    def taken(self, i: int) -> frozenset[str] | None:
        """Return the names that the handler at position `i` takes; None if it gets all results it depends on."""
        plan = self._plans.get(i)
        names = frozenset((*plan[0], *plan[1])) if plan is not None else frozenset()
        return None if "context" in names else names

    def arguments(
        self, i: int, results: Mapping[str, Any], make_ctx: Callable[[], Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments of the handler at position `i`."""
        plan = self._plans.get(i)
        if plan is None:
            return (), {}

        def value(name: str) -> Any:
            if name == "context":
                return {n: results.get(n) for n in map(self._graph.names.__getitem__, self._graph.depends_on[i])}
            if name == "ctx":
                return make_ctx()
            return self.params[name] if name in self.params else results.get(name)

        return tuple(value(n) for n in plan[0]), {n: value(n) for n in plan[1]}


def is_async(handler: Callable[..., Any]) -> bool:
    """Tell whether what `handler` returns is to be awaited."""
    # A plain function says so in its code's flags, at a tenth of the cost of asking inspect.
    if type(handler) is FunctionType:
        return bool(handler.__code__.co_flags & inspect.CO_COROUTINE)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004


def call_handler(
    phase: Phase, attempt: int, args: tuple[Any, ...], kwargs: Mapping[str, Any], token: Callable[[], Token | LateToken]
) -> Any:
    """Call a phase's handler, await it if it is async, and have its result validated.

    Raises:
        ValidationError: If ``validate`` refused the result.
        BaseException: What the handler raised.
    """
    return finish_call(phase, attempt, phase.handler(*args, **kwargs), token)


def finish_call(phase: Phase, attempt: int, value: Any, token: Callable[[], Token | LateToken]) -> Any:
    """Await what a handler returned, if that is how it works, and have it validated.

    Raises:
        ValidationError: If ``validate`` refused the result.
        BaseException: What an async handler raised.
    """
    if value is not None and hasattr(value, "__await__"):
        import asyncio  # noqa: PLC0415 - 20 ms that an import of the package should not pay

        value = asyncio.run(_awaited(value, token()))
    if phase.validate is not None:
        value = _validated(phase, attempt, value)
    return value


def _cancel_soon(loop: asyncio.AbstractEventLoop, task: asyncio.Future[Any]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
        loop.call_soon_threadsafe(task.cancel)


async def _awaited(value: Any, token: Token | LateToken) -> Any:
    import asyncio  # noqa: PLC0415 - as above

    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(value)
    token.on_set(partial(_cancel_soon, loop, task))
    try:
        return await task
    except asyncio.CancelledError:
        if token.is_set:
            raise PhaseCancelled(token.reason) from None
        raise


def _validated(phase: Phase, attempt: int, value: Any) -> Any:
    try:
        said = phase.validate(value)  # type: ignore[misc]
    except Exception as cause:
        raise ValidationError(phase.name, attempt, cause) from cause
    warnings: Iterable[Any] = ()
    if isinstance(said, tuple) and len(said) == 2:  # noqa: PLR2004 - (data, warnings)
        value, warnings = said
    elif isinstance(said, list):
        warnings = said
    elif said is not None:
        wrong = TypeError(f"validate returned {said!r}; it returns None, a list of warnings, or (data, warnings)")
        raise ValidationError(phase.name, attempt, wrong)
    logger = logging.getLogger(f"milo_nb.phase.{phase.name}")
    for warning in warnings or ():
        logger.warning("%s", warning)
    return value


def wrap(phase: Phase, attempt: int, cause: BaseException, types: Mapping[str, type[PhaseError]]) -> PhaseError:
    """Return the error of a phase, wrapped once, with a traceback that ends at the person's own line.

    Errors of our own tree pass unchanged.
    """
    inner = cause.cause if is_a(cause, PhaseError) else cause
    if is_a(inner, BaseException):
        # Not by assignment: an exception may forbid that, as frozen dataclasses do.
        BaseException.with_traceback(inner, own_frames(inner))
    if is_a(cause, PhaseError):
        return cause
    try:
        return types.get(phase.name, PhaseError)(phase.name, attempt, cause)
    except BaseException:  # noqa: BLE001 - a class of the person's that takes other arguments, or raises anything
        return PhaseError(phase.name, attempt, cause)


def own_frames(error: BaseException) -> Any:
    """Return the error's traceback from the person's first line to the last, without the frames around them."""
    traceback = traceback_of(error)
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_BETWEEN):
        if traceback.tb_next is None:
            break
        traceback = traceback.tb_next
    last, step = traceback, traceback
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith(_HERE):
            last = step
        step = step.tb_next
    if last is not None:  # what we raise ourselves, as for `input()`, ends at the line that called
        last.tb_next = None
    return traceback
