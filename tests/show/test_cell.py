"""What a ``%%milo`` cell does, in a shell of this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Pipeline, PipelineExecutor
from milo_nb.declare.phase import Phase
from milo_nb.show.notebook.widget import PipelineWidget

if TYPE_CHECKING:
    from tests.show.conftest import Notebook

SITE = """%%milo site

@phase
def load():
    print("loading")
    return 3

@phase(description="Twice as much")
def parse(load):
    return load * 2
"""
FLAKY = """%%milo site {options}
@phase
def load():
    return 1

@phase
def parse(load):
    return {body}
"""
WAITING = """%%milo site
@phase
def load(ctx):
    gate.wait(60)
"""


def test_a_cell_defines_runs_and_binds_its_name(notebook: Notebook) -> None:
    out = notebook.run(SITE)
    assert out == "site: completed (2 completed)"
    site = notebook.names["site"]
    assert isinstance(site, PipelineExecutor)
    assert site.results == {"load": 3, "parse": 6}
    assert site.pipeline.graph.phases[1].description == "Twice as much"


def test_what_phases_print_is_in_no_cell(notebook: Notebook) -> None:
    assert "loading" not in notebook.run(SITE)
    assert [log.line for log in notebook.names["site"]["load"].logs()] == ["loading"]


def test_phase_is_there_in_the_body_and_gone_after_it(notebook: Notebook) -> None:
    notebook.run(SITE)
    assert "phase" not in notebook.names


def test_a_variable_named_phase_keeps_its_value(notebook: Notebook) -> None:
    notebook.run("phase = 'of the moon'")
    notebook.run(SITE)
    assert notebook.names["phase"] == "of the moon"


def test_a_body_that_sets_phase_itself_has_its_way(notebook: Notebook) -> None:
    notebook.run("%%milo site\nfrom milo_nb import phase, Phase\n@phase\ndef a(): ...\nb = Phase('b', a)")
    assert notebook.names["site"].pipeline.execution_order() == ["a", "b"]
    assert "phase" in notebook.names


def test_helpers_and_imports_of_the_body_stay_in_the_notebook(notebook: Notebook) -> None:
    notebook.run("%%milo site\nimport math\ndef helper(): return math.pi\n@phase\ndef a(): return helper()")
    assert notebook.names["helper"]() == notebook.names["site"].results["a"]


def test_phases_made_in_a_loop_belong_to_the_cell(notebook: Notebook) -> None:
    notebook.run(
        "%%milo site --parallel\nfor i in range(3):\n    phase(lambda: 1, name=f'p{i}')\n    phase(name=f'q{i}')(lambda: 2)"
    )
    assert notebook.names["site"].pipeline.execution_order() == ["p0", "p1", "p2", "q0", "q1", "q2"]


def test_options_reach_the_pipeline(notebook: Notebook) -> None:
    notebook.run("limit = [7]")
    out = notebook.run(
        "%%milo site --parallel --fail-fast --max-workers 2 -p word=hi -p number=3 -p limit\n"
        "@phase\ndef a(word, number, limit): return word, number, limit"
    )
    assert "completed" in out
    site = notebook.names["site"]
    assert site.results["a"] == ("hi", 3, [7])
    assert site.results["a"][2] is notebook.names["limit"]
    assert site.pipeline.parallel
    assert site.pipeline.fail_fast


def test_a_failed_pipeline_fails_the_cell_in_one_line_where_nobody_looks(notebook: Notebook) -> None:
    out = notebook.fail(FLAKY.format(options="", body="1 / 0"))
    assert out == (
        "site: failed (1 completed, 1 failed)\n"
        "  [FAIL] parse: ZeroDivisionError: division by zero\n"
        "PipelineFailed: Pipeline 'site' failed in 'parse'."
    )
    assert notebook.names["site"]["load"].result == 1


def test_define_only_defines(notebook: Notebook) -> None:
    out = notebook.run(SITE.replace("%%milo site", "%%milo site --define"))
    assert out == "'site' is defined: 2 phases. Start it with: %milo run site"
    assert isinstance(notebook.names["site"], Pipeline)
    assert notebook.run("%milo run site") == "site: completed (2 completed)"
    assert notebook.names["site"].results["parse"] == 6


def test_a_body_may_await(notebook: Notebook) -> None:
    notebook.run("%%milo site\nimport asyncio\nvalue = await asyncio.sleep(0, 5)\n@phase\nasync def a(): return value")
    assert notebook.names["site"].results["a"] == 5


def test_a_body_may_hold_magics(notebook: Notebook) -> None:
    notebook.run("%%milo site\n%config InteractiveShell.cache_size\n@phase\ndef a(): return 1")
    assert notebook.names["site"].results == {"a": 1}


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%milo\n1", "A %%milo cell needs a name: %%milo NAME."),
        ("%%milo site\nx = 1", "The cell defines no phase. Write functions with @phase in the body of %%milo site."),
        ("%%milo site --paralel\n1", "There is no option --paralel. Did you mean '--parallel'?"),
        ("%%milo site --max-workers two\n1", "it must be a whole number from 1, got 'two'. Help: %milo help cell"),
        ("%%milo site other\n1", "'other' is one word too many. Usage: %%milo"),
        (
            "%%milo my-site\n1",
            "'my-site' cannot be the name of a variable: letters, digits and _ make one. Did you mean 'my_site'?",
        ),
        ("%%milo class\n1", "'class' cannot be the name of a variable"),
        ("%%milo --wait site.parse\n1", "The name of a phase comes first: %%milo site.parse, then its options."),
        (
            "%%milo site --retry 3\n1",
            "--retry belongs to a phase: @phase(retry=...) in the body, or %%milo NAME.PHASE --retry.",
        ),
        ("%%milo site --after load\n1", "--after belongs to a phase: @phase(after=...) in the body"),
        ("%%milo site --timeout=3\n1", "--timeout belongs to a phase: @phase(timeout=...) in the body"),
        ("%%milo site --on-fail skip\n1", "--on-fail belongs to a phase: @phase(on_fail=...) in the body"),
        ("%%milo site --backend dask\n1", "--backend comes with a later version."),
        ("%%milo site --stale no\n1", "--stale: invalid choice: 'no'"),
        (
            "%%milo site -p limt\n1",
            "-p limt: the notebook has no variable 'limt'. Did you mean 'limit'? Give a value: -p limt=...",
        ),
        ("%%milo site -p 1x=3\n1", "-p 1x=3: '1x' cannot be a parameter's name."),
        ("%%milo site 'x\n1", "no closing quotation"),
        ("%%milo limit\n1", "'limit' is a variable of the notebook (int). Choose another name, or first: del limit"),
        ("%%milo load\n@phase\ndef load(): ...", "'load' is the pipeline and one of its phases. Rename one of them."),
        ("%%milo site\n@phase\ndef a(b): ...\n@phase\ndef b(a): ...", "CycleError: Circular dependency: a → b → a"),
        (
            "%%milo site\n@phase\ndef a(limt): ...",
            "Phase 'a' takes 'limt', which is neither a phase nor a run parameter.",
        ),
        ("%%milo site\n@phase\ndef a(): ...\n@phase\ndef a(): ...", "Two phases are named 'a'."),
        ("%%milo site\n@phase(after='lod')\ndef parse(): ...\n@phase\ndef load(): ...", "Did you mean 'load'?"),
        ("%%milo site\n@phase(retry=-1)\ndef a(): ...", "max_retries must be a whole number, 0 or more; got -1"),
        ("%%milo site\n@phase\ndef ctx(): ...", "No phase can be named 'ctx'"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(notebook: Notebook, cell: str, says: str) -> None:
    notebook.run("limit = 3")
    before = dict(notebook.names)
    out = notebook.fail(cell)
    assert says in out
    assert "show/magic" not in out
    assert notebook.names["limit"] == 3
    assert "site" not in notebook.names or notebook.names["site"] is before.get("site")


def test_a_mistake_on_the_magics_line_runs_no_line_of_the_body(notebook: Notebook) -> None:
    notebook.fail("%%milo site --wat\nran = True")
    assert "ran" not in notebook.names


def test_an_error_of_the_body_is_shown_from_the_persons_line(notebook: Notebook) -> None:
    out = notebook.fail("%%milo site\n\n\ndef f():\n    return 1 / 0\n\nf()")
    assert "ZeroDivisionError" in out
    assert "line 7" in out
    assert "line 5, in f" in out
    assert "body.py" not in out
    assert "----> 7 f()" in out


def test_a_syntax_error_points_at_the_persons_line(notebook: Notebook) -> None:
    out = notebook.fail("%%milo site\n\n@phase\ndef load() return 3\n")
    assert "line 4" in out
    assert "def load() return 3" in out
    assert out.endswith("SyntaxError: expected ':'")
    assert "milo_nb" not in out


def test_an_error_names_the_cell_by_its_number(notebook: Notebook, capsys: pytest.CaptureFixture[str]) -> None:
    number = notebook.shell.execution_count
    notebook.shell.run_cell("%%milo site\n1 / 0", store_history=True)
    assert notebook.shell.execution_count == number + 1
    assert f"In[{number}], line 2" in capsys.readouterr().out


def test_an_error_in_a_phase_names_the_line_of_the_cell(notebook: Notebook) -> None:
    notebook.fail("%%milo site\n\n@phase\ndef load():\n    raise ValueError('no')")
    tb = notebook.names["site"]["load"].error.cause.__traceback__
    assert tb.tb_lineno == 5


def test_a_body_that_fails_leaves_all_as_it_was(notebook: Notebook) -> None:
    notebook.run(SITE)
    before, load = notebook.names["site"], notebook.names["load"]
    notebook.fail(SITE + "\n1 / 0\n")
    assert notebook.names["site"] is before
    assert isinstance(notebook.names["load"], Phase)
    notebook.fail("%%milo site\n1 / 0")
    assert notebook.names["load"] is not None
    assert before.results == {"load": 3, "parse": 6}
    del load


# ---------------------------------------------------------------------- again


def test_a_cell_run_again_replaces_exactly_its_phases(notebook: Notebook) -> None:
    notebook.run("%%milo other\n@phase\ndef keep(): return 1")
    notebook.run(SITE)
    notebook.run("%%milo site\n@phase\ndef load(): return 4")
    assert notebook.names["site"].pipeline.execution_order() == ["load"]
    assert "parse" not in notebook.names
    assert "keep" in notebook.names


def test_the_old_executor_of_a_cell_that_ran_again_is_closed(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run(SITE)
    old = notebook.names["site"]
    old.wait(60)
    widget = PipelineWidget.of(old)
    notebook.run(SITE)
    assert notebook.names["site"] is not old
    assert widget.comm is None
    assert old.sessions == []
    assert old.results == {"load": 3, "parse": 6}
    notebook.names["site"].wait(60)


def test_an_unfinished_session_goes_on_if_a_person_is_there(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run(FLAKY.format(options="", body="1 / 0"))
    site = notebook.names["site"]
    assert not site.wait(60).success
    out = notebook.run(FLAKY.format(options="", body="load + 1"))
    session = str(site.session_id)[:8]
    assert out.splitlines()[0] == f"continued {session}: 1 kept. Start anew with: %%milo site --fresh"
    assert notebook.names["site"] is site
    assert site.wait(60).success
    assert site.results == {"load": 1, "parse": 2}
    assert site["load"].known.attempt == 1


def test_an_edited_phase_runs_again_with_all_that_was_built_on_it(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run(FLAKY.format(options="", body="1 / 0"))
    site = notebook.names["site"]
    site.wait(60)
    out = notebook.run(FLAKY.format(options="", body="load").replace("return 1", "return 10"))
    assert ": 0 kept. Start anew" in out.splitlines()[0]
    assert site.wait(60).results == {"load": 10, "parse": 10}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--fresh", "<pipeline site>: no live view is shown here."),
        ("-p n=1", "started anew: the parameters differ"),
        ("--max-workers 1", "started anew: the options differ"),
        ("--fail-fast", "started anew: the options differ"),
        ("--parallel", "started anew: phases were added, removed or connected otherwise"),
    ],
)
def test_it_starts_anew_and_says_why_if_that_is_asked_or_something_else_differs(
    notebook: Notebook, built: None, options: str, says: str
) -> None:
    notebook.arrive()
    notebook.run(FLAKY.format(options="", body="1 / 0"))
    before = notebook.names["site"]
    before.wait(60)
    out = notebook.run(FLAKY.format(options=options, body="load + 1"))
    assert out.splitlines()[0].startswith(says)
    assert notebook.names["site"] is not before
    assert notebook.names["site"].wait(60).success


def test_it_starts_anew_where_nobody_looks(notebook: Notebook) -> None:
    notebook.fail(FLAKY.format(options="", body="1 / 0"))
    before = notebook.names["site"]
    assert "continued" not in notebook.run(FLAKY.format(options="", body="2"))
    assert notebook.names["site"] is not before


def test_it_starts_anew_if_phases_were_added(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run(FLAKY.format(options="", body="1 / 0"))
    before = notebook.names["site"]
    before.wait(60)
    notebook.run(FLAKY.format(options="", body="2") + "\n@phase\ndef more(): ...")
    assert notebook.names["site"] is not before
    notebook.names["site"].wait(60)


def test_parameters_that_cannot_be_compared_are_the_same_only_if_they_are(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    notebook.run("class Odd:\n    def __eq__(self, other): raise RuntimeError\nodd = Odd()")
    notebook.run("%%milo site -p odd\n@phase\ndef a(odd): raise ValueError")
    before = notebook.names["site"]
    before.wait(60)
    notebook.run("%%milo site -p odd\n@phase\ndef a(odd): raise ValueError")
    assert notebook.names["site"] is before
    before.wait(60)
    notebook.run("odd = Odd()")
    notebook.run("%%milo site -p odd\n@phase\ndef a(odd): return 1")
    assert notebook.names["site"] is not before
    notebook.names["site"].wait(60)


def test_a_cell_whose_session_runs_is_refused_with_the_remedy(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.arrive()
    notebook.run(WAITING)
    site = notebook.names["site"]
    try:
        out = notebook.fail(WAITING + "\nran = True")
        assert out == "UsageError: 'site' is running: %milo cancel site, or wait for its end (site.wait())."
        assert "ran" not in notebook.names
        assert notebook.names["site"] is site
    finally:
        gate.set()
    assert site.wait(60).success


def test_a_running_session_whose_variable_was_deleted_is_not_run_over(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.arrive()
    notebook.run(WAITING)
    site = notebook.names["site"]
    try:
        notebook.run("del site")
        assert "'site' is running" in notebook.fail(WAITING)
        assert notebook.names["site"] is site
    finally:
        gate.set()
    assert site.wait(60).success


def test_a_paused_session_goes_on(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    cell = WAITING + "\n@phase\ndef then(load): return 2"
    notebook.arrive()
    notebook.run(cell)
    site = notebook.names["site"]
    paused = threading.Event()
    site.store.subscribe(lambda: site.store.state.status == "paused" and paused.set())
    site.pause()
    gate.set()
    assert paused.wait(60)
    assert ": 1 kept. Start anew" in notebook.run(cell)
    assert site.wait(60).success
    assert notebook.names["site"] is site


def test_wait_and_no_wait_override_what_the_front_end_says(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.run(WAITING.replace("%%milo site", "%%milo site --no-wait"))
    assert notebook.names["site"].session.is_running()
    gate.set()
    notebook.names["site"].wait(60)
    notebook.arrive()
    assert "site: completed" in notebook.run(SITE.replace("%%milo site", "%%milo site --wait"))


def test_an_executor_of_the_persons_own_may_be_replaced(notebook: Notebook) -> None:
    notebook.names["site"] = Pipeline("site", Phase("a", int)).run(work_dir=None)
    notebook.names["site"].wait(60)
    notebook.run(SITE)
    assert notebook.names["site"].results["parse"] == 6


def test_unloading_takes_the_magics_away_and_loading_brings_them_back(notebook: Notebook) -> None:
    notebook.run("%unload_ext milo_nb")
    assert (
        "not found" in str(notebook.shell.run_cell("%milo status").success)
        or "milo" not in notebook.shell.magics_manager.magics["line"]
    )
    notebook.run("%load_ext milo_nb")
    assert notebook.run("%milo status").startswith("There is no pipeline yet.")


def test_an_executor_is_a_line_of_text_where_nobody_looks(notebook: Notebook) -> None:
    notebook.run(SITE)
    shown: Any = notebook.names["site"]._repr_mimebundle_()
    assert shown == {"text/plain": "<pipeline site>"}


def test_a_name_of_pythons_own_is_refused(notebook: Notebook) -> None:
    assert "one of Python's own names" in notebook.fail(SITE.replace("%%milo site", "%%milo print"))
    assert "Choose another name" in notebook.fail(SITE.replace("%%milo site", "%%milo phase"))
    assert "print" not in notebook.names
