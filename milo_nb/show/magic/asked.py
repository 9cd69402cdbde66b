"""What one ``%milo`` line asks for, as the function sees it that carries it out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import UsageError, available, visible
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.state.preview import AGE

if TYPE_CHECKING:
    import argparse

    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.cell import Cells
    from milo_nb.state.plan import Plan


@dataclass(frozen=True, slots=True)
class Asked:
    """One line.

    Attributes:
        word: What is to be done.
        names: The words behind it that are no options.
        options: The options, each with a value.
        cells: The notebook's pipelines.
        variables: The notebook's variables.
    """

    word: str
    names: tuple[str, ...]
    options: argparse.Namespace
    cells: Cells
    variables: dict[str, Any]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.names[0]

    @property
    def phases(self) -> tuple[str, ...]:
        """The names of phases behind it."""
        return self.names[1:]

    def naming(self, name: str) -> Asked:
        """Return the same line about the pipeline of that name."""
        return replace(self, names=(name,))

    def held(self, name: str | None = None) -> PipelineExecutor | Pipeline:
        """Return what the variable of that name holds.

        Raises:
            UsageError: If it holds no pipeline.
        """
        name = self.name if name is None else name
        held = self.cells.find(name)
        if held is None:
            there = available("pipelines", name, self.cells.names())
            raise UsageError(f"%milo {self.word}: there is no pipeline '{name}'. {there}")
        return held

    def executor(self) -> PipelineExecutor:
        """Return the executor of the pipeline.

        Raises:
            UsageError: If there is none.
        """
        held = self.held()
        if not isinstance(held, PipelineExecutor):
            raise UsageError(f"'{self.name}' is defined and has not been started. Start it with: %milo run {self.name}")
        return held

    def show_plan(self, plan: Plan) -> None:
        """Show what would happen; without times where programs compare what cells print."""
        say(plan if self.cells.is_seen() else AGE.sub("", str(plan)))


def say(text: Any, *, colours: bool = False) -> None:
    """Show text below the cell; what a terminal would obey in it is spelled out, `colours` are left if that is said."""
    print(visible(str(text).rstrip(), colours=colours))  # noqa: T201 - what a line magic shows
