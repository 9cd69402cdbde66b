"""A phase and its failure policy, and the decorator that makes a phase of a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import FunctionType
from typing import Any, Literal, NamedTuple, Protocol

from milo_nb.errors import DeclarationError, PipelineError

ON_FAIL = ("stop", "continue", "skip", "retry")
BACKOFFS = ("fixed", "exponential")
MAX_DELAY_S = 30.0

Handler = Callable[..., Any]
OnFail = Literal["stop", "continue", "skip", "retry"]
Backoff = Literal["fixed", "exponential"]


def _is_text(name: str) -> bool:
    """Tell whether `name` can be encoded: half of a surrogate pair cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_count(value: object) -> bool:
    """Tell whether `value` is a whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_amount(value: object) -> bool:
    """Tell whether `value` is a finite number, 0 or more."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0


class Step(Protocol):
    """A step of an orchestrator: anything with a name, a label and ``execute(config, work_dir)``."""

    name: str
    label: str

    def execute(self, config: Any, work_dir: Any) -> Any:
        """Do the work of the step and return its result."""


@dataclass(frozen=True, slots=True)
class PhasePolicy:
    """What happens when a phase fails.

    Attributes:
        on_fail: ``stop``: no new phase starts. ``continue``: only what depends on it does not run. ``skip``: it counts
            as skipped and its dependants get ``None``. ``retry``: it is tried again, then as ``stop``.
        max_retries: Tries after the first one; used by ``retry`` only.
        retry_delay: Seconds before the first retry.
        retry_backoff: ``fixed`` delays, or ``exponential``: ``min(retry_delay * 2**(attempt-1), 30)`` seconds.
        retry_if: Tells from the exception whether trying again makes sense; always, if not given.

    Raises:
        DeclarationError: (a ``ValueError``) for a wrong value.
    """

    on_fail: OnFail = "stop"
    max_retries: int = 0
    retry_delay: float = 1.0
    retry_backoff: Backoff = "fixed"
    retry_if: Callable[[BaseException], bool] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse wrong values."""
        if self.on_fail not in ON_FAIL:
            raise DeclarationError(f"on_fail must be one of {', '.join(ON_FAIL)}; got {self.on_fail!r}")
        if self.retry_backoff not in BACKOFFS:
            raise DeclarationError(f"retry_backoff must be one of {', '.join(BACKOFFS)}; got {self.retry_backoff!r}")
        if not is_count(self.max_retries):
            raise DeclarationError(f"max_retries must be a whole number, 0 or more; got {self.max_retries!r}")
        if not is_amount(self.retry_delay):
            raise DeclarationError(f"retry_delay must be a number of seconds, 0 or more; got {self.retry_delay!r}")
        if self.retry_if is not None and not callable(self.retry_if):
            raise DeclarationError(f"retry_if must be callable with the exception; got {self.retry_if!r}")

    def delay_s(self, attempt: int) -> float:
        """Return the seconds to wait after the failure of try number `attempt`, counted since the last command."""
        if self.retry_backoff == "fixed":
            return float(self.retry_delay)
        return float(min(self.retry_delay * 2 ** min(attempt - 1, 60), MAX_DELAY_S))

    def wants_retry(self, attempt: int, error: BaseException) -> bool:
        """Tell whether try number `attempt`, which failed with `error`, is followed by another."""
        if self.on_fail != "retry" or attempt > self.max_retries:
            return False
        if self.retry_if is None:
            return True
        try:
            return bool(self.retry_if(error))
        except BaseException:  # noqa: BLE001 - whatever the person's predicate raises: the phase's own error matters
            return False


DEFAULT_POLICY = PhasePolicy()


class Parameters(NamedTuple):
    """What a handler takes, read from its signature once.

    Attributes:
        positional: Names that can only be given by position, in order.
        named: All other names.
        required: Those of both that have no default.
    """

    positional: tuple[str, ...]
    named: tuple[str, ...]
    required: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Phase:
    """A named step of a pipeline.

    Attributes:
        name: Unique in its pipeline.
        handler: Called with the arguments that its parameters name: ``context``, ``ctx``, phases, run parameters.
        description: For people.
        depends_on: Names of phases that come before; more follow from the handler's parameters.
        parallel: May run beside others; else it runs alone.
        weight: Its share of the pipeline's progress; 0 or more.
        policy: What happens when it fails.
        max_logs: How many of its last log lines stay in the state.
        timeout: Seconds until it is stopped and counts as failed.
        cache: Keep the result across sessions (comes with a later version).
        validate: ``validate(result)`` gives ``None``, a list of warnings, or ``(data, warnings)``.
        review: Pause for approval afterwards, if a person is there.
        checkpoint: Save the result to the work directory.
        backend: Where it runs, if not where the run says.
        parallel_unset: ``parallel`` was not said: the pipeline's own setting decides.

    Raises:
        DeclarationError: (a ``ValueError``) for a wrong value.
    """

    name: str
    handler: Handler
    description: str = ""
    depends_on: tuple[str, ...] = ()
    parallel: bool = False
    weight: float = 1
    policy: PhasePolicy = DEFAULT_POLICY
    max_logs: int = 200
    timeout: float | None = field(default=None, kw_only=True)
    cache: Any = field(default=None, kw_only=True)
    validate: Callable[[Any], Any] | None = field(default=None, kw_only=True)
    review: bool = field(default=False, kw_only=True)
    checkpoint: bool = field(default=True, kw_only=True)
    backend: str | None = field(default=None, kw_only=True)
    parallel_unset: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:  # noqa: C901 - one line per field
        """Refuse wrong values and bring ``depends_on`` into its form."""
        name = self.name
        if type(name) is not str or not name or name.isspace():
            raise PipelineError(f"A phase needs a name: a string that is not empty; got {name!r}")
        if not name.isascii() and not _is_text(name):
            raise PipelineError(f"A phase's name must be text that can be written; got {name!r}")
        if isinstance(self.handler, Phase):  # the function that @phase made a phase of is what was meant
            object.__setattr__(self, "handler", self.handler.handler)
        if not callable(self.handler):
            raise DeclarationError(f"Phase '{name}' needs a handler that can be called; got {self.handler!r}")
        if type(self.depends_on) is not tuple or self.depends_on:
            object.__setattr__(self, "depends_on", _dependency_names(name, self.depends_on))
        if type(self.weight) is not int or self.weight < 0:
            _check_amount(name, "weight", self.weight)
        if type(self.max_logs) is not int or self.max_logs < 0:
            raise DeclarationError(f"Phase '{name}': max_logs must be a whole number, 0 or more; got {self.max_logs!r}")
        if not isinstance(self.policy, PhasePolicy):
            raise DeclarationError(f"Phase '{name}': policy must be a PhasePolicy; got {self.policy!r}")
        if self.timeout is not None and (not is_amount(self.timeout) or self.timeout == 0):
            raise DeclarationError(f"Phase '{name}': timeout must be seconds, more than 0; got {self.timeout!r}")
        if self.validate is not None and not callable(self.validate):
            raise DeclarationError(f"Phase '{name}': validate must be callable with the result; got {self.validate!r}")

    def __repr__(self) -> str:
        """Say which phase it is; without addresses, so that two runs read the same."""
        return f"<phase {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the handler itself, as if it had not been made a phase."""
        return self.handler(*args, **kwargs)

    @classmethod
    def from_step(cls, step: Step, config: Any = None, *, depends_on: Iterable[str] = ()) -> Phase:
        """Make a phase of an orchestrator's step.

        Args:
            step: Has ``name``, ``label`` and ``execute(config, work_dir)``; the label becomes the description.
            config: Handed to the step; the parameters of the run, if not given.
            depends_on: Names of the phases before it.

        Raises:
            DeclarationError: If the step lacks one of the three.
        """
        missing = [a for a in ("name", "label", "execute") if not hasattr(step, a)]
        if missing:
            raise DeclarationError(f"{step!r} is no step: it has no {', '.join(missing)}")
        execute = step.execute

        def handler(ctx: Any) -> Any:
            return execute(ctx.params if config is None else config, ctx.work_dir)

        return cls(step.name, handler, str(step.label), tuple(depends_on))


