"""The contract of a backend, as rules that any backend can be checked against."""

from __future__ import annotations

import asyncio
import contextvars
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milo_nb.capture import router as capture
from milo_nb.declare.phase import Phase
from milo_nb.execute.backend import Backend, Cancelled, Failed, Handle, Ok, Outcome, PhaseCall, RunInfo
from milo_nb.testing.fakes import RecordingEmit

DEADLINE_S = 30.0
"""Longest wait for something that must come; only a broken backend waits that long."""

_VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("milo_contract", default="unset")


def _returns_what_it_got(*args: object, **kwargs: object) -> object:
    return args, kwargs


def _prints() -> None:
    print("first")  # noqa: T201 - what is tested
    print("no newline", end="")  # noqa: T201 - as above


def _displays() -> None:
    sink = capture.CURRENT_SINK.get()
    _must(sink is not None, "nothing catches what the handler displays")
    if sink is not None:
        sink.output(capture.Output({"text/plain": "shown"}))
        sink.progress(0.5, "half")


def _raises() -> None:
    raise ValueError("as told")


def _exits() -> None:
    raise SystemExit(3)


def _interrupts() -> None:
    raise KeyboardInterrupt


def _base_raises() -> None:
    raise _Base("not an Exception")


class _Base(BaseException):
    pass


async def _async_adds(one: int, other: int) -> int:
    await asyncio.sleep(0)
    return one + other


def _tells_ctx(ctx: Any) -> object:
    ctx.progress(0.5, "half")
    return ctx.attempt, dict(ctx.params)


def _waits_for_cancel(ctx: Any) -> None:
    ctx.progress(0.1, "waiting")
    while True:
        ctx.sleep(DEADLINE_S)


def _loops(ctx: Any) -> None:
    ctx.progress(0.1, "looping")
    n = 0
    while True:
        n = (n + 1) % 7


def _adds_a_note(result: object) -> object:
    return (result, "checked"), ["looks odd"]


def _refuses(result: object) -> None:
    raise ValueError(f"refused {result}")


def _reads_variable() -> str:
    seen = _VARIABLE.get()
    _VARIABLE.set("changed by a call")
    return seen


_CTX = object()


