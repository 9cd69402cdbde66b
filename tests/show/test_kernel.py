"""A real kernel, as JupyterLab and as programs that run notebooks use it."""

from __future__ import annotations

import re
import textwrap
import uuid
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests import kernels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TIMEOUT_S = 60
SITE = """
%%milo site
@phase
def load():
    print("loading")
    return 3
@phase
def parse(load):
    return load * 2
"""
GATED = """
%%milo site
@phase
def load():
    gate.wait(60)
@phase
def parse(load):
    if broken:
        raise ValueError("no title")
    return 1
"""


def is_still(content: dict[str, Any]) -> bool:
    return 'class="milo-still"' in content.get("data", {}).get("text/html", "")


class Kernel:
    """Runs cells in a kernel and notes all that it publishes; speaks for a browser."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager, self.client = manager, client
        self.published: list[dict[str, Any]] = []

    def run(self, cell: str, *, person: bool = False, status: str = "ok") -> str:
        """Run a cell; return what it printed and displayed."""
        out: list[str] = []

        def note(message: dict[str, Any]) -> None:
            self.published.append(message)
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    out.append(content["text"])
                case "error":
                    out.extend(content["traceback"])
                case "display_data" | "execute_result":
                    if not is_still(content):
                        out.append(content["data"]["text/plain"])

        reply = self.client.execute_interactive(
            textwrap.dedent(cell).strip(), allow_stdin=person, output_hook=note, timeout=TIMEOUT_S
        )
        text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out)).strip()
        assert reply["content"]["status"] == status, text
        return text

    def stills(self) -> list[dict[str, Any]]:
        return [m for m in self.published if is_still(m["content"])]

    def comm_id(self) -> str:
        opened = [m["content"] for m in self.published if m["msg_type"] == "comm_open"]
        return next(c["comm_id"] for c in opened if "_esm" in c["data"]["state"])

    def say(self, content: dict[str, Any], *, control: bool = False) -> None:
        data = {"comm_id": self.comm_id(), "data": {"method": "custom", "content": content}}
        message = self.client.session.msg("comm_msg", data)
        (self.client.control_channel if control else self.client.shell_channel).send(message)

    def hear(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message to the browser."""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            self.published.append(message)
            content = message["content"].get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
            if content.get("type") == kind and fields.items() <= content.items():
                return content

    def command(self, word: str, *phases: str, control: bool = False) -> str:
        id_ = str(uuid.uuid4())
        self.say({"type": "command", "id": id_, "command": word, "phases": phases, "options": {}}, control=control)
        return id_


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", kernels.environment()["PYTHONPATH"])
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=[kernels.OWN, kernels.OLDEST])
def kernel(surroundings: None, request: pytest.FixtureRequest) -> Iterator[Kernel]:
    environment = kernels.environment(request.param)
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--log-level=ERROR"], env=environment)
    made = Kernel(manager, client)
    try:
        made.run("%load_ext milo_nb")
        made.run("import milo_nb.show.notebook.widget as w; w.read_bundle = lambda name: '/* */'")
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_cell_waits_where_nobody_looks_and_makes_no_widget(kernel: Kernel) -> None:
    assert kernel.run(SITE) == "site: completed (2 completed)"
    assert not [m for m in kernel.published if m["msg_type"].startswith("comm")]
    (still,) = kernel.stills()
    assert still["content"]["data"]["text/plain"] == "site: completed (2 completed)"
    assert kernel.run("site") == "<pipeline site>"
    assert kernel.stills() == [still]
    assert kernel.run("print(site.results)") == "{'load': 3, 'parse': 6}"


def test_a_cell_returns_at_once_where_a_person_is_and_shows_a_view(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); broken = False")
    assert kernel.run(GATED, person=True).startswith("<pipeline site>: no live view is shown here.")
    assert kernel.run("print(site.state.value)", person=True) == "executing"
    view, still = [m["content"]["data"] for m in kernel.published if m["msg_type"] == "display_data"]
    assert still["text/plain"] == "site: running (1 running, 1 pending)"
    assert view["application/vnd.jupyter.widget-view+json"]["model_id"] == kernel.comm_id()
    kernel.run("gate.set(); site.wait(60)", person=True)


