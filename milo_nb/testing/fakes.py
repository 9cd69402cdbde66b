"""Fakes that stand in for time, for workers and for who listens to them."""

from __future__ import annotations

import threading
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from milo_nb.execute.backend import Cancelled, Failed, Lost, Ok
from milo_nb.execute.threads import LocalRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from milo_nb.execute.backend import Emit, Handle, Outcome, PhaseCall


class FakeClock:
    """A clock that stands still until :meth:`advance`. Timers run in the thread that advances it, in order."""

    def __init__(self, now: float = 100.0) -> None:
        """Begin at `now` seconds."""
        self._now = now
        self._lock = threading.Lock()
        self._due: list[tuple[float, int, _FakeTimer]] = []
        self._order = count()

    def now(self) -> float:
        """Return the seconds at which it stands."""
        return self._now

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> _FakeTimer:
        """Have `fn` called when the clock has been advanced by `delay_s` seconds."""
        timer = _FakeTimer(fn)
        with self._lock:
            heappush(self._due, (self._now + max(delay_s, 0.0), next(self._order), timer))
        return timer

    def advance(self, seconds: float = 0.0) -> None:
        """Let `seconds` pass; timers that become due, those that they start included, run here at their own time."""
        until = self._now + seconds
        while (timer := self._next(until)) is not None:
            if timer.fn is not None:
                fn, timer.fn = timer.fn, None
                fn()
        self._now = max(self._now, until)

    def _next(self, until: float) -> _FakeTimer | None:
        with self._lock:
            if not self._due or self._due[0][0] > until:
                return None
            at, _, timer = heappop(self._due)
            self._now = max(self._now, at)
            return timer

    @property
    def timers(self) -> int:
        """How many calls are still to come."""
        with self._lock:
            return sum(timer.fn is not None for _, _, timer in self._due)


class _FakeTimer:
    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        self.fn = None


class RecordingEmit:
    """Keeps what a backend tells of one call.

    Attributes:
        texts: The lines, in order.
        late: The lines that came marked late.
        outputs: What was displayed, with whether it was late.
        told: Fractions and messages of its progress.
        outcomes: The outcomes; more than one is a fault of the backend.
        lines_at_end: How many lines there were at the outcome.
        outputs_at_end: How many displays there were at the outcome.
        freed_count: How often its slot was said to be free again.
        moved: Set at the first progress.
        ended: Set at the outcome.
        let_go: Set when the slot is free again.
    """

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.texts: list[str] = []
        self.late: list[str] = []
        self.outputs: list[tuple[Any, bool]] = []
        self.told: list[tuple[float, str]] = []
        self.outcomes: list[Outcome] = []
        self.lines_at_end = -1
        self.outputs_at_end = -1
        self.freed_count = 0
        self.moved = threading.Event()
        self.ended = threading.Event()
        self.let_go = threading.Event()

    def lines(self, blocks: list[Any], late: bool) -> None:  # noqa: FBT001 - as the protocol has it
        """Keep lines."""
        for block in blocks:
            (self.late if late else self.texts).extend(block.lines)

    def output(self, output: Any, late: bool) -> None:  # noqa: FBT001 - as the protocol has it
        """Keep a display."""
        self.outputs.append((output, late))

    def progress(self, fraction: float, message: str) -> None:
        """Keep progress."""
        self.told.append((fraction, message))
        self.moved.set()

    def settled(self, handle: Handle, outcome: Outcome) -> None:  # noqa: ARG002 - as the protocol has it
        """Keep the outcome."""
        self.outcomes.append(outcome)
        if self.lines_at_end < 0:
            self.lines_at_end = len(self.texts)
            self.outputs_at_end = len(self.outputs)
        self.ended.set()

    def freed(self) -> None:
        """Note that the slot is free."""
        self.freed_count += 1
        self.let_go.set()


class HandHandle:
    """A call that a :class:`HandBackend` was given and that ends when the test says so.

    Attributes:
        call: What was to be called; it never is.
        emit: Whom to tell.
        cancels: How often it was asked to stop.
        outcome: How it ended, if it has.
    """

    def __init__(self, call: PhaseCall, emit: Emit) -> None:
        """Hold `call`."""
        self.call = call
        self.emit = emit
        self.cancels = 0
        self.outcome: Outcome | None = None
        self._ended = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is an outcome."""
        return self._ended.wait(timeout)

    def cancel(self) -> None:
        """Count that it was asked to stop."""
        self.cancels += 1

    def settle(self, outcome: Outcome) -> None:
        """End with `outcome`."""
        self.outcome = outcome
        self._ended.set()
        self.emit.settled(self, outcome)


class HandBackend:
    """A backend that runs nothing: the test says how each phase ends, and everything it leads to happens in its thread.

    Attributes:
        started: Name and attempt of each call, in the order submitted.
        running: The calls that have not ended, by phase, in the order submitted.
        open_count: How often it was opened, less how often it was closed.
    """

    name = "hand"

    def __init__(self, *, abilities: frozenset[str] = frozenset({"shares_objects"})) -> None:
        """Make a backend with nothing to do."""
        self.abilities = abilities
        self.started: list[tuple[str, int]] = []
        self.running: dict[str, HandHandle] = {}
        self.given_up: dict[str, HandHandle] = {}
        self.open_count = 0

    def open(self) -> None:
        """Count the opening."""
        self.open_count += 1

    def close(self) -> None:
        """Count the closing."""
        self.open_count -= 1

    def submit(self, call: PhaseCall, emit: Emit) -> HandHandle:
        """Take a call and leave it to the test."""
        handle = self.running[call.phase.name] = HandHandle(call, emit)
        self.started.append((call.phase.name, call.attempt))
        return handle

    def finish(self, name: str, value: Any = None) -> None:
        """Have the phase return `value`."""
        self.running.pop(name).settle(Ok(LocalRef(value)))

    def fail(self, name: str, error: BaseException | None = None) -> None:
        """Have the phase raise `error`."""
        self.running.pop(name).settle(Failed(error or ValueError(f"{name} failed")))

    def cancelled(self, name: str, *, still_runs: bool = False) -> None:
        """Have the phase stop; with `still_runs` it is given up and holds its slot until :meth:`free`."""
        handle = self.running.pop(name)
        if still_runs:
            self.given_up[name] = handle
        handle.settle(Cancelled(still_runs=still_runs))

    def free(self, name: str) -> None:
        """Have the code of a phase that was given up end after all."""
        self.given_up.pop(name).emit.freed()

    def lose(self, name: str, reason: str = "the worker died") -> None:
        """Have the phase's worker go away."""
        self.running.pop(name).settle(Lost(reason))

    def asked_to_stop(self) -> set[str]:
        """Return the names of the running phases that were asked to stop."""
        return {name for name, handle in self.running.items() if handle.cancels}
