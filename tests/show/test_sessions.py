"""What the magics do with sessions on disk: go on in them, list them, bring their results, let go of them."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from milo_nb import Phase, Pipeline, attach
from milo_nb.execute import executor as executor_module
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.persist.retention import clean
from milo_nb.persist.rundir import RunDir, sessions
from milo_nb.show.magic.made import release
from tests.strategies import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.show.conftest import Notebook

SHOP = """%%milo shop {options}
@phase
def load():
    print("loading")
    return [3, 1, 2]

@phase
def clean(load):
    return sorted(load{order})

@phase
def train(clean):
    if broken: raise ValueError("no data")
    return sum(clean)
"""


def cell(options: str = "", order: str = "") -> str:
    return SHOP.format(options=options, order=order)


def restart(notebook: Notebook) -> None:
    """End the kernel and start another one in the same folder."""
    for executor in [v for v in notebook.names.values() if isinstance(v, PipelineExecutor)]:
        release(executor)
    notebook.run("%unload_ext milo_nb")
    notebook.shell.reset(new_session=False)
    notebook.run("%load_ext milo_nb")
    notebook.names["broken"] = False


def newest() -> RunDir:
    return sessions(".milo")[0]


def short() -> str:
    return newest().session_id[:8]


@pytest.fixture
def left(notebook: Notebook) -> Notebook:
    """A new kernel in whose folder a session of `shop` failed in `train`; it could succeed now."""
    notebook.names["broken"] = True
    notebook.fail(cell())
    restart(notebook)
    return notebook


# ---------------------------------------------------------------------- going on


def test_a_defined_pipeline_goes_on_in_the_session_that_an_earlier_kernel_left(left: Notebook) -> None:
    session = short()
    left.run(cell("--define"))
    assert left.run("%milo resume shop") == f"continued {session}: runs train; 2 kept\nshop: completed (3 completed)"
    assert left.names["shop"].results["train"] == 6
    assert short() == session


@pytest.mark.parametrize(
    "line", ["%milo resume", "%milo resume shop {0}", "%milo resume {0}", "%milo resume shop --session {0}"]
)
def test_the_session_may_be_named_or_found(left: Notebook, line: str) -> None:
    left.run(cell("--define"))
    assert f"continued {short()}: runs train; 2 kept" in left.run(line.format(short()))


def test_a_cell_goes_on_if_it_is_told_to(left: Notebook) -> None:
    session = short()
    assert left.run(cell("--resume")).startswith(f"continued {session}: 2 kept. Start anew with: %%milo shop --fresh\n")
    assert str(left.names["shop"].session_id).startswith(session)
    assert left.run(cell("--resume")).splitlines()[0] == "Nothing to resume: started anew."


def test_a_cell_goes_on_in_the_session_that_it_names(left: Notebook) -> None:
    session = short()
    left.run(cell())
    restart(left)
    assert f"continued {session}: " in left.run(cell(f"--resume {session}"))
    assert "There is no session 'nonsense'. Available sessions: " in left.fail(cell("--resume nonsense"))


def test_a_cell_goes_on_in_the_session_of_its_own_kernel_also_with_other_parameters(notebook: Notebook) -> None:
    body = "\n@phase\ndef load(): return 1\n@phase\ndef train(load, rate): return 1 / rate"
    notebook.fail(f"%%milo shop -p rate=0{body}")
    session = notebook.names["shop"].session_id
    assert "continued" in notebook.run(f"%%milo shop -p rate=2 --resume{body}")
    assert notebook.names["shop"].session_id == session
    assert notebook.names["shop"].results["train"] == 0.5


def test_a_program_that_runs_the_notebook_starts_anew_and_offers_nothing(left: Notebook) -> None:
    assert left.run(cell()) == "shop: completed (3 completed)"
    assert len(sessions(".milo")) == 2


def test_a_person_is_offered_the_session_that_an_earlier_kernel_left(left: Notebook, built: None) -> None:
    session = short()
    left.arrive()
    out = left.run(cell())
    assert out.startswith("An earlier session is failed: 2 of 3 phases saved, ")
    assert f"%milo resume shop {session} goes on in it, after %milo cancel shop." in out
    left.names["shop"].wait(60)
    assert len(sessions(".milo")) == 2
    assert "An earlier session" not in left.run(cell("--fresh"))
    left.names["shop"].wait(60)


def test_nothing_is_offered_that_is_older_than_a_completed_session(left: Notebook, built: None) -> None:
    left.run(cell())
    restart(left)
    left.arrive()
    assert "An earlier session" not in left.run(cell())
    left.names["shop"].wait(60)


def test_parameters_that_nobody_gives_stay_as_they_were(notebook: Notebook) -> None:
    body = "\n@phase\ndef load(rate): return rate\n@phase\ndef train(load, limit, how): return 1 / load if broken else limit"
    notebook.names["broken"] = True
    notebook.fail(f"%%milo shop -p rate=0 -p limit=7 -p how='fast'{body}")
    restart(notebook)
    notebook.run(f"%%milo shop --define{body}")
    assert "runs train; 1 kept" in notebook.run("%milo resume shop -p limit=8")
    assert notebook.names["shop"].results["train"] == 8


def test_only_some_phases_go_on(notebook: Notebook) -> None:
    body = "\n@phase\ndef a(): return 1 / (not broken)\n@phase\ndef b(a): return 2\n@phase\ndef c(b): return 3"
    notebook.names["broken"] = True
    notebook.fail(f"%%milo shop{body}")
    restart(notebook)
    notebook.run(f"%%milo shop --define{body}")
    assert "There is no phase 'd'. Available phases: a, b, c." in notebook.fail("%milo resume shop --only b,d")
    assert "runs a, b" in notebook.run("%milo resume shop --only b --no-wait")
    assert sorted(notebook.names["shop"].wait(60).results) == ["a", "b"]


def test_a_dry_run_shows_the_plan_and_leaves_the_session_as_it_was(left: Notebook) -> None:
    left.run(cell("--define"))
    out = left.run("%milo resume shop --dry-run").splitlines()
    assert [line.split()[:2] for line in out] == [
        ["resume:", "2"],
        ["keep", "load"],
        ["keep", "clean"],
        ["run", "train"],
    ]
    assert isinstance(left.names["shop"], Pipeline)
    assert " failed  2/3 " in left.run("%milo runs shop")
    assert "runs train; 2 kept" in left.run("%milo resume shop")


# ---------------------------------------------------------------------- what changed meanwhile


def test_changed_code_is_a_question_with_two_answers_where_a_person_is(
    left: Notebook, built: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left.arrive()
    monkeypatch.setattr(executor_module, "_attended", lambda: True)
    left.run(cell("--define", order=", reverse=True"))
    assert left.run("%milo resume shop").splitlines()[:5] == [
        "'shop' is not what it was when its results were saved:",
        "  clean: edited `clean`",
        "Which is it?",
        "  %milo resume shop --stale rerun   runs it again, and what follows",
        "  %milo resume shop --stale reuse   keeps the saved result",
    ]
    assert not left.names["shop"].session.is_running()
    assert left.run("%milo resume shop --stale reuse") == "shop: resume runs train; 2 kept"
    assert left.names["shop"].wait(60).results["clean"] == [1, 2, 3]


def test_a_cell_asks_the_same_question(left: Notebook, built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    left.arrive()
    monkeypatch.setattr(executor_module, "_attended", lambda: True)
    assert "Which is it?" in left.run(cell("--resume --wait", order=", reverse=True"))
    assert left.run("%milo resume shop --stale rerun") == "shop: resume runs clean, train; 1 kept"
    assert left.names["shop"].wait(60).results["clean"] == [3, 2, 1]


def test_changed_code_runs_again_where_nobody_can_be_asked(left: Notebook) -> None:
    assert "continued" in left.run(cell("--resume", order=", reverse=True"))
    assert left.names["shop"].results["clean"] == [3, 2, 1]


def test_the_answer_may_stand_in_the_line(left: Notebook) -> None:
    left.run(cell("--resume --stale reuse", order=", reverse=True"))
    assert left.names["shop"].results["clean"] == [1, 2, 3]


def test_the_body_of_a_cell_that_only_ran_again_is_kept(notebook: Notebook) -> None:
    cells = (
        "%%milo shop.load\nrows = [rate, 1]\n",
        "%%milo shop.parse --after load\ntotal = sum(rows)  # {0}\n",
        "%%milo shop.save --after parse\n1 / (not broken)",
    )
    notebook.names.update(broken=True, rate=2, rows="mine")
    for text in cells:
        notebook.run(text.format("one"))
    notebook.fail("%milo run shop")
    restart(notebook)
    notebook.names.update(rate=2, rows="of another day")  # which the phase before gives: no matter of the code
    for text in cells:
        notebook.run(text.format("another comment"))
    assert "2 kept, 1 to run" in notebook.run("%milo resume shop --dry-run")
    notebook.names["rate"] = 3
    assert "global rate changed" in notebook.run("%milo resume shop --dry-run")


# ---------------------------------------------------------------------- looking


def test_runs_lists_sessions_newest_first(left: Notebook) -> None:
    first = short()
    left.run(cell())
    lines = [line.split() for line in left.run("%milo runs").splitlines()]
    assert lines[0] == ["session", "pipeline", "started", "status", "done", "took", "where"]
    assert [line[0] for line in lines[1:]] == [short(), first]
    assert [(line[1], line[4], line[5]) for line in lines[1:]] == [
        ("shop", "completed", "3/3"),
        ("shop", "failed", "2/3"),
    ]
    assert [line[8:] for line in lines[1:]] == [["here"], []]
    assert left.run("%milo runs -n 1").splitlines()[-1] == "1 older: -n 2"
    assert left.run("%milo runs shop").splitlines()[0].split() == [
        "session",
        "started",
        "status",
        "done",
        "took",
        "where",
    ]


def test_where_nothing_is_runs_says_so(notebook: Notebook) -> None:
    assert notebook.run("%milo runs") == "There is no session in .milo. %%milo NAME makes one."
    assert notebook.run("%milo runs shop") == "There is no session of 'shop' in .milo. Available pipelines: none."
    assert notebook.run("%milo runs --work-dir other") == "There is no session in other. %%milo NAME makes one."


def test_a_session_that_cannot_be_read_is_listed_with_the_reason(left: Notebook) -> None:
    newest().snapshot.write_text('{"schema": 99, "pipeline": "shop"}')
    assert "schema 99, and this version of milo_nb reads up to" in left.run("%milo runs")


def test_results_tells_type_size_and_origin_and_loads_nothing(left: Notebook) -> None:
    lines = left.run("%milo results shop").splitlines()
    assert lines[0].split() == ["phase", "status", "result", "saved", "origin"]
    assert [line.split()[0] for line in lines[1:]] == ["load", "clean", "train"]
    assert lines[1].split()[1] == "completed"
    assert lines[1].endswith("bytes  yes    ran")
    assert lines[3].split() == ["train", "failed"]


def test_results_tells_the_type_of_what_is_only_on_disk(left: Notebook) -> None:
    rows = [line.split() for line in left.run("%milo results shop").splitlines()]
    assert rows[1][:4] == ["load", "completed", "list,", "27"] or rows[1][2] == "list,"


def test_a_pipelines_name_stands_for_its_newest_session(left: Notebook) -> None:
    looked_at = attach("shop")
    assert str(looked_at.session_id) == newest().session_id
    looked_at.close()


def test_clean_says_why_sessions_stay_that_were_to_go(left: Notebook) -> None:
    latest = short()
    assert f"  {latest} of 'shop' stays: it is the latest one that could be resumed." in left.run(
        "%milo clean --keep 0"
    )
    left.run(cell())
    says = f"  {short()} of 'shop' stays: this kernel has it, and with it its results."
    assert says in left.run("%milo clean --keep 0")
    assert says in left.run("%milo clean shop --older 0s")
    assert "stays" not in left.run("%milo clean shop --keep 5")


def test_results_says_why_a_result_is_not_saved(notebook: Notebook) -> None:
    notebook.run("%%milo shop\nimport threading\n@phase\ndef load(): return threading.Lock()")
    assert "no: result is a lock" in notebook.run("%milo results shop")
    assert "not saved: result is a lock" in notebook.run("%milo status shop")


def test_status_and_logs_tell_of_sessions_on_disk(left: Notebook) -> None:
    assert left.run("%milo status") == (
        "There is no pipeline yet. Define one in a cell that begins with: %%milo NAME. On disk: shop (%milo runs)."
    )
    out = left.run("%milo status shop").splitlines()
    assert out[0] == f"shop (session {short()}, on disk): failed 67% (2 completed, 1 failed)"
    assert out[3].endswith("no data")
    assert left.run("%milo logs shop load") == "loading"
    assert left.run(f"%milo logs shop load --session {short()}") == "loading"


def test_attach_binds_what_is_looked_at_if_the_name_is_free(left: Notebook) -> None:
    assert left.run("%milo attach") == f"shop: failed, session {short()}, on disk. `shop` looks at it."
    looked_at = left.names["shop"]
    assert looked_at["load"].logs()[0].line == "loading"
    assert looked_at["clean"].result == [1, 2, 3]
    assert left.run(f"%milo attach {short()}").endswith("`shop` looks at it.")
    assert left.run("%milo attach shop").endswith("`shop` looks at it.")
    assert "has no kernel any more" in left.fail(f"%milo cancel shop --session {short()}")
    left.names["shop"] = "mine"
    assert left.run("%milo attach") == f"shop: failed, session {short()}, on disk."
    assert left.names["shop"] == "mine"


def test_attach_without_a_name_says_which_pipelines_there_are_if_there_are_several(left: Notebook) -> None:
    shop = short()
    other = Pipeline("site", Phase("load", lambda: 1)).run()
    other.wait(DEADLINE_S)
    other.close()
    site = short()
    said = left.fail("%milo attach")
    assert "Which session? There are several pipelines, their newest ones: " in said
    assert f"site (completed, {site})" in said
    assert f"shop (failed, {shop})" in said
    assert "Usage: %milo attach NAME" in said
    assert left.run("%milo attach shop").startswith(f"shop: failed, session {shop}")


def test_attach_without_a_name_means_the_only_pipeline_of_the_notebook_wherever_it_keeps_its_sessions(
    notebook: Notebook,
) -> None:
    other = Pipeline("site", Phase("load", lambda: 1)).run()
    other.wait(DEADLINE_S)
    other.close()
    notebook.names["broken"] = False
    notebook.run(cell("--work-dir elsewhere"))
    assert notebook.run("%milo attach") == "shop: completed, here."
    notebook.run("%%milo quick --work-dir elsewhere\n@phase\ndef load(): ...")
    notebook.names["quick"].wait(DEADLINE_S)
    assert "quick (completed, " in notebook.fail("%milo attach")


def test_attach_without_a_name_and_without_a_session_says_so(notebook: Notebook) -> None:
    assert "There is no session in .milo." in notebook.fail("%milo attach")


def test_a_cell_takes_the_place_of_what_is_only_looked_at(left: Notebook) -> None:
    left.run("%milo attach")
    left.run(cell("--define"))
    assert isinstance(left.names["shop"], Pipeline)
    assert "runs train; 2 kept" in left.run("%milo resume")


def test_attach_shows_the_executor_that_this_kernel_has(notebook: Notebook) -> None:
    notebook.names["broken"] = False
    notebook.run(cell())
    shop = notebook.names["shop"]
    assert notebook.run("%milo attach") == "shop: completed, here."
    assert notebook.names["shop"] is shop


# ---------------------------------------------------------------------- pulling


def test_pull_brings_a_mapping_that_loads_when_it_is_asked(left: Notebook) -> None:
    out = left.run("%milo pull shop").splitlines()
    assert out[0].startswith(f"`shop_results` has 2 of 3 results of session {short()}: load, clean.")
    assert out[1:] == ["  not here: train: it is failed"]
    pulled = left.names["shop_results"]
    assert (list(pulled), len(pulled), "load" in pulled, "train" in pulled) == (["load", "clean"], 2, True, False)
    assert pulled["clean"] == [1, 2, 3]
    assert pulled["clean"] is pulled["clean"]
    assert repr(pulled) == "<results of shop: load, clean>"
    with pytest.raises(LookupError, match=r"Phase 'train' has no result here: it is failed\."):
        pulled["train"]
    with pytest.raises(LookupError, match="There is no phase 'tran'"):
        pulled["tran"]


def test_pull_brings_phases_as_variables(left: Notebook) -> None:
    assert left.run("%milo pull shop load train") == (
        f"Brought from session {short()}: load (list).\n  not here: train: it is failed"
    )
    assert left.names["load"] == [3, 1, 2]
    left.run("%milo pull shop load")
    left.run(cell("--define"))  # what was brought may be replaced
    assert isinstance(left.names["load"], Phase)


def test_pull_does_not_take_the_place_of_the_persons_variables(left: Notebook) -> None:
    left.names.update(load="mine", shop_results=1)
    assert left.fail("%milo pull shop load").endswith(
        "'load' is a variable of the notebook (str). Take the results as a mapping of another name: "
        "%milo pull shop load --into NAME, or first: del load"
    )
    assert "'shop_results' is a variable of the notebook (int)" in left.fail("%milo pull shop")
    left.run("%milo pull shop --into before")
    assert left.names["before"]["load"] == [3, 1, 2]
    assert left.names["load"] == "mine"


def test_a_result_that_was_damaged_is_refused_with_the_reason(left: Notebook) -> None:
    pack = next(newest().results.glob("pack-*"))
    pack.write_bytes(bytes(len(pack.read_bytes())))
    out = left.fail("%milo pull shop load")
    assert "not here: load: its saved result is refused: " in out
    assert "load" not in left.names
    pack.unlink()
    assert "not here: load: its saved result is missing" in left.run("%milo pull shop")


def test_pull_of_what_is_not_there_is_one_line(left: Notebook) -> None:
    assert "there is no pipeline 'shp'" in left.fail("%milo pull shp")
    assert "There is no phase 'lod'. Available phases: load, clean, train." in left.fail("%milo pull shop lod")
    assert "There is no session 'nope'. Available sessions: " in left.fail("%milo pull shop --session nope")
    assert "Nothing was brought" in left.fail("%milo pull shop train")


# ---------------------------------------------------------------------- cleaning


def test_clean_keeps_as_many_sessions_as_it_is_told(notebook: Notebook) -> None:
    notebook.names["broken"] = False
    for _ in range(3):
        notebook.run(cell("--fresh"))
    restart(notebook)
    assert notebook.run("%milo clean shop") == "Nothing to clean in .milo."
    assert notebook.run("%milo clean shop --keep 1 --dry-run").startswith("Would remove 2 sessions, ")
    assert len(sessions(".milo")) == 3
    assert notebook.run("%milo clean --keep 1").startswith("Removed 2 sessions, ")
    assert len(sessions(".milo")) == 1


def test_clean_by_age_leaves_what_could_be_resumed(left: Notebook) -> None:
    left.run(cell())
    restart(left)
    left.run(cell())  # which is here
    assert left.run("%milo clean shop --older 1ms").splitlines()[0].startswith("Removed 1 session, ")
    assert [line.split()[3] for line in left.run("%milo runs shop").splitlines()[1:]] == ["completed", "failed"]
    assert "Nothing to clean" in left.run("%milo clean shop --older 30d")


def test_clean_lets_go_of_cached_results(notebook: Notebook) -> None:
    body = "\n@phase(cache=True)\ndef load(): return [1]\n@phase(cache=True)\ndef other(): return [2]"
    notebook.run(f"%%milo shop{body}")
    assert notebook.run("%milo clean shop load --dry-run").startswith("Would remove 1 cached result, ")
    assert "Nothing is cached for 'lod'. Available cached phases: load, other. Did you mean 'load'?" in notebook.fail(
        "%milo clean shop lod"
    )
    assert notebook.run("%milo clean shop load").startswith("Removed 1 cached result, ")
    notebook.run(f"%%milo shop{body}")
    origins = {p.name: p.origin for p in notebook.names["shop"].store.state.phases}
    assert origins == {"load": "ran", "other": "cache"}
    assert "from the cache\n" in notebook.run("%milo status shop") + "\n"  # without its age, where nobody looks
    out = notebook.run("%milo clean shop --cache").splitlines()
    assert out[0].startswith("Removed 2 cached results, ")
    assert {line.split()[-1] for line in out[1:]} == {"load", "other"}
    assert notebook.run("%milo clean --cache") == "Nothing to clean in .milo."


def test_a_cell_leaves_the_cache_alone_or_refreshes_it(notebook: Notebook) -> None:
    def origin(options: str) -> str:
        notebook.run(f"%%milo shop {options}\n@phase(cache=True)\ndef load(): return [1]")
        return str(notebook.names["shop"]["load"].known.origin)

    assert [origin(o) for o in ("", "", "--no-cache", "--refresh", "")] == ["ran", "cache", "ran", "ran", "cache"]
    notebook.run("%milo run shop --no-cache")
    assert notebook.names["shop"]["load"].known.origin == "ran"
    notebook.run("%milo run shop --cache")
    assert notebook.names["shop"]["load"].known.origin == "cache"


def test_a_result_that_was_cleaned_away_says_when_and_why(notebook: Notebook) -> None:
    notebook.run("%%milo shop\n@phase\ndef load(): return bytes(100_000)\n@phase\ndef small(load): return 1")
    restart(notebook)
    removed = clean(".milo", "shop", max_bytes=50_000)
    assert [gone.path.name for gone in removed] == ["results"]
    out = notebook.run("%milo results shop").splitlines()
    assert out[1].split() == ["load", "completed", "bytes,", "100", "kB", "removed", "ran"]
    assert re.fullmatch(rf"Results of session {short()} were removed on .* UTC: more than 50\.0 kB\.", out[3])
    why = r"load: its saved result was removed on .* UTC: more than 50\.0 kB"
    assert re.search(f"not here: {why}", notebook.run("%milo pull shop"))
    assert notebook.names["shop_results"]["small"] == 1
    with pytest.raises(LookupError, match="Phase 'load' has no result here: its saved result was removed on "):
        notebook.names["shop_results"]["load"]


# ---------------------------------------------------------------------- reviews

REVIEW = """%%milo shop {options}
@phase(review=True)
def load(ctx):
    (ctx.work_dir / "raw" / "data.csv").write_text("1,2")
    return [1]
