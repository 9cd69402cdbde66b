"""Each program that runs notebooks waits for the pipeline, keeps a short summary and the still, and tells of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from nbclient import NotebookClient

from tests.hosts.conftest import COMPLETED, FAILED, LOAD, ROWS, SHOW, SITE, WHY, Ended, Host, find

if TYPE_CHECKING:
    from collections.abc import Callable

SLIDER = "import ipywidgets\nipywidgets.IntSlider()"
AGAIN = "executor = site.pipeline.run({'rows': 2})\nexecutor.wait()\nexecutor"
MAX_BYTES = 12_000


def execute(host: Host, name: str) -> Ended:
    return host.run("jupyter-execute", name, "--output=done.ipynb")


def convert(host: Host, name: str) -> Ended:
    return host.run("-m", "nbconvert", "--execute", "--to=notebook", "--output=done.ipynb", name)


def papermill(host: Host, name: str) -> Ended:
    return host.run("-m", "papermill", name, "done.ipynb")


programs = pytest.mark.parametrize("run", [execute, convert, papermill])


def check_site(outputs: list[Any], summary: str = COMPLETED) -> None:
    said, still = outputs[:2]
    assert said.text == f"{summary}\n"
    assert set(still.data) == {"text/plain", "text/html"}
    assert still.data["text/plain"] == summary
    assert still.data["text/html"].startswith('<div class="milo-still"')


@programs
def test_it_waits_for_the_end_and_keeps_the_file_small(host: Host, run: Callable[[Host, str], Ended]) -> None:
    ended = run(host, host.write(LOAD, ROWS, SITE, SHOW, "site"))
    assert ended.status == 0, ended.err
    done = host.read("done.ipynb")
    check_site(find(done, "%%milo"))
    assert find(done, "site.results")[0].text == "{'load': [0, 1, 2], 'total': 3}\n"
    assert done.cells[-1].outputs[0].data == {"text/plain": "<pipeline site>"}  # one still is enough
    assert "widgets" not in done.metadata
    assert host.size("done.ipynb") < MAX_BYTES


@programs
def test_a_pipeline_that_fails_fails_the_program(host: Host, run: Callable[[Host, str], Ended]) -> None:
    ended = run(host, host.write(LOAD, "rows = 0", SITE, SHOW))
    assert ended.status == 1
    assert WHY in ended.err
    assert "milo_nb/" not in ended.err  # no traceback of ours


def test_papermill_keeps_how_a_failed_pipeline_ended(host: Host) -> None:
    papermill(host, host.write(LOAD, "rows = 0", SITE, SHOW))
    outputs = find(host.read("done.ipynb"), "%%milo")
    check_site(outputs, FAILED)
    assert "no rows" in outputs[1].data["text/html"]
    assert outputs[2].evalue == WHY.partition(": ")[2]


def test_papermill_parameters_reach_the_pipeline(host: Host) -> None:
    ended = host.run("-m", "papermill", host.write(LOAD, ROWS, SITE, SHOW), "done.ipynb", "-p", "rows", "5")
    assert ended.status == 0, ended.err
    assert find(host.read("done.ipynb"), "site.results")[0].text == "{'load': [0, 1, 2, 3, 4], 'total': 10}\n"


@programs
def test_the_script_of_the_view_is_not_saved_with_the_state_of_other_widgets(
    host: Host, run: Callable[[Host, str], Ended]
) -> None:
    ended = run(
        host, host.write(LOAD, ROWS, SLIDER, SITE, "site", "executor = site.pipeline.run({'rows': 2})\nexecutor")
    )
    assert ended.status == 0, ended.err
    text = (host.folder / "done.ipynb").read_text("utf-8")
    assert "IntSliderModel" in text  # the program does save the state of widgets
    assert "_esm" not in text
    assert host.size("done.ipynb") < 2 * MAX_BYTES


def test_nbclient_waits_for_the_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)
    notebook = host.read(host.write(LOAD, ROWS, SITE, SHOW, AGAIN))
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(host.folder)}}).execute()
    check_site(find(notebook, "%%milo"))
    (shown,) = notebook.cells[-1].outputs
    assert shown.data["text/plain"] == "<pipeline site>"
    assert shown.data["text/html"] == find(notebook, "%%milo")[1].data["text/html"]
    assert find(notebook, "site.results")[0].text == "{'load': [0, 1, 2], 'total': 3}\n"


def test_nbval_compares_what_the_cells_show(host: Host) -> None:
    assert execute(host, host.write(LOAD, ROWS, SITE, SHOW, "site")).status == 0
    command = ("-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "done.ipynb")
    ended = host.run(*command)
    assert ended.status == 0, ended.out
    file = host.folder / "done.ipynb"
    whole = file.read_text("utf-8")
    was = 'data-status=\\"completed\\">'
    assert was in whole
    file.write_text(whole.replace(was, 'data-status=\\"failed\\">'), "utf-8")
    ended = host.run(*command)
    assert ended.status == 1, ended.out
    assert "1 failed, 4 passed" in ended.out


def test_nbconvert_shows_the_still_where_the_view_was(host: Host) -> None:
    execute(host, host.write(LOAD, ROWS, SITE))
    done = host.read("done.ipynb")
    view = {"text/plain": "<pipeline site>", "application/vnd.jupyter.widget-view+json": {"model_id": "gone"}}
    outputs = find(done, "%%milo")
    outputs[0] = type(outputs[1])(
        {"output_type": "display_data", "data": view, "metadata": {}}
    )  # as JupyterLab saves it
    host.save(done, "saved.ipynb")
    ended = host.run("-m", "nbconvert", "--to=html", "saved.ipynb")
    assert ended.status == 0, ended.err
    page = (host.folder / "saved.html").read_text("utf-8")
    assert page.count('class="milo-still"') == 1
    assert page.count('role="img"') == 1
