"""The Now tab: at which line of the person's code a phase is, what else its thread and this process are doing.

Nobody is stopped for that: frames are read while their thread runs, so a stack is as of a moment that is over. What
another process runs is not known here, and is said so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milo_nb.execute.saving import SavedCall
from milo_nb.execute.threads import ThreadHandle
from milo_nb.persist.logchild import SEARCH
from milo_nb.show.notebook import asked
from milo_nb.show.notebook.beside import is_attached
from milo_nb.show.notebook.detail import to_frames
from milo_nb.state.wire import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from milo_nb.execute.executor import PipelineExecutor

MOST_STACKS = 6
DEEPEST = 400
_OURS = str(Path(__file__).parents[2]) + os.sep
_ASYNCIO = str(Path(asyncio.__file__).parent) + os.sep
_STATES = {"R": "runs", "S": "waits", "D": "waits for a disk", "T": "is stopped", "t": "is stopped"}


def answer_now(executor: PipelineExecutor, args: Mapping[str, Any], tell: asked.Tell) -> None:
    """Answer ``now {phase}``."""
    tell(to_now(executor.session, asked.phase_of(executor, args)))


def to_now(session: Any, i: int) -> dict[str, Any]:
    """Return what the phase at position `i` is doing.

    ``at`` and ``last_line_at`` are of the session's clock. ``cpu`` is the processor time that this process, ``thread_cpu``
    that the phase's thread has used so far, in seconds: who asks twice knows the load. -1 is not known.
    """
    name = session.graph.names[i]
    body = {"stacks": [], "why": "", "thread": "", "thread_state": "", "thread_cpu": -1.0}
    if session.state.phases[i].status != "running":
        body["why"] = f"'{name}' does not run now."
    elif is_attached(session):
        body["why"] = "It runs in another process: what it is doing is not known here."
    else:
        handle = handle_of(session, i)
        if handle is None:
            backend = getattr(session, "_backend", None)
            where = "" if backend is None or backend.name == "threads" else f" by the backend '{backend.name}'"
            body["why"] = f"It runs in another process{where}: its lines of code are not known here."
            body["why"] = body["why"] if where else "It is about to start, or has just ended."
        else:
            body |= _of_thread(handle)
    return {
        "at": session.now(),
        "last_line_at": _last_line_at(session, name),
        **body,
        **_of_process(),
    }


def handle_of(session: Any, i: int) -> ThreadHandle | None:
    """Return the call of the phase at position `i` that runs on a thread of this process."""
    task = session.task
    if task is None:
        return None
    with session.store.loop.hold():
        tokens = [child.token for child in tuple(task.children or ()) if child.tag == i]
    calls = [token.inner if isinstance(token, SavedCall) else token for token in tokens]
    return next((call for call in calls if type(call) is ThreadHandle and call.outcome is None), None)


def _of_thread(handle: ThreadHandle) -> dict[str, Any]:
    ident = handle._thread_id  # noqa: SLF001 - nobody else needs it
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the only way to look at a thread
    if frame is None:
        return {"why": "It is about to start."}
    walked = list(_walk(frame))
    stacks = list(_of_tasks(walked)) or [("", _without_ours(walked))]
    thread = next((one for one in threading.enumerate() if one.ident == ident), None)
    state, cpu = _of_native(None if thread is None else thread.native_id)
    return {
        "stacks": [{"of": clip(of, 80), "frames": to_frames(stack)} for of, stack in stacks[:MOST_STACKS]],
        "more_stacks": max(len(stacks) - MOST_STACKS, 0),
        "thread": "" if thread is None else clip(thread.name, 80),
        "thread_state": state,
        "thread_cpu": cpu,
    }


def _walk(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """Give frames and lines from the outermost to the one that runs."""
    found: list[tuple[FrameType, int]] = []
    while frame is not None and len(found) < DEEPEST:
        found.append((frame, frame.f_lineno or 0))
        frame = frame.f_back
    yield from reversed(found)


def _without_ours(walked: list[tuple[FrameType, int]]) -> list[tuple[FrameType, int]]:
    """Leave out how we came to call the handler, and what we do when it calls us."""
    own = [k for k, (frame, _) in enumerate(walked) if _is_own(frame)]
    return walked[own[0] :] if own else []


def _is_own(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return not file.startswith((_OURS, "<frozen")) and file != threading.__file__


# ---------------------------------------------------------------------- async phases


def _of_tasks(walked: list[tuple[FrameType, int]]) -> Iterator[tuple[str, list[tuple[FrameType, int]]]]:
    """Give the stack of each task of the event loop that a thread runs, those with the person's code in them."""
    loop = next((found for frame, _ in walked if (found := _loop_of(frame)) is not None), None)
    if loop is None:
        return
    try:
        tasks = asyncio.all_tasks(loop)
    except RuntimeError:  # they came and went too fast
        return
    running = [(frame, line) for frame, line in walked if not frame.f_code.co_filename.startswith(_ASYNCIO)]
    for task in sorted(tasks, key=lambda one: (len(one.get_name()), one.get_name())):
        chain = list(_awaits(task.get_coro()))
        inner = chain[-1][0] if chain else None
        if inner is not None and any(frame is inner for frame, _ in walked):  # this one runs now
            chain = running
        own = [(frame, line) for frame, line in chain if _is_own(frame)]
        if own:
            yield task.get_name(), _without_ours(chain)


def _loop_of(frame: FrameType) -> asyncio.AbstractEventLoop | None:
    if frame.f_code.co_name != "run" or not frame.f_code.co_filename.startswith(_ASYNCIO):
        return None
    loop = getattr(frame.f_locals.get("self"), "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None


def _awaits(coroutine: Any) -> Iterator[tuple[FrameType, int]]:
    """Give the frames of what waits for what, the innermost last."""
    for _ in range(DEEPEST):
        frame = next(
            (f for kind in ("cr", "gi", "ag") if (f := getattr(coroutine, f"{kind}_frame", None)) is not None), None
        )
        if frame is None:
            return
        yield frame, frame.f_lineno or 0
        inner = [getattr(coroutine, name, None) for name in ("cr_await", "gi_yieldfrom", "ag_await")]
        coroutine = next((one for one in inner if one is not None), None)


# ---------------------------------------------------------------------- the process


def _last_line_at(session: Any, name: str) -> float:
    """Return when the phase printed its last line; -1 if it has printed none."""
    book = session.books.get(name)
    rows = book.page(len(book) - 1, 1) if book is not None and len(book) else []
    return float(rows[-1][1]) if rows else -1.0


def _of_process() -> dict[str, Any]:
    """Return processor time and memory of this process, and of those that it has started."""
    import psutil  # noqa: PLC0415 - 20 ms that only who looks should pay

    memory, children, child_memory = -1, 0, 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process()
        memory = int(process.memory_info().rss)
        for child in process.children(recursive=True):
            if child.pid in SEARCH.pids:
                continue  # ours, not the phases'
            with contextlib.suppress(psutil.Error):
                child_memory += int(child.memory_info().rss)
                children += 1
    return {
        "cpu": time.process_time(),
        "clock": time.monotonic(),
        "cores": os.cpu_count() or 1,
        "memory": memory,
        "children": children,
        "child_memory": child_memory,
    }


def _of_native(native_id: int | None) -> tuple[str, float]:
    """Return what the system says of a thread: its state in words, and its processor time in seconds; Linux only."""
    try:
        text = Path(f"/proc/self/task/{native_id}/stat").read_text(encoding="ascii", errors="replace")
        fields = text.rpartition(")")[2].split()
        return _STATES.get(fields[0], ""), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return "", -1.0
