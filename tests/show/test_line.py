"""What ``%milo`` does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from milo_nb import Phase, Pipeline
from milo_nb.show.magic.words import WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.show.conftest import Notebook

SITE = """%%milo site
@phase
def load():
    print("one")
    print("two")
    return 3

@phase
def parse(load):
    if broken:
        raise ValueError("no title")
    return load

@phase
def write(parse):
    return "done"
"""


@pytest.fixture
def failed(notebook: Notebook) -> Notebook:
    """A notebook whose pipeline `site` has failed in `parse`, and could succeed now."""
    notebook.names.update(broken=True, limit=7)
    notebook.fail(SITE)
    notebook.names["broken"] = False
    return notebook


def test_status_says_how_things_stand(failed: Notebook) -> None:
    out = failed.run("%milo status site").splitlines()
    assert out[0] == "site: failed 33% (1 completed, 1 failed, 1 pending)"
    assert out[1].startswith("  [OK]    load")
    assert out[2].endswith("no title")
    assert out[3].endswith("blocked by parse")


def test_status_without_a_name_tells_of_all(failed: Notebook) -> None:
    failed.run("%%milo other --define\n@phase\ndef a(): ...")
    out = failed.run("%milo status")
    assert "site: failed" in out
    assert "other: defined, 1 phase, not started" in out


def test_retry_runs_what_failed_and_what_waited_for_it(failed: Notebook) -> None:
    out = failed.run("%milo retry site")
    assert out == "site: retry runs parse, write; 1 kept\nsite: completed (3 completed)"
    assert failed.names["site"]["load"].known.attempt == 1


def test_retry_takes_names(failed: Notebook) -> None:
    assert "runs parse, write" in failed.run("%milo retry site parse")


def test_a_command_that_leads_to_a_failure_fails_the_cell(failed: Notebook) -> None:
    failed.names["broken"] = True
    assert failed.fail("%milo retry site").endswith("PipelineFailed: Pipeline 'site' failed in 'parse'.")


def test_dry_run_shows_the_plan_and_does_nothing(failed: Notebook) -> None:
    out = failed.run("%milo retry site --dry-run")
    assert out.splitlines()[0] == "retry: 1 kept, 2 to run"
    assert [line.split()[:2] for line in out.splitlines()[1:4]] == [
        ["keep", "load"],
        ["run", "parse"],
        ["run", "write"],
    ]
    assert failed.names["site"]["parse"].status == "failed"


def test_plan_shows_what_a_command_would_do(failed: Notebook) -> None:
    assert failed.run("%milo plan site retry parse") == failed.run("%milo retry site parse --dry-run")
    assert failed.run("%milo plan site retry") == failed.run("%milo retry site --dry-run")
    assert "run" in failed.run("%milo plan site")


def test_skip_goes_on_without_a_phase(failed: Notebook) -> None:
    out = failed.run("%milo skip site parse")
    assert out == "site: skip parse; runs write; 1 kept\nsite: completed (2 completed, 1 skipped)\n  [SKIP] parse"
    assert failed.names["site"].results["parse"] is None


def test_rerun_runs_what_has_ended_again(failed: Notebook) -> None:
    failed.run("%milo retry site")
    assert failed.run("%milo rerun site load").startswith("site: rerun runs load, parse, write; 0 kept")


def test_run_starts_anew(failed: Notebook) -> None:
    before = failed.names["site"].session_id
    assert failed.run("%milo run site") == "site: completed (3 completed)"
    assert failed.names["site"].session_id != before


def test_run_starts_a_pipeline_of_the_persons_own(notebook: Notebook) -> None:
    notebook.names["mine"] = Pipeline("mine", Phase("a", int))
    assert notebook.run("%milo run mine") == "mine: completed (1 completed)"
    assert notebook.names["mine"].results == {"a": 0}


def test_pause_resume_and_cancel(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.arrive()
    notebook.run(
        "%%milo site\n@phase\ndef load(ctx): ctx.sleep(20) if gate.is_set() else gate.wait(60)\n@phase\ndef then(load): ..."
    )
    site = notebook.names["site"]
    assert notebook.run("%milo pause site") == "site: pause; load may end"
    assert "pausing" in notebook.run("%milo status site")
    assert notebook.run("%milo resume site").startswith("site: resume runs load, then")
    assert notebook.run("%milo cancel site") == "site: cancel stops load"
    gate.set()
    assert site.wait(60).status == "cancelled"


def test_logs_shows_the_last_lines(failed: Notebook) -> None:
    assert failed.run("%milo logs site load") == "one\ntwo"
    assert failed.run("%milo logs site load -n 1") == "[1 earlier lines: -n 2]\ntwo"
    assert failed.run("%milo logs site write") == "No lines."


def test_help_lists_every_word(notebook: Notebook) -> None:
    out = notebook.run("%milo help")
    assert "%%milo NAME.PHASE [options]" in out
    assert all(f"%milo {word} " in out for word in WORDS)
    assert "examples:" in out
    assert notebook.run("%milo") == notebook.run("%milo --help") == out


@pytest.mark.parametrize("word", [*WORDS])
def test_help_on_a_word_says_how_it_is_written_and_lists_its_options(notebook: Notebook, word: str) -> None:
    out = notebook.run(f"%milo help {word}")
    assert out.startswith(f"usage: %milo {word} {WORDS[word].usage}")
    assert WORDS[word].says[1:] in out
    assert all(option.flags[0] in out for option in WORDS[word].options)
    assert all(f"  %milo {example}" in out for example in WORDS[word].examples)
    assert notebook.run(f"%milo {word} --help") == out


def test_help_on_the_cells_lists_their_options(notebook: Notebook) -> None:
    cell, phase = notebook.run("%milo help cell"), notebook.run("%milo help phase")
    assert "--max-workers" in cell
    assert "--on-fail" in phase
    assert notebook.run("%%milo --help\npass") == cell
    assert notebook.run("%%milo site.load --help\npass") == phase


def test_question_marks_show_the_help(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr("IPython.core.page.page", lambda page, *_, **__: pages.append(page["text/plain"]))
    for asked in ("%milo?", "%%milo?", "?%%milo"):
        notebook.run(asked)
    assert len(pages) == 3
    assert all("%milo retry NAME [PHASE...]" in page and "%%milo NAME.PHASE" in page for page in pages)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%milo retyr site", "%milo knows no 'retyr'. Did you mean 'retry'?"),
        ("%milo site", "First what to do, then the name: %milo status site."),
        ("%milo retry", "Which pipeline? Usage: %milo retry NAME [PHASE...]. Available pipelines: site."),
        ("%milo retry sit", "%milo retry: there is no pipeline 'sit'. Available pipelines: site. Did you mean 'site'?"),
        (
            "%milo retry site pars",
            "There is no phase 'pars'. Available phases: load, parse, write. Did you mean 'parse'?",
        ),
        ("%milo retry site load", "Phase 'load' is completed; there is nothing to retry."),
        ("%milo skip site", "Which phase? Usage: %milo skip NAME PHASE."),
        ("%milo pause site load", "Too many words. Usage: %milo pause NAME."),
        ("%milo pause site", "There is nothing to pause: the session is failed."),
        ("%milo retry site --dry", "There is no option --dry. Did you mean '--dry-run'?"),
        ("%milo plan site retyr", "There is no command 'retyr'. Did you mean 'retry'?"),
        ("%milo plan site skip", "skip takes the name of a phase."),
        ("%milo plan site pause load", "pause takes no phase."),
        ("%milo logs site lod", "There is no phase 'lod'."),
        ("%milo logs site load -n x", "it must be a whole number from 1, got 'x'. Help: %milo help logs"),
        ("%milo run sit", "there is no pipeline 'sit'"),
        ("%milo status sit", "there is no pipeline 'sit'"),
        ("%milo help retyr", "%milo knows no 'retyr'. Did you mean 'retry'?"),
        ("%milo run site --parallel", "--parallel belongs to the pipeline: %%milo NAME --parallel."),
        ("%milo run site --retry 3", "--retry belongs to a phase: @phase(retry=...) in the body"),
        (
            "%milo run site --resume",
            "--resume belongs to the cell: %%milo NAME --resume. To go on in a session: %milo resume",
        ),
        ("%milo run site --backend dask", "--backend comes with a later version."),
        ("%milo run site -p limt", "-p limt: the notebook has no variable 'limt'. Did you mean 'limit'?"),
        ("%milo run site -p x=1 -p x=2", "-p x is given twice. Leave one of them out."),
        ("%milo run site -p load=1", "'load' is both a run parameter and a phase."),
        ("%milo run site -p x=[1, 2", "no closing ]"),
        ("%milo run site parse", "Too many words. Usage: %milo run NAME."),
        ("%milo status -n 3", "There is no option -n."),
        ("%milo retry 'site", "no closing quotation"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(failed: Notebook, line: str, says: str) -> None:
    out = failed.fail(line)
    assert says in out
    assert len(out.splitlines()) == 1


def test_a_command_for_what_was_only_defined_says_how_to_start_it(notebook: Notebook) -> None:
    notebook.run("%%milo site --define\n@phase\ndef a(): ...")
    assert "It has not been started" not in notebook.fail("%milo retry site")
    assert notebook.fail("%milo cancel site").endswith("has not been started. Start it with: %milo run site")


def test_run_is_refused_while_a_session_has_not_ended(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.arrive()
    notebook.run("%%milo site\n@phase\ndef load(): gate.wait(60)\n@phase\ndef then(load): ...")
    site = notebook.names["site"]
    says = "UsageError: 'site' is running: %milo cancel site, or wait for its end (site.wait())."
    assert notebook.fail("%milo run site") == says
    assert notebook.fail("%milo run site --dry-run") == says
    paused = threading.Event()
    site.store.subscribe(lambda: site.store.state.status == "paused" and paused.set())
    assert notebook.run("%milo pause site") == "site: pause; load may end"
    gate.set()
    assert paused.wait(60)
    assert notebook.fail("%milo run site") == "UsageError: 'site' is paused: %milo resume site, or %milo cancel site."
    assert notebook.run("%milo resume site") == "site: resume runs then; 1 kept"
    assert site.wait(60).success


# ---------------------------------------------------------------------- starting anew

PARAMS = """%%milo site {options}
@phase
def load(rate=1, title="none", limit=0):
    return rate, title, limit