@dataclass
class Contract:
    """A backend under test, and how its rules call it.

    Attributes:
        backend: What is tested; it is open.
        slots: How many calls it runs at once.
        let_pass: Lets seconds pass on the backend's clock; None if that is the machine's.
    """

    backend: Backend
    slots: int = 1
    let_pass: Callable[[float], None] | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def submit(
        self,
        handler: Callable[..., Any],
        *args: object,
        attempt: int = 1,
        validate: Callable[[Any], Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **kwargs: object,
    ) -> tuple[Handle, RecordingEmit]:
        """Submit a call of `handler`; an argument `_CTX` becomes the phase's context."""

        def bind(make_ctx: Callable[[], Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
            given = tuple(make_ctx() if a is _CTX else a for a in args)
            return given, kwargs

        emit = RecordingEmit()
        phase = Phase("contract", handler, validate=validate)
        run = RunInfo(params or {}, lambda: None, self.context, lambda: 0.0, lambda _, fn: fn(), capture=True)
        call = PhaseCall(phase, attempt, bind if args or kwargs else None, run)
        return self.backend.submit(call, emit), emit

    def run(self, handler: Callable[..., Any], *args: object, **kwargs: Any) -> tuple[Outcome, RecordingEmit]:
        """Submit a call and wait for its outcome."""
        handle, emit = self.submit(handler, *args, **kwargs)
        return self.outcome(handle, emit), emit

    def outcome(self, handle: Handle, emit: RecordingEmit) -> Outcome:
        """Wait for the outcome of a call; it must be told once, and be the handle's own."""
        _must(emit.ended.wait(DEADLINE_S), "the call never settled")
        _must(handle.wait(DEADLINE_S), "wait() does not see the outcome")
        _must(len(emit.outcomes) == 1, f"more than one outcome: {emit.outcomes}")
        _must(handle.outcome == emit.outcomes[0], "handle.outcome differs from what was told")
        return emit.outcomes[0]

    def started(self, emit: RecordingEmit) -> None:
        """Wait until the handler has told its progress."""
        _must(emit.moved.wait(DEADLINE_S), "progress was never told")

    def works(self) -> None:
        """The backend still runs calls."""
        outcome, _ = self.run(_returns_what_it_got, "still here")
        _must(_value(outcome) == (("still here",), {}), "the backend does not work any more")


def _must(holds: object, why: str = "the outcome is not what the handler returned") -> None:
    if not holds:
        raise AssertionError(why)


def _ok(outcome: Outcome) -> Ok:
    if isinstance(outcome, Ok):
        return outcome
    raise AssertionError(f"expected Ok, got {outcome!r}")


def _value(outcome: Outcome) -> Any:
    return _ok(outcome).ref.load()


def _error(outcome: Outcome) -> BaseException:
    if not isinstance(outcome, Failed):
        raise AssertionError(f"expected Failed, got {outcome!r}")  # noqa: TRY004 - a rule is broken, that is all
    cause = getattr(outcome.error, "cause", None)
    return cause if isinstance(cause, BaseException) else outcome.error


def _returns_value(c: Contract) -> None:
    outcome, _ = c.run(_returns_what_it_got, 1, two=[2])
    _must(_value(outcome) == ((1,), {"two": [2]}))


def _refs_persist(c: Contract) -> None:
    outcome, _ = c.run(_returns_what_it_got, "x" * 1000)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "result"
        size = _ok(outcome).ref.persist(path)
        _must(path.stat().st_size == size > 0, "persist() returns the size of what it wrote")


def _native_feeds_calls(c: Contract) -> None:
    outcome, _ = c.run(_returns_what_it_got, "x")
    fed, _ = c.run(_returns_what_it_got, _ok(outcome).ref.native)
    if "shares_objects" in c.backend.abilities:
        _must(_value(fed)[0][0] is _ok(outcome).ref.native, "a backend that shares objects copies none")


def _errors_are_values(c: Contract) -> None:
    for handler, kind in (
        (_raises, ValueError),
        (_base_raises, _Base),
        (_exits, SystemExit),
        (_interrupts, KeyboardInterrupt),
    ):
        outcome, _ = c.run(handler)
        _must(isinstance(_error(outcome), kind), f"{kind.__name__} became {outcome!r}")
    c.works()


def _lines_before_outcome(c: Contract) -> None:
    _, emit = c.run(_prints)
    _must(emit.texts == ["first", "no newline"], f"lines: {emit.texts}")
    _must(emit.lines_at_end == len(emit.texts), "lines came after the outcome")


def _displays_before_outcome(c: Contract) -> None:
    _, emit = c.run(_displays)
    _must(emit.outputs == [(capture.Output({"text/plain": "shown"}), False)], f"displays: {emit.outputs}")
    _must(emit.outputs_at_end == len(emit.outputs), "displays came after the outcome")
    _must(emit.told == [(0.5, "half")], "progress that was captured was not told")


def _context_tells(c: Contract) -> None:
    outcome, emit = c.run(_tells_ctx, _CTX, attempt=4, params={"n": 1})
    _must(_value(outcome) == (4, {"n": 1}))
    _must((0.5, "half") in emit.told)


def _awaits(c: Contract) -> None:
    outcome, _ = c.run(_async_adds, 1, other=2)
    _must(_value(outcome) == sum((1, 2)))


def _validates(c: Contract) -> None:
    outcome, emit = c.run(_returns_what_it_got, validate=_adds_a_note)
    _must(_value(outcome) == (((), {}), "checked"), "validate's data replaces the result")
    _must(any("looks odd" in text for text in emit.texts), "validate's warnings are lines")
    outcome, _ = c.run(_returns_what_it_got, validate=_refuses)
    _must(isinstance(_error(outcome), ValueError))


def _copies_context(c: Contract) -> None:
    c.context.run(_VARIABLE.set, "set before")
    for _ in range(2):
        outcome, _ = c.run(_reads_variable)
        _must(_value(outcome) == "set before", "each call has its own copy of the context")


def _cancels_cooperating(c: Contract) -> None:
    handle, emit = c.submit(_waits_for_cancel, _CTX)
    c.started(emit)
    _must(not handle.wait(0.0))
    _must(handle.outcome is None)
    handle.cancel()
    handle.cancel()
    _must(c.outcome(handle, emit) == Cancelled())
    c.works()


def _cancels_a_loop(c: Contract) -> None:
    handle, emit = c.submit(_loops, _CTX)
    c.started(emit)
    handle.cancel()
    if c.let_pass is not None:
        c.let_pass(1.0)
    _must(c.outcome(handle, emit) == Cancelled())
    c.works()


def _cancels_queued(c: Contract) -> None:
    running = [c.submit(_waits_for_cancel, _CTX) for _ in range(c.slots)]
    for _, emit in running:
        c.started(emit)
    handle, emit = c.submit(_tells_ctx, _CTX)
    handle.cancel()
    _must(c.outcome(handle, emit) == Cancelled())
    _must(not emit.told, "a call that was cancelled before its start has run")
    for handle, _ in running:
        handle.cancel()
    for handle, emit in running:
        _must(c.outcome(handle, emit) == Cancelled())
    c.works()


def _cancels_nothing_after_the_end(c: Contract) -> None:
    handle, emit = c.submit(_returns_what_it_got, 1)
    before = c.outcome(handle, emit)
    handle.cancel()
    if c.let_pass is not None:
        c.let_pass(60.0)
    c.works()
    _must(c.outcome(handle, emit) is before)
    _must(not emit.freed_count)


def _opens_again(c: Contract) -> None:
    c.works()
    c.backend.close()
    c.backend.open()
    c.works()


def _runs_side_by_side(c: Contract) -> None:
    running = [c.submit(_waits_for_cancel, _CTX) for _ in range(c.slots)]
    for _, emit in running:
        c.started(emit)
    for handle, _ in running:
        handle.cancel()
    for handle, emit in running:
        c.outcome(handle, emit)


def _gives_up(c: Contract) -> None:
    if "hard_cancel" in c.backend.abilities or "shares_objects" not in c.backend.abilities:
        return  # it can always stop its code, or runs it where no test can hold it
    release = threading.Event()

    def stubborn(ctx: Any) -> None:
        ctx.progress(0.1, "stubborn")
        while not release.is_set():
            try:
                release.wait(DEADLINE_S)
            except BaseException:  # noqa: BLE001, S112 - what is tested: it will not stop
                continue

    handle, emit = c.submit(stubborn, _CTX)
    c.started(emit)
    handle.cancel()
    try:
        if c.let_pass is not None:
            c.let_pass(60.0)
        _must(c.outcome(handle, emit) == Cancelled(still_runs=True))
        _must(not emit.freed_count, "the slot was said to be free while the code runs")
    finally:
        release.set()
    _must(emit.let_go.wait(DEADLINE_S), "the slot was never freed")
    c.works()
    _must(emit.freed_count == 1)
    _must(len(emit.outcomes) == 1, "code that was given up has no second outcome")


BackendRule = Callable[[Contract], None]
BACKEND_RULES: Mapping[str, BackendRule] = {
    "a handler's value is the outcome": _returns_value,
    "a result can be persisted": _refs_persist,
    "a native result feeds another call": _native_feeds_calls,
    "whatever a handler raises is an outcome": _errors_are_values,
    "all lines come before the outcome": _lines_before_outcome,
    "all displays come before the outcome, and captured progress is told": _displays_before_outcome,
    "the context tells attempt and params and takes progress": _context_tells,
    "an async handler is awaited": _awaits,
    "validate judges and replaces the result": _validates,
    "each call has its own copy of the context variables": _copies_context,
    "a handler that cooperates is cancelled": _cancels_cooperating,
    "a handler that loops is cancelled": _cancels_a_loop,
    "a call that has not begun is cancelled and never runs": _cancels_queued,
    "cancelling after the end changes nothing": _cancels_nothing_after_the_end,
    "it can be closed and opened again": _opens_again,
    "it runs as many calls at once as it has slots": _runs_side_by_side,
    "code that will not stop is given up and frees its slot once": _gives_up,
}
"""The rules of the Backend protocol by the sentence that each proves; for parametrising a test."""


def check_backend(
    make_backend: Callable[[], Backend],
    *,
    slots: int = 1,
    let_pass: Callable[[float], None] | None = None,
    rules: Mapping[str, BackendRule] = BACKEND_RULES,
) -> None:
    """Check that a backend keeps the contract of :class:`~milo_nb.execute.backend.Backend`.

    Args:
        make_backend: Makes a backend that is not open; called once per rule.
        slots: How many calls it runs at once; more are queued.
        let_pass: Lets seconds pass on its clock, where that is a :class:`FakeClock`; else the machine's is waited for.
        rules: The rules to check; all of them, unless a test takes them one by one.

    Raises:
        AssertionError: Naming the rule that is broken.
    """
    for sentence, rule in rules.items():
        backend = make_backend()
        backend.open()
        try:
            with capture.installed():
                rule(Contract(backend, slots, let_pass))
        except AssertionError as broken:
            raise AssertionError(f"The backend '{backend.name}' breaks a rule: {sentence}. {broken}") from broken
        finally:
            backend.close()
