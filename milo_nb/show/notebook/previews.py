"""The Result tab: what a phase's result looks like, as far as that can be told in time and without loading what is large.

Looking calls people's code (``__repr__``, ``__len__``, ``__array_function__``), which may hang. It gets a thread of its
own and `LOOK_S`; then it is told to stop, and if it will not, left alone: what is known by then is the answer.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milo_nb.errors import InvalidStateError, ResultNotAvailableError, in_words, name_of_type
from milo_nb.execute.patience import Patience, heard
from milo_nb.execute.phase_view import PhaseView
from milo_nb.execute.wording import put_in_words
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.brief import MAX_BRIEF
from milo_nb.show.notebook.look_arrays import bytes_text
from milo_nb.show.notebook.looks import Look, look_at, step_into
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextvars import Context

    from milo_nb.execute.executor import PipelineExecutor

LOOK_S = 2.0
MOST_LEFT_ALONE = 4
MOST_LOADED_BYTES = 1_000_000
"""A result that is only on disk is loaded to be shown if it is no larger, unless a person asks for it."""
MAX_BODY_BYTES = 150_000
DEEPEST = 8
_CELLS = (MAX_BRIEF, 80, 40, 16, 6)


def answer_result(executor: PipelineExecutor, args: Mapping[str, Any], tell: asked.Tell) -> None:
    """Answer ``result {phase, at: [row, ...], load}``: the look of a phase's result, or of what is in it.

    Args:
        executor: Whose phase.
        args: ``at`` leads from row to row into the result; with ``load`` a large one is loaded from the disk.
        tell: Takes the answer; an image is its binary part.
    """
    i = asked.phase_of(executor, args)
    at = asked.counts_of({"at": [], **args}, "at", DEEPEST)
    body, image = to_result(executor.session, i, at, loads=asked.flag_of({"load": False, **args}, "load"))
    tell(body, image or None)


def to_result(session: Any, i: int, at: Sequence[int] = (), *, loads: bool = False) -> tuple[dict[str, Any], bytes]:
    """Return the look of the result of the phase at position `i` as JSON can hold it, and the image of it.

    Raises:
        ResultNotAvailableError: If there is none.
        ResultRefusedError: If it is only on disk, and damaged, missing or foreign there.
        InvalidStateError: If looks have hung before and none more is taken.
    """
    view = PhaseView(session, session.graph.names[i])
    with heard(session, view.name) as context:
        return _to_result(session, view, at, context, loads=loads)


def _to_result(
    session: Any, view: PhaseView, at: Sequence[int], context: Context, *, loads: bool
) -> tuple[dict[str, Any], bytes]:
    if view.status not in ("completed", "skipped"):
        raise ResultNotAvailableError(f"There is a result once '{view.name}' has completed.")
    results = session.results
    record = results.record(view.name)
    on_disk = 0 if record is None else int(record.get("size", 0))
    is_far = record is not None and not results.is_at_hand(view.name)
    if is_far and not loads and (on_disk > MOST_LOADED_BYTES or is_attached(session)):
        return _unloaded(session, view.name, on_disk), b""
    value = context.run(getattr, view, "result")  # loads it, verified; whoever asked for a large one waits
    look, crumbs = Look(), []

    def act() -> None:
        inner = value
        for k in at:
            name, inner = step_into(inner, k)
            crumbs.append(clip(name, 80))
        look_at(inner, look)

    failed = in_time(act, context)
    if failed:
        look.type = look.type or clip(name_of_type(value), 200)
        look.why = failed
    if record is not None and not at:
        look.facts.append(("On disk", bytes_text(on_disk)))
    return _to_body(look, crumbs), look.image if look.mime else b""


def _unloaded(session: Any, name: str, size: int) -> dict[str, Any]:
    way = f"%milo pull {session.name} {name}" if is_attached(session) else f"executor[{name!r}].result"
    text = f"It is on disk and not in this kernel's memory. In a cell, `{way}` loads it."
    return {**_to_body(Look(type="on disk", size=bytes_text(size), why=text), []), "unloaded": max(size, 1)}


def _to_body(look: Look, crumbs: list[str]) -> dict[str, Any]:
    """Return a look as the browser takes it, with shorter cells if it were too large."""
    body: dict[str, Any] = {
        "type": look.type,
        "size": clip(look.size, 200),
        "facts": [[clip(label, 80), clip(text, 400)] for label, text in look.facts],
        "preview": look.preview,
        "why": clip(look.why, 1_000),
        "image": look.mime if look.image else "",
        "crumbs": crumbs,
        "unloaded": 0,
    }
    table = None
    for most in _CELLS:
        table = look.table and _to_table(look.table, most)
        if len(json.dumps(table)) + len(json.dumps(body)) <= MAX_BODY_BYTES:
            break
    return {**body, "table": table}


def _to_table(table: Any, most: int) -> dict[str, Any]:
    cut = replace(table, rows=[[clip(cell, most) for cell in row] for row in table.rows])
    return {
        "columns": [clip(name, most) for name in cut.columns],
        "kinds": [clip(kind, most) for kind in cut.kinds],
        "rows": cut.rows,
        "index": cut.index,
        "gap": cut.gap,
        "note": cut.note,
        "opens": cut.opens,
    }


# ---------------------------------------------------------------------- in time

_PATIENCE = Patience("milo-look")


def in_time(act: Callable[[], None], context: Context | None = None) -> str:
    """Do `act` in `context`, for `LOOK_S` at most; return "", or in words why it came to nothing.

    Raises:
        InvalidStateError: If looks have hung before and none more is taken.
    """
    if _PATIENCE.left_alone() >= MOST_LEFT_ALONE:
        raise InvalidStateError("Looking at results has hung several times: restart the kernel to look at more.")
    called = _PATIENCE.call(act, LOOK_S, context)
    if not called.has_ended:
        return f"Looking at it took longer than {LOOK_S:g} s and was given up. The result itself is not affected."
    if called.raised is None:
        return ""
    if isinstance(called.raised, LookupError):
        return "It is not there any more."
    put_in_words(called.raised, context)
    return f"It cannot be shown: {clip(in_words(called.raised), 400)}"
