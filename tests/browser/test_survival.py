"""Kernels are killed while pipelines run, in JupyterLab, as it happens to people: what was finished is not lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.test_example import RUN_ALL, RUN_ALL_TIMEOUT_MS

SETUP = "%load_ext milo_nb"
ROWS = """
%%milo rows
import pathlib, time

def note(name):
    with pathlib.Path("ran.txt").open("a") as file:
        file.write(name + " ")

def wait_for(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.02)

@phase
def load():
    note("load")
    print("read 3 rows")
    return [3, 1, 2]
@phase
def clean(load):
    note("clean")
    return sorted(load)
@phase
def train(clean):
    note("train")
    print("training on", len(clean), "rows")
    wait_for("go")
    return sum(clean)
@phase
def write(train):
    note("write")
    return train
"""
REVIEWED = ROWS.replace("@phase\ndef clean", "@phase(review=True)\ndef clean")
SURVIVAL = Path(__file__).parents[2] / "notebooks/03-survive-a-restart.ipynb"
ENDED = """() => {
  const { session } = window.panel.sessionContext;
  window.hasEnded = false;
  session.statusChanged.connect((_, status) => { if (status === "autorestarting") window.hasEnded = true; });
}"""
BACK = """() => window.hasEnded && window.panel.sessionContext.session.kernel?.status === "idle" """
RESTART_TIMEOUT_MS = 60_000


@pytest.fixture
def folder(lab):
    """The folder of the server, without what other tests' kernels left in it."""
    yield lab.root
    for name in ("ran.txt", "go"):
        (lab.root / name).unlink(missing_ok=True)
    shutil.rmtree(lab.root / ".milo/rows", ignore_errors=True)


def only_define(cell):
    return cell.replace("%%milo rows", "%%milo rows --define")


def kill(notebook):
    """Kill the kernel, and wait until JupyterLab has started another one."""
    notebook.page.evaluate(ENDED)
    os.kill(int(notebook.ask("import os; print(os.getpid())")), signal.SIGKILL)
    dialog = notebook.page.locator(".jp-Dialog", has_text="appears to have died")
    dialog.get_by_role("button", name="Ok").click(timeout=RESTART_TIMEOUT_MS)
    notebook.page.wait_for_function(BACK, timeout=RESTART_TIMEOUT_MS)


def expect_saved(notebook, *phases):
    """Wait until results are on disk: what a kernel that is killed leaves behind."""
    notebook.ask(f"import time\nwhile not all(rows[name].known.saved for name in {phases!r}):\n    time.sleep(0.02)")


def test_a_killed_kernel_goes_on_in_the_next_one_and_what_was_saved_does_not_run_again(folder, open_notebook):
    notebook = open_notebook(SETUP, ROWS, "%milo resume rows", "rows.wait().results['write']")
    notebook.run(0, 1)
    notebook.expect_phases(load="completed", clean="completed", train="running")
    expect_saved(notebook, "load", "clean")

    kill(notebook)

    expect(notebook.view).to_have_attribute("data-connection", "gone")
    notebook.edit(1, only_define(ROWS))
    assert "'rows' is defined: 4 phases" in notebook.run(0, 1)
    assert re.search(r"continued \w{8}: runs train, write; 2 kept", notebook.run(2))
    view = notebook.page.locator(".milo-root[data-connection=live]")
    for name, status in {"load": "completed", "clean": "completed", "train": "running", "write": "pending"}.items():
        expect(view.locator(f'[data-view=graph] [data-phase="{name}"]')).to_have_attribute("data-status", status)
    view.locator('[data-view=graph] [data-phase="load"]').click()
    view.evaluate("(view) => view.scrollIntoView()")
    expect(view.locator("[data-pane=logs] .milo-log-row .milo-log-text")).to_have_text(["read 3 rows"])
    (folder / "go").touch()
    expect(view).to_have_attribute("data-status", "completed")
    assert notebook.run(3) == "6"
    assert (folder / "ran.txt").read_text().split() == ["load", "clean", "train", "train", "write"]


def test_another_notebook_attaches_to_a_running_session_and_its_buttons_work(folder, open_notebook):
    owner = open_notebook(SETUP, ROWS)
    owner.run(0, 1)
    owner.expect_phases(train="running")
    other = open_notebook(SETUP, "%milo attach rows")

    said = other.run(0, 1)

    assert re.match(r"rows: running, session \w{8}, process \d+\. `rows` looks at it\.", said)
    other.expect_phases(load="completed", clean="completed", train="running", write="pending")
    other.phase("load").click()
    other.view.evaluate("(view) => view.scrollIntoView()")
    expect(other.log).to_have_text(["read 3 rows"])
    other.button("pause").click()
    expect(owner.view.locator(".milo-header")).to_contain_text("pausing")
    (folder / "go").touch()
    owner.expect_status("paused")
    other.expect_status("paused")
    other.button("resume").click()
    owner.expect_status("completed")
    other.expect_status("completed")
    assert other.ask("print(rows.results['write'])") == "6"


def test_a_review_is_approved_by_the_button(folder, open_notebook):
    (folder / "go").touch()
    notebook = open_notebook(SETUP, REVIEWED, "rows.wait().results['write']")
    notebook.run(0, 1)
    notebook.expect_status("paused")
    notebook.expect_phases(load="completed", clean="completed", train="pending")
    notebook.view.evaluate("(view) => view.scrollIntoView()")
    notebook.start(2)  # the kernel waits for the person
    notebook.view.locator("button[data-command=approve]").first.click()
    notebook.expect_status("completed")
    assert notebook.wait_done(2) == "6"
    assert (folder / "ran.txt").read_text().split() == ["load", "clean", "train", "write"]


def test_a_review_outlives_its_kernel_and_is_approved_in_the_next_one(folder, open_notebook):
    (folder / "go").touch()
    notebook = open_notebook(SETUP, REVIEWED, "%milo approve rows")
    notebook.run(0, 1)
    notebook.expect_status("paused")
    expect_saved(notebook, "load", "clean")

    kill(notebook)

    notebook.edit(1, only_define(REVIEWED))
    notebook.run(0, 1)
    assert notebook.run(2) == "rows: approve runs train, write; 2 kept\n"
    view = notebook.page.locator(".milo-root[data-connection=live]")
    expect(view).to_have_attribute("data-status", "completed")
    assert (folder / "ran.txt").read_text().split() == ["load", "clean", "train", "write"]


def test_the_third_notebook_goes_on_after_its_kernel_and_waits_for_the_person_once(folder, open_notebook):
    shutil.copy(SURVIVAL, folder)
    notebook = open_notebook(name=SURVIVAL.name)
    sources = notebook.sources()

    notebook.page.evaluate(RUN_ALL)
    approve = notebook.page.locator("button[data-command=approve]:not([aria-disabled=true])").first
    approve.click(timeout=RUN_ALL_TIMEOUT_MS)
    notebook.page.wait_for_function("() => window.isAllRun", timeout=RUN_ALL_TIMEOUT_MS)

    said = [notebook.text(i) for i in range(len(sources))]
    assert not any("error" in notebook.shown(i) for i in range(len(sources)))  # views show what failed to a person
    assert [text for source, text in zip(sources, said, strict=True) if source.startswith("census.wait()")] == [
        "'failed'",
        "True",
        "True",
    ]
    assert "twins     cancelled  completed" in said[sources.index("trace()")]
    assert "'parse': 'cache'" in said[next(i for i, source in enumerate(sources) if ".origin" in source)]
