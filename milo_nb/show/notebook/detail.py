"""What the inspector shows of a phase that failed: its error, with the person's own lines and what led to it."""

from __future__ import annotations

import contextlib
import linecache
import site
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.errors import PhaseError, RecordedError, cause_of, context_of, describe, is_a, name_of_type, traceback_of
from milo_nb.execute.wording import text_of
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    from milo_nb.execute.session import Session

MAX_TEXT = 60_000
MAX_MESSAGE = 10_000
MAX_FRAMES = 20
MAX_CAUSES = 8
AROUND = 2

_cell_of: Callable[[str], str | None] = lambda file: None  # noqa: E731, ARG005 - replaced where there are cells
_SCHEME = ("stdlib", "platstdlib", "purelib", "platlib")
_HERE = str(Path(__file__).parents[2])
_LIBRARIES = tuple(
    {
        str(Path(place)) + "/"
        for place in (*site.getsitepackages(), site.getusersitepackages(), *map(sysconfig.get_path, _SCHEME))
    }
)
_is_suppressed = BaseException.__dict__["__suppress_context__"].__get__
_LONGEST_FIRST = sorted(_LIBRARIES, key=len, reverse=True)


def name_cells(cell_of: Callable[[str], str | None]) -> None:
    """Have files named by `cell_of`, which returns "Cell [3]" for the file of a cell, else None."""
    global _cell_of  # noqa: PLW0603 - one notebook per process
    _cell_of = cell_of


def to_detail(session: Session, i: int) -> dict[str, Any]:
    """Return the error of the phase at position `i`, None if there is none."""
    name = session.graph.names[i]
    status = session.state.phases[i].status
    error = session.errors.get(name) if status not in ("completed", "pending") else None
    return {"error": None if error is None else to_error(error)}


def to_error(error: PhaseError) -> dict[str, Any]:
    """Return a phase's error as the browser shows it: what was raised, where, and what led to it."""
    raised = error.cause if error.cause is not None else error
    if is_a(raised, RecordedError):  # its frames are gone with the process that had them
        told = {"type": raised.kind, "message": clip(str(raised), MAX_MESSAGE), "text": clip(raised.text, MAX_TEXT)}
        return {**told, "frames": [], "attempt": error.attempt, "causes": []}
    causes = [{**_describe(cause), "causes": []} for cause in _causes(raised)]
    return {**_describe(raised), "attempt": error.attempt, "causes": causes}


def _describe(error: BaseException) -> dict[str, Any]:
    text = text_of(error, MAX_TEXT)
    return {
        "type": name_of_type(error),
        "message": clip(describe(error), MAX_MESSAGE),
        "frames": _frames(traceback_of(error)),
        "text": clip(text, 2 * MAX_TEXT),
    }


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an error, nearest first: causes, contexts, members of groups."""
    seen, todo = {id(error)}, [error]
    while todo and len(seen) <= MAX_CAUSES:
        one = todo.pop(0)
        cause = cause_of(one)
        after = [cause if cause is not None or _is_suppressed(one) else context_of(one)]
        if is_a(one, BaseExceptionGroup):
            after += one.exceptions
        for cause in after:
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                todo.append(cause)
                yield cause


def _frames(tb: TracebackType | None) -> list[dict[str, Any]]:
    return to_frames(list(traceback.walk_tb(tb)))


def to_frames(walked: list[tuple[FrameType, int]]) -> list[dict[str, Any]]:
    """Return the frames of the person's own code, and the last one wherever it is; innermost last.

    Args:
        walked: Frames with the line that each is at, innermost last.
    """
    frames = [(frame, line) for frame, line in walked if _is_own(frame.f_code.co_filename)]
    if walked and (not frames or frames[-1] != walked[-1]):
        frames.append(walked[-1])
    if len(frames) > MAX_FRAMES:
        frames = frames[: MAX_FRAMES // 2] + frames[-MAX_FRAMES // 2 :]
    return [
        {
            "file": name_of_file(frame.f_code.co_filename),
            "line": line,
            "function": frame.f_code.co_name,
            "code": _code(frame.f_code.co_filename, line, frame.f_globals),
        }
        for frame, line in frames
    ]


def _is_own(file: str) -> bool:
    return not file.startswith((*_LIBRARIES, _HERE, "<frozen"))


def name_of_file(file: str) -> str:
    """Return the name that a person knows a file by: its cell, or its path below the library or working directory."""
    cell = _cell_of(file)
    if cell is not None:
        return cell
    for library in _LONGEST_FIRST:
        if file.startswith(library):
            return file.removeprefix(library)
    with contextlib.suppress(ValueError, OSError):
        return str(Path(file).relative_to(Path.cwd()))
    return file


def _code(file: str, line: int, module: dict[str, Any]) -> list[list[Any]]:
    """Return the lines around `line`, each with its number."""
    lines = ((n, linecache.getline(file, n, module)) for n in range(max(line - AROUND, 1), line + AROUND + 1))
    return [[n, clip(text.rstrip("\n"), 500)] for n, text in lines if text]
