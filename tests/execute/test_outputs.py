"""What phases of a run display is kept on the session, and the state holds references to it."""

import contextvars

from milo_nb.capture.router import CURRENT_SINK, Output
from milo_nb.declare.phase import Phase
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.pipeline import Pipeline
from milo_nb.state import actions as a


def show(text, display_id=None, **how):
    CURRENT_SINK.get().output(Output({"text/plain": text}, display_id=display_id, **how))


def texts(executor, name):
    return [output.data["text/plain"] for output in executor[name].outputs]


def test_displays_of_a_phase_are_its_outputs_and_the_state_refers_to_them(run):
    def plot():
        show("1")
        show("2")

    executor = run(Phase("plot", plot), Phase("quiet", lambda: None))
    executor.wait(60)
    assert executor["plot"].outputs == (Output({"text/plain": "1"}), Output({"text/plain": "2"}))
    assert executor["plot"].known.outputs == ("plot.1/1", "plot.1/2")
    assert [executor.session.outputs["plot"].find(r) for r in executor["plot"].known.outputs] == [
        *executor["plot"].outputs
    ]
    assert executor["quiet"].outputs == ()
    assert set(executor.session.outputs) == {"plot"}


def test_updates_and_clears_change_what_references_stand_for_but_not_the_references(run):
    def plot():
        show("1%", "bar")
        show("100%", "bar", update=True)

    def clear():
        show("old")
        CURRENT_SINK.get().output(Output({}, clear=True))
        show("new")

    executor = run(Phase("plot", plot), Phase("clear", clear, depends_on=("plot",)), Phase("end", lambda: None))
    executor.wait(60)
    assert texts(executor, "plot") == ["100%"]
    assert texts(executor, "clear") == ["new"]
    assert executor["plot"].known.outputs == ("plot.1/1",)
    assert executor["clear"].known.outputs == ("clear.1/1", "clear.1/2")


def test_every_change_of_the_outputs_is_an_action_that_readers_can_wait_for():
    def plot():
        show("1%", "bar")
        show("100%", "bar", update=True)

    told = []
    executor = PipelineExecutor(Pipeline("p", Phase("plot", plot)), work_dir=None)
    executor.store.subscribe(told.append, every=True)
    executor.execute()
    executor.close()
    changes = [action.payload for action in told if action.type == a.PHASE_OUTPUT]
    assert changes == [{"name": "plot", "attempt": 1, "output": "plot.1/1"}, {"name": "plot", "attempt": 1}]


def test_each_attempt_has_outputs_of_its_own_and_all_are_kept(run):
    def plot(ctx):
        show(f"try {ctx.attempt}")
        if ctx.attempt == 1:
            raise ValueError("not yet")
        CURRENT_SINK.get().output(Output({}, clear=True))
        show("done")

    executor = run(Phase("plot", plot))
    executor.wait(60)
    executor.retry("plot")
    executor.wait(60)
    assert texts(executor, "plot") == ["try 1", "done"]
    assert executor["plot"].known.outputs == ("plot.1/1", "plot.2/1", "plot.2/2")


def test_late_displays_are_kept_but_are_not_in_the_state(run):
    contexts = []

    executor = run(Phase("plot", lambda: contexts.append(contextvars.copy_context())))
    executor.wait(60)
    contexts[0].run(show, "late")
    assert texts(executor, "plot") == ["late"]
    assert [entry.late for entry in executor.session.outputs["plot"].entries] == [True]
    assert executor["plot"].known.outputs == ()


def test_captured_progress_is_the_progress_of_the_phase(run):
    executor = run(Phase("work", lambda: CURRENT_SINK.get().progress(0.25, "1/4")))
    executor.wait(60)
    assert executor["work"].known.message == "1/4"
    assert executor["work"].known.fraction == 1.0


def test_without_capture_there_is_no_sink_to_display_to(run):
    seen = []
    run(Phase("plot", lambda: seen.append(CURRENT_SINK.get())), capture=False).wait(60)
    assert seen == [None]
