"""The magics as IPython knows them. Mistakes are one line, without our traceback."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand

from milo_nb.errors import MiloError
from milo_nb.show.magic.body import BodyError
from milo_nb.show.magic.cell import Cells
from milo_nb.show.magic.line import Line, help_text
from milo_nb.show.notebook.interactive import in_one_line


@magics_class
class MiloMagics(Magics):
    """``%%milo`` and ``%milo``."""

    def __init__(self, shell: Any) -> None:
        """Serve one shell."""
        super().__init__(shell)
        self.cells = Cells(shell)
        self.line = Line(self.cells, shell.user_ns)

    @no_var_expand  # {'a': 1} is a value: names are put in only where it is none
    @needs_local_scope
    @line_cell_magic
    def milo(self, line: str, cell: str | None = None, local_ns: Any = None) -> None:
        """Run pipelines; the help stands in for this."""
        try:
            if cell is None:
                self.line.run(line, local_ns)
            else:
                self.cells.run(line, cell, local_ns)
        except BodyError:
            raise
        except MiloError as error:
            if not hasattr(error, "_render_traceback_"):
                in_one_line(error)
            raise


MiloMagics.milo.__doc__ = f"Run pipelines from a notebook.\n\n{help_text()}"  # what %milo? and %%milo? show
