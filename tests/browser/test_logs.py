"""The log explorer: a million lines that are never loaded, searched, filtered, linked to, copied and saved."""

from __future__ import annotations

import json
import re
from statistics import median
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_looks import DARK, LIGHT, assert_accessible, wear

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

__all__ = ["wear"]  # a fixture

SETUP = "%load_ext milo_nb\nimport logging, sys, warnings"
LINES = 1_000_000
MILLION = f"""
%%milo long
@phase
def shout():
    for start in range(0, {LINES}, 1000):
        print("\\n".join(f"line {{n}} of the log" for n in range(start, start + 1000)))
"""
MIXED = """
%%milo mixed
@phase
def load():
    for n in range(400):
        print(f"row {n}")
        if n % 100 == 50:
            logging.getLogger("shop").error("row %s is broken", n)
        if n % 200 == 60:
            print(f"careful with {n}", file=sys.stderr)

@phase
def parse(load):
    print("see https://example.org/docs?page=1. <img src=x onerror=alert(1)>")
    print("\\x1b[38;5;226myellow\\x1b[0m \\x1b[48;2;0;0;90mon blue\\x1b[0m exe\\u202egnp.txt")
    print("long " + "x" * 30_000)
    print("done")
"""
# Turns of a wheel, each drawn before the next.
TURN = """async (host, turns) => {
  for (let n = 0; n < turns; n++) {
    host.scrollTop += 90;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  }
}"""
HEAP = "() => performance.memory.usedJSHeapSize / 1e6"


def open_logs(notebook: Notebook, phase: str) -> Locator:
    """Open a phase and return its log pane."""
    notebook.phase(phase).click()
    pane = notebook.pane("logs")
    expect(pane.locator(".milo-log-row").first).to_be_visible()
    return pane


def trace(notebook: Notebook, act: Callable[[], object]) -> tuple[list[int], list[bool]]:
    """Act; return how many elements were restyled each time, and whether only a part of the page was laid out."""
    browser = notebook.page.context.browser
    assert browser
    browser.start_tracing(page=notebook.page, categories=["devtools.timeline"])
    act()
    events = [(event["name"], event.get("args", {})) for event in json.loads(browser.stop_tracing())["traceEvents"]]
    restyled = [
        args["elementCount"] for name, args in events if name == "UpdateLayoutTree" and args.get("elementCount")
    ]
    partial = [args["beginData"]["partialLayout"] for name, args in events if name == "Layout" and "beginData" in args]
    return restyled, partial


def open_mixed(open_notebook: Callable[..., Notebook], phase: str) -> tuple[Notebook, Locator]:
    notebook = open_notebook(SETUP, MIXED)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    return notebook, open_logs(notebook, phase)


def find(pane: Locator, text: str) -> None:
    pane.get_by_label("Find in the log").fill(text)


def go_to(pane: Locator, where: str) -> None:
    goal = pane.get_by_label("Go to a line, a time or a link")
    if not goal.is_visible():
        pane.get_by_role("button", name="More", exact=True).click()
    goal.fill(where)
    goal.press("Enter")


def numbers(pane: Locator) -> list[int]:
    return pane.locator(".milo-log-row").evaluate_all("(rows) => rows.map((row) => Number(row.dataset.line))")


def test_a_million_lines_are_looked_at_and_searched_without_being_loaded(open_notebook):
    notebook = open_notebook(SETUP, MILLION)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    expect(pane).to_contain_text(f"{LINES:,} lines")
    expect(notebook.log.last).to_have_text(f"line {LINES - 1} of the log")

    region = pane.get_by_label("Log", exact=True)
    region.focus()
    region.press("g")
    expect(notebook.log.first).to_have_text("line 0 of the log")
    go_to(pane, "500,001")
    expect(pane.locator("[data-chosen] .milo-log-text")).to_have_text("line 500000 of the log")

    pane.get_by_role("button", name="Regular expression").click()
    find(pane, "line 9{5}[78] ")
    expect(pane.locator(".milo-log-steps")).to_contain_text("1 of 2")
    expect(pane.locator("[data-current] mark")).to_have_text("line 999997 ")
    region.focus()
    region.press("n")
    expect(pane.locator("[data-current] .milo-log-text")).to_have_text("line 999998 of the log")

    pane.get_by_role("button", name="Filter", exact=True).click()
    pane.get_by_role("button", name="only matches").click()
    find(pane, "line \\d*7777 ")
    expect(pane.locator(".milo-log-said")).to_have_text(f"{LINES // 10_000} of {LINES:,} lines")
    assert numbers(pane)[:3] == [7_778, 17_778, 27_778]
    assert notebook.page.evaluate(HEAP) < 300  # JupyterLab's own included


