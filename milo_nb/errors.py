"""The error tree: everything that milo_nb raises on purpose.

    MiloError
    ├── DeclarationError (ValueError)        a phase or policy was declared with a wrong value
    │   └── PipelineError                    the phases do not make a pipeline
    │       └── CycleError                   a phase depends on itself, over others or directly
    ├── ParameterError (ValueError)          a run was given parameters that do not fit its phases
    ├── PhaseError                           a phase's own code failed; ``cause`` is what it raised
    │   ├── ValidationError                  its ``validate`` refused the result
    │   ├── PhaseTimeoutError (TimeoutError) it ran longer than its ``timeout``
    │   └── PhaseLostError                   its worker went away before it had an answer
    ├── UnknownPhaseError (LookupError)      a command or question names a phase that is not there
    ├── InvalidStateError (RuntimeError)     a command does not fit the state; says what does
    ├── NotAvailableError (NotImplementedError)  an option that this version does not carry out
    ├── NoInputError (RuntimeError)          code of a phase asked for input or for a debugger
    ├── ResultNotAvailableError (LookupError)    a result was asked for that is not there
    ├── StoreError (RuntimeError)            the store was used in a way it cannot serve
    ├── UsageError                           a magic or command line was written wrongly
    ├── PipelineFailed                       a pipeline that a cell waited for did not come to a good end
    └── WireError (ValueError)               a message from outside is malformed

    PhaseCancelled (BaseException)           raised *inside* a phase that is to stop; not an error

A message says what happened, where, and what would be right; the facts are attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MiloError(Exception):
    """Base of everything that milo_nb raises on purpose."""


class DeclarationError(MiloError, ValueError):
    """A phase, policy or pipeline was declared with a wrong value."""


class PipelineError(DeclarationError):
    """The phases given do not make a pipeline."""


class CycleError(PipelineError):
    """Phases depend on each other in a circle.

    Attributes:
        cycle: The phases on the circle in order of dependency, the first one repeated at the end.
    """

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(f"Circular dependency: {' → '.join(self.cycle)}")

    def __reduce__(self) -> tuple[type[CycleError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.cycle,)


class ParameterError(MiloError, ValueError):
    """The parameters of a run do not fit what its phases ask for."""


class PhaseError(MiloError):
    """A phase's own code failed.

    Attributes:
        phase: Name of the phase.
        attempt: Which try it was, from 1.
        cause: The exception that the phase raised; its traceback ends at the person's line.
    """

    def __init__(self, phase: str, attempt: int = 1, cause: BaseException | None = None) -> None:
        self.phase = phase
        self.attempt = attempt
        self.cause = cause
        super().__init__(phase, attempt, cause)

    def __str__(self) -> str:
        """Say which phase failed, in which attempt, and with what."""
        what = f": {describe(self.cause)}" if self.cause is not None else ""
        return f"Phase '{self.phase}' failed in attempt {self.attempt}{what}"


class ValidationError(PhaseError):
    """A phase's ``validate`` refused the result."""


class PhaseTimeoutError(PhaseError, TimeoutError):
    """A phase ran longer than its ``timeout``."""


class PhaseLostError(PhaseError):
    """The worker of a phase went away before it had an answer."""


class UnknownPhaseError(MiloError, LookupError):
    """A command or question names a phase that the pipeline does not have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"There is no phase '{name}'. {available('phases', name, self.known)}")

    def __reduce__(self) -> tuple[type[UnknownPhaseError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.name, self.known)


class InvalidStateError(MiloError, RuntimeError):
    """A command does not fit the state that the session is in; the message says what is possible."""


class NotAvailableError(MiloError, NotImplementedError):
    """An option was asked for that this version does not carry out."""


class NoInputError(MiloError, RuntimeError):
    """Code of a phase called ``input()``, ``getpass()`` or ``breakpoint()``; the message says what to do instead."""


class ResultNotAvailableError(MiloError, LookupError):
    """A phase's result was asked for before it exists, or after it was let go."""


class StoreError(MiloError, RuntimeError):
    """A store was used in a way it cannot serve, as after its shutdown."""


class UsageError(MiloError):
    """A magic or command line was written wrongly; the message is one line for the person."""


class PipelineFailed(MiloError):  # noqa: N818 - what happened, as people read it below a cell
    """A pipeline that a cell waited for did not come to a good end."""


class WireError(MiloError, ValueError):
    """A message from outside is malformed.

    Attributes:
        field: Path of the wrong field, as ``phases[0].name``; empty for the whole message.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self._reason = reason
        super().__init__(f"{field or 'message'}: {reason}")

    def __reduce__(self) -> tuple[type[WireError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.field, self._reason)


class PhaseCancelled(BaseException):
    """Raised inside a phase that is to stop."""


def describe(error: BaseException | None) -> str:
    """Return the error's message, or its type's name if it has none."""
    if error is None:
        return ""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - a person's exception may fail in its own __str__, with anything
        text = ""
    return text or type(error).__name__


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def available(what: str, name: str, known: Sequence[str], most: int = 20) -> str:
    """Return a sentence that lists what there is, with the nearest name to `name` suggested."""
    shown = ", ".join(known[:most]) + (", ..." if len(known) > most else "")
    return f"Available {what}: {shown or 'none'}.{suggest(name, known)}"
