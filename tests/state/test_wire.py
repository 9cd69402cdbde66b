"""What kernel and browser tell each other, against the fixtures that the front end's tests use too."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase, PhasePolicy
from milo_nb.errors import WireError
from milo_nb.state import wire
from milo_nb.state import wire_browser as browser
from milo_nb.state.model import AttemptRecord, PhaseStatus, PipelineState
from milo_nb.state.table import Table

FIXTURES = {file.stem: json.loads(file.read_text("utf-8")) for file in Path(__file__).parents[1].glob("wire/*.json")}
TO_KERNEL = {name: f for name, f in FIXTURES.items() if f["direction"] == "to-kernel"}
GOOD = {name: f for name, f in TO_KERNEL.items() if not name.startswith("bad-")}
BAD = {name: f for name, f in TO_KERNEL.items() if name.startswith("bad-")}

texts = st.text(max_size=8)
counts = st.integers(0, 2**40)
messages = st.one_of(
    st.builds(browser.Hello, texts),
    st.builds(browser.Bye, texts),
    st.builds(browser.Ack, counts),
    st.just(browser.Sync()),
    st.builds(browser.LogsRequest, texts, counts, counts, st.integers(0, browser.MAX_PAGE_LINES)),
    st.builds(browser.DetailRequest, texts, counts),
    st.builds(browser.OutputsRequest, texts, counts),
    st.builds(browser.OutputRequest, texts, counts, texts, counts, counts),
    st.builds(
        browser.CommandRequest,
        texts,
        st.sampled_from(browser.VIEW_COMMANDS),
        st.lists(texts).map(tuple),
        st.dictionaries(st.sampled_from(browser.OPTIONS), st.booleans()),
    ),
)
GRAPH = PhaseGraph(
    [Phase("load", int, "Read it"), Phase("parse", int, depends_on=["load"], policy=PhasePolicy("skip"))]
)


def make_state(**fields: object) -> PipelineState:
    phases = Table([PhaseStatus("load", "completed", 12.5, 0.75), PhaseStatus("parse", "running", 13.25)])
    return PipelineState(**{"name": "site", "phases": phases, "status": "running", "started_at": 12.5, **fields})


def snapshot(state: PipelineState, now: float = 15.75) -> dict:
    return wire.to_snapshot(state, GRAPH, now=now, seq=17, interactive=True)


def test_there_are_fixtures_of_both_kinds() -> None:
    assert len(GOOD) > 10
    assert len(BAD) > 5


@pytest.mark.parametrize("name", GOOD)
def test_every_message_of_the_browser_is_understood(name: str) -> None:
    message = GOOD[name]["message"]
    assert browser.to_message(browser.parse_message(message)) == message


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_message_is_refused_by_the_name_of_its_field(name: str) -> None:
    with pytest.raises(WireError) as refused:
        browser.parse_message(BAD[name]["message"])
    assert refused.value.field == BAD[name]["field"]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "type"),
        ({"type": ["sync"]}, "type"),
        ({"type": "hello"}, "view"),
        ({"type": "ack", "seq": True}, "seq"),
        ({"type": "ack", "seq": 1.5}, "seq"),
        ({"type": "command", "id": "1", "command": "retry", "phases": ["a", 2], "options": {}}, "phases[1]"),
        ({"type": "command", "id": "1", "command": [], "phases": [], "options": {}}, "command"),
        ({"type": "command", "id": "1", "command": "skip", "phases": [], "options": {"replace": 1}}, "options.replace"),
        ({"type": "command", "id": {}, "command": "skip", "phases": [], "options": {}}, "id"),
    ],
)
def test_the_first_wrong_field_is_named(message: dict, field: str) -> None:
    with pytest.raises(WireError) as refused:
        browser.parse_message(message)
    assert refused.value.field == field


def test_an_option_that_is_not_known_is_left_out() -> None:
    message = {"type": "command", "id": "1", "command": "rerun", "phases": [], "options": {"downstream": False, "x": 1}}
    assert browser.parse_message(message) == browser.CommandRequest("1", "rerun", (), {"downstream": False})


@given(messages)
def test_what_is_sent_is_what_is_understood(message: browser.Message) -> None:
    assert browser.parse_message(json.loads(json.dumps(browser.to_message(message)))) == message


@given(st.recursive(st.none() | st.booleans() | st.floats() | texts, lambda x: st.lists(x) | st.dictionaries(texts, x)))
def test_anything_else_is_a_wire_error_and_nothing_worse(value: object) -> None:
    for content in (value, {"type": "command", "command": value}, {"type": "logs", "id": "x", "phase": value}):
        with pytest.raises(WireError):
            browser.parse_message(content)


def test_a_snapshot_has_the_shape_that_the_browser_expects() -> None:
    expected = FIXTURES["snapshot-running"]["message"]["state"]
    made = snapshot(make_state())
    assert made.keys() == expected.keys()
    assert made["phases"][1].keys() == expected["phases"][1].keys()
    assert {k: type(v) for k, v in made["phases"][1].items()} == {k: type(v) for k, v in expected["phases"][1].items()}
    assert {k: type(v) for k, v in made.items()} == {k: type(v) for k, v in expected.items()}


def test_history_has_the_shape_that_the_browser_expects() -> None:
    status = PhaseStatus("load", history=(AttemptRecord(1, "failed", 12.5, 0.2, "boom"),))
    made = wire.to_phase(status, GRAPH, 0)["history"]
    assert made == FIXTURES["snapshot-running"]["message"]["state"]["phases"][0]["history"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (PhasePolicy(), "the pipeline stops"),
        (PhasePolicy("continue"), "its dependants never run, the rest goes on"),
        (PhasePolicy("skip"), "it is skipped and the pipeline goes on"),
        (PhasePolicy("retry", 1, retry_delay=0.5), "1 more try, 0.5 s apart; then the pipeline stops"),
        (
            PhasePolicy("retry", 2, retry_backoff="exponential"),
            "up to 2 more tries, 1 s apart, doubling; then the pipeline stops",
        ),
    ],
)
def test_what_follows_a_failure_is_told_in_words(policy: PhasePolicy, said: str) -> None:
    graph = PhaseGraph([Phase("load", int, policy=policy)])
    assert wire.to_phase(PhaseStatus("load"), graph, 0)["policy"] == said


def test_a_completed_result_that_is_to_be_on_disk_and_is_not_is_unsaved() -> None:
    done, saved = PhaseStatus("load", "completed"), PhaseStatus("load", "completed", saved=True)
    assert wire.to_phase(done, GRAPH, 0, keeps=True)["unsaved"]
    assert not wire.to_phase(saved, GRAPH, 0, keeps=True)["unsaved"]
    assert not wire.to_phase(done, GRAPH, 0, keeps=False)["unsaved"]
    assert not wire.to_phase(PhaseStatus("load", "running"), GRAPH, 0, keeps=True)["unsaved"]
    unkept = PhaseGraph([Phase("load", int, checkpoint=False)])
    assert not wire.to_phase(done, unkept, 0, keeps=True)["unsaved"]
    assert wire.phase_changes(done, saved, keeps=True) == {"unsaved": False}
    assert wire.phase_changes(done, saved) == {}


def test_what_the_state_does_not_know_is_told_beside_it() -> None:
    beside = wire.Beside(
        owner="nobody", locked="no kernel", banners=(("told", "x" * 3_000, "run"),), other=3, epoch=1.5e9
    )
    made = wire.to_snapshot(make_state(), GRAPH, now=0.0, seq=0, interactive=True, beside=beside)
    assert (made["owner"], made["locked"], made["other"], made["epoch"]) == ("nobody", "no kernel", 3, 1.5e9)
    assert made["banners"] == [["told", wire.clip("x" * 3_000), "run"]]


def test_dependencies_are_positions_of_earlier_phases() -> None:
    assert [p["depends_on"] for p in snapshot(make_state())["phases"]] == [[], [0]]


@pytest.mark.parametrize(
    ("fields", "elapsed", "ended_at"),
    [
        ({"status": "pending", "started_at": 0.0}, 0.0, 0.0),
        ({"idle": 1.0}, 2.25, 0.0),
        ({"status": "paused", "elapsed": 1.5, "stopped_at": 14.0}, 1.5, 0.0),
        ({"status": "completed", "elapsed": 1.5, "stopped_at": 14.0}, 1.5, 14.0),
        ({"status": "failed", "elapsed": 1.5}, 3.25, 0.0),
    ],
)
def test_time_goes_on_while_a_session_is_active(fields: dict, elapsed: float, ended_at: float) -> None:
    made = snapshot(make_state(**fields))
    assert (made["elapsed"], made["ended_at"]) == (elapsed, ended_at)


def test_a_failed_session_whose_phases_still_run_is_stopping() -> None:
    assert snapshot(make_state(status="failed", halted=True))["requested"] == "stopping"
    assert snapshot(make_state(status="failed", stopped_at=14.0))["requested"] == ""
    assert snapshot(make_state(requested="pausing"))["requested"] == "pausing"


def test_a_failure_that_only_holds_back_what_depends_on_it_leaves_the_run_running() -> None:
    told = snapshot(make_state(status="failed"))
    assert (told["status"], told["requested"]) == ("running", "")
    assert snapshot(make_state(status="failed", stopped_at=14.0))["status"] == "failed"


def test_an_id_of_any_length_is_not_taken() -> None:
    with pytest.raises(WireError, match="at most 200 characters"):
        browser.parse_message({"type": "hello", "view": "x" * 201})


def test_lines_that_came_late_count_too() -> None:
    made = wire.to_snapshot(make_state(), GRAPH, now=0.0, seq=0, interactive=True, log_counts={1: 7})
    assert [p["log_count"] for p in made["phases"]] == [0, 7]


def test_what_phases_have_displayed_is_told_as_a_revision_and_a_count() -> None:
    made = wire.to_snapshot(make_state(), GRAPH, now=0.0, seq=0, interactive=True, outputs={1: (7, 3)})
    assert [p["outputs"] for p in made["phases"]] == [[0, 0], [7, 3]]


def test_only_what_differs_is_a_change() -> None:
    before = PhaseStatus("load", "running", 12.5, log_count=3)
    after = PhaseStatus("load", "completed", 12.5, 0.75, log_count=3, origin="ran")
    changes = wire.phase_changes(before, after, 3)
    assert changes == {"status": "completed", "elapsed": 0.75, "fraction": 1.0, "origin": "ran"}
    assert wire.phase_changes(after, after, 5) == {"log_count": 5}


@given(st.floats())
def test_a_fraction_is_a_number_from_0_to_1_whatever_a_phase_says(fraction: float) -> None:
    told = wire.to_phase(PhaseStatus("load", fraction=fraction), GRAPH, 0)["fraction"]
    assert 0 <= told <= 1
    assert math.isfinite(told)


@given(st.text(st.characters(), max_size=20), texts, texts)
def test_a_line_is_one_that_the_browser_can_read(text: str, stream: str, level: str) -> None:
    line = wire.to_line(1.0, stream, level, text)
    assert line[1] in wire.STREAMS
    assert line[2] in wire.LEVELS
    json.dumps(line, ensure_ascii=False).encode("utf-8")


def test_what_utf_8_cannot_hold_is_replaced() -> None:
    assert wire.clip("a\udc80b") == "a?b"


def test_a_long_text_says_how_much_was_cut() -> None:
    assert wire.clip("x" * 2_500) == "x" * 2_000 + "… [500 more characters]"


def test_a_batch_of_lines_fits_its_room_and_holds_at_least_one() -> None:
    rows = [(i, 0.0, "stdout", "", "é" * 100) for i in range(100)]
    assert len(wire.to_lines(rows, 1_000)) == 4
    assert len(wire.to_lines(rows, 1)) == 1
    assert wire.to_lines([], 1_000) == []
    assert len(wire.to_lines(rows, 1_000_000)) == 100


@pytest.mark.parametrize(
    ("options", "field", "why"),
    [
        ({"value": 3}, "options.value", "a string"),
        ({"value": "x" * 500}, "options.value", "at most 200"),
        ({"value": "tomorrow"}, "options.value", "literal:VALUE, got 'tomorrow'"),
        ({"downstream": 1}, "options.downstream", "true or false"),
        ([], "options", "an object"),
    ],
)
def test_options_that_no_command_has_are_named(options: object, field: str, why: str) -> None:
    with pytest.raises(WireError, match=why) as caught:
        browser.check_options(options)
    assert caught.value.field == field


@pytest.mark.parametrize("value", ["none", "earlier", "variable:df"])
def test_what_a_skipped_phase_gives_instead_is_an_option(value: str) -> None:
    assert browser.check_options({"value": value, "replace": True, "unknown": 1}) == {"value": value, "replace": True}