def test_the_end_of_a_million_lines_is_reached_by_the_bar_and_by_the_wheel(open_notebook):
    notebook = open_notebook(SETUP, MILLION)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    host = pane.locator(".milo-log-host")
    expect(notebook.log.last).to_have_text(f"line {LINES - 1} of the log")  # else half of what has come so far is meant

    host.evaluate("(host) => host.scrollTo(0, host.scrollHeight / 2)")
    expect(notebook.log.first).to_have_text(re.compile(r"^line (49|50)\d{4} of the log$"))
    host.evaluate("(host) => host.scrollTo(0, host.scrollHeight)")
    expect(notebook.log.last).to_have_text(f"line {LINES - 1} of the log")
    host.hover()
    notebook.page.mouse.wheel(0, -1800)
    expect(notebook.log.last).not_to_have_text(f"line {LINES - 1} of the log")
    assert numbers(pane)[-1] > LINES - 250
    notebook.page.mouse.wheel(0, 4000)
    expect(notebook.log.last).to_have_text(f"line {LINES - 1} of the log")


def test_a_link_to_lines_is_in_the_address_and_opens_them_when_the_page_is_opened_with_it(open_notebook):
    notebook, pane = open_mixed(open_notebook, "load")
    page = notebook.page
    address = page.url
    find(pane, "row 250")
    expect(pane.locator("[data-current]")).to_be_visible()
    pane.locator("[data-current] .milo-log-number").click()
    assert page.url.startswith(address.partition("#")[0])
    assert page.url.endswith("#mixed/load/L254")
    pane.locator('[data-line="256"] .milo-log-number').click(modifiers=["Shift"])
    assert page.url.endswith("#mixed/load/L254-L256")

    notebook.reload()

    chosen = notebook.view.locator("[data-pane=logs] [data-chosen] .milo-log-text")
    expect(chosen).to_have_text(["row 250", "row 250 is broken", "row 251"])
    assert page.url.endswith("#mixed/load/L254-L256")
    page.evaluate("location.hash = '#mixed/parse/L4'")
    expect(chosen).to_have_text(["done"])
    notebook.view.get_by_label("Log", exact=True).press("Escape")
    assert "#" not in page.url


def test_the_link_to_a_chosen_line_goes_with_its_phase_and_leads_no_later_run(open_notebook):
    notebook, pane = open_mixed(open_notebook, "load")
    page = notebook.page
    number = pane.locator(".milo-log-number").last
    number.click()
    expect(pane.locator("[data-chosen]")).to_have_count(1)
    assert "#mixed/load/L" in page.url
    notebook.phase("parse").click()
    expect(notebook.log.last).to_have_text("done")
    page.wait_for_function("!location.hash")

    notebook.phase("load").click()
    pane.locator(".milo-log-number").last.click()
    page.wait_for_function("location.hash.startsWith('#mixed/load/L')")
    notebook.run(1)
    notebook.expect_status("completed")
    page.wait_for_function("!location.hash")
    expect(notebook.view.locator("[data-chosen]")).to_have_count(0)


def test_filters_show_true_numbers_and_a_wrong_pattern_is_told(open_notebook):
    _, pane = open_mixed(open_notebook, "load")
    pane.get_by_role("button", name="Filter", exact=True).click()
    pane.get_by_role("button", name="ERROR").click()
    expect(pane.locator(".milo-log-said")).to_have_text("4 of 406 lines")
    assert numbers(pane) == [52, 154, 255, 357]
    pane.get_by_role("button", name="ERROR").click()
    pane.get_by_role("button", name="stderr").click()
    expect(pane.locator(".milo-log-text")).to_have_text(["careful with 60", "careful with 260"])
    pane.get_by_role("button", name="Show all").click()
    expect(pane.locator(".milo-log-said")).to_have_text("406 lines")

    pane.get_by_role("button", name="Regular expression").click()
    find(pane, "row (5")
    expect(pane.get_by_role("alert")).to_contain_text(re.compile("position|unterminated"))
    expect(pane.get_by_label("Find in the log")).to_have_attribute("aria-invalid", "true")
    find(pane, "row (5|6)$")
    expect(pane.locator(".milo-log-steps")).to_contain_text("of 2")


def test_all_phases_stand_in_one_log_and_a_click_on_a_name_goes_to_its_phase(open_notebook):
    notebook, pane = open_mixed(open_notebook, "load")
    pane.get_by_role("button", name="All", exact=True).click()
    expect(pane.locator(".milo-log-said")).to_have_text("410 lines")
    expect(pane.locator(".milo-log-phase").last).to_have_text("parse")
    expect(notebook.log.last).to_have_text("done")
    find(pane, "row 399")
    expect(pane.locator("[data-current] .milo-log-phase")).to_have_text("load")
    find(pane, "")
    pane.locator(".milo-log-phase", has_text="parse").last.click()
    expect(notebook.view.get_by_label("Phase parse", exact=True)).to_be_visible()
    expect(notebook.log).to_have_count(4)


