"""What phases displayed outlives the kernel: whoever attaches or resumes sees it, and nothing that somebody else put there."""

import threading

import pytest

from milo_nb import attach
from milo_nb.capture.outputs import Output
from milo_nb.capture.shown import CURRENT_SINK
from milo_nb.declare.phase import Phase
from milo_nb.execute import displays
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.retention import clean
from milo_nb.persist.rundir import find
from milo_nb.pipeline import Pipeline
from milo_nb.show.notebook.outputs import to_list, to_piece
from tests.strategies import DEADLINE_S, wait_until


def show(text, display_id=None, **how):
    CURRENT_SINK.get().output(Output({"text/plain": text}, display_id=display_id, **how))


def texts(executor, name):
    return [output.data["text/plain"] for output in executor[name].outputs]


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".milo"


@pytest.fixture
def run(root):
    made = []

    def start(*phases, **options):
        executor = PipelineExecutor(Pipeline("shop", *phases), **{"work_dir": root, **options})
        made.append(executor)
        return executor.start()

    yield start
    for executor in made:
        executor.close()


@pytest.fixture
def look(root):
    seen = []

    def at():
        seen.append(attach(None, root))
        return seen[-1]

    yield at
    for attached in seen:
        attached.close()


def ended(executor):
    executor.wait(DEADLINE_S)
    executor.close()
    return executor


def outputs_of(root, executor):
    return find(root, str(executor.session_id)).outputs


def plot():
    show("1%", "bar")
    CURRENT_SINK.get().output(Output({"image/png": b"\x89PNG", "text/plain": "<Figure>"}, {"image/png": {"width": 9}}))
    show("100%", "bar", update=True)


def test_a_past_session_shows_what_its_phases_displayed(run, look):
    live = ended(run(Phase("plot", plot), Phase("quiet", lambda: None)))
    seen = look()
    assert seen["plot"].outputs == live["plot"].outputs
    assert texts(seen, "plot") == ["100%", "<Figure>"]
    assert seen["plot"].known.outputs == live["plot"].known.outputs == ("plot.1/1", "plot.1/2")
    book = seen.session.outputs["plot"]
    picture = to_list(book)["items"][1]
    assert (picture["mime"], picture["width"]) == ("image/png", 9)
    assert to_piece(book, picture["ref"], picture["version"], 0) == b"\x89PNG"
    assert seen["quiet"].outputs == ()


def test_nothing_is_read_before_somebody_looks(run, look, monkeypatch):
    ended(run(Phase("plot", plot)))
    monkeypatch.setattr("milo_nb.persist.displays.read_own", None)
    book = look().session.outputs["plot"]
    assert (len(book), book.revision) == (2, 1)


def test_cleared_displays_are_gone_on_disk_too(run, root):
    cleared = threading.Event()

    def draw():
        show("old")
        executor.session.disk.displays.flush(DEADLINE_S)
        CURRENT_SINK.get().output(Output({}, clear=True))
        show("new")
        cleared.set()

    phase = Phase("draw", draw)
    executor = PipelineExecutor(Pipeline("shop", phase), work_dir=root)
    executor.start()
    ended(executor)
    assert cleared.is_set()
    assert [p.name for p in outputs_of(root, executor).iterdir()] == ["draw.1.2.display"]


def test_a_resumed_session_shows_earlier_displays_before_its_own(run, look):
    broken = [True]

    def draw():
        show("first" if broken else "second")
        if broken:
            raise ValueError("boom")

    phases = Phase("plot", plot), Phase("draw", draw, "", "plot")
    first = ended(run(*phases))
    broken.clear()
    second = run(*phases, resume=first.session_id, stale="reuse")
    second.wait(DEADLINE_S)
    assert texts(second, "draw") == ["first", "second"]
    assert second["draw"].known.outputs == ("draw.1/1", "draw.2/1")
    assert texts(second, "plot") == ["100%", "<Figure>"]
    second.close()
    assert texts(look(), "draw") == ["first", "second"]


def test_who_looks_at_a_running_session_sees_displays_come_and_change(run, look):
    go, done = threading.Event(), threading.Event()

    def draw():
        show("1%", "bar")
        go.wait(DEADLINE_S)
        show("50%", "bar", update=True)
        done.wait(DEADLINE_S)

    live = run(Phase("draw", draw))
    wait_until(lambda: live["draw"].outputs)
    live.session.disk.displays.flush(DEADLINE_S)
    seen = look()
    assert texts(seen, "draw") == ["1%"]
    before = seen.session.outputs["draw"].revision
    changes = []
    seen.session.outputs["draw"].on_change = lambda: changes.append(1)
    go.set()
    wait_until(lambda: texts(seen, "draw") == ["50%"])
    assert changes
    assert seen.session.outputs["draw"].revision > before
    done.set()
    live.wait(DEADLINE_S)