def _check_amount(name: str, what: str, value: object) -> None:
    if not is_amount(value):
        raise DeclarationError(f"Phase '{name}': {what} must be a number, 0 or more; got {value!r}")


def _dependency_names(name: str, given: object) -> tuple[str, ...]:
    """Return the names meant by what a person gave: a name, a phase, or several of them."""
    if isinstance(given, (str, Phase)):
        given = (given,)
    if not isinstance(given, Iterable):
        raise DeclarationError(f"Phase '{name}': depends_on must be names of phases; got {given!r}")
    names = [d.name if isinstance(d, Phase) else d for d in given]
    for dependency in names:
        if not isinstance(dependency, str) or not dependency:
            raise DeclarationError(f"Phase '{name}': depends_on must be names of phases; got {dependency!r}")
    return tuple(dict.fromkeys(names))


_NOTHING = Parameters((), (), frozenset())


def parameters(handler: Handler) -> Parameters:
    """Return what `handler` takes; nothing, where a built-in tells no signature."""
    # A plain function is read from its code: a tenth of the cost of `inspect.signature`, which thousands would pay.
    if type(handler) is not FunctionType or handler.__dict__:
        return _read(handler)
    code = handler.__code__
    count, keyword_only = code.co_argcount, code.co_kwonlyargcount
    if not count and not keyword_only:
        return _NOTHING
    names = code.co_varnames
    first = code.co_posonlyargcount
    with_default = {*names[count - len(handler.__defaults__ or ()) : count], *(handler.__kwdefaults__ or ())}
    named = names[first : count + keyword_only]
    required = frozenset(n for n in names[: count + keyword_only] if n not in with_default)
    return Parameters(names[:first], named, required)


