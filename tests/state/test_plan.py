"""What a plan says: a decision and a reason for each phase."""

from dataclasses import replace
from io import StringIO

import pytest
from IPython.lib.pretty import PrettyPrinter, pretty

from milo_nb.declare.graph import PhaseGraph
from milo_nb.declare.phase import Phase
from milo_nb.state.commands import COMMANDS, Command
from milo_nb.state.model import AWAITS_APPROVAL, PhaseStatus, PipelineState
from milo_nb.state.plan import Evidence, plan
from tests.strategies import nothing

GRAPH = PhaseGraph(
    [
        Phase("load", nothing),
        Phase("parse", nothing, "", "load"),
        Phase("render", nothing, "", "parse"),
        Phase("side", nothing),
    ]
)


def state(status, stopped_at=0.0, requested="", **phases):
    made = tuple(
        phases[n] if isinstance(phases.get(n), PhaseStatus) else PhaseStatus(n, phases.get(n, "pending"))
        for n in GRAPH.names
    )
    return PipelineState("p", made, status=status, stopped_at=stopped_at, requested=requested)


FAILED = state("failed", 9.0, load="completed", parse="failed", side="completed")
DONE = state("completed", 9.0, load="completed", parse="completed", render="completed", side="completed")


def asked(word, *phases, at=FAILED, evidence=None, **options):
    return plan(Command(word, phases, **options), GRAPH, at, evidence or Evidence())


def decisions(made):
    return {e.phase: (e.decision, e.reason) for e in made.entries}


def test_there_is_a_rule_for_every_command():
    for word in COMMANDS:
        assert asked(word, *(("parse",) if word in ("retry", "rerun", "skip") else ())).command.word == word


def test_an_unknown_command_is_refused_with_those_that_exist():
    words = "Commands: start, pause, resume, retry, retry-failed, rerun, skip, cancel, approve."
    assert asked("explode").refused == f"There is no command 'explode'. {words}"
    assert asked(None).refused == f"There is no command None. {words}"


def test_start_runs_everything():
    made = asked("start", at=state("pending"))
    assert made.runs == ("load", "side", "parse", "render")
    assert set(decisions(made).values()) == {("run", "runs: not run yet")}


def test_retry_runs_the_failed_phase_and_what_never_ran_and_keeps_the_rest():
    made = asked("retry", "parse")
    assert decisions(made) == {
        "load": ("keep", "kept: completed"),
        "side": ("keep", "kept: completed"),
        "parse": ("run", "runs: was failed"),
        "render": ("run", "runs: not run yet"),
    }
    assert (made.runs, made.keeps, made.resets, made.goes_on) == (
        ("parse", "render"),
        ("load", "side"),
        ("parse",),
        True,
    )


def test_rerun_invalidates_what_was_built_on_the_phase():
    made = asked("rerun", "load", at=DONE)
    assert decisions(made)["load"] == ("run", "runs: was completed")
    assert decisions(made)["parse"] == ("invalidate", "runs: load runs again")
    assert decisions(made)["render"] == ("invalidate", "runs: parse runs again")
    assert made.resets == ("load", "parse", "render")


def test_rerun_without_downstream_marks_what_is_kept():
    made = asked("rerun", "load", at=DONE, downstream=False)
    assert made.resets == ("load",)
    assert made.marks == {"parse": "built on attempt 1 of load", "render": "built on attempt 1 of load"}


def test_an_edited_phase_says_so():
    edited = state("failed", 9.0, load="completed", parse=PhaseStatus("parse", "failed", edited=True))
    assert decisions(asked("retry", "parse", at=edited))["parse"] == ("run", "runs: edited since its last attempt")
    evidence = Evidence(edited=frozenset({"parse"}))
    assert decisions(asked("retry", "parse", evidence=evidence))["parse"][1] == "runs: edited since its last attempt"


