"""What ``%load_ext milo_nb`` brings: the magics, and executors shown as live views."""

from __future__ import annotations

import sys
from typing import Any

from milo_nb.errors import MiloError
from milo_nb.execute.executor import PipelineExecutor, register_attendance, register_display
from milo_nb.show.notebook.interactive import find_kernel, has_person, is_in_phase

_ATTACHED = ("milo_nb.execute.attached", "AttachedExecutor")  # not imported before somebody attaches

NO_VIEW = ": no live view is shown here. %milo status {0} tells how it stands, %milo help what can be done."
"""What stands for a view where widgets cannot be shown."""


def load(ipython: Any) -> None:
    """Bring the magics, and show executors as live views."""
    from milo_nb.show.magic import install  # noqa: PLC0415 - IPython is there by now
    from milo_nb.show.notebook.detail import name_cells  # noqa: PLC0415 - as above

    install(ipython)
    register_display(show)
    register_attendance(is_there)
    if getattr(ipython, "kernel", None) is not None:  # elsewhere there is nothing that could be kept up to date
        _displayed(ipython).for_type(PipelineExecutor, lambda executor: present(ipython, executor))
        _displayed(ipython).for_type_by_name(*_ATTACHED, lambda executor: present(ipython, executor))
    name_cells(lambda file: name_cell(ipython, file))
    if has_person(getattr(ipython, "kernel", None)):
        # Now, so that the first cell need not wait for ipywidgets.
        import milo_nb.show.notebook.stills  # noqa: PLC0415
        import milo_nb.show.notebook.widget  # noqa: F401, PLC0415


def unload(ipython: Any) -> None:
    """Take magics and views away; executors go on."""
    from milo_nb.show.magic import remove  # noqa: PLC0415 - as above
    from milo_nb.show.notebook.detail import name_cells  # noqa: PLC0415 - as above

    remove(ipython)
    register_display(None)
    register_attendance(None)
    for kind in (PipelineExecutor, ".".join(_ATTACHED)):
        _displayed(ipython).pop(kind, None)
    name_cells(lambda file: None)  # noqa: ARG005 - the same face


def is_there() -> bool:
    """Tell whether a person is there, who can approve and be asked: at a front end, or at a terminal. Any thread."""
    if find_kernel() is not None:
        return has_person()
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def present(ipython: Any, executor: PipelineExecutor) -> None:
    """Show the live view of an executor, and below it the still, which stays when the view is gone.

    Raises:
        NotImplementedError: Where nobody sees views, or a phase asks: IPython then shows what `show` returns.
    """
    if not has_person(ipython.kernel) or is_in_phase():
        raise NotImplementedError
    from milo_nb.show.notebook.stills import show_still  # noqa: PLC0415 - only where somebody looks

    ipython.display_pub.publish(show(executor))
    show_still(executor, ipython.display_pub)


def show(executor: PipelineExecutor) -> dict[str, Any]:
    """Return what a notebook shows of an executor: a live view where somebody can see one, else text and, once, the last still."""
    plain = {"text/plain": f"<pipeline {executor.pipeline.name}>"}
    if not has_person():  # no widget: programs that run notebooks would save its script with it
        return {**_last_still(executor), **plain}
    from milo_nb.show.notebook.widget import PipelineWidget  # noqa: PLC0415 - ipywidgets takes a while to import

    try:
        bundle = PipelineWidget.of(executor)._repr_mimebundle_()
    except MiloError as missing:  # the pipeline runs all the same
        return {"text/plain": f"<pipeline {executor.pipeline.name}> {missing}"}
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**(data or {}), "text/plain": plain["text/plain"] + NO_VIEW.format(executor.pipeline.name)}


def _last_still(executor: PipelineExecutor) -> dict[str, str]:
    if find_kernel() is None or is_in_phase():
        return {}
    from milo_nb.show.notebook.stills import take_last_still  # noqa: PLC0415 - only in notebooks that nobody looks at

    return take_last_still(executor)


def _displayed(ipython: Any) -> Any:
    """Return IPython's table of what shows itself."""
    return ipython.display_formatter.ipython_display_formatter


def name_cell(ipython: Any, file: str) -> str | None:
    """Return "Cell [3]" for the file that holds the code of cell 3, else None."""
    number = getattr(ipython.compile, "_filename_map", {}).get(file)
    return None if number is None else f"Cell [{number}]"
