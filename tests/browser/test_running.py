"""A cell starts a pipeline and returns; the view below it is alive, and the notebook stays the person's own."""

from __future__ import annotations

from playwright.sync_api import expect

SETUP = """
%load_ext milo_nb
import logging, subprocess, sys, threading, warnings
gates = {name: threading.Event() for name in ("load", "clean", "report")}
"""
SHOP = """
%%milo shop
@phase
def load():
    print("reading")
    gates["load"].wait(60)
    print("read")
    return {"rows": 3}
@phase
def clean(load):
    gates["clean"].wait(60)
    return load
@phase
def report(clean):
    gates["report"].wait(60)
"""
LOUD = """
%%milo loud
@phase
def talk():
    print("printed")
    print("complained", file=sys.stderr)
    logging.getLogger("shop").warning("logged")
    warnings.warn("warned")
    child = threading.Thread(target=print, args=("from a thread",))
    child.start()
    child.join()
    subprocess.run([sys.executable, "-c", "print('from a program')"])
"""
HOSTILE = """
<img src=x onerror="window.isHacked=1"><script>window.isHacked=1</script>
""".strip()
HOSTILE_PHASE = f"""
%load_ext milo_nb
from milo_nb import Phase, Pipeline
EVIL = '{HOSTILE}'
def talk():
    print(EVIL)
    print("\\x1b[31mred\\x1b[0m \\x1b[1mbold\\x1b[0m")
    raise ValueError(EVIL)
Pipeline("hostile", Phase(EVIL, talk, description=EVIL)).run()
"""
MANY = """
%load_ext milo_nb
from milo_nb import Phase, Pipeline
names = [f"step-{i}" for i in range(200)]
after = [[f"step-{j}" for j in {i - 9, i - 11} if 0 <= j] for i in range(200)]
wide = Pipeline("wide", *[Phase(n, lambda: None, depends_on=a) for n, a in zip(names, after)], parallel=True)
wide.run()
"""


def test_a_cell_returns_at_once_and_its_graph_follows_the_run(open_notebook):
    notebook = open_notebook(SETUP, SHOP, 'gates["load"].set()', 'gates["clean"].set()', 'gates["report"].set()')

    notebook.run(0, 1)  # done, while the first phase waits for a later cell

    assert notebook.shown(1) == ["view", "still"]
    notebook.expect_status("running")
    notebook.expect_phases(load="running", clean="pending", report="pending")
    expect(notebook.view).to_have_attribute("data-pipeline", "shop")
    expect(notebook.view).to_have_attribute("data-connection", "live")

    notebook.run(2)
    notebook.expect_phases(load="completed", clean="running", report="pending")
    notebook.run(3)
    notebook.expect_phases(clean="completed", report="running")
    notebook.run(4)
    notebook.expect_status("completed")
    expect(notebook.view.get_by_text("3 completed")).to_be_visible()
    assert [notebook.text(index) for index in range(5)] == [""] * 5


def test_a_click_on_a_phase_shows_its_log_live_and_its_result(open_notebook):
    notebook = open_notebook(SETUP, SHOP, 'gates["load"].set(); gates["clean"].set(); gates["report"].set()')
    notebook.run(0, 1)

    notebook.phase("load").click()

    expect(notebook.log).to_have_text(["reading"])
    assert notebook.parts_of_inspector() == ["head", "tabs", "logs"]
    notebook.run(2)
    expect(notebook.log).to_have_text(["reading", "read"])
    notebook.view.locator("[data-tab=result]").click()
    expect(notebook.pane("result")).to_contain_text("'rows'int3")
    notebook.expect_status("completed")
    notebook.phase("report").click()
    assert notebook.parts_of_inspector() == ["head", "tabs", "result"]
    notebook.view.locator("[data-tab=list]").click()
    expect(notebook.view.locator('[data-view=list] [data-phase="report"]')).to_have_attribute(
        "data-status", "completed"
    )
    notebook.view.locator("[data-tab=timeline]").click()
    expect(notebook.view.locator('[data-view=timeline] [data-phase="clean"]').first).to_be_visible()


def test_nothing_that_a_phase_says_lands_in_a_cell(open_notebook):
    notebook = open_notebook(SETUP, LOUD, "loud.wait().success", "print('mine')")

    notebook.run(0, 1)
    said = notebook.run(2)
    mine = notebook.run(3)

    assert (said, mine) == ("True", "mine\n")
    assert [notebook.shown(index) for index in range(3)] == [[], ["view", "still"], ["execute_result"]]
    notebook.phase("talk").click()
    for line in ("printed", "complained", "logged", "warned", "from a thread", "from a program"):
        expect(notebook.pane("logs")).to_contain_text(line)


def test_markup_and_escape_codes_are_shown_as_text_and_run_nothing(open_notebook):
    notebook = open_notebook(HOSTILE_PHASE)

    notebook.run(0)
    notebook.expect_status("failed")

    expect(notebook.pane("error")).to_contain_text(HOSTILE)
    expect(notebook.view.locator(".milo-node b")).to_have_text(HOSTILE)
    notebook.view.locator("[data-tab=logs]").click()
    expect(notebook.log).to_have_text([HOSTILE, "red bold"])
    expect(notebook.log.nth(1).locator("span", has_text="red")).not_to_have_css("color", "rgb(0, 0, 0)")
    notebook.view.locator("[data-tab=info]").click()
    expect(notebook.pane("info")).to_contain_text(HOSTILE)
    assert notebook.view.locator("img, script").count() == 0
    assert notebook.page.evaluate("window.isHacked") is None


def test_two_hundred_phases_are_shown_and_can_be_opened(open_notebook):
    notebook = open_notebook(MANY)

    notebook.run(0)
    notebook.expect_status("completed")

    expect(notebook.view.get_by_text("200 completed")).to_be_visible()
    notebook.shoot("phases-200", notebook.view)
    notebook.view.locator("[role=listbox]").first.press("End")
    last = notebook.phase("step-199")
    expect(last).to_have_attribute("aria-setsize", "200")
    notebook.view.locator("[role=listbox]").first.press("Enter")
    expect(notebook.view.locator('.milo-inspector[aria-label="Phase step-199"]')).to_be_visible()
