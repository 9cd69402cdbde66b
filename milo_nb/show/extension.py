"""What ``%load_ext milo_nb`` brings: the magics, and executors shown as live views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import MiloError
from milo_nb.execute.executor import register_display
from milo_nb.show.notebook.interactive import has_person

if TYPE_CHECKING:
    from milo_nb.execute.executor import PipelineExecutor


def load(ipython: Any) -> None:
    """Bring the magics, and show executors as live views."""
    from milo_nb.show.magic import install  # noqa: PLC0415 - IPython is there by now
    from milo_nb.show.notebook.detail import name_cells  # noqa: PLC0415 - as above

    install(ipython)
    register_display(show)
    name_cells(lambda file: name_cell(ipython, file))
    if has_person(getattr(ipython, "kernel", None)):
        import milo_nb.show.notebook.widget  # noqa: F401, PLC0415 - now, so that the first cell need not wait for ipywidgets


def unload(ipython: Any) -> None:
    """Take magics and views away; executors go on."""
    from milo_nb.show.magic import remove  # noqa: PLC0415 - as above
    from milo_nb.show.notebook.detail import name_cells  # noqa: PLC0415 - as above

    remove(ipython)
    register_display(None)
    name_cells(lambda file: None)  # noqa: ARG005 - the same face


def show(executor: PipelineExecutor) -> dict[str, Any]:
    """Return what a notebook shows of an executor: a live view where somebody can see one, else a line of text."""
    plain = {"text/plain": f"<pipeline {executor.pipeline.name}>"}
    if not has_person():
        return plain  # and no widget: programs that run notebooks would save its script with it
    from milo_nb.show.notebook.widget import PipelineWidget  # noqa: PLC0415 - ipywidgets takes a while to import

    try:
        bundle = PipelineWidget.of(executor)._repr_mimebundle_()
    except MiloError as missing:  # the pipeline runs all the same
        return {"text/plain": f"<pipeline {executor.pipeline.name}> {missing}"}
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**(data or {}), **plain}


def name_cell(ipython: Any, file: str) -> str | None:
    """Return "Cell [3]" for the file that holds the code of cell 3, else None."""
    number = getattr(ipython.compile, "_filename_map", {}).get(file)
    return None if number is None else f"Cell [{number}]"
