"""Running a cell's body in the notebook, with ``phase`` at hand, and noting the phases it makes."""

from __future__ import annotations

import ast
import asyncio
import inspect
import threading
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from milo_nb.declare.phase import Phase, phase
from milo_nb.errors import MiloError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

_MISSING = object()
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_POLL_S = 0.1  # a main thread in one long wait would not hear of Ctrl-C on every platform
_PACKAGE = str(Path(__file__).parents[2])


class BodyError(MiloError):
    """The body of a cell is not Python; shown as IPython shows it."""


def run_body(shell: Any, line: str, body: str, check: Callable[[ast.Module], None]) -> list[Phase]:
    """Run a cell's body in the notebook's namespace.

    Args:
        shell: Holds the namespace.
        line: What stood behind ``%%milo``.
        body: The cell without its first line.
        check: Told what the body is before it runs; may raise.

    Returns:
        The phases that the body made, in the order they were made.

    Raises:
        BodyError: If the body is not Python.
        BaseException: What the body raised; shown from the person's line on.
    """
    tree, file = parse_body(shell, line, body)
    code = compile_body(shell, tree, file)
    check(tree)
    names = shell.user_ns
    before = {id(v) for v in names.values() if isinstance(v, Phase)}
    made: list[Phase] = []
    had = names.get("phase", _MISSING)
    recorder = names["phase"] = _recording(made)
    try:
        _run(code, names)
    except BaseException as error:
        _show_from(shell, error, code.co_filename)
        raise
    finally:
        if names.get("phase") is recorder:
            if had is _MISSING:
                del names["phase"]
            else:
                names["phase"] = had
    seen = before | {id(p) for p in made}
    made += {id(v): v for v in names.values() if isinstance(v, Phase) and id(v) not in seen}.values()
    return made


def _recording(made: list[Phase]) -> Callable[..., Any]:
    """Return the decorator ``phase`` that notes in `made` what it makes."""

    def note(one: Phase) -> Phase:
        made.append(one)
        return one

    @wraps(phase)
    def recording(*args: Any, **options: Any) -> Any:
        answer = phase(*args, **options)
        return note(answer) if isinstance(answer, Phase) else lambda function: note(answer(function))

    return recording


def parse_body(shell: Any, line: str, body: str) -> tuple[ast.Module, str]:
    """Return the body as a tree, and the name of the file that the person knows the cell by; its line numbers are theirs.

    Raises:
        BodyError: If the body is not Python.
    """
    shown = f"%%milo {line}\n{body}"
    file = shell.compile.cache(shown, _cell_number(shell), shown)
    # An empty line stands for the magic's own, and IPython drops those that the body begins with.
    empty = len(body) - len(body.lstrip("\n \t\r"))
    with _as_ipython_shows(shell):
        source = "\n" * (1 + body[:empty].count("\n")) + (shell.transform_cell(body) if body.strip() else "")
        tree = compile(source, file, "exec", shell.compile.flags | _FLAGS | ast.PyCF_ONLY_AST, dont_inherit=True)
    return tree, file


def compile_body(shell: Any, tree: ast.Module, file: str) -> CodeType:
    """Return the code of a body, which may await at its top level.

    Raises:
        BodyError: If the body is not Python.
    """
    with _as_ipython_shows(shell):
        code: CodeType = compile(tree, file, "exec", shell.compile.flags | _FLAGS, dont_inherit=True)
    return code


@contextmanager
def _as_ipython_shows(shell: Any) -> Iterator[None]:
    """Turn what is wrong with a body into a BodyError."""
    try:
        yield
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        wrong = BodyError(f"{type(error).__name__}: {error}")
        text = shell.SyntaxTB.structured_traceback(type(error), error, [])
        wrong._render_traceback_ = lambda: text  # type: ignore[attr-defined]
        raise wrong from None


def _cell_number(shell: Any) -> int:
    """Return the number of the cell that runs now: the shell's own counter is ahead of it in some versions of IPython."""
    known: dict[str, int] = getattr(shell.compile, "_filename_map", {})
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename in known:
            return known[frame.f_code.co_filename]
        frame = frame.f_back
    return int(shell.execution_count)


def _run(code: CodeType, names: dict[str, Any]) -> None:
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, names)  # noqa: S102 - running the person's code is what a cell is for
        return
    # The kernel's own loop is running this very cell, so the body is awaited on a loop of its own.
    failed: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []
    ended = threading.Event()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await eval(code, names)  # noqa: S307 - as above

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            ended.set()

    threading.Thread(target=copy_context().run, args=(work,), name="milo-body", daemon=True).start()
    try:
        _wait(ended)
    except KeyboardInterrupt:  # it reaches the main thread only; a second one leaves the body to itself
        for loop in loops:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(_cancel_all)
        _wait(ended)
        raise
    if failed:
        raise failed[0]


def _wait(ended: threading.Event) -> None:
    while not ended.wait(_POLL_S):
        pass


def _cancel_all() -> None:
    for task in asyncio.all_tasks():
        task.cancel()


def _show_from(shell: Any, error: BaseException, file: str) -> None:
    """Have IPython show an error from the first frame of the cell on, without ours."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != file:
        tb = tb.tb_next
    if hasattr(error, "_render_traceback_"):
        return
    shown = _without_ours(tb)

    def render() -> Any:
        return shell.InteractiveTB.structured_traceback(type(error), error, shown, tb_offset=0)

    error._render_traceback_ = render  # type: ignore[attr-defined]  # IPython asks for it


def _without_ours(tb: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of this package."""
    kept = []
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            kept.append(tb)
        tb = tb.tb_next
    made: TracebackType | None = None
    for one in reversed(kept):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made