@phase
def train(load): return len(load)
"""


@pytest.fixture
def attended(notebook: Notebook, built: None) -> Notebook:
    notebook.arrive()
    return notebook


def wait_for_review(notebook: Notebook) -> PipelineExecutor:
    shop: PipelineExecutor = notebook.names["shop"]
    paused = threading.Event()
    undo = shop.store.subscribe(lambda: shop.store.state.status == "paused" and paused.set())
    assert shop.store.state.status == "paused" or paused.wait(60)
    undo()
    wait_until(lambda: shop["load"].known.saved)
    return shop


def test_a_review_says_what_to_look_at_and_goes_on_when_it_is_approved(attended: Notebook) -> None:
    attended.run(REVIEW.format(options=""))
    shop = wait_for_review(attended)
    out = attended.run("%milo status shop").splitlines()
    assert out[3].startswith("'load' waits for approval. Look at raw/data.csv in ")
    assert out[3].endswith("; its result, list.")
    assert out[4] == "Go on with: %milo approve shop"
    assert "'load' does" in attended.fail("%milo approve shop train")
    assert attended.run("%milo approve shop") == "shop: approve runs train; 1 kept"
    assert shop.wait(60).results["train"] == 1
    assert "Nothing waits for approval." in attended.fail("%milo approve shop")


def test_no_review_stops_a_session_where_nobody_is_or_that_is_told_not_to_pause(
    notebook: Notebook, built: None
) -> None:
    assert notebook.run(REVIEW.format(options="")) == "shop: completed (2 completed)"
    notebook.arrive()
    assert "shop: completed (2 completed)" in notebook.run(REVIEW.format(options="--no-pause --wait"))
    notebook.run("%milo run shop --pause")
    wait_for_review(notebook).cancel()
    assert notebook.names["shop"].wait(60).status == "cancelled"
    assert "shop: completed (2 completed)" in notebook.run("%milo run shop --no-pause --wait")


def test_what_waits_on_disk_is_approved_in_another_kernel(
    attended: Notebook, forget: Callable[[PipelineExecutor], None]
) -> None:
    attended.run(REVIEW.format(options=""))
    killed = wait_for_review(attended)
    forget(killed)
    restart(attended)
    assert "paused, waits for approval: load" in attended.run("%milo runs shop")
    attended.run(REVIEW.format(options="--define"))
    assert "approve runs train; 1 kept" in attended.run("%milo approve shop")
    assert attended.names["shop"].wait(60).results == {"load": [1], "train": 1}


@pytest.fixture
def forget() -> Callable[[PipelineExecutor], None]:
    """Lets a session go as a killed process does: without a word."""

    def forget(executor: PipelineExecutor) -> None:
        disk: Any = executor.session.disk
        disk.recorder.flush(20)
        disk.recorder = None
        disk.keeper.recorder.close()
        disk.keeper._lock.release()

    return forget


def test_who_is_there_is_asked_of_the_front_end_or_else_of_the_terminal(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not executor_module.is_attended()
    notebook.arrive()
    assert executor_module.is_attended()
    notebook.leave()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(closed=False, isatty=lambda: True))
    assert executor_module.is_attended()
    notebook.run("%unload_ext milo_nb")
    assert executor_module._attended is None
    notebook.run("%load_ext milo_nb")


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%milo resume shop nope", "There is no session 'nope'. Available sessions: "),
        ("%milo resume shop --stale maybe", "--stale: invalid choice: 'maybe'"),
        ("%milo resume nope", "%milo resume: there is no pipeline 'nope'. Available pipelines: shop."),
        ("%milo attach nope", "There is no session 'nope'."),
        ("%milo results nope", "there is no pipeline 'nope'"),
        ("%milo results shop --session nope", "There is no session 'nope'."),
        ("%milo status shop --session nope", "There is no session 'nope'."),
        ("%milo clean nope", "Nothing of 'nope' is in "),
        ("%milo clean shop --older 30x", "Invalid TTL: '30x'. A TTL is a number and a unit"),
        ("%milo clean shop --keep some", "it must be a whole number from 0, got 'some'"),
        ("%milo pause shop --session nope", "There is no session 'nope'."),
        ("%milo approve shop", "Nothing waits for approval."),
        ("%milo logs shop lod", "There is no phase 'lod'."),
        ("%milo runs --session 1", "There is no option --session."),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(left: Notebook, line: str, says: str) -> None:
    left.run(cell("--define"))
    out = left.fail(line)
    assert says in out
    assert len(out.splitlines()) == 1


def test_what_is_not_defined_here_is_found_on_disk_and_said(left: Notebook) -> None:
    says = f"'shop' is not defined in this kernel; its session {short()} is on disk (failed, 2 of 3 phases saved, "
    assert says in left.fail("%milo resume shop")
    assert f"Session {short()} of 'shop' is on disk (failed, " in left.fail("%milo resume")


def test_other_phases_are_refused_with_what_is_different(left: Notebook) -> None:
    left.run("%%milo shop --define\n@phase\ndef load(): ...")
    assert "cannot go on: since it began, clean, train went." in left.fail("%milo resume shop")


def test_resume_and_fresh_exclude_each_other(notebook: Notebook) -> None:
    assert "--resume and --fresh exclude each other" in notebook.fail(cell("--resume --fresh"))
    assert "--resume and --define exclude each other" in notebook.fail(cell("--resume --define"))


def test_a_pipeline_without_a_disk_says_so(notebook: Notebook) -> None:
    notebook.names["mine"] = Pipeline("mine", Phase("a", int)).run(work_dir=None)
    notebook.names["mine"].wait(60)
    assert "'mine' keeps nothing on disk" in notebook.fail("%milo runs mine")


def test_a_work_directory_that_cannot_be_used_costs_one_line(
    notebook: Notebook, caplog: pytest.LogCaptureFixture
) -> None:
    Path("file").write_text("")
    notebook.names["broken"] = False
    assert "shop: completed" in notebook.run(cell("--work-dir file"))
    assert "The session goes on in memory." in caplog.text
    assert "Not saved: The work directory " in notebook.run("%milo status shop")
