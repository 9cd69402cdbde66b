"""The widget: one per executor, a reactive widget among others, and nothing left of it when it is closed."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import traitlets

from milo_nb import MiloError, Phase, Pipeline
from milo_nb.show import extension as room
from milo_nb.show.notebook import interactive, lanes
from milo_nb.show.notebook import publisher as publishing
from milo_nb.show.notebook.bundle import read_bundle
from milo_nb.show.notebook.publisher import PUBLISHER
from milo_nb.show.notebook.widget import PipelineWidget
from tests.strategies import DEADLINE_S, Watch, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milo_nb import PipelineExecutor

pytestmark = pytest.mark.usefixtures("built", "no_linger")
HELLO = {"type": "hello", "view": "a"}


@pytest.fixture
def no_linger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(publishing, "LINGER_S", 0.02)
    yield
    interactive._heard = False


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def executor(gate: threading.Event) -> Iterator[PipelineExecutor]:
    pipeline = Pipeline("site", Phase("load", lambda: gate.wait(DEADLINE_S)), Phase("parse", int, depends_on=["load"]))
    started = pipeline.run(work_dir=None)
    yield started
    gate.set()
    PipelineWidget.close_of(started)
    started.close()


def listen(widget: PipelineWidget, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Note what the widget sends to its views."""
    heard = Watch()
    monkeypatch.setattr(widget, "send", heard)
    return heard


def test_there_is_one_widget_per_executor(executor: PipelineExecutor) -> None:
    assert PipelineWidget.of(executor) is PipelineWidget.of(executor)
    assert PipelineWidget.of(executor).executor is executor


def test_it_knows_the_state_from_the_start(executor: PipelineExecutor) -> None:
    widget = PipelineWidget.of(executor)
    assert (widget.pipeline, widget.status) == ("site", "running")
    assert widget.snapshot is not None
    assert [p["name"] for p in widget.snapshot["phases"]] == ["load", "parse"]
    assert widget.comm_id_ == widget.comm.comm_id


def test_its_traits_follow_the_session_and_can_be_linked(executor: PipelineExecutor, gate: threading.Event) -> None:
    widget = PipelineWidget.of(executor)
    other, seen = SimpleNamespace(value=""), Watch()
    widget.observe(lambda change: seen(change["new"]), "status")
    link = traitlets.dlink((widget, "status"), (_Bar(), "text"))
    gate.set()
    seen.until(lambda statuses: "completed" in statuses)
    wait_until(lambda: widget.progress == 1.0)
    wait_until(lambda: link.target[0].text == "completed")
    assert widget.elapsed >= 0
    del other


class _Bar(traitlets.HasTraits):
    text = traitlets.Unicode()


def test_what_the_session_says_cannot_be_set_by_anybody_else(executor: PipelineExecutor) -> None:
    widget = PipelineWidget.of(executor)
    with pytest.raises(traitlets.TraitError):
        widget.status = "completed"
    widget.set_state({"status": "completed", "progress": 1.0, "snapshot": {}, "_esm": "alert(1)", "expanded": True})
    assert (widget.status, widget.expanded) == ("running", True)
    assert widget._esm == "/* widget.js */"
    widget.selected_phase = 1
    widget.auto_follow = False


def test_it_reads_the_same_in_every_notebook(executor: PipelineExecutor) -> None:
    assert repr(PipelineWidget.of(executor)) == "<pipeline site>"


def test_it_takes_a_layout_as_other_widgets_do(executor: PipelineExecutor) -> None:
    widget = PipelineWidget.of(executor)
    widget.layout.height = "300px"
    assert widget.layout.width == "100%"


