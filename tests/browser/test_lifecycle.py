"""Pages, views and kernels come and go; the view tells the truth all the while."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.lanes import Lanes

SETUP = """
%load_ext milo_nb
import threading
broken = True
gate = threading.Event()
"""
OUTPUTS = "(i) => window.panel.content.widgets[i].model.outputs.toJSON()"
SITE = """
%%milo site
@phase
def load():
    print("loading")
    gate.wait(60)
@phase
def parse(load):
    if broken:
        raise ValueError("no title")
"""

MANY = """
%%milo many
from milo_nb import Phase
def work(ctx):
    gate.wait(60)
    for n in range(200):
        print(ctx.name, "line", n)
        if n % 10 == 0:
            ctx.progress(n / 200)
            ctx.sleep(0.02)
phases = [phase(name=f"p{n}", after=[f"p{n - 1}"] if n else [])(work) for n in range(6)]
"""

FLOOD = """
%%milo flood
@phase
def shout(ctx):
    n = 0
    while n < 100_000 or not gate.is_set():
        print("line", n)
        n += 1
        if n % 1_000 == 0:
            ctx.sleep(0.01)
    return n
"""
TWENTY = """
from milo_nb import Phase, Pipeline
def work(ctx):
    n = 0
    while not gate.is_set():
        print("line", n)
        ctx.progress(n % 100 / 100)
        ctx.sleep(0.1)
        n += 1
for n in range(20):
    display(Pipeline(f"p{n}", Phase("work", work), Phase("after", lambda work: 1)).run())
