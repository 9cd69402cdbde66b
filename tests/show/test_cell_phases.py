"""What ``%%milo NAME.PHASE`` cells do: they define, in any order, and the pipeline gathers its phases from all of them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from milo_nb import Phase, Pipeline, PipelineExecutor, PipelineFailed
from milo_nb.errors import PhaseTimeoutError
from milo_nb.show.notebook.widget import PipelineWidget

if TYPE_CHECKING:
    from tests.show.conftest import Notebook

LOAD = "%%milo site.load\nrows = [1, 2]"
PARSE = "%%milo site.parse --after load\ntotal = sum(rows)"
RUNS = "site: completed (2 completed)"


@pytest.fixture
def failed(notebook: Notebook, built: None) -> Notebook:
    """A person's notebook whose session of `site` has failed in `parse`, with `write` behind it."""
    notebook.arrive()
    notebook.run(LOAD)
    notebook.run("%%milo site.parse --after load\ntotal = 1 / 0")
    notebook.run("%%milo site.write --after parse\ntext = str(total)")
    notebook.run("%milo run site")
    notebook.names["site"].wait(60)
    return notebook


# ---------------------------------------------------------------------- defining


def test_a_phase_cell_only_defines_and_says_so_in_one_line(notebook: Notebook) -> None:
    out = notebook.run("%%milo site.load\nran = True\nprint('loading')")
    assert out == "'site.load' is defined. Start it with: %milo run site"
    assert "ran" not in notebook.names
    assert isinstance(notebook.names["site"], Pipeline)
    assert repr(notebook.names["site"]) == "<Pipeline site: load>"


def test_run_starts_the_pipeline_that_phase_cells_make(notebook: Notebook) -> None:
    notebook.run(LOAD)
    notebook.run(PARSE)
    assert notebook.run("%milo run site") == RUNS
    site = notebook.names["site"]
    assert isinstance(site, PipelineExecutor)
    assert site["parse"].result.total == 3
    assert notebook.run("%milo run site") == RUNS


def test_the_order_of_the_cells_does_not_matter(notebook: Notebook) -> None:
    out = notebook.run(PARSE)
    assert out == "'site.parse' is defined; not defined yet: load."
    assert repr(notebook.names["site"]) == "<Pipeline site: 1 phase, not defined yet: load>"
    assert notebook.run("%milo status site") == "site: defined, 1 phase, not started; not defined yet: load"
    assert notebook.run(LOAD) == "'site.load' is defined. Start it with: %milo run site"
    assert notebook.run("%milo run site") == RUNS


def test_a_dependency_that_is_not_defined_is_refused_when_it_is_run(notebook: Notebook) -> None:
    notebook.run(PARSE)
    out = notebook.fail("%milo run site")
    assert out == "PipelineError: Phase 'parse' depends on 'load', which does not exist. Available phases: parse."
    for act in (notebook.names["site"].run, notebook.names["site"].execute, notebook.names["site"].execution_order):
        with pytest.raises(ValueError, match="depends on 'load'"):
            act()
    assert isinstance(notebook.names["site"], Pipeline)


def test_options_reach_the_phase(notebook: Notebook) -> None:
    notebook.run(LOAD)
    notebook.run("%%milo site.fetch\n1")
    notebook.run(
        "%%milo site.parse --after load --after site.fetch --retry 3 --timeout 2.5 --parallel --weight 4"
        " --description 'All of it'\n1"
    )
    parse: Phase = notebook.names["site"].phases[2]
    assert parse.depends_on == ("load", "fetch")
    assert (parse.policy.on_fail, parse.policy.max_retries) == ("retry", 3)
    assert (parse.timeout, parse.parallel, parse.parallel_unset, parse.weight) == (2.5, True, False, 4)
    assert parse.description == "All of it"
    notebook.run("%%milo site.parse --after load fetch --on-fail skip\n'''What it says.\n\nMore.'''\n1")
    parse = notebook.names["site"].phases[2]
    assert parse.depends_on == ("load", "fetch")
    assert (parse.policy.on_fail, parse.parallel_unset, parse.description) == ("skip", True, "What it says.")


