"""A page with one notebook open, as a person has it; what cells show is read from the notebook's model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    import re

    from playwright.sync_api import ConsoleMessage, Locator, Page

    from tests.browser.lab import Lab

IMAGES = Path(__file__).parents[2] / "docs/images"
OPEN_TIMEOUT_MS = 60_000
CELL_TIMEOUT_MS = 60_000
WIDGET = "application/vnd.jupyter.widget-view+json"
NOT_OURS = (
    "/lsp/status",  # asked for whether or not a language server is installed
    "Could not restore the debugger state",
    "Cannot read properties of undefined (reading 'schema')",  # Notebook 7, of any notebook
    "Canceled future for comm_info_request",  # these, when a kernel restarts
    "Canceled future for create_subshell_request",
    "Canceled future for debug_request",
    "Canceled future for kernel_info_request",
)
"""What JupyterLab and the browser say of their own accord, by a part of the text."""

_CELLS = "window.panel.content.widgets"
READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  if (panel?.sessionContext?.session?.kernel?.status !== "idle") return false;
  window.panel = panel; // another may become the current one
  return document.querySelector(".jp-Notebook .jp-Cell");
}"""
ANSWERS = """async () => {
  // A kernel is said to be idle before its shell channel is heard on both ends: what is asked until then gets lost.
  const kernel = window.panel.sessionContext.session.kernel;
  for (let tries = 0; tries < 20; tries++) {
    const later = new Promise((resolve) => setTimeout(resolve, 3000));
    if (await Promise.race([kernel.requestKernelInfo(), later])) return;
  }
  throw new Error("the kernel does not answer");
}"""
START = """(index) => {
  const notebook = window.panel.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  window.cellsDone ??= {};
  window.cellsDone[index] = false;
  const done = () => { window.cellsDone[index] = true; };
  window.jupyterapp.commands.execute("notebook:run-cell").then(done, done);
}"""
PARTS = """(inspector) => [...inspector.children].filter((part) => !part.matches("hr, [data-strip]")).map((part) =>
  part.dataset.pane ?? (part.querySelector("[role=tab]") ? "tabs" : part.querySelector("[data-command]") ? "head" : "?"))"""
ASK = """async (code) => {
  const kernel = window.panel.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = "";
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") text += content.text;
    if (header.msg_type === "error") text += content.traceback.join("\\n");
  };
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`no answer so far to ${code}`)), 60_000));
  await Promise.race([future.done, late]);
  return text;
}"""


