"""The magics as IPython knows them. Mistakes are one line, without our traceback."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class

from milo_nb.errors import MiloError
from milo_nb.show.magic.body import BodyError
from milo_nb.show.magic.cell import Cells
from milo_nb.show.magic.line import Line
from milo_nb.show.notebook.interactive import in_one_line


@magics_class
class MiloMagics(Magics):
    """``%%milo`` and ``%milo``."""

    def __init__(self, shell: Any) -> None:
        """Serve one shell."""
        super().__init__(shell)
        self.cells = Cells(shell)
        self.line = Line(self.cells)

    @line_cell_magic
    def milo(self, line: str, cell: str | None = None) -> None:
        """Run pipelines.

        ``%%milo NAME`` runs the phases that the cell defines, behind a live view; ``%milo`` controls them.
        ``%milo help`` lists everything.
        """
        try:
            if cell is None:
                self.line.run(line)
            else:
                self.cells.run(line, cell)
        except BodyError:
            raise
        except MiloError as error:
            if not hasattr(error, "_render_traceback_"):
                in_one_line(error)
            raise
