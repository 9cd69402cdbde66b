"""What phases print is kept in memory and, with a work directory, whole on disk."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from milo_nb.capture import owners
from milo_nb.capture import router as capture
from milo_nb.capture.router import Block, find_owner
from milo_nb.declare.phase import Phase
from milo_nb.execute import logfiles
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.logfiles import LogFiles
from milo_nb.persist.logreader import LogReader
from milo_nb.pipeline import Pipeline
from milo_nb.state import actions as a
from tests.strategies import DEADLINE_S, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    owners.forget_sinks()  # other tests leave some behind
    made = []

    def make(*phases, work_dir=tmp_path, **options):
        executor = PipelineExecutor(Pipeline("p", *phases, **options), work_dir=work_dir)
        made.append(executor)
        executor.start()
        return executor

    yield make
    for executor in made:
        executor.close()


def folder_of(root):
    (folder,) = root.glob("p/runs/*/logs")
    return folder


def texts(executor, name):
    return [line.line for line in executor[name].logs()]


def test_the_full_text_of_each_attempt_is_on_disk_with_all_that_is_known_of_it(start, tmp_path):
    def load(ctx):
        print("out")
        print("err", file=sys.stderr)
        ctx.logger.warning("try %d", ctx.attempt)
        print("unfinished", end="")
        if ctx.attempt == 1:
            raise ValueError("not yet")

    executor = start(Phase("load", load))
    executor.wait(DEADLINE_S)
    executor.retry("load")
    executor.wait(DEADLINE_S)
    reader = LogReader(folder_of(tmp_path), "load")
    rows = reader.page(0, 100)
    assert rows == [
        (i, log.timestamp, log.stream, log.level, log.line) for i, log in enumerate(executor["load"].logs())
    ]
    assert [row[2:] for row in rows[:4]] == [
        ("stdout", "", "out"),
        ("stderr", "", "err"),
        ("log", "WARNING", "try 1"),
        ("stdout", "", "unfinished"),
    ]
    assert [reader.attempt_of(number) for number in range(8)] == [1] * 4 + [2] * 4


def test_the_disk_keeps_what_memory_has_no_room_for(start, tmp_path):
    executor = start(Phase("load", lambda: print("\n".join(map(str, range(150_000))))))
    executor.wait(DEADLINE_S)
    assert len(executor["load"].logs()) == 100_000
    reader = LogReader(folder_of(tmp_path), "load")
    assert [row[4] for row in reader.page(9_999, 3)] == ["9999", "10000", "10001"]
    assert len(reader) == executor["load"].known.log_count == 150_000


@pytest.mark.slow
def test_floods_are_whole_on_disk_and_bounded_in_memory(start, tmp_path):
    def flood():
        sys.stdout.write("\n".join(map(str, range(10_000))) + "\n")
        print("x" * 100_000_000)
        for n in range(1_000_000):
            print(n)

    executor = start(Phase("load", flood))
    executor.wait(60)
    reader = LogReader(folder_of(tmp_path), "load")
    assert len(reader) == executor["load"].known.log_count == 1_010_001
    assert [row[4] for row in reader.page(9_999, 1)] == ["9999"]
    assert reader.page(10_000, 1)[0][4].endswith("… [99,000,000 more characters cut]")
    assert [row[4] for row in reader.page(510_001, 2)] == ["500000", "500001"]
    assert texts(executor, "load")[-1] == "999999"
    assert sum(map(len, texts(executor, "load"))) < 32_000_000
    assert max(len(log.line) for log in executor["load"].known.logs) < 110_000


def test_late_lines_are_marked_on_disk_too(start, tmp_path):
    ended = threading.Event()
    threads = []

    def talk():
        assert ended.wait(DEADLINE_S)
        print("too late")

    def load():
        print("in time")
        threads.append(threading.Thread(target=talk))
        threads[0].start()

    executor = start(Phase("load", load))
    executor.wait(DEADLINE_S)
    ended.set()
    threads[0].join(DEADLINE_S)
    capture.drain_now()
    wait_until(lambda: len(executor["load"].logs()) == 2)
    assert executor.session.logs.flush(DEADLINE_S)
    assert LogReader(folder_of(tmp_path), "load").text() == "in time\n[late] too late\n"
    assert texts(executor, "load") == ["in time", "[late] too late"]


def test_phases_with_any_name_have_a_log_of_their_own(start, tmp_path):
    names = ["a/b", "../up", "A", "a", "日本", "unattributed", "x" * 500]
    executor = start(*[Phase(name, lambda name=name: print(name)) for name in names])
    executor.wait(DEADLINE_S)
    assert [LogReader(folder_of(tmp_path), name).text() for name in names] == [f"{name}\n" for name in names]
    assert {path.parent.name for path in tmp_path.rglob("*.log")} == {"logs"}


def test_without_a_work_directory_nothing_is_written(start, tmp_path):
    executor = start(Phase("load", lambda: print("hello")), work_dir=None)
    executor.wait(DEADLINE_S)
    assert texts(executor, "load") == ["hello"]
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_work_directory_is_told_once_and_the_session_goes_on(start, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    phases = [Phase(name, lambda: print("hello\nthere")) for name in ("load", "render")]
    executor = start(*phases, work_dir=tmp_path / "file")
    result = executor.wait(DEADLINE_S)
    assert result.success
    warnings = [log for name in ("load", "render") for log in executor[name].logs() if log.stream == "milo"]
    assert [(log.level, log.line[:27]) for log in warnings] == [("WARNING", "The full log is not on disk")]
    assert str(tmp_path / "file") in warnings[0].line
    assert [[line for line in texts(executor, name) if "disk" not in line] for name in ("load", "render")] == [
        ["hello", "there"]
    ] * 2
    assert len([record for record in caplog.records if "not on disk" in record.message]) == 1


@pytest.mark.parametrize("limit", [0, 5_000])
def test_a_full_disk_is_told_in_the_log_of_the_phase_and_what_was_written_stays(tmp_path, limit):
    code = f"""
