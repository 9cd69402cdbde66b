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
    │   ├── SessionOwnedError                another process runs the session
    │   └── StaleCodeError                   saved phases are not what they would be today: a person has to choose
    ├── NotAvailableError (NotImplementedError)  an option that this version does not carry out
    ├── NoInputError (RuntimeError)          code of a phase asked for input or for a debugger
    ├── ResultNotAvailableError (LookupError)    a result was asked for that is not there
    ├── ResultRefusedError                   a saved result is damaged, missing or from somebody else
    ├── NotSavableError (TypeError)          a value cannot be saved; says which part of it
    ├── WorkDirError (OSError)               the work directory cannot be used
    ├── SchemaError                          a file was written by a newer version
    ├── NothingToResumeError (ValueError)    there is no session to take up
    │   └── UnknownSessionError (LookupError)    no session has this id
    ├── StoreError (RuntimeError)            the store was used in a way it cannot serve
    ├── UsageError                           a magic or command line was written wrongly
    ├── PipelineFailed                       a pipeline that a cell waited for did not come to a good end
    ├── RecordedError                        what a phase raised in a process that has ended, as its journal tells
    ├── SearchError                          a log cannot be searched so; says what is wrong
    └── WireError (ValueError)               a message from outside is malformed

    PhaseCancelled (BaseException)           raised *inside* a phase that is to stop; not an error

A message says what happened, where, and what would be right; the facts are attributes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_E = TypeVar("_E", bound=BaseException)


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
        what = f": {in_words(self.cause)}" if self.cause is not None else ""
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


