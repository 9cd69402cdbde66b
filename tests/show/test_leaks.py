"""What is left behind in a kernel when a cell is run again, its executor is closed, or its variable is gone: nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import kernels
from tests.capture.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
SETUP = """
%load_ext milo_nb
import gc, json, threading
from comm import get_comm_manager
from ipywidgets.widgets import widget as ipywidgets_widget
import milo_nb.show.notebook.widget as w
from milo_nb import PipelineExecutor, Store
from milo_nb.capture import router
from milo_nb.execute.session import Session
from milo_nb.show.notebook import interactive, lanes
from milo_nb.show.notebook.feed import Feed
from milo_nb.store import workers

w.read_bundle = lambda name: '/* */'
interactive.note_hello()  # somebody is there: cells return at once and show views
workers.GIVE_UP_S = 0.5  # how long a timer watches over what was cancelled
gate = threading.Event()

def census():
    'Count all that lives as long as something of ours holds it.'
    gc.collect()
    kinds = (PipelineExecutor, Session, Store, w.PipelineWidget, Feed)
    alive = [type(o) for o in gc.get_objects()]
    return {
        **{kind.__name__: sum(issubclass(type_, kind) for type_ in alive) for kind in kinds},
        'threads': sorted(t.name for t in threading.enumerate() if 'milo' in t.name),
        'comms': len(get_comm_manager().comms),
        'widgets': len(ipywidgets_widget._instances),
        'feeds': len(w.PUBLISHER._due),
        'lanes': len(lanes._ours),
        'events': sum(map(len, get_ipython().events.callbacks.values())),
    }

def settle():
    'Wait until threads that linger have ended; the garbage collector may have to help them.'
    for _ in range(600):
        gc.collect()
        names = [t.name for t in threading.enumerate() if 'milo' in t.name]
        if names in ([], ['milo-postman']): return  # of the executor that is there: it takes commands from outside
        threading.Event().wait(0.05)
"""
SITE = """
%%milo site
@phase
def load(ctx):
    print("loading")
    ctx.progress(0.5)
    return 3
@phase(parallel=True)
def parse(load):
    return load * 2
@phase(parallel=True)
def check(load):
    return load
"""
WAIT = "status = site.wait(60).status"  # the result itself would be kept in Out, with the tracebacks in it


@pytest.fixture(scope="module", params=[kernels.OWN, kernels.OLDEST])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    kernel = Kernel(request.param)
    try:
        kernel.run(SETUP)
        yield kernel
    finally:
        kernel.stop()


def count(kernel: Kernel) -> dict[str, Any]:
    kernel.run("settle()")
    counted: dict[str, Any] = json.loads(kernel.run("print(json.dumps(census()))")["stdout"])
    return counted


def test_a_cell_that_is_run_again_leaves_nothing_of_its_former_runs(kernel: Kernel) -> None:
    kernel.run(SITE.strip())
    kernel.run(WAIT)
    before = count(kernel)
    assert before["threads"] in ([], ["milo-postman"])
    assert before["PipelineExecutor"] == before["Session"] == before["Store"] == before["PipelineWidget"] == 1
    for _ in range(5):
        kernel.run(SITE.strip())
        kernel.run(WAIT)
    assert count(kernel) == before


def test_a_cell_that_starts_anew_leaves_nothing_of_what_was_cancelled_or_failed(kernel: Kernel) -> None:
    kernel.run(SITE.strip())
    kernel.run(WAIT)
    before = count(kernel)
    fresh = SITE.strip().replace("%%milo site", "%%milo site --fresh")
    for ends in ("ctx.sleep(60)", "1 / 0"):
        kernel.run(fresh.replace('print("loading")', ends))
        kernel.run("if site.session.is_running(): site.cancel()")
        kernel.run(WAIT)
    kernel.run(fresh)
    kernel.run(WAIT)
    assert count(kernel) == before


def test_an_executor_that_is_closed_leaves_no_thread_and_nothing_else_once_its_view_is_closed(kernel: Kernel) -> None:
    before = count(kernel)
    kernel.run(
        """
        from milo_nb import Phase, Pipeline
        for _ in range(3):
            executor = Pipeline("small", Phase("wait", lambda ctx: ctx.sleep(60))).run()
            display(executor)
            executor.close()
        """
    )
    assert count(kernel)["threads"] == before["threads"]
    kernel.run(
        """
        for widget in list(ipywidgets_widget._instances.values()):
            if isinstance(widget, w.PipelineWidget) and widget.pipeline == "small":
                widget.close()
        del executor, widget
        """
    )
    assert count(kernel) == before


def test_twenty_executors_are_told_of_by_one_thread(kernel: Kernel) -> None:
    before = count(kernel)
    kernel.run(
        """
        pipeline = Pipeline("many", Phase("wait", lambda: gate.wait(60)))
        executors = [pipeline.run() for _ in range(20)]
        for executor in executors: display(executor)
        publishers = [t.name for t in threading.enumerate() if t.name == 'milo-publisher']
        gate.set()
        for executor in executors: executor.wait(60)
        """
    )
    assert kernel.run("publishers")["result"] == "['milo-publisher']"  # stills of that cell may still change
    kernel.run(
        """
        for executor in executors: executor.close(); w.PipelineWidget.close_of(executor)
        del executor, executors, pipeline
        """
    )
    assert count(kernel) == before
