"""Programs that run notebooks and scripts where nobody looks: each is started as people start it, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests import kernels

TIMEOUT_S = 120
HERE = Path(__file__).parent
LOAD = "%load_ext milo_nb"
ROWS = "rows = 3"
SITE = """
%%milo site -p rows
@phase
def load(rows):
    print("loading")
    return list(range(rows))
@phase
def total(load):
    if not load:
        raise ValueError("no rows")
    return sum(load)
"""
SHOW = "print(site.results)"
COMPLETED = "site: completed (2 completed)"
FAILED = "site: failed (1 completed, 1 failed)\n  [FAIL] total: ValueError: no rows"
WHY = "PipelineFailed: Pipeline 'site' failed in 'total'."
SPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        status: Its exit status.
        out: What it wrote to its standard output.
        err: What it wrote to its standard error.
    """

    status: int
    out: str
    err: str


class Host:
    """A folder with notebooks, and the programs that run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        places = {
            name: str(folder.parent / name.lower())
            for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        }
        self.environment = kernels.environment() | places | {"MILO_NB_REGISTRY": str(folder.parent / "registry")}
        self.environment.pop("PYTEST_ADDOPTS", None)

    def run(self, *command: str) -> Ended:
        """Run a program of this environment: a file beside its Python, or ``-m`` and a module."""
        first = [sys.executable] if command[0].startswith("-") or command[0].endswith(".py") else []
        program = [] if first else [str(Path(sys.executable).with_name(command[0]))]
        done = subprocess.run(
            [*first, *(program or command[:1]), *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def write(self, *cells: str, name: str = "notebook.ipynb") -> str:
        """Write a notebook; a cell that is `ROWS`, or sets it otherwise, holds the parameters."""
        made = [
            new_code_cell(cell.strip(), metadata={"tags": ["parameters"]} if cell.startswith("rows = ") else {})
            for cell in cells
        ]
        nbformat.write(new_notebook(cells=made, metadata={"kernelspec": SPEC}), self.folder / name)
        return name

    def script(self, text: str, name: str) -> str:
        """Write a script."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> Any:
        """Return a notebook that a program wrote."""
        return nbformat.read(self.folder / name, as_version=4)

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        return (self.folder / name).stat().st_size

    def save(self, notebook: Any, name: str) -> None:
        """Write a notebook that was read."""
        nbformat.write(notebook, self.folder / name)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    folder = tmp_path / "work"
    folder.mkdir()
    return Host(folder)


def find(notebook: Any, text: str) -> list[Any]:
    """Return the outputs of the cell whose source holds `text`."""
    return next(cell.outputs for cell in notebook.cells if text in cell.source)