def test_a_failing_phase_is_tried_again_as_its_cell_says(notebook: Notebook) -> None:
    notebook.run("%%milo site.load --retry 2\nif ctx.attempt < 3: raise OSError\ntries = ctx.attempt")
    assert notebook.run("%milo run site --wait") == "site: completed (1 completed)"
    assert notebook.names["site"]["load"].result.tries == 3


def test_a_phase_is_stopped_when_its_time_is_up(notebook: Notebook) -> None:
    notebook.run("%%milo site.load --timeout 0.05\nctx.sleep(20)")
    assert "[FAIL] load: " in notebook.fail("%milo run site --wait")
    error = notebook.names["site"]["load"].error
    assert isinstance(error, PhaseTimeoutError)


@pytest.mark.parametrize(
    "cells",
    [
        ("%%milo site.a --parallel\nboth.wait(60)", "%%milo site.b --parallel\nboth.wait(60)"),
        (
            "%%milo site.a\nboth.wait(60)",
            "%%milo site.b\nboth.wait(60)",
            "%%milo site --define --parallel\n# all of them",
        ),
        ("%%milo site --define --parallel\n@phase\ndef a(): both.wait(60)\n@phase\ndef b(): both.wait(60)",),
    ],
)
def test_parallel_phases_run_at_the_same_time(notebook: Notebook, cells: tuple[str, ...]) -> None:
    notebook.names["both"] = threading.Barrier(2)
    for cell in cells:
        notebook.run(cell)
    assert notebook.run("%milo run site --max-workers 2") == RUNS


def test_a_cell_that_runs_again_replaces_exactly_its_phase(notebook: Notebook) -> None:
    notebook.run(LOAD)
    notebook.run(PARSE)
    load = notebook.names["site"].phases[0]
    notebook.run(PARSE.replace("sum", "max"))
    assert [p.name for p in notebook.names["site"].phases] == ["load", "parse"]
    assert notebook.names["site"].phases[0] is load
    notebook.run("%milo run site")
    assert notebook.names["site"]["parse"].result.total == 2


def test_a_cell_that_is_renamed_takes_its_old_phase_away(notebook: Notebook) -> None:
    runs = iter([("a", "1"), ("b", "2"), ("b", "3"), ("b", "3")])
    parent = {"content": {"allow_stdin": False}}
    notebook.shell.kernel = SimpleNamespace(get_parent=lambda channel: parent)
    for cell in (LOAD, PARSE, PARSE.replace("site.parse", "site.total"), PARSE.replace("site.parse", "site.another")):
        cell_id, run = next(runs)
        parent.update(metadata={"cellId": cell_id}, header={"msg_id": run})
        notebook.run(cell)
    assert notebook.names["site"].execution_order() == ["load", "another", "total"]


def test_help_shows_the_options(notebook: Notebook) -> None:
    out = notebook.run("%%milo site.load --help\npass")
    assert out.startswith("usage: %%milo")
    assert "--after PHASE [PHASE ...]" in out
    assert "site" not in notebook.names


# ---------------------------------------------------------------------- with a cell of the whole pipeline


def test_a_pipeline_has_the_phases_of_its_cell_and_of_its_phase_cells(notebook: Notebook) -> None:
    notebook.run(LOAD)
    notebook.run("%%milo site.write --after double\ntext = str(double)")
    out = notebook.run("%%milo site\n@phase\ndef double(load): return [2 * r for r in load.rows]")
    assert out == "site: completed (3 completed)"
    site = notebook.names["site"]
    assert site.results["double"] == [2, 4]
    assert site["write"].result.text == "[2, 4]"


