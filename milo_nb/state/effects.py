"""What a saga can ask for. Effects are data; one loop acts on them, and a test can read them without a thread.

``Timeout`` and ``Retry`` are sagas over these: yield them as you would an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from milo_nb.state.record import constructor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milo_nb.state.actions import Action

Saga = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Put:
    """Dispatch an action."""

    action: Action


@dataclass(frozen=True, slots=True)
class Call:
    """Run a function on a worker thread and go on with what it returns or raises.

    Attributes:
        fn: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        phase: Name of the phase whose attempt this is, if it is one.
        attempt: Which attempt.
        timeout: Seconds until the call is cancelled and counts as timed out.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    phase: str = ""
    attempt: int = 1
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """Read the state, or what `selector` makes of it."""

    selector: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """Wait for the next action of a type, or one that a predicate accepts; gives the action."""

    pattern: str | Callable[[Action], bool]


@dataclass(frozen=True, slots=True)
class Fork:
    """Start a saga, or a single Call, beside this saga; gives its task at once. Cancelling this saga cancels it too.

    Attributes:
        saga: A generator, a function that makes one, or a Call.
        tag: Anything; the task carries it, so that who joins it knows what it was for.
    """

    saga: Saga | Call | Callable[[], Saga]
    tag: Any = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask a task to stop; it has stopped when it is joined."""

    task: Any


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a task and give its result, or, without one, for events.

    Events are a list of what has come since the last ``Wait``: the task of each fork that has ended, with its ``value`` or
    ``error``, and whatever was delivered to this task from outside. They are kept until asked for, never lost.
    """

    task: Any = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class All:
    """Run effects or sagas side by side; gives a tuple of their results. The first failure cancels the others."""

    effects: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Race:
    """Run effects or sagas side by side; gives the first result and cancels the others.

    With a mapping instead of a sequence it gives ``{key: result}`` of the winner.
    """

    effects: Sequence[Any] | Mapping[str, Any]


def Timeout(effect: Any, seconds: float) -> Saga:  # noqa: N802 - used like an effect; takes any effect or saga
    """Give the result of an effect or saga, unless it takes longer.

    Raises:
        TimeoutError: After `seconds`; the effect has been cancelled.
    """
    winner = yield Race({"result": effect, "timeout": Delay(seconds)})
    if "timeout" in winner:
        raise TimeoutError(f"no result within {seconds:g} s")
    return winner["result"]


def Retry(  # noqa: N802 - used like an effect
    fn: Callable[..., Any],
    *args: Any,
    attempts: int = 3,
    delay: float = 1.0,
    backoff: str = "fixed",
    max_delay: float = 30.0,
    **kwargs: Any,
) -> Saga:
    """Call a function up to `attempts` times, `delay` seconds apart, doubled each time if `backoff` is "exponential".

    Raises:
        Exception: What the last call raised.
    """
    for attempt in range(1, attempts + 1):
        try:
            return (yield Call(fn, args, kwargs))
        except Exception:
            if attempt >= attempts:
                raise
            factor = 2 ** min(attempt - 1, 60) if backoff == "exponential" else 1
            yield Delay(min(delay * factor, max_delay))
    return None


@dataclass(frozen=True, slots=True)
class ReducerResult:
    """What a reducer may return instead of a state: the state, and sagas to run."""

    state: Any
    sagas: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Quit:
    """What a reducer may return instead of a state: the state, and that the program that shows it should end."""

    state: Any
    code: int = 0


make_put = constructor(Put)
make_fork = constructor(Fork)
make_call = constructor(Call)
