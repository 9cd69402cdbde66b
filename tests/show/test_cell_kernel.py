"""Phase cells in a real kernel, run by a program as people run them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import milo_nb

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CELLS = (
    "%load_ext milo_nb\nlimit = 3",
    (
        "%%milo site.parse --after load\nimport asyncio\nawait asyncio.sleep(0)\ndef double(x):\n    return x * factor\n"
        "factor = 2\ntotal = sum(map(double, rows))\ntotal + 1"
    ),
    "%%milo site.load\nrows = list(range(limit))\n!echo in a shell\nprint('in the phase')",
    "%milo run site",
    (
        "print(site['parse'].result, site['parse'].result.total, site['parse'].result._)\n"
        "print([log.line.strip() for log in site['load'].logs()])"
    ),
    "%%milo site.parse --after load\n\n\nrows[9]",
)


def test_phase_cells_run_in_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(Path(milo_nb.__file__).parents[1]))
    frames = (
        "from milo_nb.show.notebook.detail import to_detail\n"
        "for f in to_detail(site.session, 1)['error']['frames']: print(f['file'], f['line'], f['code'][-1])"
    )
    cells = [*CELLS, "%milo run site", frames]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    said = ["".join(o.get("text", o.get("evalue", "")) for o in c.outputs) for c in notebook.cells]
    assert said == [
        "",
        "'site.parse' is defined; not defined yet: load.\n",
        "'site.load' is defined. Start it with: %milo run site\n",
        "site: completed (2 completed)\n",
        "<Exports double: function, factor: int, total: int, _: int> 6 7\n['in a shell', 'in the phase']\n",
        "'site.parse' is edited. Run it again with: %milo rerun site parse\n",
        (
            "site: failed (1 completed, 1 failed)\n  [FAIL] parse: IndexError: list index out of range\n"
            "Pipeline 'site' failed in 'parse'."
        ),
        "Cell [6] 4 [4, 'rows[9]']\n",
    ]