def test_a_hello_is_answered_by_a_snapshot(executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    widget.take(HELLO)
    first = heard.until(lambda messages: messages)[0]
    assert (first["type"], first["state"]["pipeline"]) == ("snapshot", "site")
    assert interactive.has_person(SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": False}}))


def test_a_command_of_a_view_is_carried_out_and_answered(
    executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    widget.take({"type": "command", "id": "1", "command": "pause", "phases": [], "options": {}})
    assert heard.until(lambda messages: messages)[0] == {"type": "reply", "id": "1", "ok": True, "message": ""}
    assert executor.session.state.requested == "pausing"


@pytest.mark.parametrize("content", [None, 3, [], {}, {"type": "shutdown"}, {"type": "ack", "seq": "1"}])
def test_a_malformed_message_is_logged_and_harms_nobody(
    executor: PipelineExecutor, content: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    with caplog.at_level(logging.WARNING, "milo_nb"):
        widget.take(content)
    assert "a message of a view was not understood" in caplog.text
    widget.take(HELLO)
    heard.until(lambda messages: messages)


def test_a_malformed_command_is_answered_with_what_is_wrong(
    executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    widget.take({"type": "command", "id": "1", "command": "explode", "phases": [], "options": {}})
    (reply,) = heard.until(lambda messages: messages)
    assert (reply["id"], reply["ok"]) == ("1", False)
    assert "command: expected one of retry" in reply["message"]


def test_messages_come_in_as_ipywidgets_delivers_them(
    executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    widget._handle_msg({"content": {"data": {"method": "custom", "content": HELLO}}, "buffers": []})
    heard.until(lambda messages: messages)


def test_a_new_session_is_shown_by_the_same_widget(
    executor: PipelineExecutor, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = PipelineWidget.of(executor)
    heard = listen(widget, monkeypatch)
    widget.take(HELLO)
    gate.set()
    executor.wait(DEADLINE_S)
    executor.run_again()
    executor.wait(DEADLINE_S)
    new = str(executor.session_id)
    heard.until(lambda messages: any(m.get("state", {}).get("session_id") == new for m in messages))


def test_nothing_is_left_of_a_closed_widget(executor: PipelineExecutor, gate: threading.Event) -> None:
    widget = PipelineWidget.of(executor)
    widget.take(HELLO)
    comm_id, feed = widget.comm_id_, weakref.ref(widget._feed)
    assert comm_id in lanes._ours or interactive.find_kernel() is None
    widget.close()
    widget.close()
    assert executor.sessions == []
    assert comm_id not in lanes._ours
    wait_until(lambda: not PUBLISHER.is_alive)
    gate.set()
    assert executor.wait(DEADLINE_S).success
    del widget
    gc.collect()
    assert feed() is None


def test_twenty_executors_have_one_publisher_thread_and_leave_none(gate: threading.Event) -> None:
    wait_until(lambda: "milo-publisher" not in [t.name for t in threading.enumerate()])
    executors = [Pipeline(f"p{k}", Phase("a", lambda: gate.wait(DEADLINE_S))).run(work_dir=None) for k in range(20)]
    for executor in executors:
        PipelineWidget.of(executor).take(HELLO)
    assert [t.name for t in threading.enumerate()].count("milo-publisher") == 1
    gate.set()
    for executor in executors:
        executor.wait(DEADLINE_S)
        PipelineWidget.close_of(executor)
        executor.close()
    wait_until(lambda: "milo-publisher" not in [t.name for t in threading.enumerate()])


def test_no_thread_is_left_when_the_session_has_ended_and_nobody_looks(
    executor: PipelineExecutor, gate: threading.Event
) -> None:
    widget = PipelineWidget.of(executor)
    gate.set()
    executor.wait(DEADLINE_S)
    wait_until(lambda: widget.status == "completed")
    wait_until(lambda: not PUBLISHER.is_alive)


def test_a_bundle_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        MiloError, match=r"The view has not been built: .*widget.js is missing. In a checkout run: make build"
    ):
        read_bundle("widget.js", tmp_path)


def test_without_a_bundle_a_notebook_shows_that_sentence(
    executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(room, "has_person", lambda: True)
    monkeypatch.setattr("milo_nb.show.notebook.widget.read_bundle", lambda name: read_bundle(name, tmp_path))
    (text,) = room.show(executor).values()
    assert text.startswith("<pipeline site> The view has not been built")
    assert text.endswith("run: make build")


def test_a_bundle_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "widget.js").write_text("1", "utf-8")
    assert read_bundle("widget.js", tmp_path) == "1"
    (tmp_path / "widget.js").write_text("2", "utf-8")
    assert read_bundle("widget.js", tmp_path) == "1"


# ---------------------------------------------------------------------- who is there


@pytest.mark.parametrize(
    ("kernel", "is_seen"),
    [
        (SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": True}}), True),
        (SimpleNamespace(get_parent=lambda channel: {"content": {"allow_stdin": False}}), False),
        (SimpleNamespace(get_parent=lambda channel: {}, _allow_stdin=True), True),
        (SimpleNamespace(get_parent=lambda channel: None), False),
        (SimpleNamespace(), False),
    ],
)
def test_a_person_is_there_if_the_cell_may_ask_for_input(kernel: Any, is_seen: bool) -> None:
    assert interactive.has_person(kernel) is is_seen


def test_outside_of_a_kernel_nobody_is_there() -> None:
    assert not interactive.has_person()


def test_a_live_view_is_shown_where_somebody_looks(executor: PipelineExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_person", lambda: True)
    shown = room.show(executor)
    assert shown["text/plain"].startswith("<pipeline site>: no live view is shown here. %milo status site")
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == PipelineWidget.of(executor).model_id