def test_lines_are_copied_and_the_whole_log_is_saved_and_a_refusal_is_said(open_notebook, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook, pane = open_mixed(open_notebook, "load")
    go_to(pane, "3-4")
    pane.get_by_role("button", name="Copy with numbers").click()
    expect(pane.locator(".milo-log-said")).to_have_text("Copied 2 lines")
    assert notebook.page.evaluate("navigator.clipboard.readText()") == "3  row 2\n4  row 3\n"

    with notebook.page.expect_download() as waiting:
        pane.get_by_role("button", name="Download").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert text.splitlines()[:2] == ["row 0", "row 1"]
    assert len(text.splitlines()) == 406
    assert waiting.value.suggested_filename.startswith("mixed-load")

    context.clear_permissions()
    notebook.page.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    pane.get_by_role("button", name="Copy all").click()
    expect(pane.locator(".milo-log-said")).to_contain_text("The browser refused to copy")


def test_everything_can_be_done_by_keys(open_notebook):
    notebook, pane = open_mixed(open_notebook, "load")
    keys = notebook.page.keyboard
    pane.get_by_label("Log", exact=True).focus()
    keys.press("/")
    keys.type("is broken")
    expect(pane.locator(".milo-log-steps")).to_contain_text("of 4")
    for _ in range(4):
        keys.press("Enter")
    expect(pane.locator(".milo-log-steps")).to_contain_text("of 4")
    keys.press("Escape")
    keys.press("Escape")
    keys.press("g")
    expect(notebook.log.first).to_have_text("row 0")
    keys.press(":")
    keys.type("30")
    keys.press("Enter")
    expect(pane.locator("[data-chosen]")).to_have_attribute("data-line", "30")
    keys.press("Shift+ArrowDown")
    expect(pane.locator("[data-chosen]")).to_have_count(2)
    keys.press("Escape")
    expect(pane.locator("[data-chosen]")).to_have_count(0)
    keys.press("w")
    keys.press("G")
    expect(notebook.log.last).to_have_text("row 399")
    expect(pane).to_be_visible()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_nothing_serious_in_the_explorer(open_notebook, wear, theme):
    notebook, pane = open_mixed(open_notebook, "parse")
    notebook.command("application:toggle-left-area")
    wear(notebook, theme)
    notebook.view.scroll_into_view_if_needed()
    expect(pane.locator("a")).to_have_attribute("rel", "noopener noreferrer")
    expect(pane.locator("a")).to_have_attribute("href", "https://example.org/docs?page=1")
    expect(pane.locator(".milo-log-hidden")).to_have_text("U+202E")
    assert_accessible(notebook)
    pane.get_by_role("button", name="More", exact=True).click()
    pane.get_by_role("button", name="wrap").click()
    go_to(pane, "2-3")
    find(pane, "o")
    expect(pane.locator("[data-current]")).to_be_visible()
    assert_accessible(notebook)
    if theme == DARK:
        notebook.shoot("log-wrapped", notebook.view)
    pane.get_by_role("button", name="wrap").click()
    pane.get_by_role("button", name="All", exact=True).click()
    pane.get_by_role("button", name="Filter", exact=True).click()
    pane.get_by_role("button", name="stdout").click()
    expect(pane.locator(".milo-log-phase").first).to_be_visible()
    assert_accessible(notebook)
    if theme == LIGHT:
        notebook.shoot("log-all-phases", notebook.view)


def test_a_log_that_is_removed_under_the_reader_is_said_to_be_and_the_rest_stays(open_notebook):
    notebook = open_notebook(SETUP, MILLION.replace(str(LINES), "200000"))
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    expect(notebook.log.last).to_have_text("line 199999 of the log")
    go_to(pane, "40,001")
    expect(pane.locator("[data-chosen] .milo-log-text")).to_have_text("line 40000 of the log")

    removed = notebook.ask(
        "from pathlib import Path\n"
        "logs = [file for file in Path('.milo').rglob('*') if file.is_file() and 'logs' in file.parts]\n"
        "print(len([file.unlink() for file in logs]))"
    )

    assert int(removed) > 0
    go_to(pane, "80,001")
    expect(pane.get_by_role("alert")).to_contain_text("was cut, removed or replaced")
    pane.get_by_label("Log", exact=True).press("G")
    expect(notebook.log.last).to_have_text("line 199999 of the log")


def test_a_turn_of_the_wheel_has_only_the_lines_that_come_restyled_and_laid_out(open_notebook):
    notebook = open_notebook(SETUP, MILLION.replace(str(LINES), "20_000"))
    notebook.run(0, 1)
    notebook.expect_status("completed")
    pane = open_logs(notebook, "shout")
    pane.locator(".milo-log-host").evaluate("(host) => host.scrollTo(0, host.scrollHeight / 2)")
    expect(pane.locator(".milo-log-text").first).to_have_text(re.compile("^line"))
    all_of_it = notebook.view.locator("*").count()

    restyled, partial = trace(notebook, lambda: pane.locator(".milo-log-host").evaluate(TURN, 30))

    assert len(restyled) >= 30
    assert median(restyled) < all_of_it / 3
    assert sum(partial) > len(partial) / 2
