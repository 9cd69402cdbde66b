"""Is a person at a front end? Then a cell returns at once; else it waits for the end and says how it went."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.errors import MiloError, PipelineFailed, name_of_type, visible

if TYPE_CHECKING:
    from milo_nb.execute.executor import PipelineExecutor
    from milo_nb.execute.result import ExecutionResult

_heard = False


def note_hello() -> None:
    """Remember that a view is there."""
    global _heard  # noqa: PLW0603 - one kernel, one answer
    _heard = True


def find_kernel() -> Any:
    """Return the kernel this runs in, or None."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only where IPython is there anyhow

    return getattr(get_ipython(), "kernel", None)


def has_person(kernel: Any = None) -> bool:
    """Tell whether somebody sees views and can click: one said hello, or the cell may ask for input.

    Programs that run notebooks (nbclient, ``jupyter execute``, papermill, nbval) say that nobody can be asked.
    """
    kernel = find_kernel() if kernel is None else kernel
    if kernel is None:
        return False
    return _heard or _allows_stdin(kernel)


def _allows_stdin(kernel: Any) -> bool:
    try:
        content = kernel.get_parent("shell")["content"]
        return bool(content["allow_stdin"])
    except (AttributeError, KeyError, TypeError):
        return bool(getattr(kernel, "_allow_stdin", False))


def is_in_phase() -> bool:
    """Tell whether a phase is who asks: what is displayed now is the phase's, and no cell shows it."""
    return CURRENT_SINK.get() is not None


def wait_and_tell(executor: PipelineExecutor) -> ExecutionResult:
    """Wait for the end and print the summary; in a notebook that nobody looks at, show the still as well.

    Raises:
        PipelineFailed: If it was not completed; shown as one line.
    """
    result = executor.wait()
    print(result.summary)  # noqa: T201 - it is what the cell shows
    kernel = find_kernel()
    if kernel is not None and not has_person(kernel) and not is_in_phase():
        _show_still(executor, kernel)
    if not result.success:
        raise in_one_line(PipelineFailed(_why(result)))
    return result


def _show_still(executor: PipelineExecutor, kernel: Any) -> None:
    from milo_nb.show.notebook.stills import take_last_still  # noqa: PLC0415 - only where nobody looks

    bundle = take_last_still(executor)
    if bundle:
        kernel.shell.display_pub.publish(bundle)


def _why(result: ExecutionResult) -> str:
    failed = ", ".join(f"'{f.name}'" for f in result.failed)
    return f"Pipeline '{result.pipeline}' {result.status}{f' in {failed}' if failed else ''}."


def in_one_line(error: MiloError) -> MiloError:
    """Have IPython show an error as one line, without our traceback."""
    line = visible(f"{name_of_type(error)}: {error}")
    error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
    return error
