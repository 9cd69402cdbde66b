"""What a phase can be skipped with: None, its result of an earlier session, a variable of the notebook, or a value as typed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sized
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import Phase
from milo_nb.errors import InvalidStateError, name_of_type
from milo_nb.execute.commands import Commands
from milo_nb.execute.earlier import EARLIER_RESULT, earlier, value_of_earlier
from milo_nb.execute.patience import TooLongError, heard
from milo_nb.show.literal import read_value
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.previews import in_time
from milo_nb.state.wire import clip
from milo_nb.state.wire_browser import LITERAL, SUBSTITUTES, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.execute.session import Session
    from milo_nb.show.notebook.asked import Tell

NONE, EARLIER = SUBSTITUTES
MOST_VARIABLES = 500
_NUMBERS = (bool, int, float)
_CONTAINERS = (str, bytes, list, tuple, set, frozenset, dict)
_NO_VALUES = (ModuleType, FunctionType, BuiltinFunctionType, type, Commands, Phase)
_SYSTEMS_OWN = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


def answer_values(executor: PipelineExecutor, args: Mapping[str, Any], tell: Tell) -> None:
    """List what a phase can be skipped with."""
    session: Any = executor.session
    i = asked.phase_of(executor, args)
    found = earlier(session, session.graph.names[i])
    is_elsewhere = is_attached(session) and session.is_owned  # its kernel cannot be sent a value
    variables = [] if is_elsewhere else _listed(session, list(itertools.islice(_variables(), MOST_VARIABLES)))
    tell({"earlier": "" if found is None else clip(str(found)), "variables": variables})


def _listed(session: Any, variables: list[tuple[str, object]]) -> list[list[str]]:
    """Return names and what they are: the class alone of what cannot be looked at in time."""
    kinds = {name: clip(name_of_type(value), 80) for name, value in variables}

    def look() -> None:
        for name, value in variables:
            kinds[name] = kind_of(value)

    with suppress(InvalidStateError), heard(session) as context:  # refused, if looks have hung before
        in_time(look, context)
    return [[clip(name), kinds[name]] for name, _ in variables]


def value_of(session: Session, name: str, option: str) -> Any:
    """Return the value that a browser chose for a phase.

    Args:
        session: The phase's session.
        name: The phase.
        option: ``none``, ``earlier``, ``variable:NAME`` or ``literal:VALUE``, a literal of Python or else a text.

    Raises:
        MiloError: If it is not to be had; says why.
    """
    if option in ("", NONE):
        return None
    if option == EARLIER:
        return EARLIER_RESULT if is_attached(session) else value_of_earlier(session, name)
    if option.startswith(LITERAL):
        return read_value(option.removeprefix(LITERAL))
    variable = option.removeprefix(VARIABLE)
    names = _namespace()
    if variable not in names:
        raise InvalidStateError(f"The notebook has no variable '{clip(variable, 80)}' any more.")
    return names[variable]


def kind_of(value: object) -> str:
    """Return what a variable is, in few words; calls nothing of the person's classes but a ``shape`` they may have."""
    name = name_of_type(value)
    if type(value) in _NUMBERS:
        with suppress(ValueError):  # an integer of thousands of digits is not written out
            if len(text := repr(value)) < 20:  # noqa: PLR2004 - what fits a menu
                return f"{name} {text}"
    if type(value) in _CONTAINERS and isinstance(value, Sized):
        return f"{name} of {len(value):,}"
    try:
        shape = getattr(value, "shape", None)
    except BaseException as error:
        if type(error) is TooLongError:
            raise
        shape = None  # a person's property may raise anything
    if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape):
        return f"{name} {' x '.join(map(str, shape))}".rstrip()
    return clip(name, 80)


def _namespace() -> Mapping[str, Any]:
    """Return the notebook's variables; those of the program where there is no notebook."""
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only where IPython is there anyhow

        shell = get_ipython()
        if shell is not None:
            hidden = shell.user_ns_hidden
            return {n: v for n, v in shell.user_ns.copy().items() if n not in hidden or hidden[n] is not v}
    return dict(vars(sys.modules["__main__"]))


def _variables() -> Iterator[tuple[str, Any]]:
    for name, value in sorted(_namespace().items(), key=lambda item: item[0].casefold()):
        if not name.startswith("_") and name not in _SYSTEMS_OWN and not issubclass(type(value), _NO_VALUES):
            yield name, value
