"""The magics in a real kernel: cells as people and programs run them, and what JupyterLab asks for completion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

import milo_nb
from tests import kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TIMEOUT_S = 60
SHOP = """%%milo shop --parallel -p rate=1 -p limit=2
@phase
def load(): return [3, 1]
@phase
def clean(load, rate): return sorted(load)
@phase
def train(clean, limit): return sum(clean)
"""
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


class Kernel:
    """A kernel and the person at it."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager, self.client = manager, client

    def run(self, cell: str, *, status: str = "ok") -> str:
        """Run a cell; return what it showed as text."""
        out: list[str] = []

        def note(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                out.append(content["text"])
            elif message["msg_type"] == "error":
                out.append("\n".join(content["traceback"]))
            elif message["msg_type"] == "execute_result":
                out.append(content["data"]["text/plain"])

        reply = self.client.execute_interactive(cell, output_hook=note, timeout=TIMEOUT_S)
        text = re.sub(r"\x1b\[[0-9;]*m", "", "".join(out)).strip()
        assert reply["content"]["status"] == status, text
        for page in reply["content"].get("payload", ()):
            text += page["data"]["text/plain"]
        return text

    def complete(self, text: str) -> tuple[str, list[str]]:
        """Return what a front end would replace at the bar in `text`, and what it is offered."""
        code, at = text.replace("|", ""), text.index("|")
        reply = self.client.complete(code, at, reply=True, timeout=TIMEOUT_S)["content"]
        return code[reply["cursor_start"] : reply["cursor_end"]], reply["matches"]


@pytest.fixture(scope="module", params=(kernels.OWN, kernels.OLDEST))
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("kernel")
    manager, client = start_new_kernel(
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        env=kernels.environment(request.param) | {"IPYTHONDIR": str(folder)},
        cwd=str(folder),
    )
    try:
        made = Kernel(manager, client)
        made.run("%load_ext milo_nb\nimport milo_nb.show.notebook.widget as w; w.read_bundle = lambda name: '/* */'")
        made.run(SHOP)
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("text", "replaced", "offered"),
    [
        ("%milo re|", "re", ["retry", "rerun", "resume", "results", "report"]),
        ("%milo retry shop tr|", "tr", ["train"]),
        ("%milo retry shop |", "", ["load", "clean", "train"]),
        ("%milo retry shop load --d|", "--d", ["--dry-run"]),
        ("%milo run shop -p r|", "r", ["rate="]),
        ("%%milo shop --par|", "--par", ["--parallel", "--param"]),
        ("%%milo shop --par|\n@phase\ndef load(): ...", "--par", ["--parallel", "--param"]),
        ("%%milo shop.report --after cl|", "cl", ["clean"]),
        ("%%milo shop.report --after cl|\n1", "cl", ["clean"]),
        ("%%milo shop.cl|", "shop.cl", ["shop.clean"]),
        ("x = 1\n    %milo status sh|", "sh", ["shop"]),
    ],
)
def test_a_front_end_is_offered_this_and_nothing_else(
    kernel: Kernel, text: str, replaced: str, offered: list[str]
) -> None:
    assert kernel.complete(text) == (replaced, offered)


def test_a_body_is_completed_as_python(kernel: Kernel) -> None:
    kernel.run("in_the_notebook = 1")
    replaced, offered = kernel.complete("%%milo shop\n@phase\ndef load():\n    return in_the_n|")
    assert (replaced, offered) == ("in_the_n", ["in_the_notebook"])


def test_help_is_shown_where_people_ask_for_it(kernel: Kernel) -> None:
    for asked in ("%%milo?", "%milo?"):
        assert "%milo retry NAME [PHASE...]" in kernel.run(asked)
    assert kernel.run("%milo help retry").startswith("usage: %milo retry NAME [PHASE...] [options]")


def test_what_waits_and_plans_return_reads_the_same_each_time(kernel: Kernel) -> None:
    assert kernel.run("shop.wait()") == "shop: completed (3 completed)"
    assert kernel.run("shop.plan('rerun', 'clean')").splitlines()[:4] == [
        "rerun clean: 1 kept, 2 to run",
        "  keep     load   completed",
        "  run      clean  was completed",
        "  run      train  clean runs again",
    ]
    assert kernel.run("[shop.wait()]") == "[shop: completed (3 completed)]"


def test_run_takes_parameters(kernel: Kernel) -> None:
    out = kernel.run("limit = 5\n%milo run shop --wait -p rate=[1, {'a': 2}] -p limit")
    assert out == "shop: completed (3 completed)"
    assert kernel.run("shop.session.params") == "{'rate': [1, {'a': 2}], 'limit': 5}"


def test_an_error_points_at_the_line_of_the_cell(kernel: Kernel) -> None:
    wrong = kernel.run("%%milo other\n\n@phase\ndef load() return 3", status="error")
    assert re.match(r"Cell In\[\d+\], line 4\n    def load\(\) return 3\n {15}\^\nSyntaxError: expected ':'", wrong)
    raised = kernel.run("%%milo other\nimport asyncio\nawait asyncio.sleep(0)\n1 / 0", status="error")
    assert re.search(r"Cell In\[\d+\], line 4\n.*----> 4 1 / 0\n", raised, re.DOTALL)
    assert kernel.run("%%milo other --wat\n1", status="error").startswith("UsageError: There is no option --wat.")
    assert kernel.run("'other' in globals()") == "False"


def test_phases_may_hold_magics_and_shell_commands(kernel: Kernel) -> None:
    out = kernel.run(
        "%%milo other --wait\n!echo in the body\n@phase\ndef load():\n    who = 'you'\n    !echo hello {who}\n"
        "    lines = !echo lines\n    %time 3\n    return list(lines)"
    )
    assert out.split("\n")[0].strip() == "in the body"
    assert out.endswith("other: completed (1 completed)")
    assert kernel.run("other['load'].result, other['load'].logs()[0].line") == "(['lines'], 'hello you')"
    assert kernel.run("%%milo third.load\nfound = !echo found\n!echo shown") == (
        "'third.load' is defined. Start it with: %milo run third"
    )
    assert kernel.run("%milo run third --wait") == "third: completed (1 completed)"
    assert kernel.run("list(third['load'].result.found), third['load'].logs()[0].line") == "(['found'], 'shown')"


def test_interrupting_a_body_that_awaits_ends_it(kernel: Kernel) -> None:
    code = "%%milo other\nimport asyncio\nprint('begun')\ntry:\n    await asyncio.sleep(60)\nfinally:\n    ended = True"
    id_ = kernel.client.execute(code, stop_on_error=False)
    while True:
        message = kernel.client.get_iopub_msg(timeout=TIMEOUT_S)
        if message["msg_type"] == "stream" and message["content"]["text"].startswith("begun"):
            break
    kernel.manager.interrupt_kernel()
    while True:
        reply = kernel.client.get_shell_msg(timeout=TIMEOUT_S)
        if reply["parent_header"]["msg_id"] == id_:
            break
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.run("ended") == "True"
