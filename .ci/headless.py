"""Run a notebook without a browser and print what its cells print: `python .ci/headless.py NOTEBOOK`.

The executed copy goes to a temporary folder; the notebook itself stays as it is. The
exit status is 1 if a cell failed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

TIMEOUT_S = 600


def print_outputs(cell: Any, **_: Any) -> None:
    """Print what a cell that has just run printed, and results that are text only."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            sys.stdout.write(output.text)
        elif output.output_type in {"execute_result", "display_data"} and set(output.data) == {"text/plain"}:
            sys.stdout.write(output.data["text/plain"].rstrip("\n") + "\n")
    sys.stdout.flush()


def main(path: Path) -> int:
    """Run the notebook at `path` in its own folder."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=print_outputs,
        extra_arguments=["--log-level=ERROR"],  # the kernel's own remarks are not what was asked for
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        executed = Path(tempfile.mkdtemp(prefix="milo-nb-demo-")) / path.name
        nbformat.write(notebook, executed)
        print(f"executed copy: {executed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve()))
