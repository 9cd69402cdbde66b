"""Going on in a session: the one that a cell's last run began, or one on disk that another kernel left."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from milo_nb.errors import StaleCodeError
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.taking_up import latest_unfinished
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.made import same_graph
from milo_nb.show.magic.on_disk import SHORT, latest_to_go_on
from milo_nb.state.model import UNFINISHED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from milo_nb.execute.options import Runnable
    from milo_nb.show.magic.cell import Cells
    from milo_nb.show.magic.made import Made
    from milo_nb.state.plan import Plan


_CANCEL_S = 10.0


def is_unfinished(executor: PipelineExecutor) -> bool:
    """Tell whether an executor's session can go on: it is paused, or ended without being completed."""
    state = executor.session.state
    return state.status == "paused" or (state.status in UNFINISHED and bool(state.stopped_at))


def why_anew(executor: PipelineExecutor, before: Made, made: Made) -> str:
    """Return why an unfinished session cannot go on with what a cell has made now; empty if it can."""
    if not _is_same(before.options["params"], made.options["params"]):
        return "the parameters differ"
    if not _is_same(before.options, made.options) or before.pipeline.fail_fast != made.pipeline.fail_fast:
        return "the options differ"
    if not same_graph(executor.session.graph, made.pipeline.graph):
        return "phases were added, removed or connected otherwise"
    return ""


def _is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether options are equal; values that cannot be compared, as arrays, are so only if they are the same."""
    if before.keys() != after.keys():
        return False
    for name, value in before.items():
        other = after[name]
        if isinstance(value, dict) and isinstance(other, dict):
            if not _is_same(value, other):
                return False
            continue
        try:
            if value is not other and not bool(value == other):
                return False
        except Exception:  # noqa: BLE001 - a person's objects may refuse to be compared
            return False
    return True


# ---------------------------------------------------------------------- for cells


def go_on_in(cells: Cells, name: str, made: Made, before: Made, options: argparse.Namespace) -> PipelineExecutor | None:
    """Go on in the session that a cell's last run began, if that is what a person wants, and say so."""
    executor = before.executor
    if executor is None or cells.find(name) is not executor:
        return None
    if not cells.is_seen() or not is_unfinished(executor):
        return None
    why = why_anew(executor, before, made)
    if why:
        say(f"started anew: {why}")
        return None
    executor.rebind(made.pipeline)
    plan = executor.command("resume", stale="reuse" if options.stale == "reuse" else "rerun", by="cell")
    made.executor = executor
    cells.keep(name, made, None)
    say(say_continued(executor, plan, name))
    return executor


def resume_in(
    cells: Cells, name: str, made: Made, before: Made | None, options: argparse.Namespace
) -> PipelineExecutor:
    """Go on in an unfinished session, of this kernel or of another one; start anew if there is none.

    Raises:
        NothingToResumeError: If there is no such session, or it has other phases.
        SessionOwnedError: If another process runs it.
    """
    session = session_to_resume(name, made, before, options.resume)
    if not session:
        say("Nothing to resume: started anew.")
        executor = made.start()
        cells.keep(name, made, before)
        return executor
    executor = made.executor = take_up(made.pipeline, made.options, session)
    cells.keep(name, made, before)
    said = go_on(executor, name, stale=options.stale, by="cell")
    if isinstance(said, str):
        say(said)
        options.wait = False  # nothing runs before the person has decided
    else:
        say(say_continued(executor, said, name))
    return executor


# ---------------------------------------------------------------------- sessions on disk


def take_up(pipeline: Runnable, options: Mapping[str, Any], session: str) -> PipelineExecutor:
    """Return an executor that stands in a session on disk; nothing of it runs yet.

    Raises:
        NothingToResumeError: If there is no such session, or it has other phases.
        SessionOwnedError: If another process runs it.
        WorkDirError: If it cannot be written.
    """
    executor = PipelineExecutor(pipeline, **options)
    try:
        executor._take_up(session)  # noqa: SLF001 - resume() would also go on, and not say with what
    except BaseException:
        executor.close()
        raise
    return executor