@pytest.mark.parametrize(
    ("age", "words"),
    [(5, "5 s ago"), (59, "59 s ago"), (120, "2 min ago"), (3600 * 3, "3 h ago")],
)
def test_what_is_kept_tells_its_age(age, words):
    at = state("failed", 9.0, load=PhaseStatus("load", "completed", started_at=10.0, elapsed=2.0), parse="failed")
    made = asked("retry", "parse", at=at, evidence=Evidence(now=12.0 + age))
    assert decisions(made)["load"] == ("keep", f"kept: completed {words}")


def test_a_clock_that_stands_before_the_phase_tells_no_age():
    at = state("failed", 9.0, load=PhaseStatus("load", "completed", started_at=10.0), parse="failed")
    assert decisions(asked("retry", "parse", at=at, evidence=Evidence(now=3.0)))["load"] == ("keep", "kept: completed")


def test_estimates_are_for_what_runs():
    made = asked("retry", "parse", evidence=Evidence(duration_s={"load": 1.0, "parse": 2.0}))
    assert [e.estimate_s for e in made.entries] == [None, None, 2.0, None]


def test_inputs_shared_with_the_failed_attempt_are_warned_about():
    made = asked("retry", "parse", evidence=Evidence(unsaved=frozenset({"parse"})))
    assert made.warnings == ("inputs shared with the failed attempt: parse",)
    assert asked("retry", "parse").warnings == ()


def test_what_a_failed_phase_blocks_is_told_with_its_name():
    at = state("failed", 9.0, load="failed", side="failed")
    made = asked("retry", "side", at=at)
    assert decisions(made)["parse"] == ("blocked", "blocked by load")
    assert decisions(made)["render"] == ("blocked", "blocked by load")
    assert made.runs == ("side",)


def test_a_phase_that_would_be_run_again_under_a_failed_one_is_blocked():
    at = state("failed", 9.0, load="failed", parse="failed")
    made = asked("retry", "parse", at=at)
    assert decisions(made)["parse"] == ("blocked", "blocked by load")


def test_resume_runs_what_failed_or_was_cancelled_and_what_never_ran():
    at = state("cancelled", 9.0, load="completed", parse="cancelled")
    made = asked("resume", at=at)
    assert (made.runs, made.resets, made.goes_on) == (("side", "parse", "render"), ("parse",), True)


def test_resume_of_a_pause_resets_nothing():
    at = state("paused", 9.0, load="completed")
    made = asked("resume", at=at)
    assert (made.runs, made.resets, made.goes_on) == (("side", "parse", "render"), (), True)
    assert not asked("resume", at=state("running", requested="pausing", load="running")).goes_on


def test_pause_says_what_waits():
    made = asked("pause", at=state("running", load="running"))
    assert decisions(made)["load"] == ("run", "runs: running already")
    assert decisions(made)["side"] == ("wait", "waits: nothing new starts")


def test_cancel_says_what_stops():
    made = asked("cancel", at=state("running", load="running", side="retrying"))
    assert decisions(made)["load"] == ("cancel", "cancelled: it is stopped")
    assert decisions(made)["side"][0] == "cancel"
    assert decisions(made)["parse"] == ("blocked", "blocked by load")
    one = asked("cancel", "side", at=state("running", load="running"))
    assert decisions(one)["side"] == ("cancel", "cancelled: it will not start")
    assert decisions(one)["load"][0] == "run"


def test_skip_says_who_asked():
    made = asked("skip", "parse", by="view")
    assert decisions(made)["parse"] == ("skip", "skipped: asked for by view")
    assert decisions(made)["render"] == ("run", "runs: not run yet")


def test_replacing_a_result_invalidates_what_was_built_on_it():
    made = asked("skip", "parse", at=DONE, replace=True)
    assert (made.resets, made.goes_on) == (("render",), True)
    assert decisions(made)["render"] == ("invalidate", "runs: something before it runs again")


def test_approve_is_only_for_what_waits():
    parse = PhaseStatus("parse", "completed", reason=AWAITS_APPROVAL)
    waiting = replace(state("paused", 9.0, load="completed", parse=parse), waiting_for="parse")
    assert not asked("approve", "parse", at=waiting).refused
    assert asked("approve", at=waiting).goes_on
    assert asked("approve", "load", at=waiting).refused == "Phase 'load' does not wait for approval; 'parse' does."


