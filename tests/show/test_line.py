"""What ``%milo`` does, and how it is completed."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter

from milo_nb import Phase, Pipeline
from milo_nb.show.magic.complete import complete, complete_event
from milo_nb.show.magic.line import LATER, WORDS

if TYPE_CHECKING:
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
    notebook.names["broken"] = True
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
    assert [line.split()[:2] for line in out.splitlines()[:3]] == [["keep", "load"], ["run", "parse"], ["run", "write"]]
    assert failed.names["site"]["parse"].status == "failed"


def test_plan_shows_what_a_command_would_do(failed: Notebook) -> None:
    assert failed.run("%milo plan site retry parse") == failed.run("%milo retry site parse --dry-run")
    assert failed.run("%milo plan site retry") == failed.run("%milo retry site --dry-run")
    assert "run" in failed.run("%milo plan site")


def test_skip_goes_on_without_a_phase(failed: Notebook) -> None:
    assert failed.run("%milo skip site parse") == "site: skip parse"
    assert failed.names["site"].wait(20).results["parse"] is None


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
        "%%milo site\n@phase\ndef load(ctx): ctx.sleep(20) if gate.is_set() else gate.wait(20)\n@phase\ndef then(load): ..."
    )
    site = notebook.names["site"]
    assert notebook.run("%milo pause site") == "site: pause"
    assert "pausing" in notebook.run("%milo status site")
    assert notebook.run("%milo resume site").startswith("site: resume runs load, then")
    assert notebook.run("%milo cancel site") == "site: cancel"
    gate.set()
    assert site.wait(20).status == "cancelled"


def test_logs_shows_the_last_lines(failed: Notebook) -> None:
    assert failed.run("%milo logs site load") == "one\ntwo"
    assert failed.run("%milo logs site load -n 1") == "[1 earlier lines: -n 2]\ntwo"
    assert failed.run("%milo logs site write") == "No lines."


def test_help_lists_every_word_and_option(notebook: Notebook) -> None:
    out = notebook.run("%milo help")
    assert "%%milo NAME.PHASE [options]" in out
    assert "--on-fail" in out
    assert all(f"%milo {word} " in out for word in WORDS if word != "help")
    assert "--max-workers" in out
    assert "examples:" in out
    assert notebook.run("%milo") == out
    assert notebook.run("%milo retry --help").startswith("%milo retry NAME [PHASE...]")
    assert notebook.run("%%milo --help\npass").startswith("usage: %%milo")


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
        ("%milo logs site load -n x", "it must be a whole number from 1, got 'x'"),
        ("%milo run sit", "there is no pipeline 'sit'"),
        ("%milo status sit", "there is no pipeline 'sit'"),
        ("%milo report site", "%milo report comes with milo_nb 0.4."),
        ("%milo attach site", "%milo attach comes with milo_nb 0.3."),
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


def test_run_while_it_runs_is_refused(notebook: Notebook, built: None) -> None:
    gate = notebook.names["gate"] = threading.Event()
    notebook.arrive()
    notebook.run("%%milo site\n@phase\ndef load(): gate.wait(20)")
    out = notebook.fail("%milo run site")
    gate.set()
    assert out == "InvalidStateError: The session has not ended. Possible: cancel, wait."
    notebook.names["site"].wait(20)


# ---------------------------------------------------------------------- completion

HELD = {"site": Pipeline("site", Phase("load", int), Phase("parse", int)), "_hidden": 3, "limit": 3}


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("%milo re", ["retry", "rerun", "resume"]),
        ("%milo retry s", ["site"]),
        ("%milo retry ", ["site"]),
        ("%milo retry site p", ["parse"]),
        ("%milo retry site load ", ["load", "parse"]),
        ("%milo plan site sk", ["skip"]),
        ("%milo plan site skip p", ["parse"]),
        ("%milo retry site --d", ["--dry-run"]),
        ("%%milo s", ["site"]),
        ("%%milo site --par", ["--parallel", "--param"]),
        ("%%milo site -p li", ["limit"]),
        ("%milo nonsense nowhere x", []),
        ("%%milo site.", ["site.load", "site.parse"]),
        ("%%milo site.p", ["site.parse"]),
        ("%%milo nowhere.", []),
        ("%%milo site.write --a", ["--after"]),
        (
            "%%milo site.write ",
            ["--after", "--retry", "--timeout", "--on-fail", "--parallel", "--weight", "--description", "--help"],
        ),
        ("%%milo site.write --after ", ["load", "parse"]),
        ("%%milo site.write --after load ", ["parse"]),
        ("%%milo site.parse --retry 3 --after load --after ", []),
        ("%%milo site.write --after load --re", ["--retry"]),
        ("%%milo site.write --on-fail s", ["stop", "skip"]),
        ("%%milo --wa", ["--wait"]),
    ],
)
def test_words_pipelines_phases_and_options_are_completed(before: str, found: list[str]) -> None:
    assert complete(before, HELD) == found


def test_phases_are_completed_while_some_are_not_defined_yet(notebook: Notebook) -> None:
    notebook.run("%%milo site.parse --after load\n1")
    assert complete("%milo retry site ", notebook.names) == ["parse"]
    assert complete("%%milo site.write --after ", notebook.names) == ["parse"]


def test_words_that_come_later_are_not_offered() -> None:
    assert not set(complete("%milo ", {})) & set(LATER)


def test_the_shell_completes(notebook: Notebook) -> None:
    notebook.run(SITE.replace("broken", "False"))
    for before, expected in (
        ("%milo ret", "retry"),
        ("%milo retry si", "site"),
        ("x = 1\n%milo retry site pa", "parse"),
        ("%%milo site.pa", "site.parse"),
        ("%%milo site.other --after pa", "parse"),
    ):
        with provisionalcompleter():
            found = [c.text for c in notebook.shell.Completer.completions(before, len(before))]
        assert expected in found
    event = SimpleNamespace(text_until_cursor="%milo sta", symbol="sta")
    assert complete_event(notebook.shell, event) == ["status"]
