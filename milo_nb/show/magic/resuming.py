"""``%milo resume``: after a pause or a failure, and in another kernel than the one that began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milo_nb.errors import (
    InvalidStateError,
    NothingToResumeError,
    UnknownPhaseError,
    UnknownSessionError,
    UsageError,
    available,
)
from milo_nb.execute.executor import PipelineExecutor
from milo_nb.execute.taking_up import latest
from milo_nb.persist.replay import pipeline_of
from milo_nb.persist.rundir import find
from milo_nb.show.magic.asked import say
from milo_nb.show.magic.elsewhere import find_elsewhere
from milo_nb.show.magic.going_on import go_on, is_unfinished, take_up, wait_for_cancel
from milo_nb.show.magic.made import release, run_options, settings
from milo_nb.show.magic.obeying import obey, say_obeyed
from milo_nb.show.magic.on_disk import (
    SHORT,
    latest_to_go_on,
    live_elsewhere,
    name_of,
    root_of,
    saved_params,
    session_of,
)
from milo_nb.show.magic.reading import read_params

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milo_nb.pipeline import Pipeline
    from milo_nb.show.magic.asked import Asked
    from milo_nb.state.plan import Plan


def resume(asked: Asked) -> None:
    """Go on in a session, here or from disk; ask a person if code has changed since.

    Raises:
        MiloError: If there is nothing to go on with; says what there is.
    """
    name, session = _meant(asked)
    held = asked.cells.find(name)
    if isinstance(held, PipelineExecutor):
        wait_for_cancel(held)
    if isinstance(held, PipelineExecutor) and not held.is_idle and _is_of(held, session):
        _resume_here(asked, held, name)
        return
    if held is None:
        there = find_elsewhere(asked, name, session)
        if there is None:
            raise not_defined(asked, name)
        obey(asked.naming(name), there)
        return
    asked.cells.check_idle(name, starts_anew=True)
    found = _on_disk(asked, name, session)
    if asked.options.dry_run:
        _show_plan(asked, held, name, found)
        return
    executor = put_up(asked, held, name, found)
    _tell(asked, executor, name)


def _is_of(executor: PipelineExecutor, session: str | None) -> bool:
    return session is None or str(executor.session_id).startswith(session)


def _resume_here(asked: Asked, executor: PipelineExecutor, name: str) -> None:
    given = asked.options
    if given.params:
        raise UsageError(f"A session that goes on keeps its parameters. Others start anew: %milo run {name} -p ...")
    only = _only(asked, executor.pipeline)
    plan = executor.plan("resume", only=only, stale=given.stale or "rerun", by="%milo")
    if plan.refused and not executor.session.state.waiting_for:
        raise InvalidStateError(f"{plan.refused}{_hint(asked, executor, name)}")
    if given.dry_run:
        asked.show_plan(plan)
        return
    said = go_on(executor, name, only=only, stale=given.stale)
    if isinstance(said, str):
        say(said)
    else:
        say_obeyed(asked.naming(name), executor, said)


def _hint(asked: Asked, executor: PipelineExecutor, name: str) -> str:
    if is_unfinished(executor) or executor.session.disk.root is None:
        return ""
    seen = latest_to_go_on(executor.session.disk.root, executor.pipeline.name)
    del asked
    return "" if seen is None else f" On disk is {seen.short}, {seen.status}: %milo resume {name} {seen.short}."


# ---------------------------------------------------------------------- from disk


def put_up(asked: Asked, held: PipelineExecutor | Pipeline, name: str, session: str) -> PipelineExecutor:
    """Take a session up in a new executor, and have the notebook's variable hold that."""
    pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
    made = asked.cells.made.get(name)
    is_ours = made is not None and held in (made.executor, made.pipeline)
    options = _options(asked, name, session, made.options if made is not None and is_ours else run_options({}))
    executor = take_up(pipeline, options, session)
    if made is not None and is_ours:
        made.put(executor)
        made.options = options
    elif isinstance(held, PipelineExecutor):
        release(held)
    return asked.cells.bind(name, executor)


def _options(asked: Asked, name: str, session: str, own: dict[str, Any]) -> dict[str, Any]:
    """Return what the executor is made with: parameters that nobody gives stay as they were."""
    params = getattr(asked.options, "params", ())
    saved = saved_params(find(root_of(asked, name), session))
    given = {"params": {**saved, **own["params"], **read_params(params, asked.variables)}}
    return own | {"work_dir": root_of(asked, name)} | settings(asked.options) | given