"""


def test_a_reload_brings_the_view_back_as_it_was_and_its_buttons_work(open_notebook):
    notebook = open_notebook(SETUP, SITE, "gate.set()", "broken = False")
    notebook.run(0, 1)
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])

    notebook.reload()

    assert "_esm" not in (notebook.lab.root / notebook.name).read_text(encoding="utf-8")  # the view's code is not saved
    notebook.expect_phases(load="running", parse="pending")
    expect(notebook.log).to_have_text(["loading"])
    notebook.run(2)
    notebook.expect_phases(parse="failed")
    notebook.reload()
    notebook.expect_status("failed")
    notebook.phase("parse").click()
    expect(notebook.pane("error")).to_contain_text("no title")
    notebook.run(3)
    notebook.button("retry", "parse").click()
    notebook.expect_status("completed")


def test_a_kernel_that_restarts_is_shown_as_gone(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")

    notebook.page.evaluate("window.panel.sessionContext.session.kernel.restart()")

    expect(notebook.view).to_have_attribute("data-connection", "gone")
    expect(notebook.view.get_by_role("alert")).to_contain_text("The kernel is gone.")
    expect(notebook.button("cancel")).to_have_attribute("aria-disabled", "true")
    shown = notebook.view.locator(".milo-header").inner_text()
    notebook.button("cancel").click(force=True)  # says why, sends nothing
    expect(notebook.view.get_by_role("alert").last).to_have_text("The kernel is gone.")
    assert shown.splitlines()[2] in notebook.view.locator(".milo-header").inner_text()  # no clock runs on

    notebook.run(0, 1)
    expect(notebook.view).to_have_attribute("data-connection", "live")
    notebook.expect_phases(load="running")


def test_a_second_view_of_the_output_is_in_step_with_the_first_and_looks_where_it_likes(open_notebook):
    notebook = open_notebook(SETUP, SITE, "gate.set()", "broken = False")
    notebook.run(0, 1)
    notebook.page.evaluate("window.panel.content.activeCellIndex = 1")
    notebook.command("notebook:create-output-view")

    views = notebook.page.locator(".milo-root")
    expect(views).to_have_count(2)
    for view in views.all():
        expect(view.locator('[data-phase="load"]')).to_have_attribute("data-status", "running")
    views.nth(1).locator('[data-phase="load"]').click()
    expect(views.nth(1).locator('.milo-inspector[aria-label="Phase load"]')).to_be_visible()
    expect(views.nth(0).locator(".milo-inspector")).to_have_count(0)
    notebook.ask("gate.set()")
    for view in views.all():
        expect(view).to_have_attribute("data-status", "failed")
    notebook.ask("broken = False")
    views.nth(1).locator("[data-command=retry-failed]").click()
    for view in views.all():
        expect(view).to_have_attribute("data-status", "completed")


def test_a_notebook_that_is_closed_and_opened_again_shows_its_view_and_its_buttons_work(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")

    notebook.reopen()

    notebook.expect_phases(load="running", parse="pending")
    notebook.button("pause").click()
    notebook.expect_word("pausing")  # the command goes another way than the code that is asked for
    notebook.ask("gate.set()")
    notebook.expect_status("paused")
    notebook.button("resume").click()
    notebook.expect_phases(load="completed", parse="failed")


def test_two_tabs_on_one_notebook_are_in_step_and_both_give_commands(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.command("docmanager:save")

    other = open_notebook(name=notebook.name)
    other.expect_phases(load="running", parse="pending")
    notebook.button("pause").click()
    notebook.expect_word("pausing")  # the command goes another way than the code that is asked for
    notebook.ask("gate.set()")
    other.expect_status("paused")
    other.button("resume").click()
    for tab in (notebook, other):
        tab.expect_phases(load="completed", parse="failed")
    notebook.ask("broken = False")
    other.phase("parse").click()
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase parse"]')).to_be_visible()
    notebook.button("retry", "parse").click()
    for tab in (notebook, other):
        tab.expect_status("completed")


def test_a_pipeline_whose_output_is_cleared_goes_on_and_can_be_shown_again(open_notebook):
    notebook = open_notebook(SETUP, SITE, "site")
    notebook.run(0, 1)
    notebook.expect_phases(load="running")

    notebook.command("notebook:clear-all-cell-outputs")
    expect(notebook.view).to_have_count(0)
    notebook.ask("broken = False; gate.set(); site.wait(60)")
    notebook.run(2)

    notebook.expect_status("completed")
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])


def test_a_cell_that_is_run_again_shows_one_view_which_is_the_new_one(open_notebook):
    notebook = open_notebook(SETUP, SITE)
    notebook.run(0)
    notebook.ask("broken = False; gate.set()")
    for _ in range(3):
        notebook.run(1)
        notebook.expect_status("completed")
    notebook.ask("gate.clear()")

    notebook.run(1)

    notebook.expect_phases(load="running", parse="pending")
    expect(notebook.page.locator(".milo-root")).to_have_count(1)
    notebook.button("cancel").click()
    expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("cancelling")
    notebook.ask("gate.set()")
    notebook.expect_status("cancelled")


def test_interrupting_the_kernel_ends_the_cell_and_not_the_pipeline(open_notebook):
    notebook = open_notebook(SETUP, SITE, "print('waiting', flush=True); gate.wait(60)")
    notebook.run(0, 1)
    notebook.expect_phases(load="running")
    notebook.start(2)
    notebook.page.wait_for_function(f"() => ({OUTPUTS})(2).length > 0")

    notebook.page.evaluate("window.panel.sessionContext.session.kernel.interrupt()")

    notebook.page.wait_for_function("() => window.cellsDone[2]")
    assert "KeyboardInterrupt" in notebook.text(2)
    notebook.expect_phases(load="running", parse="pending")
    notebook.ask("broken = False; gate.set()")
    notebook.expect_status("completed")


def test_lost_doubled_and_reordered_messages_change_nothing_of_what_is_shown_in_the_end(open_notebook):
    notebook = open_notebook(SETUP, MANY)
    notebook.run(0, 1)
    notebook.expect_phases(p0="running")
    lanes = Lanes(notebook)
    notebook.phase("p3").click()

    lanes.disturb()
    notebook.ask("gate.set()")

    notebook.expect_status("completed")
    notebook.expect_phases(**{f"p{n}": "completed" for n in range(6)})
    expect(notebook.log.last).to_have_text("p3 line 199")
    numbers = notebook.view.locator(".milo-log-row").evaluate_all(
        "(rows) => rows.map((row) => Number(row.dataset.line))"
    )
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert min(lanes.disturbed().values()) > 0


def test_buttons_work_in_a_flood_of_lines_and_none_is_lost(open_notebook):
    notebook = open_notebook(SETUP, FLOOD)
    notebook.run(0, 1)
    notebook.phase("shout").click()
    expect(notebook.log.last).to_contain_text("line")

    for _ in range(3):
        notebook.button("pause").click()
        expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("pausing")
        notebook.button("resume").click()
        expect(notebook.view.locator(".milo-header .milo-word")).to_have_text("running")
    notebook.ask("gate.set()")

    notebook.expect_status("completed")
    count = int(notebook.ask("print(flood['shout'].result)"))
    assert count >= 100_000
    expect(notebook.pane("logs")).to_contain_text(f"{count:,} lines")
    expect(notebook.log.last).to_have_text(f"line {count - 1}")
    notebook.pane("logs").get_by_label("Log", exact=True).evaluate("(lines) => lines.scrollTo(0, 0)")
    expect(notebook.log.first).to_have_text(re.compile(r"^line \d+$"))  # asked of the kernel
    notebook.command("docmanager:save")
    assert (notebook.lab.root / notebook.name).stat().st_size < 20_000


def test_twenty_pipelines_at_once_are_all_live_and_each_answers_its_own_buttons(open_notebook):
    notebook = open_notebook(SETUP, TWENTY)
    notebook.run(0, 1)
    views = notebook.page.locator(".milo-root")
    expect(views).to_have_count(20)
    for view in views.all():
        expect(view).to_have_attribute("data-status", "running")

    for chosen in (0, 19):
        views.nth(chosen).locator(".milo-header [data-command=pause]").click()
        expect(views.nth(chosen).locator(".milo-header .milo-word")).to_have_text("pausing")
    assert notebook.ask("print([t.name for t in threading.enumerate()].count('milo-publisher'))") == "1"
    notebook.ask("gate.set()")

    for n, view in enumerate(views.all()):
        expect(view).to_have_attribute("data-status", "paused" if n in (0, 19) else "completed")
    for chosen in (0, 19):
        views.nth(chosen).locator(".milo-header [data-command=resume]").click()
        expect(views.nth(chosen)).to_have_attribute("data-status", "completed")