def go_on(
    executor: PipelineExecutor, name: str, *, only: Sequence[str] = (), stale: str | None = None, by: str = "%milo"
) -> Plan | str:
    """Have a session go on; return its plan, or what a person has to decide first.

    Raises:
        InvalidStateError: If there is nothing to go on with.
    """
    if executor.session.state.waiting_for:
        return say_waiting(executor, name)
    try:
        chosen = executor._choose(stale)  # noqa: SLF001 - as resume() does
    except StaleCodeError as error:
        return ask_about(error, name)
    return executor.command("resume", only=tuple(only), stale=chosen, by=by)


def ask_about(error: StaleCodeError, name: str) -> str:
    """Return the question that changed code is, with the two ways on."""
    what = "\n".join(f"  {phase}: {how}" for phase, how in error.changed.items())
    it = "it" if len(error.changed) == 1 else "them"
    lines = (
        (f"%milo resume {name} --stale rerun", f"runs {it} again, and what follows"),
        (f"%milo resume {name} --stale reuse", f"keeps the saved result{'s' * (len(error.changed) > 1)}"),
    )
    ways = "\n".join(f"  {command}   {does}" for command, does in lines)
    return f"'{name}' is not what it was when its results were saved:\n{what}\nWhich is it?\n{ways}"


def say_waiting(executor: Any, name: str) -> str:
    """Return what waits for approval, what to look at, and what goes on; "" if nothing waits."""
    from milo_nb.execute.waiting import review_text  # noqa: PLC0415 - only where something waits

    session = executor.session
    if not session.state.waiting_for:
        return ""
    if hasattr(session, "describe_result"):  # it is only looked at: nothing of it is loaded
        phase = session.state.waiting_for
        text = f"'{phase}' waits for approval. Its result: {session.describe_result(phase)}. Its files: {session.run_dir.path}."
        return f"{text}\nGo on with: %milo approve {name} --session {str(session.id)[:SHORT]}"
    return f"{review_text(session)}\nGo on with: %milo approve {name}"


def say_continued(executor: PipelineExecutor, plan: Plan, name: str) -> str:
    """Return the sentence that a cell says which went on in a session."""
    return (
        f"continued {str(executor.session_id)[:SHORT]}: {len(plan.keeps)} kept. Start anew with: %%milo {name} --fresh"
    )


def offer(made: Made, name: str) -> str:
    """Return the sentence that offers a session which another kernel left unfinished; "" if there is none to offer."""
    seen = latest_to_go_on(made.options["work_dir"], name)
    if seen is None or seen.phases != len(made.pipeline.graph):
        return ""
    was = "was interrupted" if seen.status == "interrupted" else f"is {seen.status}"
    return (
        f"An earlier session {was}: {seen.kept}. "
        f"%milo resume {name} {seen.short} goes on in it, after %milo cancel {name}."
    )


def wait_for_cancel(executor: PipelineExecutor) -> None:
    """Wait a little for the end of a session that is being cancelled: the line before may have asked for that."""
    if executor.session.state.requested == "cancelling":
        with suppress(TimeoutError):
            executor.wait(_CANCEL_S)


def session_to_resume(name: str, made: Made, before: Made | None, asked: object) -> str:
    """Return the id of the session that ``--resume`` means; "" if no session is unfinished.

    An executor of this kernel lets go of its session for that.
    """
    executor = before.executor if before is not None else None
    own = str(executor.session_id) if executor is not None and is_unfinished(executor) else ""
    if executor is not None and own and (asked is True or own.startswith(str(asked))):
        executor.close()
        return own
    if asked is not True:
        return str(asked)
    found = latest_unfinished(made.options["work_dir"], name)
    return "" if found is None else found.session_id