def _on_disk(asked: Asked, name: str, session: str | None) -> str:
    if session is not None:
        return session_of(asked, name, session).session_id
    root, known = root_of(asked, name), name_of(asked, name)
    try:
        return latest(root, known)
    except NothingToResumeError as nothing:
        runs = live_elsewhere(root, known)
        if runs is None:
            raise
        short = runs.session_id[:SHORT]
        hint = f"Session {short} runs in another kernel, %milo attach {short} shows it."
        raise NothingToResumeError(f"{nothing} {hint}") from None


def _tell(asked: Asked, executor: PipelineExecutor, name: str) -> None:
    """Go on in a session that was just taken up, say so, and show it."""
    said = go_on(executor, name, only=_only(asked, executor.pipeline), stale=asked.options.stale)
    if isinstance(said, str):
        say(said)
        asked.cells.show(executor, wait=False)
        return
    say(f"continued {str(executor.session_id)[:SHORT]}: {_said(said)}")
    asked.cells.show(executor, wait=asked.options.wait)


def _said(plan: Plan) -> str:
    return f"runs {', '.join(plan.runs) or 'nothing'}; {len(plan.keeps)} kept"


def _show_plan(asked: Asked, held: PipelineExecutor | Pipeline, name: str, session: str) -> None:
    pipeline = held.pipeline if isinstance(held, PipelineExecutor) else held
    made = asked.cells.made.get(name)
    executor = take_up(pipeline, _options(asked, name, session, (made and made.options) or run_options({})), session)
    try:
        only = _only(asked, executor.pipeline)
        asked.show_plan(executor.plan("resume", only=only, stale=asked.options.stale or "rerun", by="%milo"))
    finally:
        executor.session.disk.end()  # first, so that nothing of the plan is in the journal
        executor.close()


def _only(asked: Asked, pipeline: Any) -> tuple[str, ...]:
    names = tuple(n.strip() for n in (asked.options.only or "").split(",") if n.strip())
    for name in names:
        if name not in pipeline.graph.index:
            raise UnknownPhaseError(name, pipeline.graph.names)
    return names


# ---------------------------------------------------------------------- which one


def _meant(asked: Asked) -> tuple[str, str | None]:
    """Return the variable and the session that a line means."""
    session = asked.options.session
    if len(asked.names) == 2:  # noqa: PLR2004 - a pipeline and a session
        return asked.name, asked.names[1]
    if not asked.names:
        return _only_one(asked), session
    if asked.cells.find(asked.name) is not None:
        return asked.name, session
    try:
        run_dir = find(root_of(asked), asked.name)
    except UnknownSessionError:
        return asked.name, session
    known = pipeline_of(run_dir)
    return next((n for n in asked.cells.names() if name_of(asked, n) == known), known), run_dir.session_id


def _only_one(asked: Asked) -> str:
    """Return the pipeline that can go on, if there is just one."""
    here, on_disk = [], []
    for name in asked.cells.names():
        held = asked.cells.find(name)
        if isinstance(held, PipelineExecutor) and not held.is_idle:
            here += [name] if is_unfinished(held) else []
        elif latest_to_go_on(root_of(asked, name), name_of(asked, name)) is not None:
            on_disk.append(name)
    can = here or on_disk
    if len(can) == 1:
        return can[0]
    if can:
        raise UsageError(f"Which pipeline? These can go on: {', '.join(can)}. Usage: %milo resume NAME")
    waits = list(_undefined(asked))
    there = available("pipelines", "", asked.cells.names())
    raise UsageError(f"Nothing here can go on. {' '.join(waits) or there}")


def _undefined(asked: Asked) -> Iterator[str]:
    from milo_nb.show.magic.on_disk import names_on_disk  # noqa: PLC0415 - only for who names nothing

    root = root_of(asked)
    for name in names_on_disk(root):
        seen = latest_to_go_on(root, name)
        if seen is not None and asked.cells.find(name) is None:
            yield f"Session {seen.short} of '{name}' is on disk ({seen.status}, {seen.kept}); define '{name}' here first."


def not_defined(asked: Asked, name: str) -> UsageError:
    """Return the error that says that a pipeline is not here, and what of it is on disk."""
    seen = latest_to_go_on(root_of(asked, name), name)
    if seen is None:
        there = available("pipelines", name, asked.cells.names())
        return UsageError(f"%milo {asked.word}: there is no pipeline '{name}'. {there}")
    return UsageError(
        f"'{name}' is not defined in this kernel; its session {seen.short} is on disk ({seen.status}, {seen.kept}). "
        f"Define it, as with %%milo {name} --define in the first line of its cell, then: %milo {asked.word} {name}"
    )
