"""What a person does about a pipeline: each button, each with what it says it does."""

from __future__ import annotations

from playwright.sync_api import expect

SETUP = """
%load_ext milo_nb
import threading
broken = True
loaded = []
gate, released, stopped = threading.Event(), threading.Event(), threading.Event()
"""
SITE = """
%%milo site
@phase
def load():
    loaded.append(1)
    return 3
@phase
def parse(load):
    if broken:
        raise ValueError("no title")
    released.set()
    return load * 2
@phase
def write(parse):
    return parse
"""
GATED = """
%%milo site
@phase
def load():
    gate.wait(60)
@phase
def parse(load):
    return 1
"""
ENDLESS = """
%%milo site
@phase
def turn(ctx):
    try:
        while True:
            ctx.check_cancelled()
    finally:
        stopped.set()
@phase
def after(turn):
    return 1
"""


def test_a_failed_phase_opens_itself_at_the_persons_own_line(open_notebook):
    notebook = open_notebook(SETUP, SITE)

    notebook.run(0, 1)
    notebook.expect_status("failed")

    notebook.expect_phases(load="completed", parse="failed", write="pending")
    expect(notebook.pane("error")).to_contain_text("ValueError: no title")
    frames = notebook.pane("error").locator("figure")
    expect(frames).to_have_count(1)
    expect(frames.locator("figcaption")).to_have_text("Cell [2], line 9, in parse")
    expect(frames.locator("[aria-current=true]")).to_contain_text('raise ValueError("no title")')


def test_retry_goes_on_in_the_same_session_and_runs_only_what_is_missing(open_notebook):
    notebook = open_notebook(SETUP, SITE, "broken = False")
    notebook.run(0, 1)
    notebook.expect_status("failed")
    session = notebook.ask("print(site.session_id)")

    notebook.run(2)
    notebook.button("retry", "parse").click()

    notebook.expect_status("completed")
    notebook.expect_phases(load="completed", parse="completed", write="completed")
    assert notebook.ask("print(site.session_id, loaded, site.results['write'])") == f"{session} [1] 6"
    expect(notebook.button("run")).to_be_visible()


def test_retry_failed_in_the_head_does_the_same(open_notebook):
    notebook = open_notebook(SETUP, SITE, "broken = False")
    notebook.run(0, 1)
    notebook.expect_status("failed")
    notebook.run(2)

    notebook.button("retry-failed").click()

    notebook.expect_status("completed")
    notebook.expect_phases(parse="completed", write="completed")
    assert notebook.ask("print(loaded)") == "[1]"


def test_run_again_runs_all_of_it_in_a_new_session(open_notebook):
    notebook = open_notebook(SETUP, GATED, "gate.set()", "gate.clear()")
    notebook.run(0, 1, 2)
    notebook.expect_status("completed")
    notebook.run(3)
    session = notebook.ask("print(site.session_id)")

    notebook.button("run").click()

    notebook.expect_status("running")
    notebook.expect_phases(load="running", parse="pending")
    notebook.run(2)
    notebook.expect_status("completed")
    assert notebook.ask("print(site.session_id)") != session


def test_skip_goes_on_without_the_phase(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_status("failed")

    notebook.button("skip", "parse").click()

    notebook.expect_phases(parse="skipped", write="completed")
    notebook.expect_status("completed")
    assert notebook.ask("print(site.results['write'])") == "None"


def test_pause_starts_nothing_new_and_resume_goes_on(open_notebook):
    notebook = open_notebook(SETUP, GATED, "gate.set()")
    notebook.run(0, 1)
    notebook.expect_phases(load="running")

    notebook.button("pause").click()
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
    notebook.run(2)

    notebook.expect_status("paused")
    notebook.expect_phases(load="completed", parse="pending")
    notebook.button("resume").click()
    notebook.expect_status("completed")


def test_cancel_stops_a_phase_that_looks_for_it(open_notebook):
    notebook = open_notebook(SETUP, ENDLESS)
    notebook.run(0, 1)
    notebook.expect_phases(turn="running")

    notebook.button("cancel").click()

    notebook.expect_status("cancelled")
    notebook.expect_phases(turn="cancelled", after="pending")
    assert notebook.ask("print(stopped.is_set())") == "True"


def test_retry_works_while_another_cell_runs(open_notebook):
    notebook = open_notebook(SETUP, SITE, "broken = False", "released.wait(60)")
    notebook.run(0, 1, 2)
    notebook.expect_status("failed")

    notebook.start(3)  # ends only when the phase that is retried has run
    notebook.button("retry", "parse").click()

    notebook.expect_status("completed")
    assert notebook.wait_done(3) == "True"


def test_cancel_works_while_another_cell_runs(open_notebook):
    notebook = open_notebook(SETUP, ENDLESS, "stopped.wait(60)")
    notebook.run(0, 1)
    notebook.expect_phases(turn="running")

    notebook.start(2)  # ends only when the phase has been cancelled
    notebook.button("cancel").click()

    assert notebook.wait_done(2) == "True"
    notebook.expect_status("cancelled")


def test_shift_enter_on_the_mended_cell_goes_on_in_its_session(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_status("failed")

    notebook.edit(1, SITE.replace("if broken:", "if False:"))
    notebook.page.locator(".jp-Cell").nth(1).locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")

    notebook.expect_status("completed")
    notebook.expect_phases(load="completed", parse="completed", write="completed")
    assert ": 1 kept. Start anew with: %%milo site --fresh" in notebook.text(1)
    assert notebook.ask("print(loaded, site.results['write'])") == "[1] 6"