def test_a_view_is_told_all_and_its_buttons_work(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); broken = True")
    kernel.run(GATED, person=True)
    kernel.say({"type": "hello", "view": "a"})
    snapshot = kernel.hear("snapshot")["state"]
    assert [p["status"] for p in snapshot["phases"]] == ["running", "pending"]
    kernel.say({"type": "ack", "seq": 1})
    kernel.run("gate.set(); site.wait(60)", person=True)
    kernel.say({"type": "detail", "id": "d", "phase": 1})
    error = kernel.hear("detail", id="d")["error"]
    assert error["frames"][-1]["file"].startswith("Cell [")
    assert error["frames"][-1]["line"] == 8
    kernel.run("broken = False", person=True)
    id_ = kernel.command("retry", "parse")
    assert kernel.hear("reply", id=id_)["ok"]
    assert kernel.run("print(site.wait(60).status)", person=True) == "completed"


def test_buttons_work_by_the_control_channel_while_a_cell_runs(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); done = threading.Event(); broken = False")
    kernel.run(GATED, person=True)
    kernel.client.execute("print(done.wait(60))")
    kernel.say({"type": "hello", "view": "a"}, control=True)
    kernel.hear("snapshot")
    id_ = kernel.command("pause", control=True)
    assert kernel.hear("reply", id=id_)["ok"]
    again = {"type": "command", "id": id_, "command": "pause", "phases": [], "options": {}}
    kernel.say(again, control=True)
    assert kernel.hear("reply", id=id_)["ok"]
    kernel.command("cancel", control=True)
    kernel.manager.interrupt_kernel()


def test_a_malformed_message_by_any_lane_harms_nobody(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); broken = False")
    kernel.run(GATED, person=True)
    for control in (False, True):
        for content in (None, 3, {"type": "shutdown"}, {"type": "logs", "id": "x"}):
            kernel.say(content, control=control)  # type: ignore[arg-type]
    kernel.say({"type": "hello", "view": "a"})
    kernel.hear("snapshot")
    kernel.run("gate.set(); site.wait(60)", person=True)


def test_nbclient_waits_for_the_end_and_keeps_the_notebook_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cells = ["%load_ext milo_nb", SITE.strip(), "site"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert notebook.cells[1].outputs[0].text == "site: completed (2 completed)\n"
    assert notebook.cells[2].outputs[0].data == {"text/plain": "<pipeline site>"}
    assert len(nbformat.writes(notebook)) < 8_000


# ---------------------------------------------------------------------- the still


def until_still(kernel: Kernel, line: str) -> dict[str, Any]:
    """Wait until a still says this."""
    while True:
        message = kernel.client.get_iopub_msg(timeout=TIMEOUT_S)
        kernel.published.append(message)
        if is_still(message["content"]) and message["content"]["data"]["text/plain"].partition("\n")[0] == line:
            return message


@pytest.mark.parametrize("kernel", kernels.ALL, indirect=True)
def test_the_still_is_kept_up_to_date_in_its_cell_when_that_is_long_over(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); broken = True")
    kernel.run(GATED, person=True)
    (shown,) = kernel.stills()
    kernel.run("print('another cell')", person=True)
    kernel.client.execute("gate.set(); gate.wait(0.2)")
    ended = until_still(kernel, "site: failed (1 completed, 1 failed)")
    assert ended["msg_type"] == "update_display_data"
    assert ended["parent_header"]["msg_id"] == shown["parent_header"]["msg_id"]
    assert ended["content"]["transient"] == shown["content"]["transient"]
    assert "no title" in ended["content"]["data"]["text/html"]


@pytest.mark.parametrize("kernel", kernels.ALL, indirect=True)
def test_no_still_is_shown_by_a_phase_nor_for_one_that_was_replaced(kernel: Kernel) -> None:
    kernel.run("import threading; gate = threading.Event(); broken = False")
    kernel.run(GATED, person=True)
    (first,) = kernel.stills()
    kernel.run(
        "from IPython.display import display\nfrom milo_nb import Phase, Pipeline\n"
        "outer = Pipeline('outer', Phase('show', lambda: display(site))).run()\nouter.wait(60).success",
        person=True,
    )
    assert kernel.stills() == [first]
    kernel.run("gate.set(); site.wait(60); gate.clear()", person=True)
    kernel.run(GATED, person=True)
    second = kernel.stills()[-1]
    assert second["content"]["transient"] != first["content"]["transient"]
    kernel.client.execute("gate.set()")
    ended = until_still(kernel, "site: completed (2 completed)")
    assert ended["content"]["transient"] == second["content"]["transient"]