def test_resume_does_not_pass_by_a_review():
    waiting = replace(state("paused", 9.0), waiting_for="parse")
    words = "Phase 'parse' waits for approval. Possible: approve, rerun, cancel."
    assert asked("resume", at=waiting).refused == words


LOST = Evidence(lost={"load": "its result is damaged", "side": "its result is missing"})


def test_a_lost_result_is_made_anew_if_something_that_will_run_needs_it_or_nothing_does():
    made = asked("resume", evidence=LOST)
    assert made.resets == ("load", "side", "parse")
    assert decisions(made)["load"] == ("run", "runs: its result is damaged")
    assert asked("pause", at=state("running", load="completed", side="completed"), evidence=LOST).resets == ()


def test_a_lost_result_that_nobody_needs_any_more_is_left_lost():
    at = state("failed", 9.0, load="completed", parse="completed", render="completed", side="failed")
    assert asked("resume", at=at, evidence=LOST).resets == ("side",)


def test_a_lost_result_behind_a_lost_result_is_made_anew_too():
    at = state("failed", 9.0, load="completed", parse="completed", render="failed", side="completed")
    made = asked("resume", at=at, evidence=Evidence(lost={"load": "gone", "parse": "gone"}))
    assert made.resets == ("load", "parse", "render")


def test_changed_code_runs_again_with_what_follows_unless_it_is_to_be_reused():
    at = state("failed", 9.0, load="completed", parse="completed", render="failed", side="completed")
    evidence = Evidence(changed={"load": "edited helper `clean`"}, unchanged=frozenset({"side"}))
    made = asked("resume", at=at, evidence=evidence)
    assert made.resets == ("load", "parse", "render")
    assert decisions(made)["load"] == ("run", "runs: edited helper `clean`")
    assert decisions(made)["side"] == ("keep", "kept: completed, code unchanged")
    assert asked("resume", at=at, evidence=evidence, stale="reuse").resets == ("render",)


def test_changed_code_runs_again_after_a_pause_too_unless_what_follows_runs():
    at = state("paused", 9.0, load="completed", parse="completed")
    evidence = Evidence(changed={"load": "edited"})
    assert asked("resume", at=at, evidence=evidence).resets == ("load", "parse")
    at = state("running", requested="pausing", load="completed", parse="running")
    assert asked("resume", at=at, evidence=evidence).resets == ()


def test_resume_of_only_some_phases_starts_just_them_and_what_they_need():
    at = state("failed", 9.0, load="failed")
    made = asked("resume", at=at, only=("parse",))
    assert made.only == ("load", "parse")
    assert [(e.phase, e.decision) for e in made.entries] == [
        ("load", "run"), ("side", "wait"), ("parse", "run"), ("render", "wait"),
    ]  # fmt: skip
    lost = Evidence(lost={"side": "gone"})
    at = state("failed", 9.0, load="failed", side="completed")
    assert asked("resume", at=at, only=("parse",), evidence=lost).resets == ("load",)


def test_a_retry_warns_of_what_it_builds_on_and_is_not_what_it_would_be_today():
    evidence = Evidence(changed={"load": "edited helper `clean`", "side": "edited"})
    made = asked("retry", "parse", evidence=evidence)
    assert made.resets == ("parse",)
    assert made.warnings == ("built on load as it was: edited helper `clean` (rerun or resume runs it again)",)
    assert asked("resume", evidence=evidence).warnings == ()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.1, ""), (0.5, ", usually 0.5 s"), (12.4, ", usually 12 s"), (90, ", usually 1.5 min"), (7200, ", usually 2 h")],
)
def test_a_plan_says_how_long_a_phase_usually_takes_but_not_where_programs_compare(seconds, said):
    made = asked("retry", "parse", evidence=Evidence(duration_s={"parse": seconds}))
    assert f"  run      parse   was failed{said}" in str(made).splitlines()
    assert "usually" not in pretty(made)


def test_what_was_interrupted_says_so():
    parse = PhaseStatus("parse", "cancelled", reason="interrupted: its kernel ended")
    made = asked("resume", at=state("cancelled", 9.0, load="completed", parse=parse))
    assert decisions(made)["parse"] == ("run", "runs: interrupted: its kernel ended")


