"""Completion of ``%milo`` and ``%%milo``: words, options, pipelines, phases, parameters."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import ON_FAIL
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.options import STALE
from milo_nb.pipeline import Pipeline
from milo_nb.show.magic.reading import own_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milo_nb.execute.options import Runnable

_TAKES_PARAMETER = ("-p", "--param")
_MOST_SESSIONS = 30


def add_completion(ipython: Any) -> None:
    """Have a shell complete our magics, and offer nothing else there."""
    from IPython.core.completer import SimpleCompletion, context_matcher  # noqa: PLC0415 - IPython is there by now

    @context_matcher(identifier=_IDENTIFIER, priority=1)  # type: ignore[untyped-decorator]  # IPython has no types for it
    def complete_milo(context: Any) -> dict[str, Any]:
        before = context.line_with_cursor[: context.cursor_position]
        token = context.token
        found = []
        for word in complete(before, ipython.user_ns):
            at = _begun(before)
            if at.endswith(token):  # the shell replaces the token, which may be just the end of the word
                kind = "option" if word.startswith("-") else "milo"
                found.append(SimpleCompletion(word[len(at) - len(token) :], type=kind))
        return {"completions": found, "suppress": True, "ordered": True}

    remove_completion(ipython)
    ipython.Completer.custom_matchers.append(complete_milo)


_IDENTIFIER = "milo_nb.complete"


def remove_completion(ipython: Any) -> None:
    """Take the completion away."""
    completer = getattr(ipython, "Completer", None)
    if completer is not None:
        kept = [m for m in completer.custom_matchers if getattr(m, "matcher_identifier", "") != _IDENTIFIER]
        completer.custom_matchers[:] = kept


def _begun(before: str) -> str:
    """Return the word that the cursor stands behind; empty after a space."""
    return "" if before[-1:].isspace() else before.rsplit(maxsplit=1)[-1]


def complete(before: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the words that may follow or end `before`, the text before the cursor in its line."""
    magic, *words = before.split() or [""]
    if magic not in ("%milo", "%%milo") or not before[before.index(magic) + len(magic) :]:
        return []  # not ours, or the name of the magic itself
    at = _begun(before)
    if at:
        words.pop()
    held = _pipelines(variables)
    found = (_in_cell if magic == "%%milo" else _in_line)(words, at, variables, held)
    return [w for w in dict.fromkeys(found) if w.startswith(at)]


def _in_line(words: list[str], at: str, variables: Mapping[str, Any], held: Mapping[str, Runnable]) -> Iterable[str]:
    """Return what may follow ``%milo`` and `words`, where `at` has been begun."""
    from milo_nb.show.magic.obeying import COMMANDS  # noqa: PLC0415 - IPython's room
    from milo_nb.show.magic.words import WORDS, make_parser  # noqa: PLC0415 - as above

    word, *behind = words or [""]
    if word not in WORDS:
        rest = (*WORDS, "cell", "phase") if word == "help" and not behind else ()
        return rest if words else (*WORDS, "help")
    row, parser = WORDS[word], make_parser(word)
    if behind and parser.wants_value(behind[-1]):
        return _values(behind[-1], behind, variables, held)
    names = [n for last, n in zip(["", *behind], behind, strict=False) if n[0] != "-" and not parser.wants_value(last)]
    if at.startswith("-") or (row.takes[1] is not None and len(names) >= row.takes[1]):
        return parser.option_names
    kind = row.follows[min(len(names), len(row.follows) - 1)]
    if kind == "phase":
        return [p for p in _phases(held.get(names[0])) if p not in names[1:]]
    if kind in ("session", "past"):
        there = _sessions(behind, variables, names[0] if names else "")
        return there if kind == "session" else [*_names_on_disk(behind), *there]
    on_disk = _names_on_disk(behind) if kind == "saved" else []
    return [*held, *on_disk] if kind in ("pipeline", "saved") else ("run", *COMMANDS)