def test_the_cell_of_the_pipeline_may_wait_for_phase_cells(notebook: Notebook) -> None:
    whole = "%%milo site --define\n@phase(after='load')\ndef double(load): return load.rows * 2"
    assert notebook.run(whole) == "'site' is defined: 1 phase (not defined yet: load)."
    assert "depends on 'load'" in notebook.fail(whole.replace(" --define", ""))
    assert notebook.run(LOAD) == "'site.load' is defined. Start it with: %milo run site"
    assert notebook.run("%milo run site") == RUNS


def test_a_cell_without_phases_gives_phase_cells_their_options(notebook: Notebook) -> None:
    notebook.run("%%milo site.load\nrows = [limit]")
    assert (
        notebook.run("%%milo site --parallel -p limit=7\n# all phases have cells of their own")
        == "site: completed (1 completed)"
    )
    assert notebook.names["site"]["load"].result.rows == [7]
    assert notebook.names["site"].pipeline.parallel
    notebook.run(PARSE)
    assert notebook.names["site"].pipeline.parallel


def test_whichever_cell_defines_a_phase_last_has_it(notebook: Notebook) -> None:
    notebook.run("%%milo site\n@phase\ndef load(): return 1")
    assert notebook.run(LOAD).startswith("In place of the one in %%milo site: 'site.load' is edited.")
    notebook.run("%milo run site")
    assert notebook.names["site"]["load"].result.rows == [1, 2]
    out = notebook.run("%%milo site\n@phase\ndef load(): return 2")
    assert out.splitlines()[0] == "Defined here now: load; no longer in a cell of its own."
    assert notebook.names["site"].results == {"load": 2}


def test_deleting_the_variable_forgets_the_phases(notebook: Notebook) -> None:
    notebook.run(LOAD)
    notebook.run("del site")
    notebook.run("%%milo site.other\n1")
    assert notebook.names["site"].execution_order() == ["other"]
    notebook.run("%milo run site")
    notebook.run("del site")
    notebook.run("%%milo site --define\n@phase\ndef a(): ...")
    assert notebook.names["site"].execution_order() == ["a"]
    notebook.run("%milo run site")
    notebook.run("del site")
    notebook.run(LOAD)
    assert notebook.names["site"].execution_order() == ["load"]


# ---------------------------------------------------------------------- in a session


def test_an_edited_phase_of_an_unfinished_session_is_marked_and_can_be_retried(failed: Notebook) -> None:
    site = failed.names["site"]
    out = failed.run(PARSE)
    assert out == "'site.parse' is edited. Run it with: %milo retry site parse, or Retry in the view"
    assert failed.names["site"] is site
    assert site["parse"].known.edited
    failed.run("%milo retry site parse")
    assert site.wait(60).success
    assert site["write"].result.text == "3"
    assert site["load"].known.attempt == 1


def test_the_button_runs_the_edited_phase(failed: Notebook) -> None:
    failed.run(PARSE)
    site = failed.names["site"]
    site.command("retry", "parse", by="view")
    assert site.wait(60).success


def test_a_cell_that_was_not_edited_is_not_said_to_be(failed: Notebook) -> None:
    out = failed.run("%%milo site.parse --after load\n\n# the same code\ntotal = 1 / 0")
    assert out.startswith("'site.parse' is defined, as it was. Run it with: %milo retry site parse")
    assert not failed.names["site"]["parse"].known.edited


def test_a_phase_that_waits_is_offered_with_what_it_waits_for(failed: Notebook) -> None:
    out = failed.run("%%milo site.write --after parse\ntext = 'none'")
    assert out == "'site.write' is edited. Go on with: %milo resume site"


def test_a_completed_phase_is_offered_to_run_again(failed: Notebook) -> None:
    out = failed.run("%%milo site.load\nrows = [7]")
    assert out == "'site.load' is edited. Run it again with: %milo rerun site load"
    failed.run("%milo rerun site load")
    failed.names["site"].wait(60)
    assert failed.names["site"]["load"].result.rows == [7]