class SessionOwnedError(InvalidStateError):
    """Another process runs the session, and only one may.

    Attributes:
        host: Its machine.
        pid: Its process there.
        since: When it took the session, as ISO text.
    """

    def __init__(self, session: str, host: str, pid: int, since: str) -> None:
        self.session = session
        self.host = host
        self.pid = pid
        self.since = since
        super().__init__(
            f"Session {session} is run by process {pid} on {host} since {since}. "
            "Possible: attach to look at it, or end that kernel and resume."
        )

    def __reduce__(self) -> tuple[type[SessionOwnedError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.session, self.host, self.pid, self.since)


class StaleCodeError(InvalidStateError):
    """Code or parameters of saved phases have changed, and a person has to choose what that means.

    Attributes:
        changed: How, by phase.
    """

    def __init__(self, changed: Mapping[str, str]) -> None:
        self.changed = dict(changed)
        what = "; ".join(f"'{name}': {how}" for name, how in list(self.changed.items())[:5])
        super().__init__(
            f"Saved phases are not what they would be today: {what}. "
            "Choose: stale='rerun' runs them again and what follows; stale='reuse' keeps their results."
        )

    def __reduce__(self) -> tuple[type[StaleCodeError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.changed,)


class NotAvailableError(MiloError, NotImplementedError):
    """An option was asked for that this version does not carry out."""


class NoInputError(MiloError, RuntimeError):
    """Code of a phase called ``input()``, ``getpass()`` or ``breakpoint()``; the message says what to do instead."""


class ResultNotAvailableError(MiloError, LookupError):
    """A phase's result was asked for before it exists, or after it was let go."""


class ResultRefusedError(MiloError):
    """A saved result is not used: it is damaged, missing, or was signed by somebody else.

    Attributes:
        path: The file.
        reason: Why, as ``damaged: its checksum differs``.
    """

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type[ResultRefusedError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.path, self.reason)


class NotSavableError(MiloError, TypeError):
    """A value cannot be saved.

    Attributes:
        where: The part of it that cannot, as ``result['model'].lock``.
        type_name: The type of that part.
    """

    def __init__(self, where: str, type_name: str, why: str = "") -> None:
        self.where = where
        self.type_name = type_name
        self.why = why
        super().__init__(f"{where} is a {type_name}, which cannot be saved{': ' if why else ''}{why}")

    def __reduce__(self) -> tuple[type[NotSavableError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.where, self.type_name, self.why)


class WorkDirError(MiloError, OSError):
    """The work directory, or the key that signs what is in it, cannot be used; names the path and the way out."""


class SchemaError(MiloError):
    """A file was written by a newer version of milo_nb, in a form that this one does not know.

    Attributes:
        path: The file.
        schema: Its schema number.
        known: The newest one that this version reads.
    """

    def __init__(self, path: object, schema: object, known: int) -> None:
        self.path = str(path)
        self.schema = schema
        self.known = known
        super().__init__(
            f"{self.path} has schema {schema}, and this version of milo_nb reads up to {known}. "
            "Update milo_nb to open it; nothing was changed."
        )

    def __reduce__(self) -> tuple[type[SchemaError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.path, self.schema, self.known)


class NothingToResumeError(MiloError, ValueError):
    """There is no session that could be taken up; the message says where was looked and what there is.

    Attributes:
        is_owned: There is one, and a living process runs it.
    """

    is_owned = False


class UnknownSessionError(NothingToResumeError, LookupError):
    """No session has this id.

    Attributes:
        session: What was asked for.
        known: Ids of the sessions there are, newest first.
    """

    def __init__(self, session: str, known: Iterable[str]) -> None:
        self.session = session
        self.known = tuple(known)
        super().__init__(f"There is no session '{session}'. {available('sessions', session, self.known, most=5)}")

    def __reduce__(self) -> tuple[type[UnknownSessionError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.session, self.known)


class StoreError(MiloError, RuntimeError):
    """A store was used in a way it cannot serve, as after its shutdown."""


class UsageError(MiloError):
    """A magic or command line was written wrongly; the message is one line for the person."""


class PipelineFailed(MiloError):  # noqa: N818 - what happened, as people read it below a cell
    """A pipeline that a cell waited for did not come to a good end."""


class RecordedError(MiloError):
    """What a phase raised in a process that has ended, as the journal of its session tells.

    Attributes:
        kind: Name of its type.
        text: Its traceback as text; "" if none was kept.
    """

    def __init__(self, kind: str, message: str, text: str = "") -> None:
        self.kind = kind
        self.text = text
        super().__init__(message)

    def __reduce__(self) -> tuple[type[RecordedError], tuple[object, ...]]:
        """Pickle by what it was made of."""
        return type(self), (self.kind, str(self), self.text)


class SearchError(MiloError):
    """A log cannot be searched for this, or not any more."""


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
    """Return the error's message, or its type's name if it has none; of a message without end, the beginning."""
    if error is None:
        return ""
    text = remembered_words(error)
    if text is None:
        try:
            text = shortened(str.__str__(str(error)))
        except BaseException:  # noqa: BLE001 - a person's exception may fail in its own __str__, with anything
            text = ""
    return text or name_of_type(error)


def in_one_line(kind: str, message: str) -> str:
    """Return what an error is and says, as ``KeyError: 'x'``: the message alone may say next to nothing."""
    return message if not kind or message == kind else f"{kind}: {message}" if message else kind


def in_words(error: BaseException) -> str:
    """Return an error's type and message, as ``KeyError: 'x'``."""
    return in_one_line(name_of_type(error), describe(error))


def remember_words(error: BaseException, text: str) -> None:
    """Have `describe` give this text for an error, and not ask it again: that runs a person's code."""
    own_facts(error)[_WORDS] = text


def remembered_words(error: BaseException) -> str | None:
    """Return the text that an error is remembered by, None if there is none."""
    text: str | None = own_facts(error).get(_WORDS)
    return text


def shortened(text: str) -> str:
    """Return a message of a length that a state can hold."""
    more = len(text) - MOST_WORDS
    return text if more <= 0 else f"{text[:MOST_WORDS]}… [{more:,} more characters]"


own_facts = BaseException.__dict__["__dict__"].__get__
"""Return an exception's own attributes. These four ask no code of its class, which might do anything."""
cause_of = BaseException.__dict__["__cause__"].__get__
context_of = BaseException.__dict__["__context__"].__get__
traceback_of = BaseException.__dict__["__traceback__"].__get__
MOST_WORDS = 20_000
_WORDS = "__milo_words__"


def visible(text: str, *, colours: bool = False) -> str:
    """Return text in which what a terminal would obey, or nobody would see, is spelled out.

    Args:
        text: For people; it may be of a phase's making.
        colours: Leave sequences that only change how letters look.
    """
    if text.isprintable():
        return text
    if colours:
        parts = _LOOKS.split(text)
        parts[::2] = map(visible, parts[::2])
        return "".join(parts)
    return "".join([c if c.isprintable() or c in _PLAIN_SPACE else repr(c)[1:-1] for c in text])


_LOOKS = re.compile("(\x1b\\[[0-9;:]*m)")
_PLAIN_SPACE = "\n\t\xa0\u2007\u202f\u3000"


def name_of_type(value: object) -> str:
    """Return the name of a value's type, whatever its metaclass would answer."""
    return str(type.__dict__["__name__"].__get__(type(value)))


def is_a(error: object, *kinds: type[_E]) -> TypeGuard[_E]:
    """Tell whether an error is of one of these kinds by its type alone: ``isinstance`` runs its class's code, too."""
    return issubclass(type(error), kinds)


def frames_of(error: BaseException) -> str:
    """Return where an error was raised, for a log, without its words: asking for them runs its class's code."""
    import traceback  # noqa: PLC0415 - only what went wrong needs it

    return "".join(traceback.format_tb(traceback_of(error)))


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def available(what: str, name: str, known: Sequence[str], most: int = 20) -> str:
    """Return a sentence that lists what there is, with the nearest name to `name` suggested."""
    shown = ", ".join(known[:most]) + (", ..." if len(known) > most else "")
    return f"Available {what}: {shown or 'none'}.{suggest(name, known)}"
