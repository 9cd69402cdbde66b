"""What a backend is: the place where handlers run. ``milo_nb.testing.check_backend`` is the contract as tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.capture.router import CURRENT_SINK
from milo_nb.state.record import constructor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Context
    from pathlib import Path

    from milo_nb.declare.phase import Phase


class Ref(Protocol):
    """A result, wherever it is."""

    native: Any
    """The backend's own handle of it, which another call of the same backend takes without a copy."""

    def load(self) -> Any:
        """Return the value."""

    def persist(self, path: Path) -> int:
        """Write the value to `path` and return its size in bytes; raises what makes that impossible."""


@dataclass(frozen=True, slots=True)
class Ok:
    """The handler returned; ``ref`` holds its value, validated."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, or its validation did; ``error`` is what it raised. The session wraps it."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The handler was stopped. ``still_runs``: it would not stop, was given up and still holds a slot."""

    still_runs: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker went away."""

    reason: str


Outcome = Ok | Failed | Cancelled | Lost


class Emit(Protocol):
    """What a backend tells of a call while it runs. Any thread; never two at a time for one call."""

    def lines(self, blocks: list[Any], late: bool) -> None:  # noqa: FBT001 - as capture emits them
        """Lines were printed or logged; ``late`` if the attempt has ended."""

    def output(self, output: Any, late: bool) -> None:  # noqa: FBT001 - as capture emits it
        """Something was displayed, or displays were cleared; ``late`` if the attempt has ended."""

    def progress(self, fraction: float, message: str) -> None:
        """The phase told how far it is."""

    def settled(self, handle: Handle, outcome: Outcome) -> None:
        """The call has ended; once, after all its lines and displays."""

    def freed(self) -> None:
        """Code that was given up has ended; its slot is free."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What all calls of a session have in common.

    Attributes:
        params: The parameters of the run.
        work_dir: Returns the directory for the phase's own files, or None if the run has none.
        context: Context variables as they were when the run started; copied for each call.
        now: The session's clock.
        later: Calls a function after a number of seconds on that clock.
        capture: Catch what handlers print, log and display.
    """

    params: Mapping[str, Any]
    work_dir: Callable[[], Path | None]
    context: Context
    now: Callable[[], float]
    later: Callable[[float, Callable[[], None]], Any]
    capture: bool

    def __post_init__(self) -> None:
        """Prepare the context for the sinks that its copies will get."""
        if self.capture:
            CURRENT_SINK.prepare(self.context)


@dataclass(frozen=True, slots=True)
class PhaseCall:
    """One attempt to be made.

    Attributes:
        phase: The phase, frozen as it is at the start of the attempt.
        attempt: Which try, from 1.
        bind: Returns the positional and keyword arguments for the handler, given what makes its ``ctx``; None if it
            takes none. Called on this side, where the results are.
        run: What all calls of the session have in common.
    """

    phase: Phase
    attempt: int
    bind: Callable[[Callable[[], Any]], tuple[tuple[Any, ...], Mapping[str, Any]]] | None
    run: RunInfo


class Handle(Protocol):
    """A call that was submitted."""

    outcome: Outcome | None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is an outcome; tell whether there is."""

    def cancel(self) -> None:
        """Ask the call to stop, by the cancel ladder; returns at once, the outcome tells when it has."""


class Backend(Protocol):
    """Runs calls. ``abilities`` may hold ``shares_objects``, ``hard_cancel``, ``remote``."""

    name: str
    abilities: frozenset[str]

    def open(self) -> None:
        """Make ready; called before the first submit, again after a close."""

    def close(self) -> None:
        """Let go of threads and processes that are idle; calls that run go on to their end."""

    def submit(self, call: PhaseCall, emit: Emit) -> Handle:
        """Run a call; returns at once. Never blocks, never raises for what the handler does."""


make_ok = constructor(Ok)
make_phase_call = constructor(PhaseCall)