import resource, signal
from milo_nb import Phase, Pipeline
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
def load(ctx):
    for n in range(100): print("x" * 100); ctx.sleep(0.001)
executor = Pipeline("p", Phase("load", load)).run(work_dir={str(tmp_path)!r})
result = executor.wait()
logs = executor["load"].logs()
print(result.success, len(logs), [log.line for log in logs if log.stream == "milo"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.startswith("True 101 ['The full log is not on disk (File too large: ")
    assert done.stderr.count("not on disk") == 1


def test_lines_are_on_disk_when_the_process_ends_without_waiting_for_the_session(tmp_path):
    code = f"""
import threading
from milo_nb import Phase, Pipeline
printed, go_on = threading.Event(), threading.Event()
def load():
    print("\\n".join(map(str, range(1000))))
    printed.set()
executor = Pipeline("p", Phase("load", load)).run(work_dir={str(tmp_path)!r})
executor.session.ended.wait()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
    assert len(LogReader(folder_of(tmp_path), "load")) == 1000


def test_the_thread_that_writes_ends_when_nothing_is_printed_any_more(start, monkeypatch):
    monkeypatch.setattr(logfiles, "IDLE_S", 0.01)
    executor = start(Phase("load", lambda: print("hello")))
    executor.wait(DEADLINE_S)
    for thread in threading.enumerate():
        if thread.name.endswith("-logs"):
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


def test_more_phases_may_print_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr(logfiles, "MOST_OPEN", 3)
    files = LogFiles("t", lambda: tmp_path, pytest.fail)
    open_before = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    for n in range(200):
        files.put(f"p{n % 20}", [Block("stdout", "", 0.0, [str(n)])], 1, late=False)
    assert files.flush(DEADLINE_S)
    if sys.platform == "linux":
        assert len(list(Path("/proc/self/fd").iterdir())) <= open_before + 2 * 3 + 2
    assert LogReader(tmp_path, "p3").text() == "".join(f"{n}\n" for n in range(3, 200, 20))


def test_who_prints_more_than_a_slow_disk_takes_waits_and_after_a_while_goes_on_without(monkeypatch):
    monkeypatch.setattr(logfiles, "MOST_WAITING", 10)
    monkeypatch.setattr(logfiles, "PATIENCE_S", 0.05)
    disk, told = threading.Event(), []

    def folder():
        assert disk.wait(DEADLINE_S)

    files = LogFiles("t", folder, lambda *failure: told.append(failure))
    files.put("a", [Block("stdout", "", 0.0, ["x" * 20])], 1, late=False)
    files.put("b", [Block("stdout", "", 0.0, ["y"])], 2, late=False)
    files.put("b", [Block("stdout", "", 0.0, ["y"])], 2, late=False)
    assert told == [("b", 2, "the disk has taken nothing for too long")]
    assert not files.flush(0.01)
    disk.set()
    assert files.flush(DEADLINE_S)


def test_what_no_phase_can_claim_goes_to_the_unattributed_lines_of_the_session(start, tmp_path):
    both = threading.Barrier(2)

    def work():
        both.wait(DEADLINE_S)
        if both.wait(DEADLINE_S) == 0:
            find_owner().write("stdout", "whose?\n")
        both.wait(DEADLINE_S)

    executor = start(*[Phase(name, work, parallel=True) for name in "ab"])
    executor.wait(DEADLINE_S)
    assert [(log.stream, log.line) for log in executor.unattributed.logs()] == [("stdout", "whose?")]
    assert repr(executor.unattributed) == "<unattributed: 1 lines>"
    assert LogReader(folder_of(tmp_path), "").text() == "whose?\n"
    assert (folder_of(tmp_path) / "unattributed.log").exists()
    assert executor.session.books == {}
    assert owners._panes == {}


def test_unattributed_output_goes_to_the_session_whose_phases_run(start):
    both, go_on = threading.Barrier(3), threading.Event()

    def work():
        both.wait(DEADLINE_S)
        both.wait(DEADLINE_S)

    older = start(*[Phase(name, work, parallel=True) for name in "ab"], work_dir=None)
    both.wait(DEADLINE_S)
    younger = start(Phase("c", lambda: go_on.wait(DEADLINE_S)), Phase("d", lambda c: c), work_dir=None)
    younger.pause()
    go_on.set()
    wait_until(lambda: younger.session.state.status == "paused")
    find_owner().write("stdout", "whose?\n")
    both.wait(DEADLINE_S)
    older.wait(DEADLINE_S)
    assert [len(executor.unattributed.logs()) for executor in (older, younger)] == [1, 0]


def test_the_lines_of_an_attempt_come_before_its_outcome(start):
    executor = start(Phase("load", lambda: print("last words", end="")))
    executor.wait(DEADLINE_S)
    told = []
    again = PipelineExecutor(executor.pipeline, work_dir=None)
    again.store.subscribe(told.append, every=True)
    again.execute()
    again.close()
    kinds = [action.type for action in told]
    assert kinds.index(a.PHASE_LOGS) < kinds.index(a.PHASE_COMPLETE)