class Notebook:
    """One notebook in one page."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        """Open the notebook and wait for its kernel."""
        self.page, self.lab, self.name = page, lab, name
        self.console: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.goto(lab.address(name))
        self.wait_ready()

    def _note(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "").partition("?")[0]
        self.console.append(f"{message.type}: {message.text} ({where})")

    def complaints(self) -> list[str]:
        """Return the errors in the browser's console that are not JupyterLab's own."""
        errors = [line for line in self.console if line.startswith("error:")]
        return [line for line in errors if not any(known in line for known in NOT_OURS)]

    def wait_ready(self) -> None:
        self.page.wait_for_function(READY, timeout=OPEN_TIMEOUT_MS)
        self.page.evaluate(ANSWERS)

    def reload(self) -> None:
        """Save, and load the page again."""
        self.command("docmanager:save")
        self.page.reload()
        self.wait_ready()

    def reopen(self) -> None:
        """Save, close the notebook (its kernel runs on), and open it again."""
        self.command("docmanager:save")
        self.page.evaluate("window.panel.close()")
        self.page.wait_for_function("!window.panel.isAttached")
        self.command("docmanager:open", path=self.name)
        self.wait_ready()

    # ------------------------------------------------------------------ cells

    def start(self, index: int) -> None:
        """Run a cell, and do not wait for its end."""
        self.page.evaluate(START, index)

    def wait_done(self, index: int) -> str:
        """Wait for a started cell, which must not fail; return what it showed as text."""
        self.page.wait_for_function("(index) => window.cellsDone[index]", arg=index, timeout=CELL_TIMEOUT_MS)
        text = self.text(index)
        assert "error" not in self.shown(index), text
        return text

    def run(self, *indices: int) -> str:
        """Run cells one after another; return what the last one showed as text."""
        text = ""
        for index in indices:
            self.start(index)
            text = self.wait_done(index)
        return text

    def edit(self, index: int, source: str) -> None:
        """Write other source into a cell."""
        self.page.evaluate(f"([i, text]) => {_CELLS}[i].model.sharedModel.setSource(text)", [index, source.strip()])

    def sources(self) -> list[str]:
        return self.page.evaluate(f"() => {_CELLS}.map((cell) => cell.model.sharedModel.getSource())")

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """Return the outputs of a cell, as the notebook's file has them."""
        return self.page.evaluate(f"(i) => {_CELLS}[i].model.outputs?.toJSON() ?? []", index)

    def text(self, index: int) -> str:
        """Return what a cell printed, and the errors that it raised."""
        return "".join(_text_of(output) for output in self.outputs(index))

    def shown(self, index: int) -> list[str]:
        """Return what a cell has shown: `view` for a view, `still` for a still, else the type of the output."""
        return [
            "view" if WIDGET in o.get("data", {}) else "still" if is_still(o) else o["output_type"]
            for o in self.outputs(index)
        ]

    def ask(self, code: str) -> str:
        """Return what code prints in the kernel, past the notebook."""
        return self.page.evaluate(ASK, code).strip()

    def command(self, name: str, **arguments: Any) -> None:
        """Carry out one of JupyterLab's commands."""
        run = "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)"
        self.page.evaluate(run, [name, arguments])

    # ------------------------------------------------------------------ the view

    @property
    def view(self) -> Locator:
        return self.page.locator(".milo-root").first

    @property
    def log(self) -> Locator:
        return self.view.locator("[data-pane=logs] .milo-log-row .milo-log-text")

    def pane(self, name: str) -> Locator:
        return self.view.locator(f"[data-pane={name}]")

    def phase(self, name: str) -> Locator:
        """Return a phase in the graph."""
        return self.view.locator(f'[data-view=graph] [data-phase="{name}"]')

    def button(self, command: str, phase: str | None = None) -> Locator:
        """Return the button that gives a command, to the session or to the phase that is open."""
        where = ".milo-header" if phase is None else f'.milo-inspector[aria-label="Phase {phase}"]'
        return self.view.locator(f"{where} button[data-command={command}]")

    def parts_of_inspector(self) -> list[str]:
        """Return what the open phase is shown with, from top to bottom."""
        return self.view.locator(".milo-inspector").evaluate(PARTS)

    def expect_status(self, status: str) -> None:
        """Wait until the view says that the pipeline is in a state."""
        expect(self.view).to_have_attribute("data-status", status)

    def expect_word(self, word: str | re.Pattern[str]) -> None:
        """Wait until the header says in a word how it stands."""
        expect(self.view.locator(".milo-header .milo-word")).to_have_text(word)

    def expect_phases(self, **statuses: str) -> None:
        """Wait until the graph shows phases in states."""
        for name, status in statuses.items():
            expect(self.phase(name)).to_have_attribute("data-status", status)

    def shoot(self, name: str, part: Locator | None = None) -> None:
        """Keep a picture of the notebook, or of a part, for the docs, if pictures are wanted."""
        part = part or self.page.locator(".jp-NotebookPanel")
        if os.environ.get("MILO_NB_SCREENSHOTS") == "1":
            IMAGES.mkdir(parents=True, exist_ok=True)
            part.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


def is_still(output: dict[str, Any]) -> bool:
    return "".join(output.get("data", {}).get("text/html", "")).startswith('<div class="milo-still"')


def _text_of(output: dict[str, Any]) -> str:
    match output["output_type"]:
        case "stream":
            return "".join(output["text"])
        case "error":
            return f"{output['ename']}: {output['evalue']}"
        case _:
            return "" if WIDGET in output["data"] or is_still(output) else "".join(output["data"].get("text/plain", ""))