def _read(handler: Handler) -> Parameters:
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return _NOTHING
    positional: list[str] = []
    named: list[str] = []
    required: list[str] = []
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        (positional if p.kind is p.POSITIONAL_ONLY else named).append(p.name)
        if p.default is p.empty:
            required.append(p.name)
    return Parameters(tuple(positional), tuple(named), frozenset(required))


def phase(  # noqa: PLR0913 - one keyword per field of a phase
    handler: Handler | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    after: str | Phase | Iterable[str | Phase] = (),
    depends_on: str | Phase | Iterable[str | Phase] = (),
    parallel: bool | None = None,
    weight: float = 1,
    policy: PhasePolicy | None = None,
    retry: int | None = None,
    on_fail: OnFail | None = None,
    retry_delay: float | None = None,
    retry_backoff: Backoff | None = None,
    retry_if: Callable[[BaseException], bool] | None = None,
    max_logs: int = 200,
    **options: Any,
) -> Any:
    """Make a :class:`Phase` of a function: ``@phase`` or ``@phase(after="load", retry=3)``.

    The phase has the function's name, the first line of its docstring as description, and can be called as before.
    ``retry=3`` is short for ``PhasePolicy("retry", 3)``; ``after`` is the same as ``depends_on``.

    Raises:
        DeclarationError: For a wrong value or an option that does not exist.
    """
    unknown = [o for o in options if o not in _OPTIONS]
    if unknown:
        raise DeclarationError(f"@phase has no option '{unknown[0]}'. Its options: {', '.join(_ALL_OPTIONS)}.")
    asked: Mapping[str, Any] = {
        "on_fail": "retry" if retry is not None and on_fail is None else on_fail,
        "max_retries": retry,
        "retry_delay": retry_delay,
        "retry_backoff": retry_backoff,
        "retry_if": retry_if,
    }
    asked = {k: v for k, v in asked.items() if v is not None}
    if retry is not None and on_fail not in (None, "retry"):
        raise DeclarationError(f"@phase(retry={retry}) tries again, on_fail={on_fail!r} does not: give one of them.")
    if policy is not None and asked:
        raise DeclarationError(f"@phase takes either policy= or {', '.join(asked)}, not both")

    def make(function: Handler) -> Phase:
        if not callable(function):
            raise DeclarationError(f"@phase needs a function; got {function!r}")
        made_name: str = name or str(getattr(function, "__name__", ""))
        doc = (inspect.getdoc(function) or "").partition("\n")[0] if description is None else description
        before = (*_dependency_names(made_name, after), *_dependency_names(made_name, depends_on))
        made_policy = policy or (PhasePolicy(**asked) if asked else DEFAULT_POLICY)
        unset = parallel is None
        return Phase(
            made_name,
            function,
            doc,
            before,
            bool(parallel),
            weight,
            made_policy,
            max_logs,
            parallel_unset=unset,
            **options,
        )

    return make if handler is None else make(handler)


_OPTIONS = ("timeout", "cache", "validate", "review", "checkpoint", "backend")
_ALL_OPTIONS = [
    "name",
    "description",
    "after",
    "depends_on",
    "parallel",
    "weight",
    "policy",
    "retry",
    "on_fail",
    "retry_delay",
    "retry_backoff",
    "retry_if",
    "max_logs",
    *list(_OPTIONS),
]