"""


def test_run_takes_parameters_as_the_cell_does(notebook: Notebook) -> None:
    notebook.names["limit"] = [7]
    notebook.run(PARAMS.format(options="-p rate=2"))
    site = notebook.names["site"]
    notebook.run("%milo run site -p title='All of it' -p limit")
    assert site.results["load"] == (2, "All of it", [7])
    assert site.results["load"][2] is notebook.names["limit"]
    notebook.run("%milo run site --param rate={'a': [1, 2]} -p title=plain")
    assert site.results["load"] == ({"a": [1, 2]}, "plain", [7])
    assert notebook.names["site"] is site


def test_run_takes_options(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("%%milo site --define\n@phase\ndef load(ctx): return ctx.work_dir")
    notebook.run("%milo run site --max-workers 1 --work-dir 'my files' --fail-fast --fresh")
    site = notebook.names["site"]
    assert tmp_path / "my files" in site.results["load"].absolute().parents
    assert (site._options["max_workers"], site._options["fail_fast"]) == (1, True)
    notebook.run("%milo run site --no-fail-fast")
    assert (site._options["max_workers"], site._options["fail_fast"]) == (1, False)


def test_run_waits_or_not_as_it_is_told(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.run("%%milo site --define\n@phase\ndef load(): gate.wait(60)")
    assert notebook.run("%milo run site --no-wait") == ""
    assert notebook.names["site"].session.is_running()
    gate.set()
    notebook.names["site"].wait(60)
    notebook.arrive()
    assert "site: completed (1 completed)" in notebook.run("%milo run site --wait")


def test_a_dry_run_of_run_shows_the_plan_and_starts_nothing(failed: Notebook) -> None:
    session = failed.names["site"].session_id
    assert failed.run("%milo run site --dry-run").splitlines() == [
        "start: 3 to run",
        "  run      load   not run yet",
        "  run      parse  not run yet",
        "  run      write  not run yet",
    ]
    assert failed.run("%milo plan site run") == failed.run("%milo run site --dry-run")
    assert failed.names["site"].session_id == session
    failed.run("%%milo other --define\n@phase\ndef a(): ...")
    assert failed.run("%milo plan other") == failed.run("%milo run other --dry-run")
    assert isinstance(failed.names["other"], Pipeline)


def test_after_run_with_other_parameters_the_cell_starts_anew(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    cell = "%%milo site -p rate=1\n@phase\ndef load(rate): return rate / 0"
    notebook.run(cell)
    site = notebook.names["site"]
    site.wait(60)
    notebook.run("%milo run site -p rate=2")
    assert not site.wait(60).success
    assert "started anew: the parameters differ" in notebook.run(cell)
    assert notebook.names["site"] is not site
    notebook.names["site"].wait(60)


def test_run_of_the_persons_own_pipeline_takes_parameters(notebook: Notebook) -> None:
    notebook.names["mine"] = Pipeline("mine", Phase("a", lambda rate, n=0: (rate, n)))
    assert "Phase 'a' takes 'rate'" in notebook.fail("%milo run mine")
    notebook.run("%milo run mine -p rate=0.5 -p n=1")
    mine = notebook.names["mine"]
    notebook.run("%milo run mine -p rate=0.7")
    assert notebook.names["mine"] is mine
    assert mine.results == {"a": (0.7, 1)}


def test_a_misspelt_parameter_is_pointed_at(notebook: Notebook) -> None:
    out = notebook.run(PARAMS.format(options="-p rtae=2 -p other=3"))
    assert out.splitlines()[0] == "No phase takes the parameter 'rtae'. Did you mean 'rate'?"
    before = notebook.names["site"].session_id
    out = notebook.fail("%milo run site -p titel=x")
    says = "no phase of 'site' takes that parameter. Available parameters: rate, title, limit. Did you mean 'title'?"
    assert out == f"UsageError: -p titel: {says}"
    assert notebook.names["site"].session_id == before  # nothing was run


@pytest.mark.parametrize(
    ("body", "runs"),
    [
        ("@phase\ndef a(ctx): return ctx.params['odd']", True),
        ("@phase\ndef a(odd=0): return odd", True),
        ("@phase\ndef a(): return 1", False),
    ],
)
def test_a_parameter_is_taken_where_a_phase_could_look_at_it(notebook: Notebook, body: str, runs: bool) -> None:
    notebook.run(f"%%milo site --define\n{body}")
    if runs:
        notebook.run("%milo run site -p odd=3")
        assert notebook.names["site"].results == {"a": 3}
    else:
        assert "Available parameters: none." in notebook.fail("%milo run site -p odd=3")


def test_a_body_takes_the_parameters_that_it_reads(notebook: Notebook) -> None:
    notebook.run("%%milo site.a\nresult = odd * 2")
    notebook.run("%milo run site -p odd=3")
    assert notebook.names["site"].results["a"].result == 6
    assert "no phase of 'site' takes that parameter" in notebook.fail("%milo run site -p even=3")


def test_what_a_terminal_would_obey_is_spelled_out(notebook: Notebook) -> None:
    attack = "\x1b[2J\x1b]0;owned\x07\u202eevil"
    notebook.names["attack"] = attack
    spelled = r"\x1b[2J\x1b]0;owned\x07\u202eevil"
    out = notebook.fail(
        "%%milo site\n@phase\ndef a():\n    print('\\x1b[31mred\\x1b[0m' + attack)\n    raise ValueError(attack)"
    )
    assert f"[FAIL] a: ValueError: {spelled}" in out
    assert "\x1b" not in out
    assert spelled in notebook.run("%milo status site")
    result = notebook.names["site"].result()
    assert spelled in repr(result.failed[0])
    assert spelled in str(result)
    notebook.shell.run_cell("%milo logs site a")
    assert notebook._capsys.readouterr().out == f"\x1b[31mred\x1b[0m{spelled}\n"


# ---------------------------------------------------------------------- commands


def test_skip_takes_a_value(failed: Notebook) -> None:
    failed.run("%milo skip site parse --value={'rows': [1, 2]}")
    assert failed.names["site"].results["parse"] == {"rows": [1, 2]}
    assert "skip('parse', value, replace=True)" in failed.fail("%milo skip site parse --value text")
    failed.run("%milo skip site parse --value text --replace")
    assert failed.names["site"].results["parse"] == "text"


def test_rerun_alone_keeps_what_was_built_on_it(failed: Notebook) -> None:
    failed.run("%milo retry site")
    assert failed.run("%milo rerun site load --alone").startswith("site: rerun runs load; 2 kept")


def test_every_command_has_a_dry_run(failed: Notebook) -> None:
    for word in ("retry", "rerun", "skip", "resume"):
        phase = {"rerun": " load", "skip": " parse"}.get(word, "")
        before = failed.run("%milo status site")
        out = failed.run(f"%milo {word} site{phase} --dry-run").splitlines()
        assert out[0].startswith(f"{word}{phase}: ")
        assert all(line.startswith("  ") for line in out[1:])
        assert failed.run("%milo status site") == before


def test_options_may_stand_between_the_names(failed: Notebook) -> None:
    assert failed.run("%milo retry --dry-run site parse") == failed.run("%milo retry site --dry-run parse")


def test_variables_are_put_in_where_they_are_named(failed: Notebook) -> None:
    assert failed.run("for name in ['load', 'write']:\n    %milo logs site {name}") == "one\ntwo\nNo lines."
    failed.names["who"] = "site"
    assert failed.run("%milo logs $who load -n {2 - 1}").endswith("two")
    assert "no pipeline '$nobody'" in failed.fail("%milo logs $nobody load")


def test_variables_of_a_function_are_put_in(failed: Notebook) -> None:
    failed.run("def show(name):\n    %milo logs site {name} -n 1  # the last one")
    assert failed.run("show('load')").splitlines()[-1] == "two"


def test_a_command_stops_just_what_it_names(notebook: Notebook, built: None) -> None:
    notebook.arrive()
    begun = notebook.names["begun"] = threading.Event()
    notebook.run(
        "%%milo site --parallel\n@phase\ndef a(ctx): ctx.sleep(20)\n@phase\ndef b(ctx): begun.set(); ctx.sleep(20)"
    )
    assert begun.wait(60)
    assert "cancel   a  it is stopped" in notebook.run("%milo cancel site a --dry-run")
    assert notebook.run("%milo cancel site a") == "site: cancel a"
    assert notebook.run("%milo cancel site").startswith("site: cancel stops ")
    assert notebook.names["site"].wait(60).status == "cancelled"
