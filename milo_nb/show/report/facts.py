"""What a report says of the run itself: when, with which parameters, on which versions."""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from types import CodeType
from typing import TYPE_CHECKING, Any

from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.brief import brief
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from milo_nb.declare.graph import PhaseGraph

MAX_VALUE = 300
MOST_PARAMS = 60
MOST_VERSIONS = 40
HIDDEN = "not written here: its name is that of a secret"
_SECRET = re.compile(r"(?i)passw|secret|token|credential|api_?key|private_?key|\bauth\b")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SECOND, _FEW, _TENS = 0.9995, 9.995, 99.95
"""Below these, milliseconds, hundredths and tenths of a second are told."""


def say_time(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < _SECOND:
        return f"{1000 * max(seconds, 0.0):.0f} ms"
    if seconds < _TENS:
        return f"{seconds:.{2 if seconds < _FEW else 1}f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def to_params(session: Any) -> list[tuple[str, str]]:
    """Return the parameters of a session with their values as text; what is a secret by its name is not told."""
    params = _saved(session) if is_attached(session) else {n: brief(v, MAX_VALUE) for n, v in session.params.items()}
    told = [(name, HIDDEN if _SECRET.search(name) else value) for name, value in params.items()]
    if len(told) > MOST_PARAMS:
        told[MOST_PARAMS:] = [("…", f"and {len(told) - MOST_PARAMS:,} more")]
    return told


def _saved(session: Any) -> Mapping[str, str]:
    """Return what the directory of a session says of its parameters."""
    try:
        found = json.loads(session.run_dir.params.read_bytes())
    except (OSError, ValueError):
        return {}
    told = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        is_type = isinstance(value, dict) and value.keys() == {"@type"}
        told[str(name)] = (
            f"a {clip(str(value['@type']), MAX_VALUE)}, which was not kept" if is_type else brief(value, MAX_VALUE)
        )
    return told


def to_versions(session: Any) -> list[tuple[str, str]]:
    """Return what runs here and in which version: Python, ours, and the libraries that handlers name.

    Nothing of a session that is only looked at: it may have run on others.
    """
    if is_attached(session):
        return []
    found = [("Python", platform.python_version()), ("milo_nb", _own()), ("System", platform.system())]
    found += sorted(_libraries(session.graph))[:MOST_VERSIONS]
    return [(name, said) for name, said in found if said]


def _own() -> str:
    try:
        return version("milo-nb")
    except PackageNotFoundError:
        return ""


def _libraries(graph: PhaseGraph) -> Iterator[tuple[str, str]]:
    """Yield the libraries that the code of handlers reaches by a global name, with the versions that they tell."""
    tops = set()
    for phase in graph.phases:
        handler: Any = getattr(phase.handler, "__wrapped__", phase.handler)
        code, names = getattr(handler, "__code__", None), getattr(handler, "__globals__", None)
        if not isinstance(code, CodeType) or not isinstance(names, dict):
            continue
        for name in _names_of(code):
            held = names.get(name)
            module = getattr(held, "__name__", "") if type(held) is type(sys) else getattr(held, "__module__", "")
            tops.add(str(module or name).partition(".")[0])
    for top in tops - sys.stdlib_module_names - {"__main__", "milo_nb"}:
        said = getattr(sys.modules.get(top), "__version__", None)
        if isinstance(said, str):
            yield top, clip(said, 40)


def _names_of(code: CodeType) -> Iterable[str]:
    yield from code.co_names  # globals, attributes, and what it imports itself
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
