"""What a view takes of a page: when it goes, nothing that listens, ticks or watches; when nothing happens, no messages."""

from __future__ import annotations

from playwright.sync_api import expect

SETUP = """
%load_ext milo_nb
import threading
gate = threading.Event()
"""
SITE = """
%%milo site
@phase
def load():
    print("loading")
    gate.wait(60)
@phase
def parse(load):
    return 1
"""
# What our script has asked the page for and not given back: whoever asks is known by where its code comes from.
COUNT = """
(() => {
  const isOurs = () => new Error().stack.includes("blob:");
  const held = { listeners: new Set(), intervals: new Set(), timeouts: new Set(), frames: new Set(), observers: new Set() };
  const names = ["listeners", "intervals", "timeouts", "frames", "observers"];
  window.held = () => Object.fromEntries(names.map((name) => [name, held[name].size]));
  window.heldListeners = () => [...held.listeners].map(({ type, target }) => `${target.constructor.name} ${type}`);

  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const capture = (options) => (typeof options === "boolean" ? options : Boolean(options?.capture));
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    addEventListener.call(this, type, listener, options);
    // Those of elements and signals end with them; a page's are there until they are taken away.
    if (this instanceof Node && this !== document && this !== document.body || this instanceof AbortSignal || !isOurs()) return;
    const entry = { target: this, type, listener, capture: capture(options) };
    held.listeners.add(entry);
    if (options?.signal) addEventListener.call(options.signal, "abort", () => held.listeners.delete(entry));
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    removeEventListener.call(this, type, listener, options);
    for (const entry of held.listeners)
      if (entry.target === this && entry.type === type && entry.listener === listener && entry.capture === capture(options))
        held.listeners.delete(entry);
  };
  const timer = (kind, set, clear, once) => {
    const [start, stop] = [window[set], window[clear]];
    window[set] = (act, ...rest) => {
      if (!isOurs() || typeof act !== "function") return start.call(window, act, ...rest);
      const id = start.call(window, (...given) => { if (once) held[kind].delete(id); act(...given); }, ...rest);
      held[kind].add(id);
      return id;
    };
    window[clear] = (id) => { held[kind].delete(id); stop.call(window, id); };
  };
  timer("intervals", "setInterval", "clearInterval", false);
  timer("timeouts", "setTimeout", "clearTimeout", true);
  timer("frames", "requestAnimationFrame", "cancelAnimationFrame", true);
  for (const name of ["MutationObserver", "ResizeObserver", "IntersectionObserver"]) {
    const Observer = window[name];
    window[name] = class extends Observer {
      observe(...given) { super.observe(...given); if (isOurs()) held.observers.add(this); }
      disconnect() { super.disconnect(); held.observers.delete(this); }
    };
  }
})();
"""
NOTHING = {"listeners": 0, "intervals": 0, "timeouts": 0, "frames": 0, "observers": 0}
MODEL = {**NOTHING, "listeners": 1, "intervals": 1}
VIEW = {**NOTHING, "listeners": 6, "intervals": 3, "observers": 3}
"""A model and a view of it, of a pipeline that has ended."""

# What goes between page and kernel, but the kernel's own words of when it is busy.
LISTEN = """() => {
  window.passed = [];
  window.panel.sessionContext.session.kernel.anyMessage.connect((_, { msg, direction }) => {
    const { method, content } = msg.content.data ?? {};
    if (msg.header.msg_type !== "status") window.passed.push(`${direction} ${content?.type ?? method ?? msg.header.msg_type}`);
  });
}"""
PASSED = "() => window.passed.filter((one) => one === 'recv heartbeat').length >= 5"
COMMS = "window.panel.sessionContext.session.kernel._comms.size"


def expect_held(notebook, expected):
    """Wait until the page holds so much for us: some of it goes with the kernel's next message."""
    notebook.page.wait_for_function("(held) => JSON.stringify(window.held()) === JSON.stringify(held)", arg=expected)


def test_a_view_that_goes_leaves_nothing_in_the_page(open_notebook):
    notebook = open_notebook(SETUP, SITE, "site", script=COUNT)
    notebook.run(0, 1)
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])
    notebook.ask("gate.set()")
    notebook.expect_status("completed")
    notebook.phase("parse").click()

    before = notebook.page.evaluate("window.held()")
    assert before["intervals"] > MODEL["intervals"]  # the counting counts
    notebook.command("notebook:clear-all-cell-outputs")
    expect(notebook.view).to_have_count(0)
    expect_held(notebook, MODEL)
    notebook.run(2)
    notebook.expect_status("completed")

    for _ in range(4):  # each run of the cell has an executor, a model and a view of its own
        notebook.run(1)
        notebook.expect_status("completed")
    expect(notebook.view).to_have_count(1)
    expect_held(notebook, VIEW)
    assert notebook.page.evaluate(COMMS) == 2  # of the view and of its layout

    notebook.ask("from milo_nb.show.notebook import close_view; close_view(site)")
    expect_held(notebook, NOTHING)
    assert notebook.page.evaluate(COMMS) == 0


def test_a_view_of_which_nothing_is_new_costs_no_messages_but_the_heartbeat(open_notebook):
    notebook = open_notebook(SETUP + "gate.set()", SITE)
    notebook.run(0, 1)
    notebook.expect_status("completed")
    notebook.phase("load").click()
    expect(notebook.log).to_have_text(["loading"])

    notebook.page.evaluate(LISTEN)
    notebook.page.wait_for_function(PASSED)
    passed = notebook.page.evaluate("window.passed")
    beats = [at for at, what in enumerate(passed) if what == "recv heartbeat"]

    assert set(passed[beats[1] :]) == {"recv heartbeat"}  # by then, what the click asked for has come