def test_with_other_dependencies_the_next_session_uses_it(failed: Notebook) -> None:
    site = failed.names["site"]
    out = failed.run("%%milo site.parse\ntotal = 5")
    assert out == "'site.parse' is defined. The next session uses it: %milo run site"
    failed.run("%milo retry site parse")
    assert not site.wait(60).success
    failed.run("%milo run site")
    assert site.wait(60).success
    assert site["parse"].inputs == {}
    assert site["write"].result.text == "5"


def test_the_next_session_is_refused_while_a_dependency_is_missing(failed: Notebook, built: None) -> None:
    site = failed.names["site"]
    out = failed.run("%%milo site.parse --after clean\ntotal = 5")
    assert out == "'site.parse' is defined; not defined yet: clean."
    assert failed.fail("%milo run site").startswith("PipelineError: Phase 'parse' depends on 'clean'")
    failed.run("%%milo site.clean\n1")
    failed.run("%milo run site")
    assert site.wait(60).success


def test_a_running_session_goes_on_and_later_attempts_use_the_edit(notebook: Notebook, built: None) -> None:
    gate, begun = threading.Event(), threading.Event()
    notebook.names.update(gate=gate, begun=begun)
    notebook.arrive()
    waits = "%%milo site.load\nbegun.set()\ngate.wait(60)\nrows = [1]"
    notebook.run(waits)
    notebook.run(PARSE)
    notebook.run("%milo run site")
    site = notebook.names["site"]
    try:
        assert begun.wait(60)
        out = notebook.run(waits.replace("[1]", "[9]"))
        assert out == "'site.load' is edited. The attempt that runs goes on as it was; later ones use it"
        out = notebook.run(PARSE.replace("sum(rows)", "rows"))
        assert out == "'site.parse' is edited. The session that runs uses it"
        out = notebook.run("%%milo site.more\n1")
        assert out == "'site.more' is defined. The next session uses it: %milo run site"
        notebook.run("del site")
        notebook.run("%%milo site.most\n1")
        assert notebook.names["site"] is site
    finally:
        gate.set()
    assert site.wait(60).success
    assert site["parse"].result.total == [1]
    notebook.run("%milo run site")
    assert site.wait(60).success
    assert site.pipeline.execution_order() == ["load", "more", "most", "parse"]
    assert site["parse"].result.total == [9]


