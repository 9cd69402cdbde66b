"""The detail reducer: what every key does."""

from dataclasses import replace

import pytest

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.state.actions import INIT, KEY, PHASE_LOG, PHASE_START, PIPELINE_START, Action
from milo_nb.state.effects import Quit, ReducerResult
from milo_nb.state.keys import Key, SpecialKey, make_detail_reducer
from milo_nb.state.model import PhaseLog, PhaseStatus, PipelineState, PipelineViewState
from milo_nb.state.reducer import PipelineReducer
from tests.strategies import nothing

REDUCE = make_detail_reducer(PipelineReducer("p", PhaseGraph([Phase(n, nothing) for n in "abc"])))


def view(**fields):
    lines = tuple(PhaseLog(f"line {n}") for n in range(25))
    phases = (PhaseStatus("a", logs=lines, log_count=25), PhaseStatus("b"), PhaseStatus("c"))
    return replace(PipelineViewState(PipelineState("p", phases)), **fields)


def press(state, key):
    return REDUCE(state, Action(KEY, key))


def special(name):
    return Key(name=name)


def test_none_gives_the_initial_view():
    state = REDUCE(None, Action(INIT))
    assert state == PipelineViewState(PipelineState("p", tuple(PhaseStatus(n) for n in "abc")))
    assert (state.selected_phase, state.expanded, state.log_scroll, state.auto_follow, state.log_height) == (
        0,
        False,
        0,
        True,
        10,
    )


def test_none_and_another_action_gives_the_view_after_it():
    assert REDUCE(None, Action(PIPELINE_START)).pipeline.status == "running"
    assert REDUCE(None, Action(KEY, special(SpecialKey.DOWN))).selected_phase == 1


@pytest.mark.parametrize("down", [special(SpecialKey.DOWN), SpecialKey.DOWN, "down", "DOWN", Key(name="down")])
@pytest.mark.parametrize("up", [special(SpecialKey.UP), SpecialKey.UP, "up", "Up"])
def test_up_and_down_select_a_phase_and_stop_at_the_ends(up, down):
    state = view()
    assert press(state, up) is state
    state = press(press(press(state, down), down), down)
    assert state.selected_phase == 2
    assert press(state, up).selected_phase == 1


def test_selecting_another_phase_shows_the_end_of_its_log_if_following():
    assert press(view(selected_phase=1), special(SpecialKey.UP)).log_scroll == 15
    assert press(view(selected_phase=1, auto_follow=False, log_scroll=3), special(SpecialKey.UP)).log_scroll == 0


@pytest.mark.parametrize("end", [special(SpecialKey.END), Key("G"), "G", "end"])
@pytest.mark.parametrize("home", [special(SpecialKey.HOME), Key("g"), "g", "home"])
def test_home_and_end_go_to_the_first_and_last_phase(home, end):
    assert press(view(), end).selected_phase == 2
    assert press(view(selected_phase=2), home).selected_phase == 0


@pytest.mark.parametrize("enter", [special(SpecialKey.ENTER), Key(" "), " ", "enter", "space", "\n", "\r"])
def test_enter_and_space_open_and_close_the_log(enter):
    opened = press(view(), enter)
    assert (opened.expanded, opened.log_scroll) == (True, 15)
    closed = press(opened, enter)
    assert (closed.expanded, closed.log_scroll) == (False, 0)
    assert press(view(auto_follow=False), enter).log_scroll == 0


@pytest.mark.parametrize("escape", [special(SpecialKey.ESCAPE), "escape", "\x1b"])
def test_escape_closes_the_log_or_quits(escape):
    assert press(view(expanded=True), escape) == view()
    assert press(view(), escape) == Quit(view())


@pytest.mark.parametrize("key", [Key("q"), "q"])
@pytest.mark.parametrize("expanded", [True, False])
def test_q_quits(key, expanded):
    assert press(view(expanded=expanded), key) == Quit(view(expanded=expanded))


def test_up_and_down_scroll_the_open_log_and_stop_at_its_ends():
    state = view(expanded=True, log_scroll=15)
    up = press(state, special(SpecialKey.UP))
    assert (up.log_scroll, up.auto_follow, up.selected_phase) == (14, False, 0)
    assert press(up, special(SpecialKey.DOWN)).log_scroll == 15
    assert press(state, special(SpecialKey.DOWN)) is state
    top = press(state, special(SpecialKey.HOME))
    assert (top.log_scroll, top.auto_follow) == (0, False)
    assert press(top, special(SpecialKey.UP)) is top
    end = press(top, special(SpecialKey.END))
    assert (end.log_scroll, end.auto_follow) == (15, True)


@pytest.mark.parametrize("f", [Key("f"), "f"])
def test_f_switches_following(f):
    still = press(view(expanded=True, log_scroll=15), f)
    assert (still.auto_follow, still.log_scroll) == (False, 15)
    again = press(replace(still, log_scroll=2), f)
    assert (again.auto_follow, again.log_scroll) == (True, 15)


@pytest.mark.parametrize(
    "key", [special(SpecialKey.LEFT), special(SpecialKey.RIGHT), Key(), Key("x"), "x", "F", "Q", None, 7, ""]
)
def test_other_keys_change_nothing(key):
    state = view()
    assert press(state, key) is state


def test_new_lines_of_the_selected_phase_scroll_when_following():
    state = view()
    log = Action(PHASE_LOG, {"name": "a", "line": "new"})
    assert REDUCE(state, log).log_scroll == 16
    assert REDUCE(replace(state, auto_follow=False), log).log_scroll == 0
    assert REDUCE(replace(state, selected_phase=1), log).log_scroll == 0


def test_all_else_goes_to_the_pipelines_reducer():
    state = view()
    assert REDUCE(state, Action(PHASE_START, "b")).pipeline.phases[1].status == "running"
    assert REDUCE(state, Action("unknown")) is state


def test_a_wrapped_answer_of_the_pipelines_reducer_stays_wrapped():
    sagas = (iter(()),)

    def inner(state, action):
        if state is None:
            return ReducerResult(PipelineState("p"), sagas)
        if action.type == "stop":
            return Quit(replace(state, status="failed"), 3)
        return (
            ReducerResult(state, sagas)
            if action.type == "same"
            else ReducerResult(replace(state, status="running"), sagas)
        )

    reduce = make_detail_reducer(inner)
    state = PipelineViewState(PipelineState("p"))
    assert reduce(None, Action(INIT)) == ReducerResult(state, sagas)
    assert reduce(state, Action("same")) == ReducerResult(state, sagas)
    assert reduce(state, Action("go")) == ReducerResult(PipelineViewState(PipelineState("p", status="running")), sagas)
    assert reduce(state, Action("stop")) == Quit(PipelineViewState(PipelineState("p", status="failed")), 3)


def test_a_pipeline_without_phases_can_be_looked_at():
    state = PipelineViewState(PipelineState("p"))
    for key in (SpecialKey.UP, SpecialKey.DOWN, SpecialKey.END, SpecialKey.HOME):
        assert press(state, key) is state
    opened = press(state, SpecialKey.ENTER)
    assert opened.expanded
    assert press(opened, SpecialKey.DOWN) is opened
    assert (
        make_detail_reducer(lambda s, _: replace(s, status="running"))(state, Action("x")).pipeline.status == "running"
    )
