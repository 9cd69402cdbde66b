"""The first pipeline that a person runs, in a kernel that has just started and a page that has just opened."""

from __future__ import annotations

from playwright.sync_api import expect

SHOP = """
%%milo shop --parallel

@phase
def load():
    print("reading")
    return [3, 1, 2]

@phase
def clean(load):
    return sorted(load)

@phase(retry=3)
def train(clean, ctx):
    for row in ctx.track(clean):
        print("row", row)
    return sum(clean)

@phase
def report(clean, train):
    return f"{len(clean)} rows, total {train}"
"""


def test_a_pipeline_that_is_over_before_its_view_is_there_is_seen_completed(open_notebook):
    notebook = open_notebook("%load_ext milo_nb", SHOP)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    expect(notebook.view).to_have_attribute("data-connection", "live")
    notebook.expect_phases(load="completed", clean="completed", train="completed", report="completed")
    notebook.phase("train").click()
    expect(notebook.view.locator(".milo-log-row")).to_have_count(3)