def test_the_cell_of_the_pipeline_goes_on_in_a_session_with_phase_cells(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run("%%milo site.load\n1 / 0")
    whole = "%%milo site\n@phase\ndef first(): return 1"
    notebook.run(whole)
    site = notebook.names["site"]
    site.wait(60)
    notebook.run("%%milo site.load\nrows = []")
    assert ": 1 kept. Start anew with: %%milo site --fresh" in notebook.run(whole)
    assert site.wait(60).success
    assert notebook.names["site"] is site


def test_a_cell_without_phases_goes_on_in_the_session_of_phase_cells(failed: Notebook) -> None:
    site = failed.names["site"]
    failed.run(PARSE)
    assert ": 1 kept. Start anew" in failed.run("%%milo site\n# all phases have cells of their own")
    assert site.wait(60).success
    assert failed.names["site"] is site


def test_it_does_not_go_on_if_a_phase_cell_was_connected_otherwise(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run("%%milo site.load\n1 / 0")
    whole = "%%milo site\n@phase\ndef first(): return 1"
    notebook.run(whole)
    site = notebook.names["site"]
    site.wait(60)
    notebook.run("%%milo site.load --after first\nrows = []")
    assert "continued" not in notebook.run(whole)
    assert notebook.names["site"] is not site
    assert notebook.names["site"].wait(60).success


def test_run_again_shows_the_same_view(failed: Notebook) -> None:
    site = failed.names["site"]
    widget = PipelineWidget.of(site)
    failed.run(PARSE)
    failed.run("%milo run site")
    assert site.wait(60).success
    assert PipelineWidget.of(site) is widget


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%milo site.\n1", "'site.' names no phase. Write %%milo site.PHASE, or %%milo site."),
        (
            "%%milo site.a.b\n1",
            "'a.b' cannot be the name of a phase: letters, digits and _ make one. Did you mean 'a_b'?",
        ),
        ("%%milo site.for\n1", "'for' cannot be the name of a phase"),
        ("%%milo .parse\n1", "'' cannot be the name of a variable"),
        ("%%milo my-site.parse\n1", "Did you mean 'my_site'?"),
        ("%%milo site.ctx\n1", "No phase can be named 'ctx'"),
        ("%%milo site.parse\n\n", "The cell has no body: what stands below %%milo site.parse is what the phase does."),
        ("%%milo site.parse\n# nothing", "The cell has no body"),
        ("%%milo site.parse other\n1", "'other' is one word too many."),
        ("%%milo site.parse --afer load\n1", "There is no option --afer. Did you mean '--after'?"),
        ("%%milo site.parse --after\n1", "Argument --after: expected at least one argument"),
        ("%%milo site.parse --after parse\n1", "Circular dependency: parse → parse"),
        ("%%milo site.parse --after ctx\n1", "No phase can be named 'ctx'"),
        ("%%milo site.parse --retry 0\n1", "must be a whole number from 1, got '0'. Help: %milo help phase"),
        ("%%milo site.parse --timeout 0\n1", "Argument --timeout: it must be seconds, more than 0, got '0'"),
        ("%%milo site.parse --timeout soon\n1", "Argument --timeout: it must be a number from 0, got 'soon'"),
        ("%%milo site.parse --weight -1\n1", "Argument --weight"),
        ("%%milo site.parse --on-fail explode\n1", "Argument --on-fail: invalid choice: 'explode'"),
        ("%%milo site.parse --on-fail retry\n1", "--on-fail retry needs to know how often: --retry N."),
        ("%%milo site.parse --on-fail skip --retry 3\n1", "--retry and --on-fail skip are two policies."),
        ("%%milo site.parse -p x=1\n1", "-p belongs to the pipeline: %%milo NAME -p."),
        ("%%milo site.parse --no-wait\n1", "--no-wait belongs to the pipeline: %%milo NAME --no-wait."),
        ("%%milo site.parse --stale ask\n1", "--stale belongs to the pipeline: %%milo NAME --stale."),
        ("%%milo site.parse --backend dask\n1", "--backend comes with a later version."),
        (
            "%%milo limit.parse\n1",
            "'limit' is a variable of the notebook (int). Choose another name, or first: del limit",
        ),
        (
            "%%milo mine.parse\n1",
            "'mine' is a pipeline that no %%milo cell made. Choose another name, or first: del mine",
        ),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(notebook: Notebook, cell: str, says: str) -> None:
    notebook.names.update(limit=3, mine=Pipeline("mine", Phase("a", int)))
    out = notebook.fail(cell)
    assert says in out
    assert len(out.splitlines()) == 1
    assert "site" not in notebook.names


def test_a_circle_is_refused_by_the_cell_that_closes_it(notebook: Notebook) -> None:
    notebook.run(PARSE)
    assert notebook.fail("%%milo site.load --after parse\n1") == (
        "CycleError: Circular dependency: parse → load → parse"
    )
    notebook.run(LOAD)
    assert notebook.run("%milo run site") == RUNS


def test_a_failed_phase_fails_the_line_where_nobody_looks(notebook: Notebook) -> None:
    notebook.run("%%milo site.load\nraise ValueError('no title')")
    out = notebook.fail("%milo run site")
    assert "[FAIL] load: ValueError: no title" in out
    with pytest.raises(PipelineFailed):
        notebook.shell.run_line_magic("milo", "run site")