def test_what_somebody_else_put_there_is_not_shown_and_says_so(run, look, root):
    live = ended(run(Phase("plot", plot)))
    folder = outputs_of(root, live)
    file = folder / "plot.1.1.display"
    file.write_bytes(file.read_bytes().replace(b"100%", b"<h1>"))
    (folder / "plot.1.3.display").write_bytes(b"<script>")
    (folder / "nobody.1.1.display").write_bytes(b"")
    refused = "[a display is not shown: it does not carry your signature]"
    assert texts(look(), "plot") == [refused, "<Figure>", refused]

    second = PipelineExecutor(live.pipeline, work_dir=root)
    second._take_up(live.session_id)
    second.rerun("plot").wait(DEADLINE_S)
    second.close()
    assert texts(look(), "plot")[:3] == [refused, "<Figure>", refused]
    assert texts(look(), "plot")[3:] == ["100%", "<Figure>"]
    assert (folder / "plot.1.3.display").read_bytes() == b"<script>"  # left as it was found


def test_of_too_many_bytes_the_last_displays_are_kept(run, look, monkeypatch):
    def draw():
        for i in range(10):
            show(f"{i}" * 1000)

    monkeypatch.setattr(displays, "MAX_PHASE_BYTES", 5_000)
    ended(run(Phase("draw", draw)))
    seen = look()
    assert texts(seen, "draw") == [f"{i}" * 1000 for i in (7, 8, 9)]
    assert seen.session.outputs["draw"].dropped == 7


@pytest.mark.parametrize("most", [True, False])
def test_where_they_cannot_be_kept_the_phase_says_so_once_and_shows_them_all_the_same(run, monkeypatch, most):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    def draw():
        show("a" * 1000)
        show("b" * 1000)

    if most:
        monkeypatch.setattr(displays, "MAX_SESSION_BYTES", 500)
    else:
        monkeypatch.setattr(displays.DisplayFiles, "write", refuse)
    live = run(Phase("draw", draw))
    live.wait(DEADLINE_S)
    why = "the session has displayed more than 500 bytes" if most else "No space left on device"
    assert [log.line for log in live["draw"].logs()] == [
        f"Displays are not on disk ({why}). They are kept in memory only."
    ]
    assert texts(live, "draw") == ["a" * 1000, "b" * 1000]


def test_a_directory_in_the_place_of_a_display_costs_that_display_and_the_phase_says_so_once(run, look, root):
    def draw(ctx):
        for number in (1, 3):
            (ctx.work_dir / "outputs" / f"draw.1.{number}.display").mkdir()
        for text in ("a", "b", "c", "d"):
            show(text)

    def later():
        show("e")

    live = run(Phase("draw", draw), Phase("later", later, "", "draw"))
    live.wait(DEADLINE_S)
    assert live.session.disk.displays.flush(DEADLINE_S)
    assert [log.line for log in live["draw"].logs()] == [
        (
            "A display is not on disk: a directory is in its place (draw.1.1.display). "
            "It is kept in memory only; others are saved."
        )
    ]
    assert texts(live, "draw") == ["a", "b", "c", "d"]
    live.close()
    seen = look()
    gone = "[a display is not shown: it is no regular file]"
    assert [text if len(text) == 1 else gone for text in texts(seen, "draw")] == [gone, "b", gone, "d"]
    assert texts(seen, "later") == ["e"]


def test_displays_of_old_sessions_go_before_the_sessions_where_there_is_too_much(run, look, root):
    def draw():
        show("a" * 300_000)

    old = ended(run(Phase("draw", draw)))
    new = ended(run(Phase("draw", draw)))
    gone = clean(root, "shop", max_bytes=400_000)
    assert [one.path for one in gone] == [outputs_of(root, old)]
    assert [p.name for p in outputs_of(root, old).iterdir()] == ["cleaned.json"]
    assert texts(look(), "draw") == ["a" * 300_000]
    assert look().session_id == new.session_id
    assert clean(root, "shop", max_bytes=400_000) == []


def test_no_thread_is_left_when_a_session_is_closed(run):
    live = ended(run(Phase("plot", plot)))
    assert not live.session.disk.displays
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.endswith("-displays")])


def test_a_session_in_memory_keeps_its_displays_there(run):
    live = run(Phase("plot", plot), work_dir=None)
    live.wait(DEADLINE_S)
    assert texts(live, "plot") == ["100%", "<Figure>"]