def test_what_the_cache_has_to_say_stands_with_what_runs():
    made = asked("resume", evidence=Evidence(cache={"parse": "undecided: cached if `load` gives the same result"}))
    assert decisions(made)["parse"][1] == "runs: was failed; undecided: cached if `load` gives the same result"


def test_retry_of_what_is_running_or_in_a_session_that_is_being_cancelled_is_refused():
    at = state("running", requested="cancelling", load="running", side="failed")
    assert asked("retry", "side", at=at).refused == "The session is being cancelled; wait until it has stopped."
    assert asked("retry", "load", at=at).refused


def test_a_pending_session_says_that_it_can_be_started():
    assert (
        asked("pause", at=state("pending")).refused
        == "There is nothing to pause: the session is pending. Possible: start."
    )


def test_a_plan_reads_as_a_table():
    made = asked("retry", "parse", evidence=Evidence(unsaved=frozenset({"parse"})))
    assert str(made).splitlines() == [
        "retry parse: 2 kept, 2 to run",
        "  keep     load    completed",
        "  keep     side    completed",
        "  run      parse   was failed",
        "  run      render  not run yet",
        "  warning: inputs shared with the failed attempt: parse",
    ]
    assert str(asked("retry", "load")) == "Phase 'load' is completed; there is nothing to retry. Possible: rerun."
    assert str(plan(Command("start"), PhaseGraph([]), PipelineState())) == "start: no phases"


def test_what_runs_again_because_its_input_does_is_said_to_run():
    made = asked("rerun", "load", at=DONE)
    assert [line.split(maxsplit=2) for line in str(made).splitlines()[1:]] == [
        ["run", "load", "was completed"],
        ["keep", "side", "completed"],
        ["run", "parse", "load runs again"],
        ["run", "render", "parse runs again"],
    ]


def test_a_plan_as_the_value_of_a_cell_has_no_times_and_no_ids():
    load = PhaseStatus("load", "completed", started_at=1.0)
    at = state("failed", 9.0, load=load, parse="failed", side="completed")
    made = asked("retry", "parse", at=at, evidence=Evidence(now=200.0))
    assert "  keep     load    completed 3 min ago" in str(made).splitlines()
    assert pretty(made).splitlines()[:2] == ["retry parse: 2 kept, 2 to run", "  keep     load    completed"]
    assert "ago" not in pretty(made)
    assert repr(made) == "<Plan retry parse: 2 kept, 2 to run>"
    assert pretty(asked("retry", "load")) == "Phase 'load' is completed; there is nothing to retry. Possible: rerun."
    assert repr(asked("retry", "load")).startswith("<Plan retry load: refused. Phase 'load' is completed")


def test_a_plan_that_holds_itself_is_one_line():
    made = asked("retry", "parse")
    shown = StringIO()
    printer = PrettyPrinter(shown)
    made._repr_pretty_(printer, cycle=True)
    printer.flush()
    assert shown.getvalue() == repr(made)


def test_of_a_large_plan_what_changes_is_shown():
    graph = PhaseGraph([Phase(f"p{i:03}", int) for i in range(100)])
    statuses = tuple(PhaseStatus(f"p{i:03}", "completed" if i < 95 else "failed") for i in range(100))
    at = PipelineState(phases=statuses, status="failed", stopped_at=3.0)
    shown = str(plan(Command("retry-failed"), graph, at)).splitlines()
    assert [line.split()[:2] for line in shown[1:-1]] == [["run", f"p{i:03}"] for i in range(95, 100)]
    assert shown[-1] == "  ... and 95 more phases"


def test_a_skipped_phase_that_was_edited_since_runs_with_what_was_built_on_it():
    mended = PhaseStatus("parse", "skipped", edited=True)
    decided = decisions(asked("resume", at=state("failed", 9.0, load="completed", parse=mended, render="completed")))
    assert [decided[name][0] for name in ("load", "parse", "render")] == ["keep", "invalidate", "invalidate"]
