"""Sessions on disk that go on from their own view, with what the notebook defines; and what bars the way if nothing fits."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from milo_nb import Phase, Pipeline, attach
from milo_nb.errors import InvalidStateError, StaleCodeError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.declared import declared_to_json
from milo_nb.persist.journal import Journal, make_header
from milo_nb.persist.replay import current_snapshot
from milo_nb.persist.rundir import RunDir
from milo_nb.persist.snapshot import write_snapshot
from milo_nb.show.magic import on_disk
from milo_nb.show.magic.made import release
from milo_nb.show.notebook.beside import SessionBeside
from milo_nb.state.actions import PHASE_START, PIPELINE_START, Action
from milo_nb.state.wire_browser import CommandRequest
from tests.show.test_beside import ask
from tests.show.test_sessions import cell, left, restart, short  # noqa: F401 - `left` is a fixture
from tests.strategies import DEADLINE_S, give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milo_nb.execute.attached import AttachedExecutor
    from tests.show.conftest import Notebook


@pytest.fixture
def look() -> Iterator[Callable[[], AttachedExecutor]]:
    seen: list[AttachedExecutor] = []

    def at() -> AttachedExecutor:
        seen.append(attach())
        return seen[-1]

    yield at
    for attached in seen:
        attached.close()
        if isinstance(attached._live, PipelineExecutor):
            release(attached._live)


def test_the_list_counts_the_time_in_which_a_kernel_had_the_session_and_no_other(tmp_path: Path) -> None:
    began = time.time() - 9 * 3600
    run_dir = RunDir.make(tmp_path, "shop", str(uuid4()), began)
    graph = declared_to_json(Pipeline("shop", Phase("load", give(1))).graph)
    header = make_header("shop", run_dir.session_id, graph, wall=began, clock=1.0)
    journal = Journal.create(run_dir.journal, header)
    journal.append([Action(PIPELINE_START, None, 1.0), Action(PHASE_START, {"name": "load", "attempt": 1}, 601.0)])
    journal.close()
    os.utime(run_dir.journal, (began + 600, began + 600))
    assert (on_disk.look(run_dir).status, on_disk.look(run_dir).took_s) == ("interrupted", 600)
    snapshot = {**current_snapshot(run_dir), "journal_bytes": run_dir.journal.stat().st_size}
    write_snapshot(run_dir.snapshot, snapshot)
    os.utime(run_dir.snapshot, (began + 3600, began + 3600))
    assert on_disk.look(run_dir).took_s == 3600


def test_without_a_definition_the_buttons_say_how_to_bring_one(
    left: Notebook,  # noqa: F811 - the fixture
    look: Callable[[], AttachedExecutor],
) -> None:
    seen = look()
    beside = SessionBeside(seen.session).now()
    says = (
        f"Session {short()} has no kernel any more: it can be looked at, not steered. Define 'shop' here, as with "
        f"%%milo shop --define in the first line of its cell; then its buttons work, and: %milo resume shop {short()}"
    )
    assert beside.locked == says
    assert beside.banners == (("told", f"Past session {short()}, read-only.", ""),)
    for command in ("retry", "run"):
        assert ask(seen, CommandRequest(command, command, ("train",) if command == "retry" else ()))["message"] == says
    left.run(cell("--define"))
    assert SessionBeside(seen.session).now().locked == ""


@pytest.mark.parametrize(("command", "phases"), [("resume", ()), ("retry", ("train",)), ("retry-failed", ())])
def test_a_defined_pipeline_goes_on_at_a_click_in_the_view_of_its_past_session(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
    command: Any,
    phases: tuple[str, ...],
) -> None:
    left.run(cell("--define"))
    seen = look()
    followed: list[Any] = []
    seen.sessions.append(lambda: followed.append(seen.session))
    ((_, said, _),) = SessionBeside(seen.session).now().banners
    assert said == f"Past session {short()}. What you ask for here goes on in it, with the code of this kernel."

    assert ask(seen, CommandRequest("1", command, phases))["ok"]

    shop = left.names["shop"]
    assert isinstance(shop, PipelineExecutor)
    assert followed == [shop.session]
    assert seen.wait(DEADLINE_S).results["train"] == 6
    assert shop["load"].known.attempt == 1
    assert shop["load"].logs()[0].line == "loading"
    assert SessionBeside(seen.session).now().owner == "here"


def test_what_has_ended_is_refused_without_taking_it_up(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
) -> None:
    left.run(cell("--define"))
    seen = look()
    refused = ask(seen, CommandRequest("1", "pause"))
    assert "There is nothing to pause: the session is failed" in refused["message"]
    assert not isinstance(left.names["shop"], PipelineExecutor)


def test_run_again_from_a_past_session_starts_a_new_one_with_its_parameters(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
) -> None:
    left.run(cell("--define"))
    seen = look()
    old = seen.session_id
    assert ask(seen, CommandRequest("1", "run"))["ok"]
    assert seen.wait(DEADLINE_S).success
    assert seen.session_id == left.names["shop"].session_id != old
    left.run("%milo run shop --wait")
    assert seen.session_id == left.names["shop"].session_id


def test_other_phases_and_a_session_that_runs_bar_the_way_with_the_reason(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
) -> None:
    seen = look()
    left.run("%%milo shop --define\n@phase\ndef load(): ...")
    assert "cannot go on: since it began, clean, train went." in SessionBeside(seen.session).now().locked
    left.run("%%milo shop.late --after nowhere\n1")
    assert "nowhere" in SessionBeside(seen.session).now().locked
    left.run("import threading\ngate = threading.Event()")
    left.run("%%milo shop --no-wait\n@phase\ndef load(): gate.wait(60)\n@phase\ndef nowhere(): ...")
    assert "'shop' has another session in this kernel, " in SessionBeside(seen.session).now().locked
    left.names["gate"].set()
    left.names["shop"].wait(DEADLINE_S)


def test_changed_code_is_asked_about_once_and_a_second_click_decides(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left.run(cell("--define", ", reverse=True"))
    monkeypatch.setattr("milo_nb.execute.executor._attended", lambda: True)
    seen = look()
    refused = ask(seen, CommandRequest("1", "resume"))
    assert "'clean': its code changed" in refused["message"] or "'clean'" in refused["message"]
    assert "Resume once more to run them again" in refused["message"]
    assert ask(seen, CommandRequest("2", "resume"))["ok"]
    assert seen.wait(DEADLINE_S).results["clean"] == [3, 2, 1]


def test_a_program_that_resumes_what_it_looks_at_is_asked_by_an_error(
    left: Notebook,  # noqa: F811
    look: Callable[[], AttachedExecutor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left.run(cell("--define", ", reverse=True"))
    monkeypatch.setattr("milo_nb.execute.executor._attended", lambda: True)
    seen = look()
    with pytest.raises(StaleCodeError):
        seen.resume()
    assert seen.resume(stale="reuse").wait(DEADLINE_S).results["clean"] == [1, 2, 3]


def test_a_line_about_a_past_session_goes_on_in_it(left: Notebook) -> None:  # noqa: F811
    left.run(cell("--define"))
    assert f"shop (session {short()}, here): retry" in left.run(f"%milo retry shop --session {short()}")
    assert left.names["shop"].wait(DEADLINE_S).success


def test_without_the_magics_the_way_out_is_said(left: Notebook, look: Callable[[], AttachedExecutor]) -> None:  # noqa: F811
    left.run(cell("--define"))
    seen = look()
    left.run("%unload_ext milo_nb")
    with pytest.raises(InvalidStateError, match=r"Define 'shop' here and resume it: executor\.resume\("):
        seen.resume()
    left.run("%load_ext milo_nb")
    restart(left)