def _values(
    option: str, behind: list[str], variables: Mapping[str, Any], held: Mapping[str, Runnable]
) -> Iterable[str]:
    """Return what may be the value of an option."""
    if option in _TAKES_PARAMETER:
        return _parameters(held.get(behind[0]), variables)
    if option == "--session":
        return _sessions(behind, variables, "" if behind[0].startswith("-") else behind[0])
    if option == "--only":
        return _phases(held.get(behind[0]))
    return STALE if option == "--stale" else ()


def _work_dir(words: list[str]) -> str:
    from milo_nb.show.magic.options import DEFAULT_WORK_DIR  # noqa: PLC0415 - as above

    after = [value for option, value in pairwise(words) if option == "--work-dir"]
    return after[-1] if after else DEFAULT_WORK_DIR


def _sessions(words: list[str], variables: Mapping[str, Any], name: str) -> list[str]:
    """Return the beginnings of the ids of the newest sessions on disk."""
    from milo_nb.persist.rundir import sessions  # noqa: PLC0415 - only who asks for sessions looks at a disk
    from milo_nb.show.magic.on_disk import SHORT  # noqa: PLC0415 - as above

    held = variables.get(name)
    root = held.session.disk.root if isinstance(held, PipelineExecutor) else None
    pipeline = held.pipeline.name if isinstance(held, PipelineExecutor) else name
    with suppress(OSError):
        return [run.session_id[:SHORT] for run in sessions(root or _work_dir(words), pipeline or None)[:_MOST_SESSIONS]]
    return []


def _names_on_disk(words: list[str]) -> list[str]:
    from milo_nb.show.magic.on_disk import names_on_disk  # noqa: PLC0415 - as above

    with suppress(OSError):
        return [name for name in names_on_disk(_work_dir(words)) if not any(map(str.isspace, name))]
    return []


def _in_cell(words: list[str], at: str, variables: Mapping[str, Any], held: Mapping[str, Runnable]) -> Iterable[str]:
    """Return what may follow ``%%milo`` and `words`, where `at` has been begun."""
    from milo_nb.show.magic.options import make_cell_parser, make_phase_parser  # noqa: PLC0415 - as above

    name, dot, phase = (words[0] if words else at).partition(".")
    phases = _phases(held.get(name))
    if not words and not at.startswith("-"):
        return [f"{name}.{p}" for p in phases] if dot else held
    if not dot or not words:
        parser = make_cell_parser()
        if words[-1:] == ["--resume"] and not at.startswith("-"):
            return _sessions(words, variables, name)
        wants = bool(words) and parser.wants_value(words[-1])
        return _values(words[-1], words, variables, held) if wants else parser.option_names
    option = next((w for w in reversed(words) if w.startswith("-")), "")
    if words[-1] == "--on-fail":
        return ON_FAIL
    if option == "--after" and not at.startswith("-"):
        return [p for p in phases if p != phase and p not in words]
    parser = make_phase_parser()
    return () if parser.wants_value(words[-1]) else parser.option_names


def _parameters(pipeline: Runnable | None, variables: Mapping[str, Any]) -> list[str]:
    """Return the parameters that a pipeline asks for, ready for a value, and the notebook's variables."""
    from milo_nb.show.magic.made import IncompletePipeline, params_of  # noqa: PLC0415 - as above

    is_whole = pipeline is not None and not isinstance(pipeline, IncompletePipeline)
    asked = params_of(pipeline) if pipeline is not None and is_whole else []
    return [*(f"{name}=" for name in asked), *own_variables(variables)]


def _phases(pipeline: Runnable | None) -> tuple[str, ...]:
    return tuple(p.name for p in pipeline.phases) if isinstance(pipeline, Pipeline) else ()


def _pipelines(variables: Mapping[str, Any]) -> dict[str, Runnable]:
    """Return the pipeline of each variable that holds one."""
    found: dict[str, Runnable] = {}
    for name, value in list(variables.items()):
        pipeline = value.pipeline if isinstance(value, PipelineExecutor) else value
        if isinstance(pipeline, Pipeline) and not name.startswith("_"):
            found[name] = pipeline
    return found
